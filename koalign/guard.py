"""guard: what a stage is about to learn from, checked once more against what it will be judged by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from koalign.config.inputs import Model
from koalign.data.preparing.leaks import find_leaks, taught_text, texts_leak
from koalign.jsonl import read_json, read_jsonl, write_jsonl
from koalign.naming import counted
from koalign.records import Base, Drop, KoalignError, Problem

HELD_OUT = ("prepare/dev.jsonl", "prepare/test.jsonl", "prepare/leaks.json")


class LeakError(KoalignError):
    """What a stage would learn from stands in the run's dev or test split."""


def refuse_leaks(trained: Sequence[Problem], inputs: Mapping[str, Path]) -> None:
    """Raises LeakError if a problem to learn from stands in the run's dev or test split."""
    evaluated, overlap = _held_out(inputs)
    said = [taught_text(problem) for problem in trained]
    if leaks := find_leaks(trained, evaluated, overlap) or texts_leak(said, evaluated, overlap):
        first = leaks[0]
        raise LeakError(
            f"{counted(len(leaks), 'training problem')} found in dev or test: "
            f"{trained[first.trained].name} is {evaluated[first.evaluated].name} ({first.kind}); "
            "run `koalign prepare --force`"
        )


def refuse_leaking_texts(texts: Sequence[tuple[str, str]], inputs: Mapping[str, Path]) -> None:
    """Raises LeakError if one of (problem id, text) says a problem of the run's dev or test split."""
    evaluated, overlap = _held_out(inputs)
    if leaks := texts_leak([text for _, text in texts], evaluated, overlap):
        first = leaks[0]
        raise LeakError(
            f"{counted(len(leaks), 'hint')} holding a problem of dev or test: the one for "
            f"{texts[first.trained][0]} holds {evaluated[first.evaluated].name}; remove it from data.hints"
        )


def leaking_texts(texts: Sequence[str], inputs: Mapping[str, Path]) -> set[int]:
    """The numbers of the texts that contain a problem of the run's dev or test split."""
    evaluated, overlap = _held_out(inputs)
    return {leak.trained for leak in texts_leak(texts, evaluated, overlap)}


def within_context(
    rows: Sequence[tuple[Sequence[int], Sequence[int]]],
    problems: Sequence[Problem],
    base: Base,
    too_long: str,
    out: Path,
) -> list[int]:
    """The numbers of the rows (prompt, completion) that the run can read whole; none is cut.

    `problems`: that of each row.
    The others are drops in `out`/dropped.jsonl; `out` is the folder of the stage. Raises KoalignError
    where there is one and `too_long` says stop, and where nothing is left.
    """
    stage = out.name
    lengths = [len(prompt) + len(completion) for prompt, completion in rows]
    kept = [number for number, length in enumerate(lengths) if length <= base.context]
    long = sorted({*range(len(lengths))} - {*kept}, key=lambda number: -lengths[number])
    if long and too_long == "stop":
        raise KoalignError(
            f"{stage}: {len(long)} of {len(lengths)} examples are longer than the context of "
            f"{base.context} tokens, the longest {lengths[long[0]]} (problem {problems[long[0]].name}); "
            "raise model.max_length, shorten them, or set training.too_long: drop"
        )
    if long and not kept:
        raise KoalignError(
            f"{stage}: all {len(lengths)} examples are longer than the context of {base.context} tokens; "
            "raise model.max_length or shorten them"
        )
    drops = [
        Drop(
            stage=stage,
            reason="too_long",
            problem_id=problems[number].id,
            detail=f"{lengths[number]} tokens",
        )
        for number in long
    ]
    write_drops(out, drops, problems)
    return kept


def write_drops(out: Path, drops: Sequence[Drop], problems: Iterable[Problem]) -> None:
    """Write `out`/dropped.jsonl, each drop with the key that the source gave its problem."""
    keys = {problem.id: problem.key for problem in problems}
    named = [drop.model_copy(update={"key": keys.get(drop.problem_id, "")}) for drop in drops]
    write_jsonl(out / "dropped.jsonl", named)


def needs_probe(title: str, why: str, remedy: str) -> KoalignError:
    """The error of a training to its plateau that nothing measures."""
    return KoalignError(
        f"{title}: sft.epochs auto trains until held-out answers no longer improve, and there is no probe: "
        f"{why}; {remedy}, or {'sft.epochs to a number' if title == 'sft' else 'controls: cheap'}"
    )


def context_of(model: Model, most: int) -> int:
    """Tokens that a run may use of a base that has room for `most`.

    Raises KoalignError for a `model.max_length` above that.
    """
    if model.max_length is not None and model.max_length > most:
        raise KoalignError(
            f"model.max_length: {model.max_length} is more than the model's context of {most}"
        )
    return model.max_length or most


def _held_out(inputs: Mapping[str, Path]) -> tuple[list[Problem], float]:
    evaluated = [p for name in HELD_OUT[:2] for p in read_jsonl(inputs[name], Problem)]
    return evaluated, read_json(inputs[HELD_OUT[2]])["overlap"]
