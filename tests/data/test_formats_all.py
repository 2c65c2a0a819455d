"""Files of all formats: each is known by what is in it alone, and no garbage in a row is lost."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.exam_files import FILES
from support.exam_rows import KICE

from koalign.data.formats.documents import document_of_rows, open_document, open_documents
from koalign.data.formats.read import Reading, read

ROWS = ["csat", "click", "kmmlu", "kmmlu-pro", "kmmlu-redux", "mmmlu", "csat-qa", "haerae", "kobest"]  # fmt: skip
"""Formats of one flat question a row."""
IN_JSON = [name for name, file in FILES.items() if file.suffix in (".json", ".jsonl")]
GARBAGE = (
    None, float("nan"), 3, -1.5, True, "", "\ud800", "x", [], {}, [None], ["x"], [[]], [{}], {"x": 1}
)  # fmt: skip
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


def problems_of(reading: Reading) -> list:
    return [*reading.problems, *(ranking.problem for ranking in reading.rankings)]


@pytest.mark.parametrize("format", FILES)
def test_a_file_is_known_whatever_its_name_and_its_rows_say_where_they_come_from(format, tmp_path):
    file = FILES[format]
    path = file.write(tmp_path)
    reading = read(open_documents(path.rename(path.with_stem("x"))))
    assert set(reading.files.values()) == {format} and not reading.drops
    for problem in problems_of(reading):
        assert problem.source == format
        if format not in ("aihub-qa", "etri"):
            assert bool(problem.group) == bool(problem.passage)


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


@pytest.mark.parametrize("format", IN_JSON)
def test_garbage_in_any_place_of_a_row_is_a_drop_and_the_other_row_stays(format):
    file, (first, second, *_) = FILES[format], FILES[format].rows()

    def reading_of(*rows: Any) -> Reading:
        return read([open_document(f"a{file.suffix}", b"\n".join(written(rows)))], format)

    def written(rows: tuple[Any, ...]) -> list[bytes]:
        if file.suffix == ".jsonl":
            return [json.dumps(row).encode() for row in rows]
        return [json.dumps(file.around(list(rows))).encode()]

    kept = problems_of(reading_of(first))
    for bad in spoiled(second):
        reading = reading_of(first, bad)
        assert all(problem in problems_of(reading) for problem in kept)
        assert reading.rows == len(problems_of(reading)) + len(reading.drops)
        assert all(drop.place.startswith("a.json") and drop.reason for drop in reading.drops)


@pytest.mark.parametrize("format", [name for name in IN_JSON if FILES[name].suffix == ".json"])
def test_garbage_anywhere_in_a_file_is_no_traceback(format):
    file = FILES[format]
    for bad in spoiled(file.around(file.rows()[:1])):
        for named in (format, None):
            read([open_document("a.json", json.dumps(bad).encode())], named)


@given(data=st.data(), name=st.sampled_from(ROWS))
def test_no_garbage_in_a_row_ends_in_a_traceback_or_vanishes(data, name):
    good = FILES[name].row(0)
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
    sized = len(problems) if isinstance(problems, list) else 1
    assert reading.rows == 2 + 2 + sized + 1 == len(reading.problems) + len(reading.drops)


def test_the_formats_read_a_folder_together(tmp_path: Path):
    for name, file in FILES.items():
        (tmp_path / name).mkdir()
        file.write(tmp_path / name)
    assert set(read(open_documents(tmp_path)).files.values()) == set(FILES)
