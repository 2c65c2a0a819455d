"""What may be paired is verified, better than guessing, well formed and hard, whatever the order of the samples."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.completions import (
    OPTIONS,
    OTHER,
    answering,
    sample,
    sampled,
    sampled_prompts,
    says,
)

from koalign.grading.grade import grade
from koalign.mining.pairs.mining import GradedSample, guessing_p, mine_candidates
from koalign.records import Problem, Verdict
from koalign.text.korean import repetition


@given(sampled_prompts(), st.randoms(use_true_random=False))
def test_candidates_are_verified_of_one_prompt_and_independent_of_order(several, rng):
    item, found = mine_candidates(several, **OPTIONS)
    assert bool(found) == (item.use == "pairs")
    assert item.n == sum(len(one.samples) for one in several)
    if found:
        assert 0 < item.right < item.n
    for candidate in found:
        order, shown = candidate.source.prompt.permutation, candidate.source.problem
        assert not grade(shown, candidate.rejected.sample.text).correct
        assert candidate.rejected.sample in candidate.source.samples
        for partner in candidate.partners:
            assert grade(shown, partner.sample.text).correct
            assert partner.sample in candidate.source.samples
            lengths = sorted((partner.length, candidate.rejected.length))
            assert lengths[1] <= 2 * lengths[0]
        for side in (candidate.rejected, *candidate.partners):
            assert side.sample.finish_reason == "stop" and side.sample.permutation == order
    rejected = [(c.source.prompt.permutation, c.rejected.sample.text) for c in found]
    assert len({*rejected}) == len(rejected)
    shuffled = [sampled(rng.sample(one.samples, len(one.samples)), one.prompt.permutation) for one in several]  # fmt: skip
    rng.shuffle(shuffled)
    again, same = mine_candidates(shuffled, **OPTIONS)
    assert again == item
    assert [(c.rejected, c.partners, c.hard) for c in same] == [
        (c.rejected, c.partners, c.hard) for c in found
    ]


@pytest.mark.parametrize(
    ("several", "use"),
    [
        ([answering("다다다다")], "all_right"),
        ([answering("가가가?")], "all_wrong"),
        ([answering("????")], "unreadable"),
        ([answering("다?")], "no_well_formed_wrong_answer"),
        ([answering("다다"), answering("가가", OTHER)], "never_right_and_wrong_in_one_order"),
        ([sampled([sample(0, "고른 답: 가\n정답: 3"), sample(1, says("가"))])], "no_well_formed_right_answer"),
        ([sampled([sample(0, says("다")), sample(1, "고른 답: 다\n정답: 1")])], "no_well_formed_wrong_answer"),
        ([sampled([sample(0, says("다")), sample(1, says("가"), finish="length")])], "no_well_formed_wrong_answer"),
        ([sampled([sample(0, says("다"), length=5), sample(1, says("가"), length=11)])], "lengths_too_different"),
        ([sampled([sample(0, says("다")), sample(1, says("가") + " 这个问题的答案")])], "no_well_formed_wrong_answer"),
    ],
)  # fmt: skip
def test_a_problem_without_pairs_says_why(several, use):
    item, found = mine_candidates(several, **OPTIONS)
    assert (item.use, found) == (use, [])


def test_texts_that_no_rule_verifies_are_not_mined():
    problem = Problem(question="설명하라.", answers=("답",), kind="long")
    one = sampled([sample(0, "답"), sample(1, "틀린 답")], problem=problem)
    item, found = mine_candidates([one], **OPTIONS)
    assert (item.use, found) == ("no_rule_verifies_it", [])


CHECKED = {**OPTIONS, "guess_level": 0.1}


def test_what_is_right_by_its_place_alone_is_no_better_than_guessing():
    """Place 3 is liked: right as the choices stand, wrong where the gold answer is the first."""
    liked = [answering("다다다다다다다가"), answering("가가가가가가가나", OTHER)]
    assert mine_candidates(liked, **CHECKED)[0].use == "no_better_than_guessing"
    assert mine_candidates(liked, **OPTIONS)[0].use == "pairs"
    known = [answering("다다다다다다다가"), answering("다다다다다다다나", OTHER)]
    item, found = mine_candidates(known, **CHECKED)
    assert item.use == "pairs"
    assert {c.source.prompt.permutation for c in found} == {(), OTHER}


def test_without_choices_there_is_no_rate_of_guessing():
    problem = Problem(question="수도는?", answers=("서울",), kind="short")
    samples = [
        sample(n, f"정답: {text}") for n, text in enumerate(["서울", "부산", "대구", "인천"])
    ]
    assert mine_candidates([sampled(samples, problem=problem)], **CHECKED)[0].use == "pairs"


def passing(n: int, orders: int, weights) -> float:
    """The share of 1,000 problems that pass, where a policy draws by `weights` (choices as shown)."""
    rng, passed = random.Random(0), 0
    for _ in range(1000):
        prompts, graded = [], []
        for place in rng.sample(range(4), orders):
            others = rng.sample([0, 1, 3], 3)
            prompts.append(sampled([], (*others[:place], 2, *others[place:])))
            shown = prompts[-1].problem
            numbers = rng.choices("1234", weights(shown.choices), k=n // orders)
            verdicts = [Verdict(answer=a, correct=a in shown.answers, why="match") for a in numbers]
            graded.append([GradedSample(sample(0, ""), v, "", True) for v in verdicts])
        passed += guessing_p(prompts, graded) <= 0.1
    return passed / 1000


@pytest.mark.parametrize(
    ("n", "orders", "weights", "least", "most"),
    [
        (16, 1, lambda shown: [1] * 4, 0, 0.1),
        (16, 2, lambda shown: [1] * 4, 0, 0.1),
        (16, 2, lambda shown: [6, 1, 1, 1], 0, 0.1),
        (16, 2, lambda shown: [97, 1, 1, 1], 0, 0.1),
        (32, 1, lambda shown: [2 if choice == "다" else 1 for choice in shown], 0.6, 1),
        (32, 2, lambda shown: [2 if choice == "다" else 1 for choice in shown], 0.6, 1),
    ],
)
def test_guessers_seldom_pass_and_two_in_five_right_mostly_do(n, orders, weights, least, most):
    """Uniform guessers, place-1 answerers, and policies that are right with p = 0.4."""
    assert least <= passing(n, orders, weights) <= most


def test_the_pass_rate_counts_what_cannot_be_read_as_not_right():
    item, _ = mine_candidates([answering("다다가?"), answering("다??나", OTHER)], **OPTIONS)
    assert (item.n, item.right, item.readable, item.pass_rate) == (8, 3, 5, 0.375)
    assert [(o.permutation, o.n, o.right) for o in item.orders] == [((), 4, 2), (OTHER, 4, 1)]
    assert item.why == {"match": 3, "mismatch": 2, "no_answer": 3}


def test_the_hardest_is_what_most_wrong_samples_share_in_whatever_order():
    """나 is number 2 in one order and number 4 in the other, and one option all the same."""
    _, found = mine_candidates([answering("다가나"), answering("다나라", OTHER)], **OPTIONS)
    ranked = [c.source.problem.choices[int(c.rejected.verdict.answer) - 1] for c in found]
    assert ranked[:2] == ["나", "나"]
    assert [c.hard for c in found] == [True, True, False, False]


def test_of_equal_votes_the_likelier_is_harder_and_the_worst_is_in_no_pool():
    texts = [says("다"), says("가"), says("나"), says("라")]
    logprobs = [-1.0, -30.0, -2.0, -9.0]
    samples = [sample(n, t, p) for n, (t, p) in enumerate(zip(texts, logprobs, strict=True))]
    _, found = mine_candidates([sampled(samples)], **OPTIONS)
    assert [(c.rejected.sample.index, c.hard) for c in found] == [(2, True), (3, True), (1, False)]


def test_the_partner_is_the_right_sample_nearest_to_the_median_length():
    right = [says("다") + " " * n for n in range(3)]
    samples = [sample(n, t, length=length) for n, (t, length) in enumerate(zip(right, (6, 10, 16), strict=True))]  # fmt: skip
    _, found = mine_candidates([sampled([*samples, sample(3, says("가"), length=11)])], **OPTIONS)
    assert [p.sample.index for p in found[0].partners] == [1, 0, 2]


@given(st.lists(st.integers(0, 5), max_size=40))
def test_repetition_is_the_share_of_4_grams_seen_before(ids):
    seen, repeated, total = set(), 0, 0
    for start in range(len(ids) - 3):
        gram = tuple(ids[start : start + 4])
        repeated, total = repeated + (gram in seen), total + 1
        seen.add(gram)
    assert repetition(ids) == pytest.approx(repeated / total if total else 0)


def test_a_text_that_was_drawn_often_stands_once_and_votes_often():
    _, found = mine_candidates([answering("다다가가가나")], **OPTIONS)
    assert [(c.rejected.sample.index, len(c.partners)) for c in found] == [(2, 1), (5, 1)]


def test_a_completion_that_goes_round_in_circles_is_no_side():
    circle = sample(1, says("가")).model_copy(update={"token_ids": (1, 2, 3, 4) * 5})
    assert mine_candidates([sampled([sample(0, says("다")), circle])], **OPTIONS)[0].use == (
        "no_well_formed_wrong_answer"
    )
