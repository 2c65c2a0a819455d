"""What the place of a choice does is told from chance, and PriDe takes out what was planted."""

import random
from itertools import combinations, product
from math import exp, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.data.prompting.orders import in_order
from koalign.evaluation import calibration, choice_bias
from koalign.evaluation.calibration import log_softmax
from koalign.evaluation.choice_bias import (
    averaged,
    cyclic_orders,
    debiased,
    order_bias,
    position_bias,
    prior_of,
)
from koalign.evaluation.results import Prediction
from koalign.records import Problem

PRIOR = (0.45, 0.3, 0.15, 0.1)
SHARES = st.floats(0.02, 1)


def problem(number: int, gold: int = 0, size: int = 4, **changes) -> Problem:
    texts = tuple(f"{letter} {number}째" for letter in "가나다라마"[:size])
    given = {"question": f"{number}째 물음은?", "choices": texts, "answers": (str(gold + 1),)}
    return Problem(**{**given, **changes})


def answered(number: int, gold: int, place: int | None, **changes) -> Prediction:
    why = "match" if gold == place else "mismatch" if place is not None else "no_answer"
    answer = None if place is None else str(place + 1)
    given = {"id": f"{number}", "answer": answer, "gold": (str(gold + 1),), "correct": gold == place, "why": why, "scores": {}}  # fmt: skip
    return Prediction(**{**given, **changes})


def all_answered(golds, said) -> list[Prediction]:
    return [answered(n, *places) for n, places in enumerate(zip(golds, said, strict=True))]


def ask(one: Problem, contents, prior=PRIOR) -> dict:
    """A model that weighs a choice by its content times its place, asked in all cyclic orders."""
    places = range(len(one.choices))
    return {
        order: [log(contents[c]) + log(prior[at]) - 9 for at, c in enumerate(order or places)]
        for order in cyclic_orders(one)
    }


def planted(count: int, contents, prior=PRIOR, size=4):
    """(problems, predictions, log-probabilities); `contents` of a gold place, the same in all."""
    golds = [n % size for n in range(count)]
    problems = [problem(n, gold, size) for n, gold in enumerate(golds)]
    asked = [ask(p, contents(gold), prior) for p, gold in zip(problems, golds, strict=True)]
    said = [max(range(size), key=orders[()].__getitem__) for orders in asked]
    lines = zip(problems, golds, said, strict=True)
    return problems, [answered(0, g, place, id=p.id) for p, g, place in lines], asked


def reader(gold: int) -> list[float]:
    return [0.4 if place == gold else 0.2 for place in range(4)]


@pytest.mark.parametrize("size", [2, 4, 5])
def test_in_the_cyclic_orders_each_choice_stands_once_at_each_place(size):
    one = problem(7, size=size)
    orders = cyclic_orders(one)
    assert orders[0] == () and len(orders) == size
    for shown in zip(*(in_order(one, order).choices for order in orders), strict=True):
        assert sorted(shown) == sorted(one.choices)


def test_choices_that_must_stay_and_texts_have_one_order():
    assert cyclic_orders(problem(0, choices=("1950년", "1960년", "1970년", "1980년"))) == [()]
    assert cyclic_orders(Problem(question="누구인가?", kind="short", answers=("세종",))) == [()]


def test_rstd_is_the_population_deviation_of_the_recalls():
    lines = [(gold, n < found) for gold, found in enumerate((9, 6, 5, 4)) for n in range(10)]
    items = [answered(n, g, g if hit else (g + 1) % 4) for n, (g, hit) in enumerate(lines)]
    found = position_bias(4, items)
    assert found["recall"] == [0.9, 0.6, 0.5, 0.4]
    assert found["rstd"] == pytest.approx(sqrt((0.09 + 0 + 0.01 + 0.04) / 4), abs=1e-4)
    assert found["gold"] == [10] * 4 and found["answered"] == [15, 7, 9, 9]
    assert found["rstd_low"] <= found["rstd"] <= found["rstd_high"]


def test_one_right_of_two_places_has_one_rstd_by_chance():
    found = position_bias(2, [answered(0, 0, 0), answered(1, 1, 0)])
    assert found["rstd"] == found["rstd_by_chance"] == 0.5 and found["p"] == 1


def test_no_answer_costs_recall_and_stands_at_no_place():
    items = [answered(0, 0, 0), answered(1, 0, None), answered(2, 1, 1), answered(3, 1, 1)]
    several = answered(4, 0, 0).model_copy(update={"gold": ("1", "3")})
    found = position_bias(3, [*items, several])
    assert found["recall"] == [0.5, 1.0, None], "a place that is never gold has no recall"
    assert found["rstd"] == 0.25
    assert (found["answered"], found["unanswered"]) == ([1, 2, 0], 1)
    assert (found["n"], found["several_gold"]) == (4, 1)


def test_the_p_value_is_the_share_of_all_ways_to_be_as_right_without_seeing_places():
    golds, said = [0, 0, 1, 2], [0, 0, 0, 0]
    found = position_bias(3, all_answered(golds, said))
    ways = []
    for right in combinations(range(4), 2):
        others = [
            [g] if n in right else [p for p in range(3) if p != g] for n, g in enumerate(golds)
        ]
        ways += [[way.count(place) for place in range(3)] for way in product(*others)]
    expected = [sum(way[place] for way in ways) / len(ways) for place in range(3)]

    def strays(counts):
        return sum((c - e) ** 2 / e for c, e in zip(counts, expected, strict=True))

    exact = sum(strays(way) >= strays([4, 0, 0]) - 1e-9 for way in ways) / len(ways)
    assert found["expected"] == pytest.approx(expected, abs=0.051)
    assert found["p"] == pytest.approx(exact, abs=0.02)


def test_one_place_for_every_answer_is_found_out_but_not_of_three_items():
    found = position_bias(4, [answered(n, n % 4, 0) for n in range(40)])
    assert found["p"] <= 0.001 and found["rstd"] > found["rstd_by_chance"]
    assert found["answered"] == [40, 0, 0, 0] and found["recall"] == [1, 0, 0, 0]
    assert position_bias(4, [answered(n, n, 0) for n in range(3)])["p"] > 0.05


def test_uneven_gold_does_not_make_a_model_biased(monkeypatch):
    monkeypatch.setattr(choice_bias, "SIMULATIONS", 999)
    monkeypatch.setattr(calibration, "RESAMPLES", 99)
    rng, accused, above = random.Random(0), 0, 0
    for _ in range(60):
        golds = rng.choices(range(4), (7, 1, 1, 1), k=80)
        said = [g if rng.random() < 0.5 else rng.choice([*{0, 1, 2, 3} - {g}]) for g in golds]
        found = position_bias(4, all_answered(golds, said))
        accused += found["p"] < 0.05
        above += found["rstd"] > found["rstd_by_chance"]
        assert (found["rstd_low"] == 0) >= (found["rstd"] <= found["rstd_by_chance"])
    assert accused <= 8 and above <= 8


def test_all_right_and_all_unanswered_have_no_bias():
    assert position_bias(4, [answered(n, n % 4, n % 4) for n in range(20)])["p"] == 1
    found = position_bias(4, [answered(n, n % 4, None) for n in range(20)])
    assert found["p"] is None and found["rstd"] == 0
    lonely = position_bias(4, [answered(n, 2, 1) for n in range(20)])
    assert lonely["rstd"] is None, "recalls of one place do not differ"


@given(
    st.integers(2, 5).flatmap(
        lambda size: st.tuples(
            st.lists(SHARES, min_size=size, max_size=size),
            st.lists(st.lists(SHARES, min_size=size, max_size=size), min_size=1, max_size=5),
        )
    )
)
def test_pride_recovers_a_planted_prior_exactly(case):
    weights, contents = case
    prior = [weight / sum(weights) for weight in weights]
    asked = [ask(problem(n, size=len(prior)), c, prior) for n, c in enumerate(contents)]
    assert prior_of(asked) == pytest.approx(prior, rel=1e-6)
    for orders, content in zip(asked, contents, strict=True):
        found = [exp(value) for value in debiased(orders[()], prior)]
        assert found == pytest.approx([c / sum(content) for c in content], rel=1e-6)


@given(st.lists(st.floats(-30, 0), min_size=2, max_size=5))
def test_taking_out_an_even_prior_changes_nothing(logprobs):
    even = [1 / len(logprobs)] * len(logprobs)
    assert debiased(logprobs, even) == pytest.approx(log_softmax(logprobs), abs=1e-9)


def test_the_mean_over_orders_is_that_of_each_content():
    shares = {(): (0.5, 0.3, 0.2), (1, 2, 0): (0.6, 0.3, 0.1), (2, 0, 1): (0.2, 0.2, 0.6)}
    found = averaged({order: [log(s) for s in given] for order, given in shares.items()})
    assert found == pytest.approx([0.8 / 3, 1.5 / 3, 0.7 / 3])


def test_a_model_that_reads_contents_is_consistent_and_one_that_says_the_first_is_not():
    even = order_bias(*planted(40, reader, prior=(0.25,) * 4))
    for key in ("consistency", "plain", "over_orders", "averaged"):
        assert even[key]["value"] == 1
    assert even["pride"]["difference"] == 0 and even["pride"]["p"] == 1
    blind = order_bias(*planted(40, lambda gold: [0.25] * 4, prior=(0.97, 0.01, 0.01, 0.01)))
    assert blind["consistency"]["value"] == 0 and blind["over_orders"]["value"] == 0.25


def test_two_contents_in_four_orders_are_not_one():
    """The second choice, shown first, takes the answer from the first choice."""
    one = problem(0)
    asked = ask(one, (0.5, 0.3, 0.1, 0.1), (0.4, 0.2, 0.2, 0.2))
    found = order_bias([one], [answered(0, 0, 0, id=one.id)], [asked])
    assert (found["consistency"]["value"], found["over_orders"]["value"]) == (0, 0.75)


def test_pride_finds_the_answers_that_a_planted_prior_hides():
    problems, predictions, asked = planted(600, reader)
    found = order_bias(problems, predictions, asked)
    assert found["prior"] == pytest.approx(PRIOR, abs=1e-4)
    assert (found["turned"], found["prior_items"]) == (600, 30)
    assert found["plain"]["value"] < 0.6 and found["consistency"]["value"] == 0
    assert found["pride"]["debiased"]["value"] == 1 and found["pride"]["plain"]["n"] == 600
    gain = found["pride"]
    assert gain["difference"] == pytest.approx(1 - gain["plain"]["value"], abs=1e-4)
    assert 0 < gain["low"] < gain["difference"] < gain["high"]


def test_what_must_stay_keeps_its_answer_and_what_was_not_turned_is_debiased():
    problems, predictions, asked = planted(100, reader)
    ordered = ("1950년", "1960년", "1970년", "1980년")
    problems[3] = problem(3, 3, choices=ordered)
    asked = [orders if n < 10 and n != 3 else {(): orders[()]} for n, orders in enumerate(asked)]
    found = order_bias(problems, predictions, asked)
    assert (found["turned"], found["order_dependent"], found["one_order"]) == (9, 1, 90)
    assert found["prior_items"] == 9 and found["plain"]["n"] == 9
    assert not predictions[3].correct, "the prior hides it, and it is left so"
    assert found["pride"]["debiased"] | {"low": 0} == {"n": 100, "value": 0.99, "low": 0, "high": 1}


def test_items_that_give_the_prior_are_answered_by_their_own_orders():
    """Of 21 items 20 give the prior, and each of them says the right thing in most of its orders."""
    problems, predictions, _ = planted(21, reader)
    last = max(range(21), key=lambda n: problems[n].id)
    even = ask(problems[0], [0.25] * 4, (0.25,) * 4)
    asked = []
    for number, one in enumerate(problems):
        gold = int(one.answers[0]) - 1
        right = ask(one, [0.7 if place == gold else 0.1 for place in range(4)], (0.25,) * 4)
        wrong = [right[()][(place + 1) % 4] for place in range(4)]
        asked.append({**right, (): wrong} if number != last else {**even, (): wrong})
    found = order_bias(problems, predictions, asked)
    assert found["plain"]["value"] == 0 and found["prior_items"] == 20
    assert found["pride"]["debiased"]["value"] == pytest.approx(20 / 21, abs=1e-4)


def test_the_order_of_the_items_does_not_matter():
    rng = random.Random(3)
    cases = planted(120, lambda gold: [rng.random() + 0.1 for _ in range(4)])
    rows = list(zip(*cases, strict=True))
    there, back = (order_bias(*zip(*r, strict=True)) for r in (rows, rows[::-1]))
    assert there["prior"] == back["prior"]
    for key in ("consistency", "averaged", "over_orders"):
        assert there[key]["value"] == back[key]["value"]
    assert there["pride"]["debiased"]["value"] == back["pride"]["debiased"]["value"]


def test_other_orders_than_the_cyclic_ones_are_an_error_and_none_is_no_figure():
    problems, predictions, asked = planted(8, reader)
    half = [{order: o[order] for order in list(o)[:2]} for o in asked]
    with pytest.raises(ValueError, match=f"problem {problems[0].id}: scored in"):
        order_bias(problems, predictions, half)
    bare = order_bias(problems, predictions, [{(): o[()]} for o in asked])
    assert bare == {"turned": 0, "order_dependent": 0, "one_order": 8}
