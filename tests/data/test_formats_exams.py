"""Exam files of all formats: each is known by its own alone, and no garbage in a row is lost."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exam_rows import (
    ASKED,
    COPA,
    FOUR,
    KICE,
    KMMLU_HEADER,
    MMMLU_HEADER,
    OPTIONS,
    PRO,
    QUERY,
    as_json,
    click,
    csatqa,
)

from koalign.data.formats.documents import document_of_rows, open_document, open_documents
from koalign.data.formats.read import read

GOOD = {
    "csat": {"id": "a", "paragraph": "글", "problems": str(ASKED), "question_plus": "ㄱ"},
    "click": click(),
    "kmmlu": dict(zip(KMMLU_HEADER, ["질문?", 3, *FOUR, "Law", 0.5], strict=True)),
    "kmmlu-pro": PRO,
    "kmmlu-redux": {"question": "옳은 것은?", "options": FOUR, "solution": "2", "category": "기계"},
    "mmmlu": dict(
        zip(["Unnamed: 0", *MMMLU_HEADER[1:]], [0, "질문?", *FOUR, "B", "law"], strict=True)
    ),
    "csat-qa": csatqa(),
    "haerae": {"query": QUERY, "options": OPTIONS, "answer": "(E)"},
    "kobest": COPA,
}
WILD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["nan", "[1,", "{'question': 1}", "\ud800", "정답", "1", "A", "(A)"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_row_of_each_format_is_known_by_its_own_format_alone(name):
    reading = read([document_of_rows("rows", "", [GOOD[name]])])
    assert (list(reading.files.values()), len(reading.problems)) == ([name], 1)


@given(data=st.data(), name=st.sampled_from(sorted(GOOD)))
def test_no_garbage_in_a_row_ends_in_a_traceback_or_vanishes(data, name):
    good = GOOD[name]
    spoilt = data.draw(st.sets(st.sampled_from(sorted(good)), min_size=1))
    row = {key: data.draw(WILD) if key in spoilt else value for key, value in good.items()}
    for missing in data.draw(st.sets(st.sampled_from(sorted(good)), max_size=2)):
        row.pop(missing, None)
    reading = read([document_of_rows("rows", "", [good, row, data.draw(WILD)])], name)
    assert reading.rows == 3 == len(reading.problems) + len(reading.drops)


@given(asked=WILD, problems=WILD, passage=WILD)
def test_no_garbage_in_a_kice_paper_ends_in_a_traceback_or_vanishes(asked, problems, passage):
    question = {**KICE[0]["problems"][0], "score": asked, "choices": asked, "no_paragraph": asked}
    wild = [{**KICE[0], "problems": [question, asked]}, {**KICE[1], "problems": problems}, passage]
    text = json.dumps([KICE[0], *wild])
    reading = read([open_document("a.json", text.encode())], "kice")
    assert reading.rows == len(reading.problems) + len(reading.drops)
    sized = len(problems) if isinstance(problems, list) else 1
    assert reading.rows == 2 + 2 + sized + 1


def test_the_formats_read_a_folder_together(tmp_path: Path):
    for name, row in GOOD.items():
        (tmp_path / f"{name}.jsonl").write_text(as_json(row), encoding="utf-8")
    reading = read(open_documents(tmp_path))
    assert sorted(reading.files.values()) == sorted(GOOD)
    assert len(reading.problems) == len(GOOD)
