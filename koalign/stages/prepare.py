"""prepare: the user's files -> checked problems and hints, and the identity of the base."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from koalign.data import prompts
from koalign.data.formats.native import read_problems
from koalign.data.splits import refuse_shared
from koalign.engines import describe_base
from koalign.jsonl import iter_json_lines, parse_record, write_json, write_jsonl
from koalign.records import Drop, Hint, KoalignError, Problem
from koalign.run import Stage, StageResult


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    splits = {
        name: read_problems(inputs[f"data.{name}"]) if f"data.{name}" in inputs else []
        for name in ("train", "dev", "test")
    }
    refuse_shared(splits)
    for name in ("train", "dev"):
        for problem in splits[name]:
            if not problem.answers:
                raise KoalignError(
                    f"{inputs[f'data.{name}']}: problem {problem.id} ({problem.question[:30]}…) "
                    "has no answer to learn from"
                )
    base, tokenizer = describe_base(config.engine, config.model)

    dropped = []
    for name, problems in splits.items():
        kept = []
        for problem, tokens in zip(problems, _tokens(tokenizer, problems), strict=True):
            if tokens <= base.context:
                kept.append(problem.model_copy(update={"split": name}))
            elif name == "train":
                dropped.append(
                    Drop(problem_id=problem.id, stage="prepare", reason="longer_than_context")
                )
            else:
                raise KoalignError(
                    f"{inputs[f'data.{name}']}: problem {problem.id} needs {tokens} tokens, and the "
                    f"context is {base.context}; raise model.max_length or remove the problem"
                )
        write_jsonl(out / f"{name}.jsonl", kept)
        splits[name] = kept
    hints: list[Hint] = []
    if "data.hints" in inputs:
        too_long = {drop.problem_id for drop in dropped}
        hints, dropped_hints = _read_hints(inputs["data.hints"], splits["train"], too_long)
        dropped += dropped_hints
    write_jsonl(out / "hints.jsonl", hints)
    write_jsonl(out / "dropped.jsonl", dropped)
    write_json(out / "base.json", base.model_dump(mode="json"))
    return StageResult(
        counts={
            **{name: len(problems) for name, problems in splits.items()},
            "hints": len(hints),
            **Counter(f"dropped_{drop.reason}" for drop in dropped),
        }
    )


def _tokens(tokenizer: Any, problems: Sequence[Problem]) -> list[int]:
    """Tokens of each problem's longest training example: the prompt and the gold completion."""
    asked = prompts.prompt_ids_of_all(tokenizer, [prompts.render(p, "answer") for p in problems])
    return [
        len(ids) + (len(prompts.completion_ids(tokenizer, prompts.target(p))) if p.answers else 0)
        for ids, p in zip(asked, problems, strict=True)
    ]


def _read_hints(
    path: Path, train: Sequence[Problem], too_long: set[str]
) -> tuple[list[Hint], list[Drop]]:
    known = {problem.id for problem in train}
    hints: dict[str, Hint] = {}
    dropped = []
    for number, value in iter_json_lines(path):
        hint = parse_record(Hint, value, f"{path}:{number}")
        if hint.id in hints:
            reason = "hint_given_twice"
            dropped.append(Drop(problem_id=hint.problem_id, stage="prepare", reason=reason))
            continue
        if hint.problem_id in too_long:
            reason = "hint_for_a_dropped_problem"
            dropped.append(Drop(problem_id=hint.problem_id, stage="prepare", reason=reason))
            continue
        if hint.problem_id not in known:
            raise KoalignError(
                f"{path}:{number}: problem_id {hint.problem_id} is no training problem; "
                "hints are learned from the training split only"
            )
        hints[hint.id] = hint
    return list(hints.values()), dropped


STAGE = Stage(
    name="prepare",
    command="sft",
    run=run,
    sections=("model", "data", "engine"),
    inputs=("data.train", "data.dev", "data.test", "data.hints"),
)
