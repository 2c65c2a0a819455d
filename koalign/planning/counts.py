"""counts: prepare's report and the manifests of a run -> how many problems, pairs and tokens there are.

What is not known yet is assumed, and each assumption is a line.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from koalign.config.sections import Config, resolve_path
from koalign.data.formats.split_names import split_in_name
from koalign.jsonl import read_json
from koalign.manifests import Manifest, read_manifest, well_formed
from koalign.plans import HUB
from koalign.run import in_round

TEXTS = (".csv", ".tsv", ".jsonl", ".json")
"""Endings of files whose lines are about their problems."""
BYTES_A_TOKEN = 5
"""UTF-8 bytes of Korean to a token of a large vocabulary."""
TEMPLATE_TOKENS = 40
"""What a template and a chat template add to a problem."""
FIRST = 1 << 20
"""Bytes of a file that are looked at."""
SHORT_ANSWER = 16
"""Tokens of an answer that states the choice and no reasons."""
VERDICT_TOKENS = 120
"""Of a judge: two or three sentences and the verdict."""
LONG = ("reasoning",)
"""Templates that ask for the steps before the answer."""


@dataclass(frozen=True)
class Counts:
    """What a run computes on. Tokens are means of a problem, but for `longest`."""

    train: int
    dev: int
    test: int
    hints: int
    """Candidates of a file."""
    prompt_tokens: float
    answer_tokens: float
    """Of a sampled answer."""
    hint_tokens: float
    longest: float
    """Tokens of the longest problem with its answer."""
    pairs: int = 0
    """0: not mined yet."""
    paired_problems: int = 0
    kept_hints: int = 0
    """0: not screened yet."""
    gold_passages: int = 0
    """0: not screened yet."""
    long_train: int = 0
    """Training problems whose long answers a judge compares, and no rule verifies."""
    long_test: int = 0
    long_tokens: float = 0
    """Of a sampled long answer."""
    assumed: tuple[str, ...] = ()


def counts_of(config: Config, run_dir: Path, stale: Collection[str] = ()) -> Counts:
    """The counts of a run as far as it has come, but for its `stale` stages; the others are assumed."""

    def made(stage: str) -> Manifest | None:
        return None if stage in stale else read_manifest(run_dir / stage)

    answer, hint, lines = _lengths(config)
    path = run_dir / "prepare" / "report.json"
    report = read_json(path) if made("prepare") and path.exists() else None
    if report is None:
        counts, line = _unprepared(config, answer, hint)
        lines.insert(0, line)
    else:
        with well_formed(path):
            counts = _prepared(report, answer, hint)
    counts = _with_results(counts, made, config.dpo.rounds, lines)
    if config.has_judge:
        with well_formed(path):
            counts = _with_long(counts, config, report, lines)
    return replace(counts, assumed=tuple(lines))


def _lengths(config: Config) -> tuple[float, float, list[str]]:
    """Tokens of an answer and of a hint, and what was assumed."""
    most = config.sample.most_tokens
    thinks = config.prompt.thinking != "off" or config.prompt.template in LONG
    answer = most / 2 if thinks else min(SHORT_ANSWER, most)
    hint = min(64.0, config.solve.most_tokens / 2)
    return answer, hint, [f"answers of {answer:,.0f} tokens, hints of {hint:,.0f}"]


def _prepared(report: Mapping[str, Any], answer: float, hint: float) -> Counts:
    splits = report["splits"]
    bins = splits["train"]["tokens_histogram"]
    total = sum(one["count"] for one in bins)
    mean = sum(one["count"] * (one["from"] + one["to"]) / 2 for one in bins) / max(1, total)
    return Counts(
        train=splits["train"]["problems"],
        dev=splits["dev"]["problems"],
        test=splits["test"]["problems"],
        hints=report["hints"],
        prompt_tokens=max(1.0, mean - SHORT_ANSWER / 2),
        answer_tokens=answer,
        hint_tokens=hint,
        longest=splits["train"]["tokens"]["max"],
    )


def _with_results(
    counts: Counts, made: Callable[[str], Manifest | None], rounds: int, lines: list[str]
) -> Counts:
    """The counts with what finished stages found in place of what was assumed."""
    if sft := made("sft"):
        answer = sft.metrics.get("probe/tokens", 0)
        if answer:
            counts = replace(counts, answer_tokens=answer, long_tokens=answer)
            lines[-1] = (
                f"answers of {answer:,.0f} tokens, as measured by sft, hints of {counts.hint_tokens:,.0f}"
            )
    if pairs := made(in_round("pairs", rounds)):
        counts = replace(
            counts, pairs=pairs.counts["pairs"], paired_problems=pairs.counts["problems_with_pairs"]
        )
    if hints := made("hints"):
        counts = replace(counts, kept_hints=hints.counts["kept"])
    if passages := made("passages"):
        counts = replace(counts, gold_passages=passages.counts.get("gold", 0))
    return counts


def _with_long(
    counts: Counts, config: Config, report: Mapping[str, Any] | None, lines: list[str]
) -> Counts:
    """The counts with the problems that a judge compares answers to."""
    tokens = counts.long_tokens or config.sample.most_tokens / 2
    of = f"long answers of {tokens:,.0f} tokens, judged in {VERDICT_TOKENS}"
    if report is not None:
        kinds = [report["splits"][name]["kinds"] for name in ("train", "test")]
        train, test = (split.get("long", 0) for split in kinds)
    else:
        train, test = counts.train, counts.test
        of = f"all problems with {of}"
    lines.append(f"{of}; every second comparison a pair")
    return replace(counts, long_train=train, long_test=test, long_tokens=tokens)


def _unprepared(config: Config, answer: float, hint: float) -> tuple[Counts, str]:
    """Counts by the sizes of the files, and what was assumed; without files those of a middling exam."""
    data = config.data
    sizes = {
        name: [
            _lines_and_bytes(path)
            for source in getattr(data, name)
            for path in _files(source.path, source.split or name)
        ]
        for name in ("train", "dev", "test")
    }
    problems = {name: sum(lines for lines, _ in sizes[name]) for name in sizes}
    hints = sum(_lines_and_bytes(path)[0] for path in _files(data.hints or ""))
    if not problems["train"]:
        counts = Counts(2000, 200, 500, hints, 600, answer, hint, 2400)
        return (
            counts,
            "2,000 training, 200 dev and 500 test problems of 600 tokens, the longest 2,400",
        )
    written = sum(size for _, size in sizes["train"])
    prompt = written / problems["train"] / BYTES_A_TOKEN + TEMPLATE_TOKENS
    held_out = round(problems["train"] * data.dev_share) if not data.dev else 0
    train, dev, test = problems["train"] - held_out, problems["dev"] + held_out, problems["test"]
    counts = Counts(train, dev, test, hints, prompt, answer, hint, 2 * prompt)
    return counts, (
        f"{train:,} training, {dev:,} dev and {test:,} test problems of {prompt:,.0f} tokens, by the sizes "
        "of the files (`koalign prepare` counts them)"
    )


def _files(source: str, split: str = "") -> Iterable[Path]:
    """The files of a source that can be counted; of a folder those that name no other split."""
    if not source or source.startswith(HUB):
        return []
    path = Path(resolve_path(source))
    if path.is_dir():
        inside = (file for file in path.rglob("*") if file.suffix.lower() in TEXTS)
        return sorted(
            file
            for file in inside
            if split_in_name(file.relative_to(path).as_posix()) in ("", split)
        )
    return [path] if path.is_file() and path.suffix.lower() in TEXTS else []


def _lines_and_bytes(path: Path) -> tuple[int, int]:
    """Rows of a file and its bytes, by its first megabyte."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(FIRST)
    lines = max(0, head.count(b"\n") - (path.suffix.lower() in (".csv", ".tsv")))
    return (round(lines * size / len(head)), size) if head else (0, 0)
