"""choice_bias: answers in one or all cyclic orders -> what the place of a choice does to its answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, exp, log
from statistics import fmean
from typing import TYPE_CHECKING, Any

from koalign.data.prompting.choices import order_dependent
from koalign.data.prompting.orders import Order
from koalign.evaluation.calibration import described, distance, log_softmax
from koalign.evaluation.results import Prediction
from koalign.evaluation.stats.intervals import paired_difference, rounded
from koalign.records import Problem

if TYPE_CHECKING:
    import numpy as np

ByOrder = Mapping[Order, Sequence[float]]
"""For each order of its choices: the log-probabilities (nats) of a problem's candidates, as shown."""

SIMULATIONS = 9999
"""Draws behind a p value and the bound by chance: the smallest p is 1 / 10,000."""
PRIOR_SHARE, PRIOR_FLOOR = 0.05, 20
"""Share of the items that the prior is estimated from (PriDe, arXiv 2309.03882), and this
project's minimum: the mean of fewer than 20 softmaxes is mostly noise."""


def cyclic_orders(problem: Problem) -> list[Order]:
    """The orders of a problem in which each choice stands once at each place, first as they stand.

    A problem without choices or whose choices must stay (`order_dependent`) has only that one.
    """
    size = len(problem.choices)
    if not size or order_dependent(problem) is not None:
        return [()]
    return [(), *(tuple((n + turn) % size for n in range(size)) for turn in range(1, size))]


def position_bias(size: int, predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Whether a model prefers places: its answers at each of `size` places, recalls, RStd and a test.

    All predictions are of problems with `size` choices. Of each place, in lists of length `size`:
    `gold` and `answered` items, `expected` answers, and `recall`, the share of its gold items answered
    right. `rstd` is the standard deviation (population) of the recalls of places that are gold at all
    (Zheng et al., arXiv 2309.03882), a share of 1, with a 95 % interval.

    The null is a model as often right whose answers do not see places: right answers fall evenly on
    all items, wrong ones evenly on the other choices. `expected` is where its answers stand,
    `rstd_by_chance` the 95th percentile of its RStd, and `p` its share of simulations as far from
    `expected` (chi-square statistic). Items with several gold answers are counted in `several_gold`
    only; items without an answer in `unanswered`.
    """
    import numpy as np

    one_gold = [p for p in predictions if len(p.gold) == 1]
    numbers, places = range(len(one_gold)), [int(p.gold[0]) - 1 for p in one_gold]
    rows = np.zeros((len(one_gold), 2 * size))
    rows[numbers, places] = [p.correct for p in one_gold]
    rows[numbers, [size + place for place in places]] = 1
    right, gold = np.split(rows.sum(axis=0).astype(int), 2)
    pairs = [
        (int(p.answer) - 1, place)
        for place, p in zip(places, one_gold, strict=True)
        if p.answer is not None
    ]
    answered, of_answered = (
        np.bincount(column, minlength=size)[:size]
        for column in np.array(pairs, int).reshape(-1, 2).T
    )
    expected, p_value = _evenness(answered, of_answered, int(right.sum()))
    rstd: dict[str, float | None] = dict.fromkeys(
        ("rstd", "rstd_low", "rstd_high", "rstd_by_chance")
    )
    if (gold > 0).sum() > 1:
        rng = np.random.default_rng(0)
        drawn = rng.multivariate_hypergeometric(gold, right.sum(), size=SIMULATIONS)
        spread = (drawn[:, gold > 0] / gold[gold > 0]).std(axis=1)
        by_chance = float(np.quantile(spread, 0.95))
        rstd = distance("rstd", rows, [p.cluster for p in one_gold], _rstd, by_chance)
    return {
        "n": len(one_gold),
        "several_gold": len(predictions) - len(one_gold),
        "unanswered": len(one_gold) - len(pairs),
        "gold": gold.tolist(),
        "answered": answered.tolist(),
        "expected": [round(float(count), 1) for count in expected],
        "recall": [rounded(r / g) if g else None for r, g in zip(right, gold, strict=True)],
        **rstd,
        "p": p_value,
    }


def order_bias(
    problems: Sequence[Problem],
    predictions: Sequence[Prediction],
    scored: Sequence[ByOrder],
) -> dict[str, Any]:
    """How answers change when the choices are turned, and PriDe's answers beside the plain ones.

    `scored` has one mapping a problem, all with one number of choices: either all orders of
    `cyclic_orders` or the plain order `()` alone. Shares are of 1, with 95 % intervals.

    - Counts: `turned`; `order_dependent`, which cannot be turned; `one_order`, which were not.
    - Of the turned: `plain` accuracy; `over_orders`, its mean over orders; `consistency`, the share
      with one content answered in all orders; `averaged`, accuracy of the mean probability of each
      content.
    - `pride`, of all items (arXiv 2309.03882): the `prior` of places is estimated from `prior_items`,
      5 % with the lowest ids, answered by `averaged`; others by log-probability minus log prior;
      order-dependent ones keep their plain answer.

    Raises ValueError where an item was scored in other orders.
    """
    turned, fixed = [], []
    for number, (problem, orders) in enumerate(zip(problems, scored, strict=True)):
        wanted = cyclic_orders(problem)
        if set(orders) not in ({()}, set(wanted)):
            raise ValueError(f"problem {problem.id}: scored in {sorted(orders)}, not in {wanted}")
        if len(orders) > 1:
            turned.append(number)
        fixed.append(len(wanted) == 1)
    counts = {
        "turned": len(turned),
        "order_dependent": sum(fixed),
        "one_order": len(problems) - len(turned) - sum(fixed),
    }
    if not turned:
        return counts
    contents = {n: [_content(order, logs) for order, logs in scored[n].items()] for n in turned}
    gold = [{int(number) - 1 for number in p.gold} for p in predictions]
    plain = [_highest(orders[()]) for orders in scored]
    averages = {n: _highest(averaged(scored[n])) for n in turned}
    clusters = [p.cluster for p in predictions]
    of_turned = [clusters[n] for n in turned]
    size = max(PRIOR_FLOOR, ceil(PRIOR_SHARE * (len(problems) - sum(fixed))))
    estimated = sorted(turned, key=lambda n: problems[n].id)[:size]
    prior = prior_of([scored[n] for n in estimated])
    answers = [
        place if stays else _highest(debiased(orders[()], prior))
        for place, stays, orders in zip(plain, fixed, scored, strict=True)
    ]
    for number in estimated:
        answers[number] = averages[number]
    before, after = ([a in g for a, g in zip(s, gold, strict=True)] for s in (plain, answers))
    gain, p = paired_difference(after, before, clusters)
    return {
        **counts,
        "plain": described([plain[n] in gold[n] for n in turned], of_turned),
        "over_orders": described(
            [fmean(content in gold[n] for content in contents[n]) for n in turned], of_turned
        ),
        "consistency": described([len(set(contents[n])) == 1 for n in turned], of_turned),
        "averaged": described([averages[n] in gold[n] for n in turned], of_turned),
        "prior": [round(share, 4) for share in prior],
        "prior_items": len(estimated),
        "pride": {
            "plain": described(before, clusters),
            "debiased": described(after, clusters),
            "difference": rounded(gain.value),
            "low": rounded(gain.low),
            "high": rounded(gain.high),
            "p": rounded(p),
        },
    }


def prior_of(scored: Sequence[ByOrder]) -> list[float]:
    """The probability of each place whatever stands there (PriDe, arXiv 2309.03882); sums to 1.

    Of each item the softmax of the mean, over its orders, of the log-probability of a place; then the
    mean over items. Exact where an observed probability is prior times content, normalised, and each
    content stands equally often at each place. Needs an item.
    """
    priors = []
    for orders in scored:
        logs = [log_softmax(logprobs) for logprobs in orders.values()]
        priors.append([exp(v) for v in log_softmax([fmean(at) for at in zip(*logs, strict=True)])])
    return [fmean(at) for at in zip(*priors, strict=True)]


def debiased(logprobs: Sequence[float], prior: Sequence[float]) -> list[float]:
    """Log-probabilities of the candidates, in the order shown, with the prior of the places taken out."""
    logs = log_softmax(logprobs)
    return log_softmax([v - log(max(at, 1e-300)) for v, at in zip(logs, prior, strict=True)])


def averaged(orders: ByOrder) -> list[float]:
    """The mean probability of each choice over the orders, the choices as the problem has them."""
    sums = [0.0] * len(orders[()])
    for order, logprobs in orders.items():
        for shown, value in enumerate(log_softmax(logprobs)):
            sums[order[shown] if order else shown] += exp(value) / len(orders)
    return sums


def _content(order: Order, logprobs: Sequence[float]) -> int:
    """Which choice, as the problem has them from 0, was answered in this order."""
    shown = _highest(logprobs)
    return order[shown] if order else shown


def _highest(values: Sequence[float]) -> int:
    return max(range(len(values)), key=lambda i: values[i])


def _rstd(right_and_gold: np.ndarray) -> float:
    """The standard deviation of the recalls of the places that are gold, at least one."""
    import numpy as np

    right, gold = np.split(right_and_gold, 2)
    return float(np.std(right[gold > 0] / gold[gold > 0]))


def _evenness(
    answered: np.ndarray, gold: np.ndarray, right: int
) -> tuple[np.ndarray, float | None]:
    """Where answers that see no places stand, and how often chance strays as far from there."""
    import numpy as np

    n, size = int(gold.sum()), len(gold)
    if not n:
        return np.zeros(size), None
    elsewhere = (1 - np.eye(size)) / (size - 1)
    expected = (right * gold + (n - right) * (gold @ elsewhere)) / n
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_hypergeometric(gold, right, size=SIMULATIONS)
    for place, wrong in enumerate((gold - drawn).T.copy()):
        drawn = drawn + rng.multinomial(wrong, elsewhere[place])

    def strays(counts: np.ndarray) -> np.ndarray:
        return ((counts - expected) ** 2 / np.maximum(expected, 1e-9)).sum(axis=-1)

    as_far = int((strays(drawn) >= strays(answered) - 1e-9).sum())
    return expected, round((1 + as_far) / (1 + SIMULATIONS), 4)
