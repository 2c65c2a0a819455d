"""guard: what a stage is about to learn from, checked once more against what it will be judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from koalign.data.leaks import find_leaks, taught_text, texts_leak
from koalign.jsonl import read_json, read_jsonl
from koalign.records import KoalignError, Problem

HELD_OUT = ("prepare/dev.jsonl", "prepare/test.jsonl", "prepare/leaks.json")


def refuse_leaks(trained: Sequence[Problem], inputs: Mapping[str, Path]) -> None:
    """Raises KoalignError if a problem to learn from stands in the run's dev or test split."""
    evaluated, overlap = _held_out(inputs)
    said = [taught_text(problem) for problem in trained]
    if leaks := find_leaks(trained, evaluated, overlap) or texts_leak(said, evaluated, overlap):
        first = leaks[0]
        raise KoalignError(
            f"{len(leaks)} training problems stand in dev or test: {trained[first.trained].id} "
            f"({trained[first.trained].question[:30]}…) is {evaluated[first.evaluated].id} "
            f"({first.kind}); run `koalign prepare --force`"
        )


def refuse_leaking_texts(texts: Sequence[tuple[str, str]], inputs: Mapping[str, Path]) -> None:
    """Raises KoalignError if one of (problem id, text) says a problem of the run's dev or test split."""
    evaluated, overlap = _held_out(inputs)
    if leaks := texts_leak([text for _, text in texts], evaluated, overlap):
        first = leaks[0]
        raise KoalignError(
            f"{len(leaks)} hints say a problem of dev or test: the one for {texts[first.trained][0]} "
            f"says {evaluated[first.evaluated].id}; remove it from data.hints"
        )


def _held_out(inputs: Mapping[str, Path]) -> tuple[list[Problem], float]:
    evaluated = [p for name in HELD_OUT[:2] for p in read_jsonl(inputs[name], Problem)]
    return evaluated, read_json(inputs[HELD_OUT[2]])["overlap"]
