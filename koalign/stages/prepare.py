"""prepare: the user's sources -> checked splits, and an honest report of what was kept and what not.

Read, set aside what cannot be used, remove duplicates, hold out dev, guard against leaks, measure in
tokens: in this order, and every row that goes is a line of dropped.jsonl.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from koalign.config import resolve_path
from koalign.data import tokens
from koalign.data.duplicates import find_duplicates
from koalign.data.formats import OTHER_SPLIT
from koalign.data.formats.sources import read_source, reasons
from koalign.data.leaks import Leak, find_leaks
from koalign.data.prompts import Renderer
from koalign.data.report import describe
from koalign.data.splits import split_by_group
from koalign.engines import describe_base
from koalign.jsonl import iter_json_lines, parse_record, write_atomically, write_json, write_jsonl
from koalign.records import Drop, Hint, KoalignError, Problem, Ranking, content_hash
from koalign.renderer import open_renderer
from koalign.reports import dataset_page, leaks_page
from koalign.run import Stage, StageResult

SPLITS = ("train", "dev", "test")


def run(config: Any, inputs: Mapping[str, Path], out: Path) -> StageResult:
    renderer = open_renderer(config.prompt)
    base, tokenizer = describe_base(config.engine, config.model)
    prepared = _Prepared(config, renderer)
    for name in SPLITS:
        prepared.read(name)
    prepared.set_aside_what_cannot_be_asked()
    prepared.remove_duplicates()
    prepared.hold_out_dev()
    prepared.mix_train()
    leaks = prepared.guard(out)
    lengths = prepared.measure(tokenizer, base.context)
    hints = prepared.read_hints(inputs["data.hints"]) if "data.hints" in inputs else []

    splits, dropped = prepared.splits, prepared.dropped
    for name in SPLITS:
        write_jsonl(out / f"{name}.jsonl", splits[name])
    write_jsonl(out / "rankings.jsonl", prepared.rankings)
    write_jsonl(out / "hints.jsonl", hints)
    write_jsonl(out / "dropped.jsonl", dropped)
    shots = splits[config.prompt.shots_from] if config.prompt.shots else []
    write_jsonl(out / "shots.jsonl", shots)
    write_json(out / "base.json", base.model_dump(mode="json"))
    report = {
        "sources": prepared.sources,
        "splits": {name: describe(splits[name], lengths[name]) for name in SPLITS},
        "rankings": len(prepared.rankings),
        "hints": len(hints),
        "dropped": dict(sorted(Counter(drop.reason for drop in dropped).items())),
        "leaks": dict(Counter(leak.kind for leak in leaks)),
        "model": {"path": base.path, "context": base.context},
    }
    write_json(out / "report.json", report)
    write_atomically(out / "report.html", dataset_page(report, splits))
    return StageResult(
        counts={
            **{name: len(problems) for name, problems in splits.items()},
            **({"rankings": len(prepared.rankings)} if prepared.rankings else {}),
            "hints": len(hints),
            **{f"dropped_{reason}": count for reason, count in report["dropped"].items()},
        }
    )


class _Prepared:
    """The splits on their way, and everything that was set aside."""

    def __init__(self, config: Any, renderer: Renderer) -> None:
        self._config, self._renderer = config, renderer
        self.splits: dict[str, list[Problem]] = {name: [] for name in SPLITS}
        self.rankings: list[Ranking] = []
        self.dropped: list[Drop] = []
        self.sources: list[dict[str, Any]] = []

    def read(self, name: str) -> None:
        for source in getattr(self._config.data, name):
            reading = read_source(
                resolve_path(source.path),
                name,
                format=source.format,
                split=source.split,
                columns=source.columns,
            )
            self.splits[name] += [p.model_copy(update={"split": name}) for p in reading.problems]
            if name == "train":
                self.rankings += reading.rankings
            elif reading.rankings:
                raise KoalignError(
                    f"data.{name}: {source.path}: holds rankings, which have no right answer to be "
                    "judged by; list it under data.train only"
                )
            self.dropped += reading.drops
            left_out = reading.not_read.items()
            self.sources.append(
                {
                    "split": name,
                    "path": source.path,
                    "files": [
                        {"name": file, "format": known, "encoding": reading.encodings[file]}
                        for file, known in reading.files.items()
                    ],
                    "not_read": {file: why for file, why in left_out if not _of_other_split(why)},
                    "of_other_splits": sum(_of_other_split(why) for _, why in left_out),
                    "rows": reading.rows,
                    "problems": len(reading.problems),
                    "rankings": len(reading.rankings),
                    "dropped": reasons(reading),
                }
            )
            for known, count in Counter(reading.files.values()).items():
                files = f"{count} files " if count > 1 else ""
                print(f"data.{name}: {source.path}: {files}read as {known}", file=sys.stderr)
            for file, why in left_out:
                if not _of_other_split(why):
                    print(f"data.{name}: {file}: not read, {why}", file=sys.stderr)

    def set_aside_what_cannot_be_asked(self) -> None:
        kinds = self._renderer.template.kinds
        for name in SPLITS:
            self._keep(name, "kind_not_in_template", [p.kind in kinds for p in self.splits[name]])
        for name in ("train", "dev"):
            self._keep(name, "no_answer", [bool(p.answers) for p in self.splits[name]])
        if self._renderer.needs_rationale:
            self._keep("train", "no_rationale", [bool(p.rationale) for p in self.splits["train"]])
        if not self.splits["train"]:
            why = Counter(drop.reason for drop in self.dropped).most_common(1)
            raise KoalignError(
                f"data.train: no problem to learn from; {why[0][1]} were dropped: {why[0][0]}"
            )

    def remove_duplicates(self) -> None:
        """In dev and test only what is the same to the letter: a published test set stays what it is."""
        for name in ("dev", "test"):
            first: dict[str, int] = {}
            for number, problem in enumerate(self.splits[name]):
                first.setdefault(problem.id, number)
            unique = [first[p.id] == n for n, p in enumerate(self.splits[name])]
            self._keep(name, "duplicate", unique)
        train = self.splits["train"]
        found = {d.index: d for d in find_duplicates(train, self._config.data.near_duplicates)}
        for duplicate in found.values():
            kept = train[duplicate.kept]
            other = ", and has another answer" if duplicate.conflict else ""
            self._drop(
                train[duplicate.index],
                "duplicate" if duplicate.kind == "exact" else f"{duplicate.kind}_duplicate",
                f"{kept.id} is kept ({duplicate.similarity:.0%} alike{other})",
            )
        self.splits["train"] = [p for n, p in enumerate(train) if n not in found]

    def hold_out_dev(self) -> None:
        share = self._config.data.dev_share
        if share and not self.splits["dev"]:
            rest, held_out = split_by_group(self.splits["train"], share, self._config.seed)
            self.splits["train"] = rest
            self.splits["dev"] = [p.model_copy(update={"split": "dev"}) for p in held_out]

    def mix_train(self) -> None:
        """So that the first so many, which a `limit` takes, are a fair sample of all sources."""
        seed = self._config.seed
        self.splits["train"].sort(key=lambda problem: content_hash(seed, problem.id))

    def guard(self, out: Path) -> list[Leak]:
        """Leaks from what is trained on into dev and test, and from dev into test."""
        data = self._config.data
        train, dev, test = (self.splits[name] for name in SPLITS)
        learned = [*train, *(ranking.problem for ranking in self.rankings)]
        evaluated = [*dev, *test]
        pairs = [(learned[leak.trained], evaluated[leak.evaluated], leak) for leak in
                 find_leaks(learned, evaluated, data.leak_overlap)]  # fmt: skip
        of_dev = [(dev[leak.trained], test[leak.evaluated], leak) for leak in
                  find_leaks(dev, test, data.leak_overlap)]  # fmt: skip
        found = [
            {
                "kind": leak.kind,
                "share": round(leak.share, 3),
                "learned": learned_one.model_dump(mode="json"),
                "evaluated": evaluated_one.model_dump(mode="json"),
            }
            for learned_one, evaluated_one, leak in [*pairs, *of_dev]
        ]
        write_json(out / "leaks.json", {"overlap": data.leak_overlap, "found": found})
        if found:
            write_atomically(out / "leaks.html", leaks_page(found))
        if found and data.leaks == "stop":
            first = found[0]
            kinds = ", ".join(
                f"{n} {kind}" for kind, n in Counter(f["kind"] for f in found).items()
            )
            raise KoalignError(
                f"{len(found)} leaks ({kinds}), the first: {_shown(first['learned'])} is in "
                f"{first['learned']['split']} and {_shown(first['evaluated'])} in "
                f"{first['evaluated']['split']}; side by side in {out / 'leaks.html'}; "
                "data.leaks: drop takes them out of training"
            )
        for learned_one, evaluated_one, leak in [*pairs, *of_dev]:
            self._drop(
                learned_one, "leak", f"{leak.kind}: {evaluated_one.id} in {evaluated_one.split}"
            )
        leaking = {learned_one.id for learned_one, _, _ in [*pairs, *of_dev]}
        for name in ("train", "dev"):
            self.splits[name] = [p for p in self.splits[name] if p.id not in leaking]
        self.rankings = [r for r in self.rankings if r.problem.id not in leaking]
        return [leak for _, _, leak in [*pairs, *of_dev]]

    def measure(self, tokenizer: Any, context: int) -> dict[str, list[int]]:
        """Tokens of every problem's prompt and gold completion; too long a training problem goes."""
        lengths = {}
        for name in SPLITS:
            counted = _lengths(self._renderer, tokenizer, self.splits[name])
            fits = [length <= context for length in counted]
            if name != "train" and not all(fits):
                problem = self.splits[name][fits.index(False)]
                raise KoalignError(
                    f"data.{name}: problem {problem.id} ({problem.question[:30]}…) needs "
                    f"{counted[fits.index(False)]} tokens, and the context is {context}; raise "
                    "model.max_length or remove the problem"
                )
            self._keep(name, "longer_than_context", fits)
            lengths[name] = [n for n, fit in zip(counted, fits, strict=True) if fit]
        return lengths

    def read_hints(self, path: Path) -> list[Hint]:
        known = {problem.id for problem in self.splits["train"]}
        gone = {drop.problem_id for drop in self.dropped if drop.problem_id}
        hints: dict[str, Hint] = {}
        for number, value in iter_json_lines(path):
            hint = parse_record(Hint, value, f"{path}:{number}")
            reason = (
                "hint_given_twice"
                if hint.id in hints
                else "hint_for_a_dropped_problem"
                if hint.problem_id in gone and hint.problem_id not in known
                else None
            )
            if reason:
                place = f"{path}:{number}"
                self.dropped.append(
                    Drop(stage="prepare", reason=reason, problem_id=hint.problem_id, place=place)
                )
            elif hint.problem_id not in known:
                raise KoalignError(
                    f"{path}:{number}: problem_id {hint.problem_id} is no training problem; "
                    "hints are learned from the training split only"
                )
            else:
                hints[hint.id] = hint
        return list(hints.values())

    def _keep(self, name: str, reason: str, keep: Sequence[bool]) -> None:
        pairs = list(zip(self.splits[name], keep, strict=True))
        for problem, kept in pairs:
            if not kept:
                self._drop(problem, reason, f"{problem.source} {problem.key}".strip())
        self.splits[name] = [problem for problem, kept in pairs if kept]

    def _drop(self, problem: Problem, reason: str, detail: str) -> None:
        self.dropped.append(
            Drop(stage="prepare", reason=reason, problem_id=problem.id, detail=detail)
        )


def _lengths(renderer: Renderer, tokenizer: Any, problems: Sequence[Problem]) -> list[int]:
    asked = [renderer.render(problem, "answer") for problem in problems]
    lengths = [len(ids) for ids in tokens.prompt_ids(tokenizer, asked)]
    taught = [n for n, problem in enumerate(problems) if renderer.can_teach(problem)]
    targets = [renderer.target(problems[n]) for n in taught]
    written = tokens.completion_ids(tokenizer, [asked[n] for n in taught], targets)
    for number, ids in zip(taught, written, strict=True):
        lengths[number] += len(ids)
    return lengths


def _of_other_split(why: str) -> bool:
    return why.startswith(OTHER_SPLIT)


def _shown(problem: Mapping[str, Any]) -> str:
    return f"{problem['id']} ({problem['question'][:30]}…)"


STAGE = Stage(
    name="prepare",
    command="sft",
    run=run,
    sections=("model", "data", "prompt", "engine", "seed"),
    inputs=("data.train", "data.dev", "data.test", "data.hints"),
    version=2,
)
