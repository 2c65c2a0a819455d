"""However little memory `prepare` may hold, what it finds is the same, in the same order."""

import random
from itertools import pairwise

import numpy as np
import pytest
from support.problems import problem, write_lines

from koalign.data.formats.sources import read_source
from koalign.data.preparing.joins import MEMORY, Runs, Shelves
from koalign.data.preparing.preparation import SPLITS, Preparation
from koalign.text.ngrams import Postings

WORDS = [f"{a}{b}" for a in "가나다라마바사아자차카타파하" for b in "각난닫랄맘밥삿앙"]


def rows(seed: int, size: int, letters: int) -> list[dict]:
    """Problems of which every third is a copy, a reordering or an edit of an earlier one."""
    drawn = random.Random(seed)
    made: list[dict] = []
    for number in range(size):
        words = " ".join(drawn.choices(WORDS, k=letters))
        row = problem(
            number, question=f"{words} 옳은 것은?", passage=drawn.choice(["", words[:80]])
        )
        if made and number % 3 == 0:
            row = dict(drawn.choice(made))
            if number % 2:
                row["question"] = row["question"][:-9] + " 옳은 것은?"
        made.append(row)
    return made


def prepared(folder, memory: int) -> tuple:
    made = Preparation(memory)
    for name in ("train", "test"):
        made.add(name, read_source(str(folder / f"{name}.jsonl"), name))
    made.set_aside(("choice",), 9)
    made.remove_duplicates(0.9)
    made.hold_out_dev(0.2, 0)
    made.mix_train(0)
    leaks = made.find_leaks(0.8)
    made.remove_leaks(leaks)
    return [[*made.splits[name]] for name in SPLITS], [*made.dropped], leaks


def test_what_is_prepared_is_the_same_in_any_memory(tmp_path, monkeypatch):
    train, test = rows(1, 300, 40), rows(2, 40, 40)
    write_lines(tmp_path / "train.jsonl", [*train, *test[::4]])
    write_lines(tmp_path / "test.jsonl", test)
    spills = []
    real = Shelves._spill
    monkeypatch.setattr(Shelves, "_spill", lambda self: spills.append(len(self)) or real(self))
    whole = prepared(tmp_path, MEMORY)
    assert not spills and {drop.reason for drop in whole[1]} >= {
        "duplicate",
        "near_duplicate",
        "leak",
    }
    for memory in (1 << 12, 1 << 16):
        assert prepared(tmp_path, memory) == whole
    assert max(spills) > 100


@pytest.mark.parametrize("held", [0, 100, 10_000])
def test_postings_come_back_by_ranges_in_the_order_of_adding(held):
    drawn = np.random.default_rng(0)
    hashes = drawn.integers(0, 2**64, 500, np.uint64)
    shelves = Shelves(7, held)
    for start in range(0, 500, 50):
        numbers = np.arange(start, start + 50)
        shelves.add(Postings(hashes[numbers], numbers))
    ranges = [*shelves]
    assert np.concatenate([rows.hashes for rows in ranges]).tolist() != hashes.tolist()
    for rows_of_range, after in pairwise(ranges):
        assert rows_of_range.hashes.max() < after.hashes.min()
    for rows_of_range in ranges:
        assert (np.diff(rows_of_range.texts) > 0).all()
        assert (hashes[rows_of_range.texts] == rows_of_range.hashes).all()
    assert sum(len(rows_of_range.hashes) for rows_of_range in ranges) == 500


@pytest.mark.parametrize("held", [0, 64, MEMORY])
def test_sorted_runs_are_merged_and_each_number_comes_once(held):
    runs = Runs(held)
    several = [[1, 4, 9], [], [2, 4, 5, 6, 7, 8], [9], [0, 100]]
    for numbers in several:
        runs.add([np.array(numbers[:2], np.int64), np.array(numbers[2:], np.int64)])
    merged = np.concatenate([*runs, np.empty(0, np.int64)])
    assert merged.tolist() == sorted({number for numbers in several for number in numbers})
    assert not [*Runs(held)]
