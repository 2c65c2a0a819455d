"""An example longer than the context is refused, or dropped and counted; it is never cut."""

import pytest
from support.refusals import refused

from koalign.engines.scripted import SCRIPTED_BASE
from koalign.guard import within_context
from koalign.jsonl import read_jsonl
from koalign.records import Drop, KoalignError, Problem

BASE = SCRIPTED_BASE.model_copy(update={"context": 512})
LENGTHS = [10, BASE.context, BASE.context + 1, 9, BASE.context + 7]
ROWS = [([1] * (length - 3), [2] * 3) for length in LENGTHS]
PROBLEMS = [Problem(question=f"{key}는?", key=key, kind="short") for key in "abcde"]


def test_too_long_stops_and_names_the_longest(tmp_path):
    with refused(
        f"sft: 2 of 5 examples are longer than the context of 512 tokens, the longest 519 (problem {PROBLEMS[4].name}); raise model.max_length, shorten them, or set training.too_long: drop"
    ):
        within_context(ROWS, PROBLEMS, BASE, "stop", tmp_path / "sft")


def test_too_long_is_dropped_and_counted(tmp_path):
    out = tmp_path / "sft"
    assert within_context(ROWS, PROBLEMS, BASE, "drop", out) == [0, 1, 3]
    assert read_jsonl(out / "dropped.jsonl", Drop) == [
        Drop(
            stage="sft", reason="too_long", problem_id=PROBLEMS[4].id, key="e", detail="519 tokens"
        ),
        Drop(
            stage="sft", reason="too_long", problem_id=PROBLEMS[2].id, key="c", detail="513 tokens"
        ),
    ]
    assert within_context(ROWS[:1], PROBLEMS[:1], BASE, "stop", out) == [0]
    assert read_jsonl(out / "dropped.jsonl", Drop) == []


def test_where_nothing_is_left_it_stops_whatever_is_said(tmp_path):
    with pytest.raises(KoalignError, match="all 1 examples are longer than the context of 512"):
        within_context(ROWS[2:3], PROBLEMS[2:3], BASE, "drop", tmp_path)
    assert within_context([], [], BASE, "drop", tmp_path) == []
