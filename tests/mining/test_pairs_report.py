"""The report of the pairs counts every item, sample, pair and drop once."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.completions import OPTIONS, answering, placed

from koalign.evaluation.stats.tables import histogram, quantiles
from koalign.mining.pairs.mining import Item, mine_candidates
from koalign.mining.pairs.report import describe_pairs
from koalign.records import Drop
from koalign.reports.data import print_pairs


def item(letters: str) -> Item:
    return mine_candidates([answering(letters)], **OPTIONS)[0]


ITEMS = [
    item("다다다다"),
    item("다다다가"),
    item("다가가가"),
    item("가가가가"),
    item("????"),
    item("다?가나"),
]


def test_pass_at_1_is_the_mean_rate_and_pass_at_n_the_share_of_problems_ever_right():
    report = describe_pairs(ITEMS, [], [], [])
    assert report["pass@1"] == pytest.approx((4 + 3 + 1 + 0 + 0 + 1) / 24, abs=1e-4)
    assert report["pass@n"] == pytest.approx(4 / 6, abs=1e-4)
    assert report["yield"] == pytest.approx(3 / 6)
    assert report["uses"] == {"pairs": 3, "all_right": 1, "all_wrong": 1, "unreadable": 1}
    assert report["verdicts"] == {"match": 9, "mismatch": 10, "no_answer": 5}
    found = {name: n for name, n in report["pass_rates"].items() if n}
    assert found == {"never": 2, "20 to 30 %": 2, "70 to 80 %": 1, "always": 1}


@given(st.lists(st.integers(-500, 500), min_size=1, max_size=60), st.integers(1, 30))
def test_every_value_stands_in_one_bar(values, bars):
    counted = histogram(values, bars)
    assert sum(bar["count"] for bar in counted) == len(values) and len(counted) <= bars + 1
    for bar, after in pairwise(counted):
        assert bar["to"] == after["from"]
    for bar in counted:
        assert bar["count"] == sum(bar["from"] <= value < bar["to"] for value in values)


@given(st.lists(st.integers(-99, 99), min_size=1))
def test_quantiles_are_values_that_occur_in_order(values):
    found = list(quantiles(values).values())
    assert set(found) <= set(values) and found == sorted(found)
    assert (found[0], found[-1]) == (min(values), max(values))


def test_lengths_places_and_reasons_are_counted_side_by_side():
    pairs = [placed(0, (10, 12), (1, 2)), placed(1, (14, 10), (1, 3)), placed(2, (9, 9), (5, 4), 5)]
    drops = [Drop(stage="pairs", reason=reason) for reason in ("all_wrong", "length_bias", "all_wrong")]  # fmt: skip
    report = describe_pairs(ITEMS, pairs, drops, [0.5, -1.25, 0.0])
    assert report["longer"] == {"chosen": 1, "rejected": 1}
    assert report["lengths"]["difference"]["min"] == -2
    assert report["lengths"]["difference"]["max"] == 4
    assert report["positions"]["4"]["chosen"] == {"1": 2, "2": 0, "3": 0, "4": 0}
    assert report["positions"]["4"]["rejected"] == {"1": 0, "2": 1, "3": 1, "4": 0}
    assert report["positions"]["5"]["chosen"]["5"] == 1
    assert report["dropped"] == {"all_wrong": 2, "length_bias": 1}
    assert report["balancing_cost"] == 0.25
    assert (report["ches"]["min"], report["ches"]["max"]) == (-1.25, 0.5)


def test_the_table_says_what_no_rule_has_verified(capsys):
    native = [placed(n, choices=0) for n in range(3)]
    native = [replace(one, pair=one.pair.model_copy(update={"reason": "native"})) for one in native]
    drops = [Drop(stage="pairs", reason="no_better_than_guessing")] * 7
    print_pairs(describe_pairs(ITEMS, [placed(9), *native], drops, []))
    said = " ".join(capsys.readouterr().out.split())
    assert "4 pairs (hard 1, native 3)" in said and "3 pairs unverified" in said
    assert "no_better_than_guessing │ 7" in said
    assert Counter(said.split())["chosen"] == 1
