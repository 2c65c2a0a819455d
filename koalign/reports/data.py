"""data: problems, leaks and pairs -> counts, tables in a terminal and HTML pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from koalign.data.formats.files import SUFFIXES
from koalign.data.preparing.preparation import FoundLeak
from koalign.evaluation.stats.wording import hundredths, in_words, listed, percent
from koalign.mining.pairs.pairing import PlacedPair
from koalign.naming import counted
from koalign.records import Problem
from koalign.reports.charts import bars, histogram
from koalign.reports.page import Part, page, question_of, title_of
from koalign.reports.problems import kinds_in_words
from koalign.reports.views import print_lines, print_table

EXAMPLES = 3
"""Problems of each split shown on the page."""
LEAKS = 50
"""Leaks shown side by side; leaks.json has all of them."""
PAIRS = 20
"""Pairs shown side by side, one of each problem."""
PER_CENT = ("yield", "pass@1", "pass@n", "balancing_cost")
SOURCE_HEAD = ("split", "source", "read as", "rows", "problems", "rankings")


def print_dataset(report: Mapping[str, Any]) -> None:
    """What was read from where, what became of it, and how long it is."""
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
    else:
        print_lines(["nothing was dropped"])


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


def dataset_page(report: Mapping[str, Any], splits: Mapping[str, Sequence[Problem]]) -> str:
    """The same and more, with plots and a few problems of each split, as HTML."""
    parts = [
        Part(
            "Sources",
            [
                (*_source(source), sum(source["dropped"].values()), source["of_other_splits"])
                for source in report["sources"]
            ],
            (*SOURCE_HEAD, "dropped", "other splits"),
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


def leaks_page(leaks: Sequence[FoundLeak]) -> str:
    """The first leaks, what is learned from on the left and what is evaluated on the right, as HTML."""
    parts = [
        Part(
            f"{number}. {leak.kind}, {leak.share:.0%} alike",
            [[_whole(side) for side in (leak.learned, leak.evaluated)]],
            [
                f"{side.split}: {title_of(side)}, {side.source}"
                for side in (leak.learned, leak.evaluated)
            ],
            texts=True,
        )
        for number, leak in enumerate(leaks[:LEAKS], start=1)
    ]
    return page(f"{counted(len(leaks), 'leak')}, the first {len(parts)}", parts)


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


def pairs_page(
    report: Mapping[str, Any], pairs: Sequence[PlacedPair], problems: Mapping[str, Problem]
) -> str:
    """The same and more, with plots and a few pairs side by side, as HTML."""
    totals = (
        "n",
        "problems",
        "samples",
        "in_one_order",
        "pairs",
        "problems_with_pairs",
        "unverified",
    )
    lengths, judged = report["lengths"], list[Part]()
    if judge := report.get("judge"):
        judged.append(
            bars(
                f"Comparisons by the judge {judge['model']}",
                judge["outcomes"],
                "first, second: the better of two samples, the same in both orders.",
            )
        )
    first: dict[str, PlacedPair] = {}
    for placed in pairs:
        first.setdefault(placed.pair.problem_id, placed)
    shown = [(placed.pair, placed.lengths) for placed in first.values()]
    return page(
        "Pairs",
        [
            Part(
                "Totals",
                [
                    *((f"{key.replace('_', ' ')}, %", hundredths(report[key])) for key in PER_CENT),
                    *((key.replace("_", " "), report[key]) for key in totals),
                ],
                note="yield: share of the sampled problems that give a pair. Problems sampled in one "
                "order only are tested against random guesses. Unverified: ranked by an annotator alone. "
                "Balancing cost: share of the pairs dropped to balance lengths and chosen places.",
            ),
            bars(
                "Pass rates of the problems",
                report["pass_rates"],
                "Share of right samples; pairs come from between never and always.",
            ),
            bars("What the problems gave", report["uses"], "Each is a line of items.jsonl."),
            bars("What the grader said of the samples", report["verdicts"]),
            *judged,
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
            *(
                Part(
                    f"{number}. {title_of(problems[pair.problem_id])}: {pair.reason}",
                    [(pair.prompt, pair.chosen.text, pair.rejected.text)],
                    ("prompt", f"chosen, {chosen:,} tokens", f"rejected, {rejected:,} tokens"),
                    texts=True,
                )
                for number, (pair, (chosen, rejected)) in enumerate(shown[:PAIRS], start=1)
            ),
        ],
    )


def _split_parts(
    name: str, split: Mapping[str, Any], context: int, problems: Sequence[Problem]
) -> list[Part]:
    totals = ("problems", "with_answer", "with_passage", "with_rationale", "groups",
              "with_han", "answers_leaking_han")  # fmt: skip
    return [
        Part(f"{name}: totals", [(key.replace("_", " "), split[key]) for key in totals]),
        *(bars(f"{name}: {key}", split[key]) for key in ("sources", "subjects", "kinds")),
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
    return f"{question_of(problem)}\n→ {' / '.join(problem.answers) or 'no answer'}"
