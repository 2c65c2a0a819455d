"""solving: the solutions and the report of solving -> a line, and a table in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import get_args

from rich.text import Text

from koalign.evaluation.solving.columns import Column, Name, Shown
from koalign.evaluation.solving.report import SENTENCES, SolvingReport
from koalign.evaluation.solving.rivals import RIVALS, SubjectGain
from koalign.evaluation.solving.solutions import (
    NoAnswer,
    Solution,
    count_solutions,
    figures_of,
    overlaps_of,
    tally_of,
)
from koalign.evaluation.stats.wording import (
    hundredths,
    in_words,
    interval,
    listed,
    p_value,
    percent,
    points,
)
from koalign.grading.grade import NotAsked
from koalign.naming import counted
from koalign.reports.comparison import NO_SUBJECT, extremes
from koalign.reports.titles import ROW_TITLES
from koalign.reports.views import print_lines, print_table, with_interval

HINT_TITLES: dict[Name, str] = {
    "bare_average": "bare, one answer",
    "bare": "bare at equal tokens",
    "hint_average": "hint average",
    "vote": "vote: what solve answers",
    "oracle": "oracle best (not attainable)",
    "mismatched_average": "control: mismatched hints, average",
    "mismatched_vote": "control: mismatched hints, vote",
}
PASSAGE_TITLES: dict[Name, str] = {
    "bare_average": "bare, one answer",
    "bare": "bare at equal written tokens",
    "bare_total": "bare at equal total tokens",
    "hint_average": "with passages, one answer",
    "hint_vote": "with passages, vote",
    "vote": "vote of both: what solve answers",
    "oracle": "right with or without (not attainable)",
    "mismatched_average": "control: another's passages, average",
    "mismatched_vote": "control: another's passages, vote",
}
TITLES: dict[Shown, dict[Name, str]] = {"hints": HINT_TITLES, "passages": PASSAGE_TITLES}
HEAD = (
    "answered by", "accuracy", "95 % interval", "against bare", "p", "answers", "tokens generated",
    "tokens in prompts",
)  # fmt: skip
SUBJECT_HEAD = (
    "subject", "problems", "vote, %", *(f"points against {rival}" for rival in RIVALS.values()), "Holm",
    "passages",
)  # fmt: skip


def print_report(report: SolvingReport, of: str = "solving") -> None:
    """The ways to answer side by side, notes, and the verdict last; `of`: the row of the answers."""
    rows = []
    for column in report.columns:
        row = _row(TITLES[report.shown][column.name], column)
        rows.append(row if column.attainable else [Text(cell, "dim") for cell in row])
    problems = counted(report.problems, "problem")
    title = problems if of == "solving" else f"{ROW_TITLES[of]}: {problems}"
    print_table(HEAD, rows, title)
    if report.subjects:
        shown, caption = extremes(report.subjects)
        print_table(SUBJECT_HEAD, map(_subject_row, shown), f"{title}, by subject", caption)
    print_lines(report.notes)
    print_lines([report.sentence], "bold")


def subjects_in_words(report: SolvingReport) -> str:
    """Where passages pay: `pays 역사; not decided 법, 의학`; empty where nothing is by subject."""
    of: dict[str, list[str]] = {}
    for gain in report.subjects:
        of.setdefault(gain.verdict, []).append(gain.subject or NO_SUBJECT)
    return "; ".join(
        f"{verdict} {', '.join(of[verdict])}" for verdict in SENTENCES if verdict in of
    )


def _subject_row(gain: SubjectGain) -> tuple[str | int, ...]:
    against = {
        rival.name: with_interval(rival.difference, rival.low, rival.high, points)
        for rival in gain.rivals
    }
    differences = (against.get(name, "") for name in RIVALS)
    subject = gain.subject or NO_SUBJECT
    return subject, gain.n, hundredths(gain.vote), *differences, p_value(gain.p_holm), gain.verdict


def _row(title: str, column: Column) -> tuple[str, ...]:
    against = "" if column.difference is None else points(column.difference)
    if span := interval(column.difference_low, column.difference_high, points, unknown=""):
        against += f" ({span})"
    return (
        title,
        percent(column.accuracy),
        interval(column.low, column.high, unknown=""),
        against,
        p_value(column.p),
        f"{column.samples:,.3g}",
        f"{column.generated:,.1f}",
        f"{column.prompt:,.1f}",
    )


def summary(solutions: Sequence[Solution], seconds: float) -> str:
    """One line: problems, answers, accuracy, hints or passages, agreement of votes, tokens, seconds."""
    passages = any(hint.passages for solution in solutions for hint in solution.hints)
    queries = any(hint.query is not None for solution in solutions for hint in solution.hints)
    shown = "passages" if passages else "a hint"
    hints = "queries {:,.0f}, " if queries else "" if passages else "hints {:,.0f}, "
    written = "answers with passages" if passages else "hinted answers"
    figures, counts = figures_of(solutions), count_solutions(solutions)
    reasons = [name for kind in (NoAnswer, NotAsked) for name in get_args(kind) if name in counts]
    why = listed({name.replace("_", " "): counts[name] for name in reasons})
    accuracy, graded = "", tally_of(solutions)
    if graded.n:
        rest = {name: n for name, n in graded.not_graded.items() if name != "long"}
        aside = f"; not graded: {in_words(rest)}" if rest else ""
        share = percent(graded.right / graded.n)
        accuracy = f"accuracy {share} ({graded.right:,} of {graded.n:,}{aside}); "
    if overlaps := overlaps_of(solutions):
        accuracy += f"ROUGE-L {percent(fmean(overlaps))} (long answers: {len(overlaps):,}); "
    several = any(sum(solution.votes.values()) > 1 for solution in solutions)
    agreement = f"agreement {figures['agreement']:.0%}; " if several else ""
    return (
        f"{counted(counts['problems'], 'problem')}, {counts['answered']:,} answered"
        f"{f' ({why})' if why else ''}, {counts['with_hint']:,} with {shown}; {accuracy}"
        f"{agreement}{figures['generated_tokens']:,.0f} tokens generated "
        f"per problem ({hints.format(figures['hints_tokens'])}{written} "
        f"{figures['answers_tokens']:,.0f}, bare answers {figures['bare_tokens']:,.0f}), "
        f"{figures['prompt_tokens']:,.0f} in prompts; {seconds:,.0f} s"
    )
