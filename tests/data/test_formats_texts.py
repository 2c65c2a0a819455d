"""Reading comprehension, open answers and training data: each file is known, and no garbage in it is lost."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.text_rows import FILES, reading_of, to_bytes

from koalign.data.formats.documents import open_documents
from koalign.data.formats.read import read


@pytest.mark.parametrize("format", FILES)
def test_a_file_is_known_by_what_is_in_it(format, tmp_path):
    name, value = FILES[format]
    for file in (name, "x" + Path(name).suffix):
        (tmp_path / file).write_bytes(to_bytes(name, value))
        reading = read(open_documents(tmp_path / file))
        assert set(reading.files.values()) == {format}
        assert (
            reading.rows
            == len(reading.problems) + len(reading.rankings)
            == (4 if "inapp" in format else 2)
        )


@pytest.mark.parametrize("format", FILES)
def test_every_row_says_where_it_comes_from(format):
    name, value = FILES[format]
    reading = reading_of(value, format, name)
    for problem in [*reading.problems, *(ranking.problem for ranking in reading.rankings)]:
        assert problem.source == format
        assert bool(problem.group) == bool(problem.passage) or format in ("aihub-qa", "etri")


GARBAGE = (
    None, float("nan"), 3, -1.5, True, "", "\ud800", "x", [], {}, [None], ["x"], [[]], [{}], {"x": 1},
)  # fmt: skip


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


@pytest.mark.parametrize("format", [format for format in FILES if format != "etri"])
def test_garbage_in_a_row_is_a_drop_and_the_other_row_stays(format):
    name, value = FILES[format]
    whole = reading_of(value, format, name)
    kept = (whole.problems + [ranking.problem for ranking in whole.rankings])[0]
    rows = value["data"] if isinstance(value, dict) and "data" in value else value
    rows = rows["data_info"] if isinstance(rows, dict) else rows
    if len(rows) == 1:  # SQuAD: two questions on one passage
        rows = rows[0]["paragraphs"][0]["qas"]
    whole_row = copy.deepcopy(rows[1])
    try:
        for bad in spoiled(whole_row):
            rows[1] = bad
            reading = reading_of(value, format, name)
            left = reading.problems + [ranking.problem for ranking in reading.rankings]
            assert kept in left
            assert all(drop.place.startswith(name) and drop.reason for drop in reading.drops)
    finally:
        rows[1] = whole_row


@pytest.mark.parametrize("format", [format for format in FILES if format != "etri"])
def test_garbage_anywhere_in_a_file_is_no_traceback(format):
    name, value = FILES[format]
    for bad in spoiled(value):
        if not name.endswith(".jsonl") or isinstance(bad, list):
            reading_of(bad, format, name)
            reading_of(bad, None, name)
