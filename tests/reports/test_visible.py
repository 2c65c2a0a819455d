"""What hides or acts on a terminal is a visible mark wherever text of data is shown."""

import sys
import unicodedata

from hypothesis import given
from hypothesis import strategies as st
from support.command import koalign

from koalign.reports.page import Part, page
from koalign.reports.views import print_lines, print_table
from koalign.text.visible import visible

NASTY = "법\x1b[2J학\u202e\u200b[/b]\x9b"
MARKED = "법␛[2J학⟨U+202E⟩⟨U+200B⟩[/b]⟨U+009B⟩"


def test_each_character_that_acts_or_hides_is_a_mark_and_all_others_stay():
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        category = unicodedata.category(character)
        hides = category in ("Cc", "Zl", "Zp") and character not in "\t\n"
        bidi = unicodedata.bidirectional(character) in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        )  # fmt: skip
        if hides or bidi:
            assert visible(character) != character, hex(number)
        elif category not in ("Cf", "Cn"):
            assert visible(character) == character, hex(number)


@given(st.text())
def test_a_marked_text_is_marked_no_further(text):
    assert visible(visible(text)) == visible(text)
    assert visible(text).count("\n") == text.count("\n")


def test_a_table_and_lines_show_marks_and_brackets(capsys):
    print_table((NASTY,), [(NASTY,)], NASTY, NASTY)
    print_lines([NASTY])
    shown = capsys.readouterr().out
    assert shown.count(MARKED) == 5
    assert not {"\x1b", "\u202e", "\u200b", "\x9b"} & set(shown)


def test_a_page_shows_marks_and_keeps_its_pictures():
    made = page(NASTY, [Part(title=NASTY, head=(NASTY,), rows=((NASTY,),))])
    assert MARKED in made and "<svg" not in made
    assert not {"\x1b", "\u202e", "\u200b", "\x9b"} & set(made)


def test_an_error_shows_marks(tmp_path):
    done = koalign("prepare", "-s", NASTY, cwd=tmp_path, code=2)
    assert MARKED in done.stderr and "\x1b" not in done.stderr
