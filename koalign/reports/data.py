"""data: the reports of prepare and of pairs -> tables in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from koalign.data.formats.files import SUFFIXES
from koalign.evaluation.stats.wording import in_words, listed, percent
from koalign.jsonl import iter_json_lines
from koalign.naming import counted
from koalign.reports.problems import kinds_in_words
from koalign.reports.views import print_lines, print_table

PER_CENT = ("yield", "pass@1", "pass@n", "balancing_cost")
SOURCE_HEAD = ("split", "source", "read as", "rows", "problems", "rankings")


def print_dataset(report: Mapping[str, Any], dropped: Path) -> None:
    """What was read from where, what became of it, and how long it is; `dropped` is the file of drops."""
    rows = [(*_source(source), listed(source["dropped"])) for source in report["sources"]]
    print_table((*SOURCE_HEAD, "dropped"), rows, "sources")
    head = "split", "problems", "passages", "kinds", "gold positions", "tokens median / p99 / max"
    rows = []
    for name, split in report["splits"].items():
        places = (
            " ".join(map("{:,}".format, p.values())) for p in split["gold_positions"].values()
        )
        kinds = kinds_in_words(split["choices"], split["kinds"])
        counts = split["problems"], split["groups"], kinds, "; ".join(places)
        rows.append((name, *counts, _lengths(split["tokens"], "median", "p99", "max")))
    print_table(head, rows, "splits")
    if report["dropped"]:
        print_table(("dropped because", "rows"), report["dropped"].items())
        print_lines([*_first_of_each(dropped), f"all of them: {dropped}"])
    else:
        print_lines(["nothing was dropped"])


def _first_of_each(dropped: Path) -> Iterator[str]:
    """The first row of each reason, and what was found there."""
    reasons = set[str]()
    for _, drop in iter_json_lines(dropped):
        if (reason := drop["reason"]) not in reasons:
            reasons.add(reason)
            yield f"{reason}, the first: {', '.join(filter(None, (drop['place'], drop['detail'])))}"


def _source(source: Mapping[str, Any]) -> tuple[str | int, ...]:
    read = {_read_as(file) for file in source["files"]}
    counts = (source[key] for key in ("rows", "problems", "rankings"))
    return source["split"], source["path"], ", ".join(sorted(read)), *counts


def _read_as(file: Mapping[str, Any]) -> str:
    """The format, and how the file is written: `columns (cp949)`, `columns (xlsx)`."""
    suffix = PurePosixPath(file["name"]).suffix.lower()
    written = file["encoding"] or (suffix[1:] if suffix in SUFFIXES else "")
    return f"{file['format']} ({written})" if written else file["format"]


def _lengths(tokens: Mapping[str, int], *ranks: str) -> str:
    return " / ".join(f"{tokens[rank]:,}" for rank in ranks) if tokens else ""


def print_pairs(report: Mapping[str, Any]) -> None:
    """How many pairs there are, of what, and why there are no more."""
    rates = ", ".join(f"{key.replace('_', ' ')} {percent(report[key])}" for key in PER_CENT)
    facts = [
        f"{counted(report['pairs'], 'pair')} ({listed(report['reasons'])})",
        f"of {counted(report['problems_with_pairs'], 'problem')}",
    ]
    if report["problems"]:
        facts.append(f"{report['problems']:,} sampled {report['n']} times: {rates}")
    if report["unverified"]:
        facts.append(
            f"{counted(report['unverified'], 'pair')} unverified: an annotator's word, no rule's"
        )
    print_lines(["; ".join(facts)])
    if judge := report.get("judge"):
        print_lines([
            f"judge {judge['model'] or '(nothing asked)'}: {counted(judge['problems'], 'problem')} with "
            f"long answers; comparisons: {in_words(judge['outcomes'])}; cost {judge['cost']:g}"
        ])  # fmt: skip
    rows = []
    for side, lengths in report["lengths"].items():
        places = (
            f"of {size}: {' '.join(f'{n:,}' for n in counts[side].values())}"
            for size, counts in report["positions"].items()
            if side in counts
        )
        rows.append((side, _lengths(lengths, "min", "median", "max"), "; ".join(places)))
    print_table(("side", "tokens min / median / max", "answers at place 1, 2, …"), rows)
    if report["dropped"]:
        print_table(("no pair, or one fewer, because", "times"), report["dropped"].items())
