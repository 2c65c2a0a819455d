"""Passages stand in a prompt in the place of a hint, in the order in which they are given."""

from koalign.retrieval.records import Chunk, Passage, passages_text


def passage(title: str, text: str, rank: int = 1) -> Passage:
    chunk = Chunk(document="d", title=title, source="s", licence="", start=0, end=9, text=text)
    return Passage(problem_id="p", rank=rank, score=1, query="stem", chunk_id=chunk.id, chunk=chunk)


def test_a_blank_line_parts_passages_in_the_given_order():
    one, other = passage("훈민정음", "1446년에 반포되었다.", 2), passage("", "해례본은 국보이다.")
    assert passages_text([one, other]) == "훈민정음: 1446년에 반포되었다.\n\n해례본은 국보이다."
    assert passages_text([other, one]) == "해례본은 국보이다.\n\n훈민정음: 1446년에 반포되었다."


def test_one_passage_is_its_hint_and_none_is_the_empty_text():
    one = passage("훈민정음", "1446년에 반포되었다.")
    assert passages_text([one]) == one.hint.text
    assert passages_text([]) == ""
