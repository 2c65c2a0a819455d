"""The set of pairs prefers no place and no length, holds nothing twice, and every loss is a drop."""

import random
from collections import Counter
from dataclasses import replace
from statistics import median

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.completions import (
    OPTIONS,
    OTHER,
    PROBLEM,
    answering,
    placed,
    sample,
    sampled,
    sampled_prompts,
    says,
)

from koalign.data.prompting.orders import in_order
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.engines.scripted import ByteTokenizer
from koalign.grading.grade import grade
from koalign.mining.pairs.mining import Candidate, mine_candidates
from koalign.mining.pairs.pairing import MINED, balanced, pair_up, without_near_identical
from koalign.mining.pairs.preferences import Limits, preference_pairs
from koalign.records import Problem, Ranking

PICK = {"per_problem": 4, "hard_share": 0.7, "seed": 0}


# What is paired.


@given(st.lists(sampled_prompts(), max_size=4), st.integers(0, 3))
def test_pairs_stand_on_one_prompt_and_use_a_rejected_text_once(problems, seed):
    found = {str(n): mine_candidates(one, **OPTIONS)[1] for n, one in enumerate(problems)}
    pairs = pair_up({k: v for k, v in found.items() if v}, **{**PICK, "seed": seed})
    backwards = dict(reversed([(k, v) for k, v in found.items() if v]))
    assert pair_up(backwards, **{**PICK, "seed": seed}) == pairs
    for one in pairs:
        shown = in_order(PROBLEM, one.pair.permutation)
        chosen, rejected = (grade(shown, s.text) for s in (one.pair.chosen, one.pair.rejected))
        assert chosen.correct and not rejected.correct
        assert one.places == (int(chosen.answer), int(rejected.answer)) and one.choices == 4
        assert one.pair.reason in MINED


def named(candidate: Candidate, problem_id: str) -> Candidate:
    """The candidate as one of another problem."""
    prompt = candidate.source.prompt.model_copy(update={"problem_id": problem_id})
    return replace(candidate, source=replace(candidate.source, prompt=prompt))


def test_every_problem_with_a_candidate_gives_a_pair_and_none_more_than_its_number():
    found = mine_candidates(
        [answering("다가나라"), answering("다가나라", (2, 3, 0, 1))], **OPTIONS
    )[1]
    several = {str(n): [named(candidate, str(n)) for candidate in found] for n in range(30)}
    hard = sum(candidate.hard for candidate in found)
    assert 0 < hard < len(found)
    for share in (0.0, 0.7, 1.0):
        for most in (1, 3, len(found), 10):
            pairs = pair_up(several, per_problem=most, hard_share=share, seed=0)
            counts = Counter(one.pair.problem_id for one in pairs)
            assert counts == dict.fromkeys(several, min(most, len(found)))
            if share == 1:  # the others come when no hard one is left
                reasons = Counter(one.pair.reason for one in pairs)
                assert reasons["hard"] == 30 * min(most, hard)
    one = pair_up({"0": mine_candidates([answering("다가")], **OPTIONS)[1]}, **PICK)
    assert len(one) == 1


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 1.0])
def test_the_share_of_hard_pairs_is_the_one_asked_for(share):
    several = {str(n): mine_candidates([answering("다가나라")], **OPTIONS)[1] for n in range(400)}
    pairs = pair_up(several, per_problem=1, hard_share=share, seed=1)
    hard = sum(one.pair.reason == "hard" for one in pairs) / len(pairs)
    assert hard == pytest.approx(share, abs=0.08)
    assert hard == share or 0 < share < 1


def test_partners_are_picked_so_that_the_places_are_even():
    """The gold answer is 다 everywhere; both orders and all wrong options are on offer alike."""
    both = [answering("다가나라"), answering("다가나라", (2, 3, 0, 1))]
    several = {str(n): mine_candidates(both, **{**OPTIONS, "pool_share": 1})[1] for n in range(60)}
    pairs = pair_up(several, per_problem=2, hard_share=1.0, seed=0)
    counts = Counter(one.places[0] for one in pairs)
    assert max(counts.values()) - min(counts.values()) <= 2
    _, drops = balanced(pairs, max_length_bias=None, max_position_excess=2.0, seed=0)
    assert drops == []


@given(st.lists(sampled_prompts(), max_size=4))
@example([[answering("다가가가나나"), answering("다라", OTHER)]])
def test_no_place_comes_before_hardness(problems):
    """The hard pairs of a problem are its hardest candidates, wherever their answers stand."""
    found = {
        str(n): [
            named(c, str(n)) for c in mine_candidates(several, **{**OPTIONS, "pool_share": 1.0})[1]
        ]
        for n, several in enumerate(problems)
    }
    pairs = pair_up(found, per_problem=2, hard_share=1.0, seed=0)
    hardness = {
        (name, c.source.prompt.permutation, c.rejected.sample.text): c.hardness
        for name, candidates in found.items()
        for c in candidates
    }
    for name, candidates in found.items():
        taken = [hardness[name, one.pair.permutation, one.pair.rejected.text] for one in pairs if one.pair.problem_id == name]  # fmt: skip
        assert taken == [candidate.hardness for candidate in candidates[:2]]


def test_a_right_sample_is_chosen_again_only_when_all_have_been():
    right = [sample(n, says("다") + " " * n) for n in range(3)]
    wrong = [sample(3 + n, says("가") + " " * n) for n in range(6)]
    _, found = mine_candidates([sampled([*right, *wrong])], **{**OPTIONS, "pool_share": 1.0})
    pairs = pair_up({PROBLEM.id: found}, per_problem=6, hard_share=1.0, seed=0)
    assert Counter(one.pair.chosen.text for one in pairs) == {r.text: 2 for r in right}
    assert len({one.pair.rejected.text for one in pairs}) == 6


# What is dropped from the set.

PLACES = st.integers(2, 5).flatmap(
    lambda size: st.tuples(
        st.just(size), st.tuples(st.integers(1, size), st.integers(1, size)).filter(lambda p: p[0] != p[1])
    )
)  # fmt: skip
LENGTHS = st.tuples(st.integers(1, 60), st.integers(1, 60))
SETS = st.lists(st.tuples(LENGTHS, PLACES), max_size=40).map(
    lambda rows: [placed(n, lengths, places, size) for n, (lengths, (size, places)) in enumerate(rows)]
)  # fmt: skip


@given(SETS, st.sampled_from([0.0, 0.05, 0.5]), st.sampled_from([1.0, 1.5]), st.randoms(use_true_random=False))  # fmt: skip
def test_what_is_left_is_balanced_and_what_is_not_is_dropped(pairs, bias, excess, rng):
    options = {"max_length_bias": bias, "max_position_excess": excess, "seed": 0}
    kept, drops = balanced(pairs, **options)
    assert len(kept) + len(drops) == len(pairs)
    assert {d.reason for d in drops} <= {"length_bias", "position_excess"}
    if kept:
        lengths = [length for one in kept for length in one.lengths]
        assert abs(median(a - b for a, b in (k.lengths for k in kept))) <= bias * median(lengths)
        totals = Counter(one.choices for one in kept)
        for (size, _), count in Counter(k.cell for k in kept).items():
            assert count < excess * totals[size] / size + 1
    again, same = balanced(rng.sample(pairs, len(pairs)), **options)
    assert again == kept and same == drops


def test_no_limit_drops_nothing_and_the_heavy_side_goes_most_extreme_first():
    pairs = [placed(n, (10 + n, 10)) for n in range(9)] + [placed(9 + n, (10, 12)) for n in range(4)]  # fmt: skip
    off = {"max_length_bias": None, "max_position_excess": None, "seed": 0}
    assert balanced(pairs, **off)[1] == []
    kept, drops = balanced(pairs, **{**off, "max_length_bias": 0.05})
    assert {one.pair.problem_id for one in pairs if one.lengths[0] - one.lengths[1] > 3} >= {
        drop.problem_id for drop in drops
    }
    assert {one.lengths[0] for one in kept if one.lengths[0] > 10} == {*range(11, 11 + len(kept) - 5)}  # fmt: skip


def test_a_liked_place_is_thinned_to_its_allowance():
    liked = [placed(n, places=(1, 2 + n % 3)) for n in range(60)]
    others = [placed(60 + n, places=(2 + n % 3, 1 + 3 * (n % 3 == 0))) for n in range(30)]
    kept, drops = balanced([*liked, *others], max_length_bias=None, max_position_excess=1.5, seed=0)
    assert {drop.reason for drop in drops} == {"position_excess"}
    counts = Counter(one.places[0] for one in kept)
    assert counts[1] <= 1.5 * len(kept) / 4 + 1
    assert "answers 1 and" in drops[0].detail
    disliked = [placed(n, places=(1 + n % 2, 3)) for n in range(60)]
    off = {"max_length_bias": None, "max_position_excess": 2.0, "seed": 0}
    assert balanced(disliked, **off)[1] == [], "the rejected side keeps the places of the policy"


def test_random_pairs_are_thinned_before_hard_ones():
    pairs = [placed(n, places=(1, 2)) for n in range(40)]
    pairs = [replace(p, pair=p.pair.model_copy(update={"reason": "random"})) if n % 2 else p for n, p in enumerate(pairs)]  # fmt: skip
    pairs += [placed(40 + n, places=(2 + n % 3, 1)) for n in range(39)]
    _, drops = balanced(pairs, max_length_bias=None, max_position_excess=1.5, seed=0)
    assert drops and all(drop.detail.startswith("random") for drop in drops)


def test_the_most_alike_share_goes_by_its_value_alone():
    pairs = [placed(n) for n in range(20)]
    values = [float(n * 7 % 20) for n in range(20)]
    kept, drops = without_near_identical(pairs, values, 0.1)
    gone = {pairs[n].pair.problem_id for n in range(20) if values[n] >= 18}
    assert {d.problem_id for d in drops} == gone and {d.reason for d in drops} == {"near_identical"}
    assert len(kept) == 18
    order = random.Random(0).sample(range(20), 20)
    again, _ = without_near_identical([pairs[n] for n in order], [values[n] for n in order], 0.1)
    assert {one.name for one in again} == {one.name for one in kept}
    assert without_near_identical(pairs[:9], values[:9], 0.1)[1] == []


# Rankings.

RENDERER = Renderer(load_template("quote-then-number"))
LIMITS = Limits(context=600, max_repetition=0.5, max_length_ratio=2.0)


def preferred(*rankings: Ranking, per_problem: int = 4, limits: Limits = LIMITS):
    return preference_pairs(
        rankings, RENDERER, ByteTokenizer(), limits=limits, per_problem=per_problem
    )


OPEN = Problem(question="가을을 한 문장으로?", kind="long")


def test_without_a_gold_answer_the_annotator_is_believed_and_the_pair_says_so():
    texts = ("가을은 높고 맑다.", "가을이다.", "하늘은 높기만 하다.", "낙엽 하나 진다.")
    pairs, drops = preferred(Ranking(problem=OPEN, texts=texts), per_problem=2)
    assert [(o.pair.chosen.text, o.pair.rejected.text, o.pair.reason, o.choices) for o in pairs] == [
        (texts[0], texts[1], "native", 0), (texts[0], texts[2], "native", 0),
    ]  # fmt: skip
    assert [drop.reason for drop in drops] == ["more_than_per_problem"]
    read = ByteTokenizer()
    assert read.decode(pairs[0].pair.chosen.token_ids) == texts[0]
    assert "가을을 한 문장으로?" in read.decode(pairs[0].pair.prompt_ids) == pairs[0].pair.prompt
    twice = Ranking(problem=OPEN, texts=(texts[3], *texts[:3]))
    pairs, drops = preferred(Ranking(problem=OPEN, texts=texts), twice, per_problem=4)
    assert len(pairs) == 4 and [drop.reason for drop in drops] == ["more_than_per_problem"] * 2


def test_a_ranking_with_chinese_in_it_gives_no_such_pair():
    texts = ("가을은 높고 맑다.", "가을이다.", "秋天是很美丽的季节，天空很高。")
    pairs, drops = preferred(Ranking(problem=OPEN, texts=texts))
    assert [one.pair.rejected.text for one in pairs] == [texts[1]]
    assert [drop.reason for drop in drops] == ["chinese"]
    pairs, drops = preferred(Ranking(problem=OPEN, texts=texts[::-1]))
    assert pairs == [] and [drop.reason for drop in drops] == ["chinese"]


def test_with_a_gold_answer_the_rule_must_agree_with_the_annotator():
    right, wrong = says("다"), says("가")
    pairs, drops = preferred(
        Ranking(problem=PROBLEM, texts=(right, wrong, "모르겠다", right + " ")),
        Ranking(problem=PROBLEM, texts=(wrong, right)),
        Ranking(problem=PROBLEM, texts=("고른 답: 가\n정답: 3", wrong)),
    )
    assert [(o.pair.rejected.text, o.pair.reason, o.places) for o in pairs] == [(wrong, "ranked", (3, 1))]  # fmt: skip
    assert Counter(d.reason for d in drops) == {"rejected_not_wrong": 2, "chosen_not_right": 2}


@pytest.mark.parametrize(
    ("texts", "limits", "reason"),
    [
        (("짧은 글", "이것은 앞의 것보다 훨씬 더 긴 글이다"), LIMITS, "lengths_too_different"),
        (("가나다라" * 40, "바사아자차카"), LIMITS, "repeats_itself"),
        (("높고 맑다", "가을이다"), Limits(60, 0.5, 2.0), "longer_than_context"),
    ],
)
def test_rankings_go_through_the_checks_of_mined_pairs(texts, limits, reason):
    pairs, drops = preferred(Ranking(problem=OPEN, texts=texts), limits=limits)
    assert pairs == [] and [d.reason for d in drops] == [reason]


def test_the_same_pair_twice_is_one_and_what_the_template_cannot_ask_is_dropped():
    twice = Ranking(problem=OPEN, texts=("높고 맑다", "가을이다"))
    many = Problem(question="q", choices=[str(n) for n in range(11)], answers=("1",))
    pairs, drops = preferred(twice, twice, Ranking(problem=many, texts=("a", "b")))
    assert len(pairs) == 1
    assert sorted(d.reason for d in drops) == ["more_choices_than_labels", "same_pair_twice"]
