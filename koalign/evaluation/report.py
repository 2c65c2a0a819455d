"""report: problems and predictions -> what one evaluation says beyond its accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from koalign.evaluation.calibration import calibrate, described, equal_mass
from koalign.evaluation.choice_bias import ByOrder, order_bias, position_bias
from koalign.evaluation.results import Prediction
from koalign.evaluation.stats.intervals import difference_interval, require_same_ids, rounded
from koalign.evaluation.stats.tables import frequencies, quantiles
from koalign.evaluation.stats.wording import interval, p_value, percent
from koalign.records import Problem

UNREAD = ("no_answer", "ambiguous", "truncated")


def report_of(
    problems: Sequence[Problem],
    predictions: Sequence[Prediction],
    orders: Mapping[str, ByOrder] | None = None,
) -> dict[str, Any]:
    """The `report` of an Evaluation, as one JSON value.

    `orders` holds, for each scored problem by id, its log-probabilities in each order
    (`choice_bias.cyclic_orders`). What is not known is an empty list or object. Needs an item; raises
    KoalignError unless each problem has its prediction.
    """
    require_same_ids([p.id for p in problems], [p.id for p in predictions])
    problem_of = {problem.id: problem for problem in problems}
    items = [problem_of[prediction.id] for prediction in predictions]
    by_size: dict[int, list[int]] = {}
    for n, problem in enumerate(items):
        by_size.setdefault(len(problem.choices), []).append(n)
    sizes = sorted((size, numbers) for size, numbers in by_size.items() if size)
    orders = orders or {}
    return {
        "calibration": calibrate(predictions),
        "positions": {
            str(size): position_bias(size, [predictions[n] for n in numbers])
            for size, numbers in sizes
        },
        "orders": {
            str(size): order_bias(
                [items[n] for n in turned],
                [predictions[n] for n in turned],
                [orders[predictions[n].id] for n in turned],
            )
            for size, numbers in sizes
            if (turned := [n for n in numbers if predictions[n].id in orders])
        },
        "lengths": _lengths(items, predictions),
        "answers": _answers(predictions),
        "hints": _hints(predictions),
    }


def findings(report: Mapping[str, Any]) -> list[str]:
    """One line for each thing that the report says: bias, orders, calibration, unread answers, hints."""
    lines = [_position_line(size, figures) for size, figures in report["positions"].items()]
    lines += [_order_line(size, figures) for size, figures in report["orders"].items()]
    lines += [_calibration_line(report["calibration"])] if report["calibration"] else []
    lines += _unread_line(report["answers"])
    lines += [_hint_line(report["hints"])] if report["hints"] else []
    return lines


def _lengths(
    problems: Sequence[Problem], predictions: Sequence[Prediction]
) -> dict[str, list[dict[str, Any]]]:
    """What items earned by quarters of their length; passages in characters, their absence by itself."""
    passages = [(len(q.passage), p) for q, p in zip(problems, predictions, strict=True)]
    present = [row for row in passages if row[0]]
    absent = [row for row in passages if not row[0]]
    return {
        "prompt_tokens": _by_length([(p.prompt_tokens, p) for p in predictions if p.prompt_tokens]),
        "passage_characters": [*_by_length(absent), *_by_length(present)] if present else [],
        "completion_tokens": _by_length(
            [
                (round(p.completion_tokens / max(1, len(p.votes))), p)
                for p in predictions
                if p.completion_tokens
            ]
        ),
    }


def _by_length(rows: Sequence[tuple[int, Prediction]]) -> list[dict[str, Any]]:
    """Quarters of (length, prediction), the shortest first."""
    figures = []
    for numbers in equal_mass([length for length, _ in rows], 4):
        lengths, members = zip(*(rows[n] for n in numbers), strict=True)
        score = described([p.earned for p in members], [p.cluster for p in members])
        figures.append({"from": min(lengths), "to": max(lengths), **score})
    return figures


def _answers(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Why items are right and wrong, and how much of what was generated could not be read."""
    figures: dict[str, Any] = {"why": frequencies(p.why for p in predictions)}
    generated = [p for p in predictions if not p.logprobs]
    if generated:
        figures["parse_fail_rate"] = round(fmean(p.why in UNREAD for p in generated), 4)
        figures["cut_off"] = round(fmean(p.why == "truncated" for p in generated), 4)
    votes = [vote for p in generated for vote in p.votes]
    if votes:
        figures["samples_without_answer"] = round(fmean(vote is None for vote in votes), 4)
    return figures


def _hints(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Accuracy of the items with a hint and of those without: other items, so no effect of hints."""
    hinted = [p for p in predictions if p.hint]
    unhinted = [p for p in predictions if not p.hint]
    if not hinted:
        return {}
    sides = {
        name: described([p.correct for p in side], [p.cluster for p in side])
        for name, side in (("with", hinted), ("without", unhinted))
        if side
    }
    figures: dict[str, Any] = {**sides, "characters": quantiles([len(p.hint) for p in hinted])}
    if unhinted:
        rights = [sum(p.correct for p in side) for side in (hinted, unhinted)]
        low, high = difference_interval(rights[0], len(hinted), rights[1], len(unhinted))
        value = rights[0] / len(hinted) - rights[1] / len(unhinted)
        figures["difference"] = {
            n: rounded(v) for n, v in (("value", value), ("low", low), ("high", high))
        }
    return figures


def _position_line(size: str, figures: Mapping[str, Any]) -> str:
    answered, expected = (
        ", ".join(f"{n:,.0f}" for n in figures[k]) for k in ("answered", "expected")
    )
    line = (
        f"answers at places 1 to {size}: {answered}; expected of a model blind to places {expected}"
    )
    if figures["p"] is not None:
        reading = (
            "uneven" if figures["p"] < 0.05 else f"no bias that {figures['n']:,} items can show"
        )
        line += f": {reading} (p {p_value(figures['p'])})"
    if figures["rstd"] is not None:
        line += f"; RStd {percent(figures['rstd'])} (95 %: "
        line += interval(figures["rstd_low"], figures["rstd_high"])
        line += f"; chance alone up to {percent(figures['rstd_by_chance'])})"
    return line


def _order_line(size: str, figures: Mapping[str, Any]) -> str:
    left = f"{figures['order_dependent']:,} must stay, {figures['one_order']:,} were not turned"
    if not figures["turned"]:
        return f"choices turned, {size} orders: no item; {left}"
    shares = ("consistency", "plain", "over_orders", "averaged")
    same, plain, over, averaged_ = (percent(figures[key]["value"]) for key in shares)
    pride = figures["pride"]
    return (
        f"choices turned, {size} orders, {figures['turned']:,} items ({left}): same answer in all {same}; "
        f"right {plain} as they stand, {over} over the orders, {averaged_} by mean probability; PriDe "
        f"{percent(pride['debiased']['value'])} of all {pride['debiased']['n']:,} against "
        f"{percent(pride['plain']['value'])} plain (p {p_value(pride['p'])}; prior "
        f"{' '.join(f'{share:.2f}' for share in figures['prior'])} of {figures['prior_items']} items)"
    )


def _calibration_line(figures: Mapping[str, Any]) -> str:
    if figures["ece"] <= figures["ece_by_chance"]:
        reading = f"nothing wrong that {figures['n']:,} items can show"
    else:
        reading = "too sure" if figures["confidence"] > figures["accuracy"] else "not sure enough"
    rights = (
        f"{percent(c['value'])} of the surest {100 * c['coverage']:.0f} %"
        for c in figures["coverage"]
    )
    return (
        f"calibration by {figures['by']}: {reading}: ECE {percent(figures['ece'])} "
        f"(95 %: {interval(figures['ece_low'], figures['ece_high'])}; chance alone up to "
        f"{percent(figures['ece_by_chance'])}), confidence {percent(figures['confidence'])}, right "
        f"{percent(figures['accuracy'])}, Brier {figures['brier']:.3f}; right {', '.join(rights)}"
    )


def _unread_line(figures: Mapping[str, Any]) -> list[str]:
    if "parse_fail_rate" not in figures:
        return []
    line = f"no answer could be read of {percent(figures['parse_fail_rate'])} of the items"
    line += f" ({percent(figures['cut_off'])} since they were cut off)"
    if "samples_without_answer" in figures:
        line += f"; of the samples {percent(figures['samples_without_answer'])}"
    return [line]


def _hint_line(figures: Mapping[str, Any]) -> str:
    sides = (
        f"{percent(of['value'])} (95 %: {interval(of['low'], of['high'])}) of {of['n']:,} {side} a hint"
        for side in ("with", "without")
        if (of := figures.get(side))
    )
    other = "; other items, so no effect of hints" if "without" in figures else ""
    return f"hints: right {', '.join(sides)}{other}; median {figures['characters']['median']} characters"
