"""data: what a stage found, as tables in a terminal and as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from koalign.data.preparing.preparation import FoundLeak
from koalign.evaluation.stats.wording import hundredths, percent
from koalign.mining.pairs.pairing import PlacedPair
from koalign.records import Problem
from koalign.reports.charts import bars, histogram
from koalign.reports.page import Part, page
from koalign.reports.views import console

EXAMPLES = 3
"""Problems of each split shown on the page."""
LEAKS = 50
"""Leaks shown side by side; leaks.json has all of them."""
PAIRS = 20
"""Pairs shown side by side."""
PER_CENT = ("yield", "pass@1", "pass@n")


def print_dataset(report: Mapping[str, Any]) -> None:
    """What was read from where, what became of it, and how long it is."""
    out = console()
    columns = "split", "source", "read as", "rows", "problems", "rankings", "dropped"
    read = Table(*columns, title="sources")
    for source in report["sources"]:
        read.add_row(
            source["split"],
            escape(source["path"]),
            escape(_read_as(source)),
            *(f"{source[key]:,}" for key in ("rows", "problems", "rankings")),
            _listed(source["dropped"]),
        )
    out.print(read)
    head = "split", "problems", "passages", "choices", "gold positions", "tokens median / p99 / max"
    kept = Table(*head, title="splits")
    for name, split in report["splits"].items():
        tokens = split["tokens"]
        kept.add_row(
            name,
            f"{split['problems']:,}",
            f"{split['groups']:,}",
            _listed(split["choices"]),
            "; ".join(
                " ".join(map("{:,}".format, p.values())) for p in split["gold_positions"].values()
            ),
            f"{tokens['median']:,} / {tokens['p99']:,} / {tokens['max']:,}" if tokens else "",
        )
    out.print(kept)
    out.print(_counts("dropped because", "rows", report["dropped"]) or "nothing was dropped")


def _counts(what: str, unit: str, counts: Mapping[str, int]) -> Table | None:
    table = Table(what, unit)
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    return table if counts else None


def dataset_page(report: Mapping[str, Any], splits: Mapping[str, Sequence[Problem]]) -> str:
    """The same and more, with plots and a few problems of each split, as HTML."""
    parts = [
        Part(
            "Sources",
            [
                (
                    *(source["split"], source["path"], _read_as(source)),
                    *(source["rows"], source["problems"], source["rankings"]),
                    *(sum(source["dropped"].values()), source["of_other_splits"]),
                )
                for source in report["sources"]
            ],
            [
                "split",
                "source",
                "read as",
                "rows",
                "problems",
                "rankings",
                "dropped",
                "other splits",
            ],
            "Rows are problems, rankings and dropped rows together; files and rows of other splits beside.",
        ),
        Part(
            "Not read",
            [pair for source in report["sources"] for pair in source["not_read"].items()],
        ),
        bars("Dropped, by reason", report["dropped"], "Each row is a line of dropped.jsonl."),
        bars("Leaks found", report["leaks"]),
    ]
    for name, split in report["splits"].items():
        if split["problems"]:
            parts += _split_parts(name, split, report["model"]["context"], splits[name])
    return page("Data", parts)


def _read_as(source: Mapping[str, Any]) -> str:
    """The formats and encodings of the files of a source."""
    read = {f"{file['format']} ({file['encoding'] or 'binary'})" for file in source["files"]}
    return ", ".join(sorted(read))


def leaks_page(leaks: Sequence[FoundLeak]) -> str:
    """The first leaks, what is learned from on the left and what is evaluated on the right, as HTML."""
    parts = []
    for number, leak in enumerate(leaks[:LEAKS], start=1):
        sides = (leak.learned, leak.evaluated)
        title = f"{number}. {leak.kind}, {leak.share:.0%} alike"
        parts.append(
            Part(
                title,
                [[_whole(side) for side in sides]],
                [f"{side.split}: {side.id} ({side.source} {side.key[:40]})" for side in sides],
                texts=True,
            )
        )
    return page(f"{len(leaks):,} leaks, the first {len(parts)}", parts)


def print_pairs(report: Mapping[str, Any]) -> None:
    """How many pairs there are, of what, and why there are no more."""
    out = console()
    facts = [f"{report['pairs']:,} pairs ({_listed(report['reasons'])})"]
    facts.append(f"of {report['problems_with_pairs']:,} problems")
    rates = ", ".join(f"{key} {percent(report[key])}" for key in PER_CENT)
    facts.append(f"{report['problems']:,} sampled {report['n']} times: {rates}")
    if report["unverified"]:
        facts.append(f"{report['unverified']:,} pairs unverified: an annotator's word, no rule's")
    out.print("; ".join(facts), highlight=False)
    sides = Table("side", "tokens min / median / max", "answers at place 1, 2, …")
    for side, lengths in report["lengths"].items():
        places = (
            f"of {size}: {' '.join(f'{n:,}' for n in counts[side].values())}"
            for size, counts in report["positions"].items()
            if side in counts
        )
        shown = " / ".join(f"{lengths[key]:,}" for key in ("min", "median", "max"))
        sides.add_row(side, shown, "; ".join(places))
    out.print(sides)
    if lost := _counts("no pair, or one fewer, because", "times", report["dropped"]):
        out.print(lost)


def pairs_page(report: Mapping[str, Any], pairs: Sequence[PlacedPair]) -> str:
    """The same and more, with plots and a few pairs side by side, as HTML."""
    totals = [
        "n",
        "problems",
        "samples",
        "in_one_order",
        "pairs",
        "problems_with_pairs",
        "unverified",
    ]
    lengths = report["lengths"]
    return page(
        "Pairs",
        [
            Part(
                "Totals",
                [
                    *((f"{key}, %", hundredths(report[key])) for key in PER_CENT),
                    *((key.replace("_", " "), report[key]) for key in totals),
                ],
                note="yield: share of the sampled problems that give a pair. Problems sampled in one "
                "order only are not checked for consistency. Unverified: ranked by an annotator alone.",
            ),
            bars(
                "Pass rates of the problems",
                report["pass_rates"],
                "Share of right samples; pairs come from between never and always.",
            ),
            bars("What the problems gave", report["uses"], "Each is a line of items.jsonl."),
            bars("What the grader said of the samples", report["verdicts"]),
            bars("Dropped, by reason", report["dropped"], "Each is a line of dropped.jsonl."),
            bars("Why the rejected side was taken", report["reasons"]),
            Part(
                "Lengths in tokens",
                [(side, *lengths[side].values()) for side in lengths],
                ("", *lengths["chosen"]),
                "The difference is chosen minus rejected; the chosen side is longer in "
                f"{report['longer']['chosen']:,} pairs, the rejected in {report['longer']['rejected']:,}.",
            ),
            Part(
                "Length-normalised CHES of the pairs before any was dropped",
                [list(report["ches"].values())] if report["ches"] else [],
                list(report["ches"]),
                "The highest are two sides that are nearly one inside the policy.",
            ),
            *(histogram(f"Tokens: {side}", report["histograms"][side]) for side in lengths),
            *(
                Part(
                    f"Places of the answers among {size}",
                    [
                        (place, side, sides[side][place])
                        for place in sides["chosen"]
                        for side in sides
                    ],
                    bars=True,
                )
                for size, sides in report["positions"].items()
            ),
            *(_side_by_side(n, one) for n, one in enumerate(_some(pairs), start=1)),
        ],
    )


def _some(pairs: Sequence[PlacedPair]) -> list[PlacedPair]:
    """One pair of each of the first problems, which stand in the order of their hashes."""
    first: dict[str, PlacedPair] = {}
    for one in pairs:
        first.setdefault(one.pair.problem_id, one)
    return list(first.values())[:PAIRS]


def _side_by_side(number: int, one: PlacedPair) -> Part:
    pair, (chosen, rejected) = one.pair, one.lengths
    return Part(
        f"{number}. {pair.problem_id}: {pair.reason}",
        [(pair.prompt, pair.chosen.text, pair.rejected.text)],
        ("prompt", f"chosen, {chosen:,} tokens", f"rejected, {rejected:,} tokens"),
        texts=True,
    )


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
        histogram(
            f"{name}: tokens of prompt and answer",
            split["tokens_histogram"],
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
