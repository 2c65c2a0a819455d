"""Mined pairs hold verified-right against verified-wrong, whatever the order of the samples."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.data.grading import grade
from koalign.data.mining import mine
from koalign.records import Problem, Sample

PROBLEM = Problem(question="무엇인가?", choices=("가", "나", "다", "라"), answers=("3",))
OPTIONS = {"per_problem": 4, "hard_share": 0.7, "max_length_ratio": 2.0, "seed": 0}


def sample(index: int, text: str, logprob: float = -1.0, finish: str = "stop", length: int = 10):
    return Sample(
        problem_id=PROBLEM.id,
        index=index,
        adapter="a",
        text=text,
        token_ids=(1,) * length,
        logprob=logprob,
        finish_reason=finish,
    )


def answer(number: int) -> str:
    return f"고른 답: {PROBLEM.choices[number - 1]}\n정답: {number}"


TEXTS = st.sampled_from([*(answer(n) for n in range(1, 5)), "고른 답: 가\n정답: 3", "모르겠다", ""])
SAMPLES = st.lists(
    st.tuples(TEXTS, st.floats(-50, 0), st.sampled_from(["stop", "length"]), st.integers(1, 30)),
    min_size=2,
    max_size=16,
).map(lambda rows: [sample(i, *row) for i, row in enumerate(rows)])


@given(SAMPLES, st.randoms())
def test_pairs_are_verified_and_independent_of_order(samples, rng):
    pairs, reason = mine(PROBLEM, samples, **OPTIONS)
    assert bool(pairs) == (reason is None)
    assert len(pairs) <= 4
    for pair in pairs:
        assert grade(PROBLEM, pair.chosen.text).correct
        assert not grade(PROBLEM, pair.rejected.text).correct
        assert pair.rejected.finish_reason == "stop"
        lengths = sorted(len(side.token_ids) for side in (pair.chosen, pair.rejected))
        assert lengths[1] <= 2 * lengths[0]
    assert max(Counter(pair.rejected.index for pair in pairs).values(), default=1) == 1
    shuffled = list(samples)
    rng.shuffle(shuffled)
    assert mine(PROBLEM, shuffled, **OPTIONS) == (pairs, reason)


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ([answer(3)] * 4, "all_right"),
        ([answer(1)] * 4, "all_wrong"),
        (["모르겠다"] * 4, "no_readable_answer"),
        (["고른 답: 가\n정답: 3", answer(1)], "no_consistent_right_answer"),
        ([answer(3), "모르겠다"], "no_well_formed_wrong_answer"),
    ],
)
def test_a_problem_without_pairs_says_why(texts, reason):
    assert mine(PROBLEM, [sample(i, t) for i, t in enumerate(texts)], **OPTIONS) == ([], reason)


def test_the_hardest_negative_is_the_one_that_most_wrong_samples_share():
    texts = [answer(3), answer(1), answer(2), answer(2), answer(4)]
    pairs, _ = mine(
        PROBLEM, [sample(i, t) for i, t in enumerate(texts)], **{**OPTIONS, "hard_share": 1.0}
    )
    assert pairs[0].rejected.text == answer(2)
    assert [pair.reason for pair in pairs] == ["hard"] * 3


def test_another_seed_picks_other_random_negatives():
    texts = [answer(3), answer(1), answer(2), answer(4)]
    samples = [sample(i, t) for i, t in enumerate(texts)]
    orders = {
        tuple(p.rejected.index for p in mine(PROBLEM, samples, **{**OPTIONS, "seed": seed, "hard_share": 0})[0])
        for seed in range(10)
    }  # fmt: skip
    assert len(orders) > 1
