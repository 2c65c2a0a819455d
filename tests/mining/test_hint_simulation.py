"""A simulated solver before the real screens: useless hints stop there, useful ones pass, leaks never."""

import random
from math import comb
from statistics import fmean

import numpy as np
import pytest
from support.problems import exam

from koalign.config.sections import Hints
from koalign.mining.hints.static_screen import static_refusal
from koalign.mining.hints.uplift_screens import (
    PER_PROBLEM,
    SCREENS,
    best_hints,
    refusals,
    samples_for,
)
from koalign.records import Abstraction, Count

SECTION = Hints()
HALF = Hints(n=8, bare_n=16, replication_n=32)
RATES = (0.1, 0.25, 0.4, 0.5, 0.6)
PER_RATE = 4
"""Hints of a simulated problem, which share its bare counts."""


def judged(screen: str, counts: list[dict[str, Count]], section: Hints) -> list[str | None]:
    return refusals(
        screen,
        counts,
        n=section.n,
        z=section.z,
        false_discovery_rate=section.false_discovery_rate,
    )


def screened(
    bare: np.ndarray,
    hinted: np.ndarray,
    rng: np.random.Generator,
    section: Hints,
    told: float = 0.25,
) -> list[str | None]:
    """The verdicts of the stage's own functions on hints with these rates of right answers.

    PER_RATE neighbours are hints of one problem. `told`: the rate with the hint when the question is hidden.
    """
    rates = {
        "bare": bare, "hinted": hinted, "replication_bare": bare, "replication": hinted,
        "hidden_bare": np.full_like(bare, 0.25), "hidden_hinted": np.full_like(bare, told),
    }  # fmt: skip
    counts: list[dict[str, Count]] = [{} for _ in bare]
    verdicts: list[str | None] = [None] * len(bare)
    passed = list(range(len(bare)))
    for screen, kinds in SCREENS.items():
        for kind in kinds:
            n = samples_for(kind, section.n, section.bare_n, section.replication_n)
            right = rng.binomial(n, rates[kind])
            for hint in passed:
                drawn = hint - hint % PER_RATE if kind in PER_PROBLEM else hint
                counts[hint][kind] = Count(right=int(right[drawn]), n=n)
        reasons = judged(screen, [counts[hint] for hint in passed], section)
        for hint, reason in zip(passed, reasons, strict=True):
            verdicts[hint] = reason
        passed = [hint for hint in passed if verdicts[hint] is None]
    return verdicts


def simulated(uplift: float, useful: float, section: Hints, runs: int = 20) -> tuple[float, float]:
    """Over runs of 300 problems, `useful` of whose hints add `uplift`: the mean share of useless ones
    among the kept, and the share of the useful ones that is kept."""
    rng = np.random.default_rng(0)
    wrong, power = [], []
    for _ in range(runs):
        bare = rng.choice(RATES, 300).repeat(PER_RATE)
        helps = rng.random(len(bare)) < useful
        hinted = np.minimum(bare + uplift * helps, 1)
        verdicts = screened(bare, hinted, rng, section)
        kept = np.array([verdict is None for verdict in verdicts])
        wrong.append((kept & ~helps).sum() / max(1, kept.sum()))
        power.append((kept & helps).sum() / max(1, helps.sum()))
    return fmean(wrong), fmean(power)


@pytest.mark.parametrize(
    ("section", "uplift", "power"), [(SECTION, 0.2, 0.50), (SECTION, 0.3, 0.80), (HALF, 0.3, 0.50)]
)
def test_where_four_hints_in_five_are_useless_one_kept_in_ten_is_at_most(section, uplift, power):
    useless, kept = simulated(uplift, 0.2, section)
    assert useless <= 0.10 and kept >= power


def test_where_every_hint_is_useless_nine_runs_in_ten_keep_none():
    useless, _ = simulated(0, 0, SECTION)
    assert useless <= 0.15


def test_a_harmful_hint_is_never_kept():
    rng = np.random.default_rng(0)
    bare = rng.choice(RATES, 300).repeat(PER_RATE)
    helps = np.arange(len(bare)) % 5 == 0
    verdicts = screened(bare, np.where(helps, bare + 0.3, np.maximum(bare - 0.15, 0)), rng, SECTION)
    assert not [v for v, useful in zip(verdicts, helps, strict=True) if v is None and not useful]


def test_of_200_hints_that_tell_the_answer_with_the_question_hidden_none_passes():
    rng = np.random.default_rng(0)
    bare = rng.choice(RATES[:4], 100)
    verdicts = [v for told in (0.9, 1.0) for v in screened(bare, bare + 0.4, rng, SECTION, told)]
    assert verdicts.count(None) == 0 and verdicts.count("tells_the_answer_alone") > 150


def test_of_200_hints_that_say_the_answer_in_words_none_passes():
    carriers = (
        "답은 {}이다.", "지문에 따르면 {}", "'{}'을 고르면 된다.", "맞는 말은 {}뿐이다.",
        "정답: {}", "{}, 이것을 기억하자.",
    )  # fmt: skip
    rng = random.Random(0)
    problems = [p for p in exam("train") if p.choices and p.answers]
    for problem in rng.sample(problems, 200):
        number = problem.answers[0]
        gold = problem.choices[int(number) - 1]
        told = rng.choice([gold, gold, f"{number}번"])
        said = rng.choice([*(c.format(told) for c in carriers), f"답은 {number}이다."])
        text = f"잘 읽어 보면 {said}"
        assert static_refusal(problem, text, min_characters=8, max_characters=1200), text


def test_what_has_no_headroom_could_not_have_passed():
    n, bare_n = SECTION.n, SECTION.bare_n
    bare = [{"bare": Count(right=right, n=bare_n)} for right in range(bare_n + 1)]
    best = [{**counts, "hinted": Count(right=n, n=n)} for counts in bare]
    headroom, uplift = judged("headroom", bare, SECTION), judged("uplift", best, SECTION)
    assert [reason is None for reason in headroom] == [reason is None for reason in uplift]


def exact_null(bare: float, n: int, bare_n: int) -> float:
    """The probability that a useless hint passes the uplift screen, summed over all counts."""

    def at(right: int, out_of: int) -> float:
        return comb(out_of, right) * bare**right * (1 - bare) ** (out_of - right)

    cells = [(alone, right) for alone in range(bare_n + 1) for right in range(n + 1)]
    counts = [
        {"bare": Count(right=alone, n=bare_n), "hinted": Count(right=right, n=n)}
        for alone, right in cells
    ]
    return sum(
        at(alone, bare_n) * at(right, n)
        for (alone, right), reason in zip(cells, judged("uplift", counts, SECTION), strict=True)
        if reason is None
    )


def test_a_useless_hint_passes_the_first_screen_one_time_in_four_at_any_rate():
    worst = max(exact_null(rate / 20, SECTION.n, SECTION.bare_n) for rate in range(21))
    assert 0.20 < worst < 0.28


def kept(problem_id: str, text: str, score: float | None) -> Abstraction:
    return Abstraction(
        problem_id=problem_id, text=text, counts={}, verdicts={}, score=score,
        kept=score is not None,
    )  # fmt: skip


def test_of_each_problem_the_best_hints_are_taken_and_never_a_refused_one():
    hints = [
        kept("p", "둘째", 0.3),
        kept("p", "첫째", 0.6),
        kept("p", "없음", None),
        kept("q", "하나", 0.5),
    ]
    assert [hint.text for hint in best_hints(hints, 1)] == ["첫째", "하나"]
    assert [hint.text for hint in best_hints(hints, 4)] == ["둘째", "첫째", "하나"]
