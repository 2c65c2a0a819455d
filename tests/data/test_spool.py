"""Rows on disk are the rows that were put there, and take a few bytes of memory each."""

import gc
import tracemalloc

import numpy as np
import pytest
from support.problems import problem, write_lines

from koalign.data.formats.sources import read_source
from koalign.data.preparing.preparation import Preparation
from koalign.data.spool import PENDING, Spool, View, chained, firsts
from koalign.records import Drop, Problem, Ranking, Rationale

ROWS = 5_000


def some(number: int) -> Problem:
    return Problem(
        question=f"{number}번 문제는?", choices=("가", "나"), answers=("1",), points=1.5,
        rationales=(Rationale(text="까닭", by="own"),),
    )  # fmt: skip


@pytest.fixture(scope="module")
def spool() -> Spool:
    """More than is held in memory: problems, and a drop and a ranking between them."""
    items = Spool()
    for number in range(ROWS):
        items.append(some(number))
    assert items._written > PENDING
    items[7] = Drop(stage="read", reason="broken_row")
    items.append(Ranking(problem=some(0), texts=("가", "나")))
    return items


def test_what_is_read_is_what_was_written(spool):
    expected = [some(number) for number in range(ROWS)]
    expected[7] = Drop(stage="read", reason="broken_row")
    assert spool == [*expected, Ranking(problem=some(0), texts=("가", "나"))]
    last = spool[ROWS - 1]
    assert last.id == some(ROWS - 1).id and hash(last) == hash(some(ROWS - 1))
    assert last.model_dump(mode="json") == some(ROWS - 1).model_dump(mode="json")
    assert last.model_copy(update={"split": "dev"}).split == "dev"
    assert spool[-1] == spool[ROWS] and spool[5:8] == expected[5:8]
    with pytest.raises(IndexError):
        spool[ROWS + 1]


def test_items_of_a_type_are_a_view(spool):
    assert len(spool.of(Problem)) == ROWS - 1
    assert spool.of(Drop) == [spool[7]] and spool.of(Ranking)[0].texts == ("가", "나")
    assert spool.of(str) == [] and Spool().of(Problem) == []
    marks = np.arange(ROWS - 1) % 2 == 0
    assert spool.of(Problem).take(marks)[:2] == [some(0), some(2)]


def test_sequences_follow_each_other_and_keys_know_their_first():
    assert chained([1, 2], [], [3]) == [1, 2, 3] and chained([], []) == []
    assert chained([1], View(lambda n: n, np.array([5, 4])))[1:] == [5, 4]
    assert firsts(np.array([3, 1, 3, 2, 1])).tolist() == [0, 1, 0, 3, 1]
    assert firsts(np.empty(0, np.int64)).tolist() == []


def test_a_row_that_was_read_takes_a_few_bytes(tmp_path):
    write_lines(tmp_path / "train.jsonl", [problem(n) for n in range(ROWS)])
    read_source(str(tmp_path / "train.jsonl"), "train")  # imports and caches
    tracemalloc.start()
    try:
        prepared = Preparation()
        prepared.add("train", read_source(str(tmp_path / "train.jsonl"), "train"))
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(prepared.splits["train"]) == ROWS
    assert held < 4 * PENDING + 100 * ROWS  # a Problem in memory takes some 3,000
