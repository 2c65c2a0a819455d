"""Garbage in a row of any format is a drop, and the other rows stay; a folder of all formats is read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.corrupt_files import IN_JSON, problems_of
from support.exam_files import FILES, ExamFile, as_json

from koalign.data.formats.documents import document_of_rows, open_document, open_documents
from koalign.data.formats.read import read

FLAT = ["csat", "click", "kmmlu", "kmmlu-pro", "kmmlu-redux", "mmmlu", "csat-qa", "haerae", "kobest"]  # fmt: skip
"""Formats of one flat question a row."""
GARBAGE = (
    None, float("nan"), 3, -1.5, True, "", "\ud800", "x", [], {}, [None], ["x"], [[]], [{}], {"x": 1}
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["nan", "[1,", "{'question': 1}", "\ud800", "정답", "1", "A", "(A)"]),
)  # fmt: skip
WILD = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


def spoiled(value: Any) -> Iterator[Any]:
    """The value with each of its parts replaced by garbage, or left out."""
    yield from GARBAGE
    if isinstance(value, dict):
        for name, inside in value.items():
            yield {other: item for other, item in value.items() if other != name}
            yield from ({**value, name: bad} for bad in spoiled(inside))
    if isinstance(value, list):
        for place, inside in enumerate(value):
            yield value[:place] + value[place + 1 :]
            yield from ([*value[:place], bad, *value[place + 1 :]] for bad in spoiled(inside))


def content(file: ExamFile, *rows: Any) -> bytes:
    return (
        b"\n".join(map(as_json, rows)) if file.suffix == ".jsonl" else as_json(file.around([*rows]))
    )


@pytest.mark.parametrize("format", IN_JSON)
def test_garbage_in_any_place_of_a_row_is_a_drop_and_the_other_row_stays(format):
    file, (first, second, *_) = FILES[format], FILES[format].rows()
    name = f"a{file.suffix}"
    kept = problems_of(read([open_document(name, content(file, first))], format))
    for bad in spoiled(second):
        reading = read([open_document(name, content(file, first, bad))], format)
        assert all(problem in problems_of(reading) for problem in kept)
        assert reading.rows > len(kept) or b"[]" in as_json(bad)
        assert all(drop.place.startswith("a.json") and drop.reason for drop in reading.drops)


@pytest.mark.parametrize("format", [name for name in IN_JSON if FILES[name].suffix == ".json"])
def test_garbage_anywhere_in_a_file_is_no_traceback(format):
    file = FILES[format]
    for bad in spoiled(file.around(file.rows()[:1])):
        for named in (format, None):
            read([open_document("a.json", as_json(bad))], named)


@given(data=st.data(), name=st.sampled_from(FLAT))
def test_no_garbage_in_a_row_ends_in_a_traceback_or_vanishes(data, name):
    good = FILES[name].row(0)
    spoilt = data.draw(st.sets(st.sampled_from(sorted(good)), min_size=1))
    row = {key: data.draw(WILD) if key in spoilt else value for key, value in good.items()}
    for missing in data.draw(st.sets(st.sampled_from(sorted(good)), max_size=2)):
        row.pop(missing, None)
    reading = read([document_of_rows("rows", "", [good, row, data.draw(WILD)])], name)
    assert len(reading.problems) + len(reading.drops) == 3


def test_the_formats_read_a_folder_together(tmp_path: Path):
    for name, file in FILES.items():
        (tmp_path / name).mkdir()
        file.write(tmp_path / name)
    assert set(read(open_documents(tmp_path)).files.values()) == set(FILES)
