"""exam: problems as a printed paper: the passage once, its questions beneath, the model's answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from koalign.data.preparing.preparation import SPLITS
from koalign.serving.board.lines import Lines, Row
from koalign.serving.board.quoting import Quoting
from koalign.serving.board.runs import Run
from koalign.serving.board.site import NotThere, Reply, View

OUTCOMES = ("right", "wrong", "unread")
UNREAD = ("no_answer", "ambiguous", "truncated")
TEXTS = ("question", "passage", "box", "rationale", "key", "text", "hint")


class Question(NamedTuple):
    """A problem with its number in the list, and what was answered."""

    number: int
    problem: Row
    prediction: Row | None
    outcome: str


class Group(NamedTuple):
    """Questions on one passage."""

    passage: str
    questions: list[Question]


def exam(view: View, slug: str) -> Reply:
    """A split of a run as a paper; `of`: whose answers stand on it; `only`, `subject`: which questions."""
    run = view.run(slug)
    splits = splits_of(run)
    split = view.value("split", splits, splits[-1] if splits else "test")
    lines = view.site.lines(run.path / "prepare" / f"{split}.jsonl")
    systems = run.evaluations if split == "test" else []
    of = view.value("of", systems, run.last_step if systems else "")
    answers = view.site.lines(predictions_of(run, of)) if of else None
    subjects, codes = lines.field("subject")
    subject = view.value("subject", subjects)
    only = view.value("only", OUTCOMES) if answers else ""
    mask = None
    if subject:
        mask = codes == subjects.index(subject)
    if only and answers:
        right = _with_outcome(lines, answers, only)
        mask = right if mask is None else mask & right
    pager, rows = view.picked(lines, mask)
    hidden, quoting = view.hides(run, split), view.quoting(run, of)
    paper = view.query.get("paper") == "1"
    questions = [_question(n, row, answers, hidden, quoting) for n, row in rows]
    tally = _tally(answers) if answers else {}
    context = {
        "run": run,
        "tab": "exam",
        "split": split,
        "splits": splits,
        "systems": systems,
        "of": of,
    }
    context |= {"groups": grouped(questions), "pager": pager, "only": only, "outcomes": OUTCOMES}
    context |= {"subjects": sorted(filter(None, subjects)), "subject": subject, "paper": paper}
    withheld = quoting is not None and quoting.withholds
    return Reply("exam.html", {**context, "hidden": hidden, "withheld": withheld, "tally": tally})


def splits_of(run: Run) -> list[str]:
    """The splits of a run that have problems; test is the last."""
    files = {name: run.path / "prepare" / f"{name}.jsonl" for name in SPLITS}
    return [name for name, file in files.items() if file.is_file() and file.stat().st_size]


def predictions_of(run: Run, system: str) -> Path:
    """The predictions of a system of the run's evaluation."""
    return run.path / "evaluate" / system / "predictions.jsonl"


def outcome(prediction: Row) -> str:
    """right, wrong, or unread: no answer could be read."""
    if prediction.get("correct"):
        return "right"
    return "unread" if prediction.get("why") in UNREAD else "wrong"


def without_texts(row: Row) -> Row:
    """The same without what a source may not let out of the house: ids and verdicts stay."""
    cut: dict[str, Any] = {key: "" if key in TEXTS else value for key, value in row.items()}
    return cut | {key: () for key in ("choices", "answers", "gold") if key in cut}


def grouped(questions: Sequence[Question]) -> list[Group]:
    """Neighbours with one passage together."""
    groups: list[Group] = []
    for question in questions:
        passage = str(question.problem.get("passage", ""))
        if groups and passage and groups[-1].passage == passage:
            groups[-1].questions.append(question)
        else:
            groups.append(Group(passage, [question]))
    return groups


def prediction_for(answers: Lines, number: int, name: str) -> Row | None:
    """The prediction for a problem: on the same line in most files, else by its id."""
    for at in (number, answers.number_of(name)):
        if at is not None and 0 <= at < len(answers):
            (row,) = answers.rows(at, at + 1)
            if str(row.get("id", "")).partition("#")[0] == name:
                return row
    return None


def _question(
    number: int, row: Row, answers: Lines | None, hidden: bool, quoting: Quoting | None
) -> Question:
    """`quoting`: what is left out of the passages that the answer read."""
    found = prediction_for(answers, number, str(row.get("id"))) if answers else None
    verdict = outcome(found) if found else ""
    if hidden:
        row, found = without_texts(row), without_texts(found) if found else None
    elif quoting and found:
        hint = str(found.get("hint", ""))
        found = found | quoting.passed_on(hint, str(found.get("text", "")))
    return Question(number + 1, row, found, verdict)


def _with_outcome(lines: Lines, answers: Lines, only: str) -> np.ndarray:
    labels, codes = answers.facet("outcome", outcome)
    wanted = codes == (labels.index(only) if only in labels else -1)
    mask = np.zeros(len(lines), bool)
    names, places = answers.facet("problem", lambda row: str(row.get("id", "")).partition("#")[0])
    for place in np.unique(places[wanted]).tolist():
        number = lines.number_of(names[place])
        if number is not None:
            mask[number] = True
    return mask


def _tally(answers: Lines) -> dict[str, int]:
    labels, codes = answers.facet("outcome", outcome)
    counts = np.bincount(codes, minlength=len(labels)) if len(answers) else []
    return {label: int(count) for label, count in zip(labels, counts, strict=False)}


def problem_at(view: View, run: Run, split: str, name: str) -> Row | None:
    """A problem of a split by its id."""
    try:
        lines = view.site.lines(run.path / "prepare" / f"{split}.jsonl")
    except NotThere:
        return None
    number = lines.number_of(name.partition("#")[0])
    return None if number is None else lines.rows(number, number + 1)[0]
