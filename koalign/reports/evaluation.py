"""evaluation: one evaluation -> lines to paste into a report, and CSV for spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from koalign.evaluation.calibration import confidence
from koalign.evaluation.report import findings
from koalign.evaluation.results import RESULTS, Evaluation, Prediction
from koalign.evaluation.stats.wording import interval, listed, percent
from koalign.naming import counted
from koalign.reports.spreadsheet import write_sheet
from koalign.reports.views import print_lines, print_table

SUBJECTS = 15
SUREST = 3
"""Surest wrong answers: where a model is sure and wrong, the gold answer is worth a look."""

Entry = Mapping[str, Any]


def print_evaluation(evaluation: Evaluation, predictions: Sequence[Prediction]) -> None:
    """What was asked of what, how well it did, its worst subjects, and how far to trust the figure."""
    print_lines([_headline(evaluation), *(f"{name}: {text}" for name, text in _facts(evaluation))])
    ranked = _worst_first(evaluation)
    if ranked:
        head = "worst first", "items", evaluation.metric, "95 % interval"
        print_table(head, _ranked_rows(evaluation, ranked[:SUBJECTS]))
    if len(ranked) > SUBJECTS:
        print_lines([f"… {len(ranked) - SUBJECTS} more in {RESULTS}"])
    print_lines(findings(evaluation.report))
    surest = (
        f"{p.name} (answered {p.answer}, gold {' / '.join(p.gold)}, sure {sure:.0%})"
        for sure, p in _surest(predictions)[:SUREST]
    )
    if line := ", ".join(surest):
        print_lines([f"surest wrong answers: {line}"])
    print_lines(f"note: {note}" for note in evaluation.notes)


def write_csv(path: Path, predictions: Sequence[Prediction]) -> None:
    """One row an item, for spreadsheets: UTF-8 with its mark, and no cell that acts as a formula."""
    candidates = max((len(p.logprobs) for p in predictions), default=0)
    metrics = list(dict.fromkeys(name for p in predictions for name in p.scores))
    head = ["id", "key", "question", "subject", "passage", "answer", "gold", "correct", "why",
            *metrics, "confidence", *(f"logprob_{n}" for n in range(1, candidates + 1)),
            "votes", "hint", "text", "prompt_tokens", "completion_tokens"]  # fmt: skip
    rows = (
        [
            *(p.id, p.key, p.question, p.subject, p.passage),
            *(p.answer, " | ".join(p.gold), p.correct, p.why),
            *(p.scores.get(name) for name in metrics),
            confidence(p),
            *(p.logprobs[n] if n < len(p.logprobs) else None for n in range(candidates)),
            *(" | ".join(vote or "none" for vote in p.votes), p.hint, p.text),
            *(p.prompt_tokens, p.completion_tokens),
        ]
        for p in predictions
    )
    write_sheet(path, [head, *rows])


def write_results_csv(path: Path, evaluation: Evaluation) -> None:
    """One row for the whole, each group and each subject, with every metric of results.json."""
    metrics = list(dict.fromkeys(key for e in evaluation.results.values() for key in e))
    rows = [[name, *map(entry.get, metrics)] for name, entry in evaluation.results.items()]
    write_sheet(path, [["name", *metrics], *rows])


def _headline(evaluation: Evaluation) -> str:
    whole = next(iter(evaluation.results.values()))
    value, interval = _with_interval(whole, evaluation.metric)
    part = f"{evaluation.n:,} of " if evaluation.of > evaluation.n else ""
    return (
        f"{evaluation.protocol}: {evaluation.metric} {value} (95 %: {interval}), "
        f"{part}{counted(evaluation.of, 'item')}, {evaluation.average} average"
    )


def _facts(evaluation: Evaluation) -> list[tuple[str, str]]:
    drawn = f", {evaluation.samples} samples voting" if evaluation.samples > 1 else ""
    how = "candidates scored" if evaluation.mode == "choice" else f"answers generated{drawn}"
    seconds = ", ".join(f"{name} {value:,.1f}" for name, value in evaluation.seconds.items())
    tokens = listed(evaluation.tokens) or "not counted"
    return [
        ("model", f"{evaluation.model} ({evaluation.weight_hash}), {evaluation.dtype}"),
        ("adapters", evaluation.adapters),
        (
            "prompt",
            f"{evaluation.template} ({evaluation.template_hash}), {evaluation.shots} shots, {how}",
        ),
        ("data", ", ".join(f"{path} ({digest})" for path, digest in evaluation.data.items())),
        (
            "made by",
            f"koalign {evaluation.koalign}, {evaluation.engine}, seed {evaluation.seed}; seconds: "
            f"{seconds}; tokens: {tokens}",
        ),
    ]


def _worst_first(evaluation: Evaluation) -> list[tuple[str, Entry]]:
    """The groups and subjects; what has no figure stands last."""
    (_, *parts) = evaluation.results.items()
    values = {name: entry.get(evaluation.metric) for name, entry in parts}
    return sorted(parts, key=lambda part: (values[part[0]] is None, values[part[0]] or 0.0))


def _ranked_rows(
    evaluation: Evaluation, ranked: Sequence[tuple[str, Entry]]
) -> list[tuple[str | int, ...]]:
    metric = evaluation.metric
    return [(name, entry["n"], *_with_interval(entry, metric)) for name, entry in ranked]


def _with_interval(entry: Entry, metric: str) -> tuple[str, str]:
    value, low, high = (entry.get(metric + end) for end in ("", "_low", "_high"))
    if value is None:
        return "none", ""
    shown = "{:.1f}".format if metric == "points" else percent
    return shown(value), interval(low, high, shown)


def _surest(predictions: Sequence[Prediction]) -> list[tuple[float, Prediction]]:
    wrong = ((confidence(p), p) for p in predictions if not p.correct)
    known = [(sure, p) for sure, p in wrong if sure is not None]
    return sorted(known, key=lambda pair: (-pair[0], pair[1].id))
