"""A simulated solver before the real gate: useless hints stop there, useful ones pass, leaks never."""

import random
from math import comb

import pytest
from support.problems import exam

from koalign.config.sections import Hints
from koalign.mining.hints.static_screen import static_refusal
from koalign.mining.hints.uplift_screens import SCREENS, best_hints, refusal, samples_for
from koalign.records import Abstraction, Count

SECTION = Hints()
RATES = (0.05, 0.1, 0.25, 0.5, 0.6)


def screened(rates: dict[str, float], rng: random.Random, n: int, bare_n: int) -> str | None:
    """The verdict of the stage's own functions on a hint with these rates of right answers."""
    counts: dict[str, Count] = {}
    for screen, kinds in SCREENS.items():
        for kind in kinds:
            drawn = samples_for(kind, n, bare_n)
            right = sum(rng.random() < rates[kind] for _ in range(drawn))
            counts[kind] = Count(right=right, n=drawn)
        if reason := refusal(screen, counts, n, SECTION.z):
            return reason
    return None


def passing(rates: dict[str, float], n: int, bare_n: int, tries: int = 3000) -> float:
    rng = random.Random(0)
    return sum(screened(rates, rng, n, bare_n) is None for _ in range(tries)) / tries


def rates_of(bare: float, uplift: float, told: float = 0.25) -> dict[str, float]:
    hinted = min(1.0, bare + uplift)
    return {
        "bare": bare, "hinted": hinted, "replication": hinted,
        "hidden_bare": 0.25, "hidden_hinted": told,
    }  # fmt: skip


@pytest.mark.parametrize("bare", [*RATES, 0.9])
def test_a_useless_hint_passes_one_time_in_ten_at_most(bare):
    assert passing(rates_of(bare, 0), SECTION.n, SECTION.bare_n) <= 0.10
    assert passing(rates_of(bare, 0), SECTION.n // 2, SECTION.bare_n // 2) <= 0.10


@pytest.mark.parametrize("bare", [0.1, 0.25, 0.5, 0.6])
def test_a_hint_worth_thirty_points_passes_seven_times_in_ten(bare):
    assert passing(rates_of(bare, 0.30), SECTION.n, SECTION.bare_n) >= 0.70


@pytest.mark.parametrize("bare", [0.25, 0.5])
def test_a_harmful_hint_never_passes(bare):
    assert passing(rates_of(bare, -0.15), SECTION.n, SECTION.bare_n) <= 0.01


def test_of_200_hints_that_tell_the_answer_with_the_question_hidden_none_passes():
    rng = random.Random(0)
    verdicts = [
        screened(rates_of(rng.choice(RATES), 0.4, told), rng, SECTION.n, SECTION.bare_n)
        for told in (0.9, 1.0)
        for _ in range(100)
    ]
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
    for right in range(bare_n + 1):
        counts = {"bare": Count(right=right, n=bare_n)}
        best = {**counts, "hinted": Count(right=n, n=n)}
        refused = refusal("headroom", counts, n, SECTION.z) is not None
        assert refused == (refusal("uplift", best, n, SECTION.z) is not None)


def exact_null(bare: float, n: int, bare_n: int) -> float:
    """The probability that a useless hint passes uplift and replication, summed over all counts."""

    def at(right: int, out_of: int) -> float:
        return comb(out_of, right) * bare**right * (1 - bare) ** (out_of - right)

    total = 0.0
    for alone in range(bare_n + 1):
        counts = {"bare": Count(right=alone, n=bare_n)}
        passes = {
            screen: sum(
                at(right, n)
                for right in range(n + 1)
                if not refusal(
                    screen, {**counts, SCREENS[screen][0]: Count(right=right, n=n)}, n, SECTION.z
                )
            )
            for screen in ("uplift", "replication")
        }
        total += at(alone, bare_n) * passes["uplift"] * passes["replication"]
    return total


def test_a_useless_hint_passes_uplift_and_replication_in_eight_of_a_hundred_at_any_rate():
    worst = max(exact_null(rate / 50, SECTION.n, SECTION.bare_n) for rate in range(51))
    assert 0.07 < worst < 0.08


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
