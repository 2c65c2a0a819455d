"""What hides or acts on a terminal is a visible mark wherever text of data is shown."""

import csv
import io
import json
import sys
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from support.command import koalign

from koalign.adapters.base import base_folder
from koalign.adapters.card import AdapterBase, AdapterCard
from koalign.adapters.model_card import model_card
from koalign.config.inputs import Model
from koalign.reports.spreadsheet import write_sheet
from koalign.reports.views import print_lines, print_table
from koalign.text.visible import escaped_json, visible

NASTY = "법\x1b[2J학\u202e\u200b[/b]\x9b"
MARKED = "법␛[2J학⟨U+202E⟩⟨U+200B⟩[/b]⟨U+009B⟩"
HIDES = {"\x1b", "\u202e", "\u200b", "\x9b"}


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
    assert not HIDES & set(shown)


def test_an_error_shows_marks(tmp_path):
    done = koalign("prepare", "-s", NASTY, cwd=tmp_path, code=2)
    assert MARKED in done.stderr and "\x1b" not in done.stderr


def test_the_readme_of_an_adapter_shows_marks():
    card = AdapterCard(
        name=NASTY, role="policy", origin="trained", parents=(), rank=8, template_hash=None, data={},
        base=AdapterBase(path=NASTY, weight_hash=None, tokenizer_hash=None), koalign=None,
    )  # fmt: skip
    assert model_card(card).count(MARKED) == 2
    assert not HIDES & set(model_card(card))


@given(st.text(max_size=40) | st.sampled_from(["가\x7f\u2028\U000e0041\u202e\x9b", NASTY]))
def test_json_on_the_screen_hides_nothing_and_says_the_same(text):
    written = escaped_json(json.dumps({text: [text]}, ensure_ascii=False, indent=2))
    assert visible(written) == written
    assert json.loads(written) == {text: [text]}


BEFORE = [
    "",
    " ",
    "\u00a0",
    "\u3000",
    "\u200b",
    "\ufeff",
    "\u2060 ",
    "\u202e",
    "\x0b",
    "\t",
    "\r\n",
]


@given(st.lists(st.sampled_from(BEFORE), max_size=30), st.sampled_from("=+-@＝＋－＠"))
def test_a_cell_that_a_spreadsheet_would_compute_is_guarded(before, sign):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sheet.csv"
        cell = "".join(before) + sign + "1"
        write_sheet(path, [[cell, "가=1", -1.5]])
        (row,) = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
    assert row == [f"'{cell}", "가=1", "-1.5"]


def test_code_of_a_model_that_is_run_is_said_aloud(capsys):
    base_folder(Model(path="builtin:tiny-ko", trust_remote_code=True))
    assert "Python code that comes with builtin:tiny-ko is run" in capsys.readouterr().err
    base_folder(Model(path="builtin:tiny-ko"))
    assert capsys.readouterr().err == ""
