"""reports: what a stage found, as tables in a terminal and as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from koalign.data.preparation import FoundLeak
from koalign.page import Part, bars, page
from koalign.records import Problem
from koalign.views import console

EXAMPLES = 3
"""Problems of each split shown on the page."""
LEAKS = 50
"""Leaks shown side by side; leaks.json has all of them."""


def print_dataset(report: Mapping[str, Any]) -> None:
    """What was read from where, what became of it, and how long it is."""
    out = console()
    read = Table(
        "split", "source", "read as", "rows", "problems", "rankings", "dropped", title="sources"
    )
    for source in report["sources"]:
        known = sorted({f"{f['format']} ({f['encoding'] or 'binary'})" for f in source["files"]})
        read.add_row(
            source["split"],
            escape(source["path"]),
            escape(", ".join(known)),
            *(f"{source[key]:,}" for key in ("rows", "problems", "rankings")),
            _listed(source["dropped"]),
        )
    out.print(read)
    kept = Table(
        "split",
        "problems",
        "passages",
        "choices",
        "gold positions",
        "tokens median / p99 / max",
        title="splits",
    )
    for name, split in report["splits"].items():
        tokens = split["tokens"]
        kept.add_row(
            name,
            f"{split['problems']:,}",
            f"{split['groups']:,}",
            _listed(split["choices"]),
            "; ".join(
                " ".join(f"{n:,}" for n in p.values()) for p in split["gold_positions"].values()
            ),
            f"{tokens['median']:,} / {tokens['p99']:,} / {tokens['max']:,}" if tokens else "",
        )
    out.print(kept)
    if report["dropped"]:
        lost = Table("dropped because", "rows", title="dropped")
        for reason, count in report["dropped"].items():
            lost.add_row(reason, f"{count:,}")
        out.print(lost)
    else:
        out.print("nothing was dropped")


def dataset_page(report: Mapping[str, Any], splits: Mapping[str, Sequence[Problem]]) -> str:
    """The same and more, with plots and a few problems of each split, as HTML."""
    parts = [
        Part(
            "Sources",
            [
                (
                    source["split"],
                    source["path"],
                    ", ".join(
                        sorted(
                            {
                                f"{f['format']} ({f['encoding'] or 'binary'})"
                                for f in source["files"]
                            }
                        )
                    ),
                    source["rows"],
                    source["problems"],
                    source["rankings"],
                    sum(source["dropped"].values()),
                    source["of_other_splits"],
                )
                for source in report["sources"]
            ],
            (
                "split",
                "source",
                "read as",
                "rows",
                "problems",
                "rankings",
                "dropped",
                "other splits",
            ),
            "Rows are problems, rankings and dropped rows together; files and rows of other splits beside.",
        ),
        Part(
            "Not read",
            [
                (name, why)
                for source in report["sources"]
                for name, why in source["not_read"].items()
            ],
        ),
        bars("Dropped, by reason", report["dropped"], "Each row is a line of dropped.jsonl."),
        bars("Leaks found", report["leaks"]),
    ]
    for name, split in report["splits"].items():
        if split["problems"]:
            parts += _split_parts(name, split, report["model"]["context"], splits[name])
    return page("Data", parts)


def leaks_page(found: Sequence[FoundLeak]) -> str:
    """The first leaks, what is learned from on the left and what is evaluated on the right, as HTML."""
    parts = []
    for number, leak in enumerate(found[:LEAKS], start=1):
        sides = (leak.learned, leak.evaluated)
        title = f"{number}. {leak.kind}, {leak.share:.0%} alike"
        parts.append(
            Part(
                title,
                [[_whole(side) for side in sides]],
                [f"{side.split}: {side.id} ({side.source} {side.key})" for side in sides],
                texts=True,
            )
        )
    return page(f"{len(found):,} leaks, the first {len(parts)}", parts)


def _split_parts(
    name: str, split: Mapping[str, Any], context: int, problems: Sequence[Problem]
) -> list[Part]:
    totals = ("problems", "with_answer", "with_passage", "with_rationale", "groups",
              "with_han", "answers_leaking_han")  # fmt: skip
    return [
        Part(f"{name}: totals", [(key.replace("_", " "), split[key]) for key in totals]),
        bars(f"{name}: sources", split["sources"]),
        bars(f"{name}: subjects", split["subjects"]),
        bars(f"{name}: kinds", split["kinds"]),
        bars(f"{name}: number of choices", split["choices"]),
        *(
            bars(f"{name}: position of the gold answer among {size}", places)
            for size, places in split["gold_positions"].items()
        ),
        bars(
            f"{name}: tokens of prompt and answer",
            {
                f"{bar['from']:,} to {bar['to'] - 1:,}": bar["count"]
                for bar in split["tokens_histogram"]
            },
            f"The model reads {context:,} tokens.",
        ),
        bars(f"{name}: problems with odd characters", split["oddities"]),
        Part(
            f"{name}: the first problems",
            [
                ("\n".join(filter(None, (p.passage, p.box))) or "(no passage)", _asked(p))
                for p in problems[:EXAMPLES]
            ],
            texts=True,
        ),
    ]


def _whole(problem: Problem) -> str:
    return "\n\n".join(filter(None, (problem.passage, problem.box, _asked(problem))))


def _asked(problem: Problem) -> str:
    lines = [problem.question, *(f"{n}. {c}" for n, c in enumerate(problem.choices, start=1))]
    return "\n".join([*lines, f"→ {' / '.join(problem.answers) or 'no answer'}"])


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
