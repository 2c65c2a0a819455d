"""solving: what solving came to -> a line, a table in a terminal, and one HTML page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from rich.table import Table
from rich.text import Text

from koalign.evaluation.solving.report import Column, Name, SolvingReport
from koalign.evaluation.solving.voting import NoAnswer, Solution, count_solutions, figures_of
from koalign.evaluation.stats.wording import interval, p_value, percent, points
from koalign.jsonl import write_atomically, write_json
from koalign.reports.page import Part, page
from koalign.reports.views import console

TITLES: dict[Name, str] = {
    "bare_average": "bare, one answer",
    "bare": "bare at equal tokens",
    "hint_average": "hint average",
    "vote": "vote: what solve answers",
    "oracle": "oracle best (not attainable)",
    "foreign_average": "control: others' hints, average",
    "foreign_vote": "control: others' hints, vote",
}
MEANINGS: dict[Name, str] = {
    "bare_average": "mean over single answers of the policy, no hint",
    "bare": "majority of so many answers of the policy alone that they cost as many tokens",
    "hint_average": "mean over single answers with a hint",
    "vote": "majority of all answers, hinted and bare",
    "oracle": "any of these answers is right; nobody can pick it without knowing",
    "foreign_average": "the same answer adapter with hints of problems on other passages",
    "foreign_vote": "their majority, with the same bare answers",
}
HEAD = (
    "answered by", "accuracy", "95 % interval", "against bare", "p", "answers", "tokens written",
    "tokens read",
)  # fmt: skip


def print_report(report: SolvingReport) -> None:
    """The verdict, the ways to answer side by side, and what to know of them."""
    out = console()
    table = Table(*HEAD, title=f"{report.problems:,} problems")
    for column in report.columns:
        table.add_row(*_row(column), style=None if column.attainable else "dim")
    out.print(table)
    for note in report.notes:
        out.print(Text(note), soft_wrap=True)
    out.print(Text(report.sentence, style="bold"), soft_wrap=True)


def write_report(report: SolvingReport, data: Path, html: Path) -> None:
    """The report as JSON and as a page."""
    write_json(data, report.model_dump(mode="json"))
    write_atomically(html, report_page(report))


def report_page(report: SolvingReport) -> str:
    """The same as HTML, with what each row means."""
    bars = [
        (TITLES[one.name], percent(one.accuracy), round(100 * one.accuracy, 1))
        for one in report.columns
    ]
    return page(
        "Do abstractions pay for themselves?",
        [
            Part("Verdict", [(report.sentence,)]),
            Part(
                "Ways to answer",
                [(*_row(one), MEANINGS[one.name]) for one in report.columns],
                (*HEAD, "what it is"),
                f"{report.problems:,} problems; {report.without_hint:,} had no hint that could be "
                "used. Tokens are per problem, hints included; a prompt counts once.",
            ),
            Part("Accuracy", bars, bars=True, note="In per cent."),
            Part("To know", [(note,) for note in report.notes]),
        ],
    )


def _row(one: Column) -> Sequence[str]:
    against = "" if one.difference is None else points(one.difference)
    if span := interval(one.difference_low, one.difference_high, points, unknown=""):
        against += f" ({span})"
    return (
        TITLES[one.name],
        percent(one.accuracy),
        interval(one.low, one.high, unknown=""),
        against,
        p_value(one.p),
        f"{one.samples:,.3g}",
        f"{one.generated:,.1f}",
        f"{one.prompt:,.1f}",
    )


def summary(solutions: Sequence[Solution], seconds: float) -> str:
    """One line: how many problems, answers and hints, how the votes agree, and what it cost."""
    figures, counts = figures_of(solutions), count_solutions(solutions)
    why = ", ".join(f"{name} {counts[name]:,}" for name in get_args(NoAnswer) if name in counts)
    return (
        f"{counts['problems']:,} problems, {counts['answered']:,} answered"
        f"{f' ({why})' if why else ''}, {counts['with_hint']:,} with a hint; "
        f"agreement {figures['agreement']:.0%}; {figures['generated_tokens']:,.0f} tokens written a "
        f"problem (hints {figures['hints_tokens']:,.0f}, answers with them "
        f"{figures['answers_tokens']:,.0f}, bare {figures['bare_tokens']:,.0f}), "
        f"{figures['prompt_tokens']:,.0f} read; {seconds:,.0f} s"
    )
