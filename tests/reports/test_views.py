"""What a person looks at is readable: Korean as Korean, and which tokens make it."""

from hypothesis import given
from hypothesis import strategies as st

from koalign.reports.views import text_of_tokens
from koalign.text.visible import visible


class Bytes:
    """A tokenizer with a token for each byte."""

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        return bytes(ids).decode("utf-8", errors="replace")


def shown(data: bytes) -> str:
    return text_of_tokens(Bytes(), list(data), "cyan").plain


def test_a_syllable_of_several_tokens_is_shown_whole_and_its_tokens_are_counted():
    assert shown("한 a".encode()) == "한||| |a|"
    assert shown("답:\n".encode()) == "답|||:|⏎\n"


def test_bytes_that_make_no_letter_are_shown_by_their_numbers():
    assert shown("가".encode()[:2]) == "<234><176>||"
    assert shown(b"a" + b"\xff" * 20).startswith("a|<255>")


@given(
    st.text(
        st.characters(exclude_characters="|\ufffd", exclude_categories=["Cc", "Cs"]), max_size=20
    )
)
def test_nothing_is_lost_and_each_token_and_hidden_character_is_marked(text):
    data = text.encode()
    assert shown(data).replace("|", "") == visible(text)
    assert shown(data).count("|") == len(data)
