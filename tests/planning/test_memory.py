"""Memory by formula: what one H200 measured, and what must rise with what."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from koalign.planning.memory import GIB, NF4, training_memory
from koalign.planning.shape import published, shape_of

FIGURES = Path(__file__).parents[2] / "benchmarks" / "gpu" / "h200-2026-11-27.json"
MEASURED = [
    pytest.param(row, id=f"{row['row']} {max(row['rows'])}")
    for run in json.loads(FIGURES.read_text(encoding="utf-8"))
    for row in run["rows"]
    if row.get("memory_gb")
]


def shape(size):
    name = f"Qwen/Qwen3-{size}"
    return shape_of(published()[name], name)


def memory(size, **changes):
    settings = {
        "width": 2, "nf4": False, "rank": 16, "row_tokens": 4096, "predicted": 512,
        "checkpointing": True, "cpu": False,
    }  # fmt: skip
    return training_memory(shape(size), **{**settings, **changes})


@pytest.mark.parametrize("row", MEASURED)
def test_the_peak_of_a_step_is_within_15_percent_of_the_measured(row):
    completions = 8 * 72 * (2 if "DPO" in row["row"] else 1)  # 8 prompts, 48 to 96 tokens each
    largest = max(row["rows"])
    planned = memory(
        row["row"].split(":")[0],
        row_tokens=largest,
        predicted=completions * largest / row["tokens"],
        checkpointing=row["checkpointing"],
    )
    # torch's count has no CUDA context, and the benchmark no moments of Adam
    tensors = planned.expected - planned.libraries - planned.adapter / 2
    assert tensors / GIB == pytest.approx(row["memory_gb"]["koalign"], rel=0.15)


def test_more_of_anything_takes_more():
    least = memory("1.7B").expected
    for more in (
        memory("4B"),
        memory("1.7B", rank=32),
        memory("1.7B", row_tokens=8192),
        memory("1.7B", predicted=1024),
        memory("1.7B", checkpointing=False),
        memory("1.7B", width=4),
    ):
        assert more.expected > least
    assert memory("8B", nf4=True).expected < 0.7 * memory("8B").expected


def test_a_sharded_base_is_its_part_the_head_and_two_layers():
    """A 32B base in 4 bits with an adapter of rank 16 fits two cards of 24 GB, and not one."""
    one, two, offloaded = (memory("32B", nf4=True, parts=parts) for parts in (1, 2, math.inf))
    gathered = 4 * 151_936 * 5_120 + 2 * NF4 * shape("32B").linear / 64
    assert two.base == pytest.approx(one.base / 2 + gathered)
    assert offloaded.base == pytest.approx(gathered)
    assert two.high < 24 * GIB < one.low


def test_low_expected_and_high_are_in_order():
    planned = memory("8B")
    assert planned.low < planned.expected < planned.high


def test_the_term_that_binds_is_named():
    assert memory("8B").largest == "base"
    assert memory("0.6B", row_tokens=16384, checkpointing=False).largest == "activations"
    assert memory("0.6B", row_tokens=4096, predicted=16384).largest == "head"
    assert replace(memory("0.6B"), cache=1e12).largest == "cache"
