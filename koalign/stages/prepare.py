"""prepare: the user's sources -> checked splits, and a report of what was kept and dropped.

Read, set aside what cannot be used, remove duplicates, hold out dev, guard against leaks, measure in
tokens: in this order. Every dropped row is a line of dropped.jsonl.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from koalign.config.inputs import Data, Source
from koalign.config.sections import Config, resolve_path
from koalign.data.formats.read import OTHER_SPLIT
from koalign.data.formats.reading import Reading
from koalign.data.formats.sources import read_source
from koalign.data.preparing.preparation import SPLITS, FoundLeak, Preparation
from koalign.data.prompting.lengths import lengths as token_lengths
from koalign.data.prompting.prompts import Renderer
from koalign.engines.opening import describe_base
from koalign.grading.grade import grade
from koalign.jsonl import iter_json_lines, parse_record, write_json, write_jsonl
from koalign.naming import counted
from koalign.plans import BASE
from koalign.records import Hint, KoalignError, Problem, count_reasons
from koalign.renderer import open_renderer
from koalign.reports.problems import describe_kinds, describe_problems
from koalign.run import Inputs, Stage, StageResult
from koalign.text.korean import CONTROL
from koalign.text.visible import say, warn

LISTED = 5
"""Unread files listed on stderr."""
BATCH = 1000
"""Problems tokenized in one call."""
READ_BACK = 200
"""Training problems by which a template is tried: what its prompts show, and whether targets are read."""


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    renderer = open_renderer(config.prompt)
    base, tokenizer = describe_base(config.engine, config.model)
    prepared = Preparation(config.data.memory_mb << 20)
    sources = [
        _read(prepared, name, source) for name in SPLITS for source in getattr(config.data, name)
    ]
    prepared.set_aside(renderer.template.kinds, len(renderer.template.ten_labels))
    prepared.remove_duplicates(config.data.near_duplicates)
    for name, other in prepared.conflicts.items():
        if other:
            warn(
                f"data.{name}: {counted(len(other), 'duplicate')} with another answer than the row that is "
                f"kept, the first {other[0]}; one of the two is wrong: correct the file"
            )
    if config.data.dev_share and prepared.splits["dev"]:
        warn(
            "data.dev_share: nothing is held out of data.train, since data.dev is given", once=True
        )
    elif config.data.dev_share:
        prepared.hold_out_dev(config.data.dev_share, config.data.seed)
    prepared.mix_train(config.data.seed)
    leaks = _guard(prepared, config.data.leak_overlap, config.data.leaks == "stop", out)
    shots = prepared.splits[config.prompt.shots_from] if config.prompt.shots else []
    renderer = replace(renderer, pool=tuple(shots))
    refuse_unreadable_targets(renderer, prepared.splits["train"][:READ_BACK])
    lengths = _measure(prepared, renderer, tokenizer, base.context)
    _say_what_is_not_shown(renderer, prepared.splits["train"][:READ_BACK])
    prepared.refuse_nothing_to_learn_from()
    hints = []
    if "data.hints" in inputs:
        hints = read_hints(prepared, inputs["data.hints"], config.data)

    splits, dropped = prepared.splits, prepared.dropped
    for name in SPLITS:
        write_jsonl(out / f"{name}.jsonl", splits[name])
    _write_leaks(leaks, config.data.leak_overlap, out)
    write_jsonl(out / "rankings.jsonl", prepared.rankings)
    write_jsonl(out / "hints.jsonl", hints)
    write_jsonl(out / "dropped.jsonl", dropped)
    write_jsonl(out / "shots.jsonl", shots)
    write_json(out / "base.json", base.model_dump(mode="json"))
    report: dict[str, Any] = {
        "sources": sources,
        "splits": {name: describe_problems(splits[name], lengths[name]) for name in SPLITS},
        "rankings": len(prepared.rankings),
        "hints": len(hints),
        "dropped": count_reasons(dropped),
        "leaks": dict(Counter(leak.kind for leak in leaks)),
        "model": {"path": base.path, "context": base.context},
    }
    write_json(out / "report.json", report)
    long = report["splits"]["train"]["kinds"].get("long", 0)
    return StageResult(
        counts={
            **{name: len(problems) for name, problems in splits.items()},
            **({"long": long} if long else {}),
            **({"rankings": len(prepared.rankings)} if prepared.rankings else {}),
            "hints": len(hints),
            **count_reasons(dropped, "dropped_"),
        }
    )


def _read(prepared: Preparation, name: str, source: Source) -> dict[str, Any]:
    """Read one source into a split; returns its entry in the report."""
    reading = read_source(resolve_path(source.path), name, **source.options)
    if reading.rankings and name != "train":
        raise KoalignError(
            f"data.{name}: {source.path}: holds rankings, which have no right answer to be judged by; "
            "list it under data.train only"
        )
    prepared.add(name, reading)
    of_other_splits = [why for why in reading.not_read.values() if why.startswith(OTHER_SPLIT)]
    not_read = {f: why for f, why in reading.not_read.items() if not why.startswith(OTHER_SPLIT)}
    _say_what_was_read(f"data.{name}: {source.path}", reading, not_read)
    return {
        "split": name,
        "path": source.path,
        "files": [
            {
                "name": file,
                "format": known,
                "encoding": reading.encodings[file],
                **({"columns": reading.columns[file]} if file in reading.columns else {}),
            }
            for file, known in reading.files.items()
        ],
        "not_read": not_read,
        "of_other_splits": len(of_other_splits),
        "rows": reading.rows,
        "problems": len(reading.problems),
        "rankings": len(reading.rankings),
        "dropped": count_reasons(reading.drops),
        **({"several_answers": several} if (several := _with_several_answers(reading)) else {}),
    }


def _by_name(reading: Reading) -> str:
    """Each split with the ends of the paths that name it."""
    parts = []
    for split in SPLITS:
        files = [file for file, named in reading.splits.items() if named == split]
        ends = ", ".join("/".join(file.split("/")[-3:]) for file in files[:LISTED])
        more = f" and {len(files) - LISTED} more" if len(files) > LISTED else ""
        parts += [f"{split} ({ends}{more})"] if files else []
    return ", ".join(parts)


def _with_several_answers(reading: Reading) -> int:
    return sum(one.kind in ("choice", "long") and len(one.answers) > 1 for one in reading.problems)


def _say_what_was_read(source: str, reading: Reading, not_read: Mapping[str, str]) -> None:
    for known, count in Counter(reading.files.values()).items():
        say(f"{source}: {f'{count} files ' * (count > 1)}read as {known}", err=True)
    if len({(one.kind, len(one.choices)) for one in reading.problems}) > 1:
        say(f"{source}: problems: {describe_kinds(reading.problems)}", err=True)
    if several := _with_several_answers(reading):
        problems = counted(several, "problem")
        say(f"{source}: {problems} with several right answers, each counts", err=True)
    if odd := [one.name for one in reading.problems if CONTROL.search(_text(one))]:
        warn(
            f"{source}: {counted(len(odd), 'problem')} with control characters, the first {odd[0]}: "
            "a backslash may be lost (`\\f`), or a page break left in"
        )
    if len(set(reading.splits.values())) > 1:
        say(f"{source}: splits by name: {_by_name(reading)}", err=True)
    if reading.splits and (
        others := [file for file in reading.files if file not in reading.splits]
    ):
        more = f" and {counted(len(others) - 1, 'more file')}" * (len(others) > 1)
        warn(f"{source}: read too, without a split in the name: {others[0]}{more}")
    for file, why in list(not_read.items())[:LISTED]:
        warn(f"{source}: not read: {file}: {why}")
    if len(not_read) > LISTED:
        warn(f"{source}: {len(not_read) - LISTED} more not read, see report.json")


def read_hints(prepared: Preparation, path: Path, data: Data) -> list[Hint]:
    """The hints of a file for training problems; raises KoalignError for a line that is none of these."""
    rows = [
        (place := f"{path}:{number}", parse_record(Hint, value, place))
        for number, value in iter_json_lines(path)
    ]
    return prepared.hints(rows, data.leak_overlap, stop=data.leaks == "stop")


def _guard(prepared: Preparation, overlap: float, stop: bool, out: Path) -> list[FoundLeak]:
    """Take leaks out of training, or write them down and stop."""
    leaks = prepared.find_leaks(overlap)
    if leaks:
        if stop:
            _write_leaks(leaks, overlap, out)
            first, kinds = leaks[0], Counter(leak.kind for leak in leaks)
            counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
            raise KoalignError(
                f"{counted(len(leaks), 'leak')} ({counts}), the first: {_shown(first.learned)} and "
                f"{_shown(first.evaluated)}; all in {out / 'leaks.json'}, side by side on the board; "
                "data.leaks: drop takes them out of training"
            )
        prepared.remove_leaks(leaks)
    return leaks


def _write_leaks(leaks: Sequence[FoundLeak], overlap: float, out: Path) -> None:
    listed = [leak.model_dump(mode="json") for leak in leaks]
    write_json(out / "leaks.json", {"overlap": overlap, "found": listed})


def _measure(
    prepared: Preparation, renderer: Renderer, tokenizer: Any, context: int
) -> dict[str, Sequence[int]]:
    """Tokens of every problem's prompt and longest target; drops training problems over the context."""
    lengths: dict[str, Sequence[int]] = {}
    for name in SPLITS:
        problems = prepared.splits[name]
        counted = _lengths(renderer, tokenizer, problems)
        fits = counted <= context
        if name != "train" and not fits.all():
            number = int(np.argmin(fits))
            raise KoalignError(
                f"data.{name}: {_shown(problems[number])} needs {counted[number]} tokens, and the "
                f"context is {context}; raise model.max_length or remove the problem"
            )
        prepared.keep(name, "longer_than_context", fits)
        lengths[name] = array("q", counted[fits].tobytes())  # 8 bytes a row
    return lengths


def refuse_unreadable_targets(renderer: Renderer, problems: Sequence[Problem]) -> None:
    """Raises KoalignError if the grader misreads the targets of the template."""
    graded = [problem for problem in problems if renderer.can_verify(problem)]
    wrong = [p for p in graded if not grade(p, renderer.template_answer(p)).correct]
    if 2 * len(wrong) > len(graded):
        target = renderer.template_answer(wrong[0])
        raise KoalignError(
            f"template {renderer.template.name}: the grader cannot read the gold answer of "
            f"{len(wrong)} of {counted(len(graded), 'training problem')}, such as {target[-60:]!r} for "
            f"answer {wrong[0].answers[0]}; write it as `정답: 3` or a letter"
        )


def _say_what_is_not_shown(renderer: Renderer, problems: Sequence[Problem]) -> None:
    """Say which parts of problems the template leaves out of its prompts, line by line, blanks apart."""
    prompts = [renderer.render(problem, "answer").messages for problem in problems]
    written = ["".join("".join(turn.text for turn in turns).split()) for turns in prompts]
    for part in ("question", "passage", "box"):
        without = [
            problem
            for problem, text in zip(problems, written, strict=True)
            if any("".join(line.split()) not in text for line in getattr(problem, part).split("\n"))
        ]
        if without:
            warn(
                f"template {renderer.template.name}: does not show the {part} of {len(without)} of the "
                f"first {counted(len(problems), 'training problem')}, such as {without[0].name}"
            )


def _lengths(renderer: Renderer, tokenizer: Any, problems: Sequence[Problem]) -> np.ndarray:
    lengths = np.zeros(len(problems), np.int64)
    # Those of one passage together: it is tokenized once.
    of_passage = np.fromiter((hash(p.passage) for p in problems), np.int64, len(problems))
    order = np.argsort(of_passage, kind="stable")
    for start in range(0, len(problems), BATCH):  # the ids of all at once would take gigabytes
        numbers = order[start : start + BATCH]
        batch = [problems[number] for number in numbers.tolist()]
        prompts = [renderer.render(problem, "answer") for problem in batch]
        targets = [renderer.targets(p) if renderer.can_teach(p) else [] for p in batch]
        lengths[numbers] = token_lengths(tokenizer, prompts, targets)
    return lengths


def _text(problem: Problem) -> str:
    return "\n".join((problem.passage, problem.box, problem.question, *problem.choices))


def _shown(problem: Problem) -> str:
    return f"{problem.name} of {problem.split}"


STAGE = Stage(
    name="prepare",
    command="prepare",
    run=run,
    sections=("model", "data", "prompt", "engine.script"),
    inputs=("data.train", "data.dev", "data.test", "data.hints", BASE),
    continues=False,
    version=25,
)
