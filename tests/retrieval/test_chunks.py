"""A chunk is whole sentences at a place in the text, and nothing of the text but blanks is left out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.retrieval.chunks import chunks, sentences

TEXT = "훈민정음(訓民正音)은 1446. 9. 29. 반포되었다. 세종이 만들었다!\n1. 초성\n가. 중성 “끝이다.” 다음 문장"


def texts(text: str, spans) -> list[str]:
    return [text[start:end] for start, end in spans]


def test_sentences_end_at_marks_and_lines_and_not_in_dates_and_list_marks():
    assert texts(TEXT, sentences(TEXT)) == [
        "훈민정음(訓民正音)은 1446. 9. 29. 반포되었다.",
        "세종이 만들었다!",
        "1. 초성",
        "가. 중성 “끝이다.”",
        "다음 문장",
    ]


def test_a_chunk_begins_with_the_last_sentence_of_the_one_before():
    text = "하나이다. 둘이다. 셋이다. 넷이다."
    assert texts(text, chunks(text, 12, 1)) == [
        "하나이다. 둘이다.",
        "둘이다. 셋이다.",
        "셋이다. 넷이다.",
    ]
    assert texts(text, chunks(text, 12, 0)) == ["하나이다. 둘이다.", "셋이다. 넷이다."]


def test_no_chunk_is_an_overlap_alone():
    text = "짧다. " + "긴 문장이 여기에 이어진다. " * 2
    assert texts(text, chunks(text, 16, 1)) == [
        "짧다.",
        "긴 문장이 여기에 이어진다.",
        "긴 문장이 여기에 이어진다.",
    ]


def test_a_sentence_longer_than_a_chunk_is_parted_at_blanks():
    text = "끝이 없는 문장이 계속해서 이어지는데"
    assert texts(text, chunks(text, 10, 0)) == ["끝이 없는 문장이", "계속해서 이어지는데"]
    assert texts("가" * 25, chunks("가" * 25, 10, 1)) == ["가" * 10, "가" * 10, "가" * 5]


@pytest.mark.parametrize("overlap", [0, 1, 3])
@given(st.text(alphabet="가나 .\n!?。1다」”", max_size=200))
def test_every_letter_stands_in_a_chunk_and_no_chunk_is_too_long(overlap, text):
    held = set()
    last = -1
    for start, end in chunks(text, 20, overlap):
        assert 0 < end - start <= 20
        assert last < start
        last = start
        held |= {*range(start, end)}
    assert not "".join(letter for n, letter in enumerate(text) if n not in held).strip()
