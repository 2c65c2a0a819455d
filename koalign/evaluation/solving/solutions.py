"""solutions: rows and attempts -> one line for each row: its answer, or why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, get_args

from koalign.data.formats.format import source_in_yaml
from koalign.data.formats.sources import guess_of, read_source
from koalign.evaluation.solving.voting import (
    CUT,
    Attempt,
    ShownHint,
    Spent,
    answers_of,
    count_votes,
    read_verdict,
    sameness,
    spent,
    vote_of,
)
from koalign.evaluation.stats.tables import frequencies
from koalign.grading.grade import FinishReason, GradeLine, NotAsked, Tally, regrade, tally
from koalign.grading.overlap import rouge_l
from koalign.jsonl import iter_json_lines, parse_record
from koalign.records import Drop, KoalignError, Problem, Ranking, Record

NoAnswer = Literal["no_answer", "ambiguous", "truncated"]


class Solution(Record):
    """One line of what `koalign solve` writes: one for each row, in the order of the rows."""

    id: str
    """Id of the problem; empty: the row is none."""
    key: str = ""
    """What its source calls it."""
    hints: tuple[ShownHint, ...] = ()
    votes: dict[str, int]
    """Answer -> samples that gave it; samples without an extracted answer do not vote."""
    agreement: float | None
    """Share of the votes for the answer; None: no sample votes."""
    answer: str | None
    """Of a choice problem the number of the choice; None: `why` says why."""
    abstraction: str
    """The hint in the prompt of `text`; empty: none."""
    text: str
    """The likeliest completion that gives the answer, whole."""
    tokens: Spent
    why: NoAnswer | NotAsked | None
    """Why there is no answer."""
    detail: str = ""
    """Of a row that was not asked: the place, and what was found there."""
    problem: Problem | None = None
    """The problem of the row, with its gold answers; None: the row is none."""

    @property
    def asked(self) -> bool:
        """Whether the model was asked."""
        return self.why not in get_args(NotAsked)

    @property
    def grade_line(self) -> GradeLine:
        """Problem and text, as `koalign grade` reads them."""
        finish: FinishReason = "length" if self.why == "truncated" else "stop"
        return GradeLine(
            problem=self.problem,
            text=self.text,
            finish_reason=finish,
            key=self.key,
            asked=self.asked,
            detail=self.detail,
        )


def solve_by_vote(problem: Problem, attempt: Attempt) -> Solution:
    """The majority answer of all samples, hinted or bare, each with one vote."""
    answers = answers_of(attempt)
    ballots, elected = vote_of(problem, [answer for _, answer in answers])
    votes = count_votes(ballots, same := sameness(problem))
    agreement = None
    if elected.answer is not None:
        agreement = round(votes[same(elected.answer)] / votes.total(), 4)
    hint, chosen = answers[elected.place]
    why = read_verdict(problem, chosen.text, chosen.finish_reason).why
    return Solution(
        id=problem.id,
        key=problem.key,
        hints=tuple(
            ShownHint(text=hint.text, use=hint.use, passages=hint.passages, query=hint.query)
            for hint in attempt.hints
        ),
        votes=frequencies(votes.elements()),
        agreement=agreement,
        answer=elected.answer,
        abstraction=hint,
        text=chosen.text,
        tokens=spent(attempt),
        why=why if why in get_args(NoAnswer) else None,
        problem=problem,
    )


def not_asked(row: Problem | Drop, detail: str = "") -> Solution:
    """The line of a row that is no problem, or of a problem that cannot be asked."""
    problem = None if isinstance(row, Drop) else row
    if isinstance(row, Drop):
        detail = _detail(row)
    return Solution(
        id=problem.id if problem else "",
        key=row.key,
        votes={},
        agreement=None,
        answer=None,
        abstraction="",
        text="",
        tokens=Spent(prompt=0, hints=0, answers=0, bare=0),
        why="not_asked" if problem else "unreadable",
        detail=detail,
        problem=problem,
    )


def _detail(row: Drop) -> str:
    return f"{row.place}: {row.reason}: {row.detail}"


def solutions_of(
    rows: Iterable[Problem | Drop], attempts: Mapping[str, Attempt], refused: Mapping[str, str]
) -> Iterator[Solution]:
    """The solution of each row, up to the first that was not attempted so far.

    Rows of one problem share its attempt. `refused`: problem id -> why it cannot be asked.
    """
    for row in rows:
        if isinstance(row, Drop):
            yield not_asked(row)
        elif row.id in refused:
            yield not_asked(row, refused[row.id])
        elif row.id in attempts:
            yield solve_by_vote(row, attempts[row.id])
        else:
            return


def read_grade_lines(path: str, **options: Any) -> list[GradeLine]:
    """The lines of a file to grade, those of `koalign solve` too, or the rows of a table.

    `options`: those of `read_source`. Raises KoalignError where no column holds the completions.
    """
    if not path.endswith(".jsonl") or any(value is not None for value in options.values()):
        return _of_table(path, options)
    return [
        parse_record(Solution, value, f"{path}:{number}").grade_line
        if isinstance(value, dict) and "votes" in value
        else parse_record(GradeLine, value, f"{path}:{number}")
        for number, value in iter_json_lines(Path(path))
    ]


def _of_table(path: str, options: Mapping[str, Any]) -> list[GradeLine]:
    reading = read_source(path, "test", **options)
    if len(reading.texts) != reading.rows:
        columns = options.get("columns") or next(iter(reading.columns.values()), None)
        if columns is None:  # of a known format
            guessed = guess_of(path, options.get("sheet"))
            columns = guessed.completed if guessed else {"question": "?"}
        source = {**options, "columns": {**columns, "text": columns.get("text", "?")}}
        raise KoalignError(
            f"{path}: no column holds the completions to grade; name it as `text`: "
            + source_in_yaml(path, **source)
        )
    lines = []
    for row, text in zip(reading.records, reading.texts, strict=True):
        if isinstance(row, Problem):
            lines.append(GradeLine(problem=row, text=text))
        elif isinstance(row, Ranking):
            lines.append(GradeLine(problem=None, text=text, detail="a ranking, and no problem"))
        else:
            lines.append(GradeLine(problem=None, text=text, key=row.key, detail=_detail(row)))
    return lines


def tally_of(solutions: Sequence[Solution]) -> Tally:
    """How many are right, as `koalign grade` counts them."""
    lines = [solution.grade_line for solution in solutions]
    return tally(lines, list(regrade(lines)))


def overlaps_of(solutions: Sequence[Solution]) -> list[float]:
    """The ROUGE-L of each long answer that has a gold one; 0 where there is no answer."""
    return [
        max(rouge_l(solution.answer or "", gold) for gold in solution.problem.answers)
        for solution in solutions
        if solution.problem and solution.problem.answers and solution.problem.kind == "long"
    ]


def count_solutions(solutions: Sequence[Solution]) -> dict[str, int]:
    """Rows that were answered, reasons why others were not, and uses of the hints."""
    uses = Counter(hint.use for solution in solutions for hint in solution.hints)
    why = Counter(solution.why for solution in solutions if solution.why)
    return {
        "problems": len(solutions),
        "answered": sum(solution.answer is not None for solution in solutions),
        "with_hint": sum(any(hint.use == "used" for hint in s.hints) for s in solutions),
        **dict(sorted(why.items())),
        **{f"hints_{use}": count for use, count in sorted(uses.items())},
    }


def cut_hints(solutions: Sequence[Solution]) -> str:
    """What hints that were cut off cost, and what to do; empty for few."""
    uses = Counter(hint.use for solution in solutions for hint in solution.hints)
    if uses["unfinished"] < CUT * uses.total() or not uses["unfinished"]:
        return ""
    return (
        f"{uses['unfinished']:,} of {uses.total():,} hints were cut off at solve.max_tokens: their tokens "
        "are spent, no answer is given with them, and as many answers have no hint. Raise "
        "solve.max_tokens, or train on shorter hints (hints.max_characters)"
    )


def figures_of(solutions: Sequence[Solution]) -> dict[str, float]:
    """Means over the asked problems: agreement of the votes (0 to 1) and tokens by kind."""
    agreements = [s.agreement for s in solutions if s.agreement is not None]
    return {
        "agreement": round(fmean(agreements), 4) if agreements else 0.0,
        **{
            f"{name}_tokens": round(fmean(getattr(s.tokens, name) for s in solutions if s.asked), 2)
            for name in ("generated", "hints", "answers", "bare", "prompt")
        },
    }
