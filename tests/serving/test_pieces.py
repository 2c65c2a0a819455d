"""A completion in pieces: together they are its text, and no piece holds half a letter or a stop text."""

from hypothesis import given
from hypothesis import strategies as st

from koalign.engines.engine import before_stop
from koalign.engines.scripted import END, ByteTokenizer
from koalign.serving.pieces import Pieces

TOKENIZER = ByteTokenizer()
texts = st.text(st.sampled_from("가나 ab\n정답😀"), max_size=30)
stops = st.lists(st.text(st.sampled_from("가 ab\n"), min_size=1, max_size=3), max_size=3)


def pieces_of(text: str, stop: list[str], after: str = "") -> list[str]:
    pieces = Pieces(TOKENIZER, stop)
    ids = [*TOKENIZER.encode(text), END, *TOKENIZER.encode(after)]
    return [piece for token in ids if (piece := pieces.add(token))]


@given(texts, stops)
def test_pieces_are_the_beginning_of_the_text_that_the_sample_has(text, stop):
    said = "".join(pieces_of(text, stop, after="나중"))
    whole = before_stop(text, stop)
    assert whole.startswith(said)
    longest = max(map(len, stop), default=1)
    assert len(whole) - len(said) < longest


@given(texts)
def test_without_stop_texts_every_letter_comes_as_soon_as_it_is_whole(text):
    assert pieces_of(text, []) == list(text)
