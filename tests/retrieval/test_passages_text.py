"""Passages stand in a prompt in the place of a hint, in the order in which they are given."""

from support.passages import passage

from koalign.retrieval.records import passages_text

TITLED = passage("p", "1446년에 반포되었다.", rank=2, title="훈민정음")


def test_a_blank_line_parts_passages_in_the_given_order():
    other = passage("p", "해례본은 국보이다.")
    assert passages_text([TITLED, other]) == "훈민정음: 1446년에 반포되었다.\n\n해례본은 국보이다."
    assert passages_text([other, TITLED]) == "해례본은 국보이다.\n\n훈민정음: 1446년에 반포되었다."


def test_one_passage_is_its_hint_and_none_is_the_empty_text():
    assert passages_text([TITLED]) == TITLED.hint.text
    assert passages_text([]) == ""
