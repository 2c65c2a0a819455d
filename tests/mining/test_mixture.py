"""The set of rationales keeps its shares and says nothing twice, and every loss is a drop."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from koalign.mining.distilling.mixture import mixture
from koalign.mining.distilling.verify import Solution, VerifiedSolution
from koalign.records import Problem

PROBLEM = Problem(
    question="민수가 사는 곳은?",
    passage="민수의 상사는 태호이다. 태호는 부산에 산다.",
    choices=("서울", "부산", "대구", "광주"),
    answers=("2",),
)


def one(number: int, by: str, text: str, index: int = 0) -> VerifiedSolution:
    problem = PROBLEM.model_copy(update={"question": f"{number}번 사람이 사는 곳은?"})
    return VerifiedSolution(Solution(problem, "", "stop", by, "m", index), text)


OPTIONS = {"traces": 4, "own_per_teacher": 4.0, "rationalized_share": 0.2, "seed": 0}
MANY = st.lists(
    st.builds(
        one,
        st.integers(0, 8),
        st.sampled_from(["own", "own", "own", "teacher", "rationalized"]),
        st.integers(0, 40).map("풀이 {}".format),
        st.integers(0, 9),
    ),
    max_size=60,
)


@given(MANY, st.sampled_from([0, 0.5, 1, 4]), st.sampled_from([0.0, 0.2, 0.5]), st.integers(1, 4))
def test_the_set_keeps_every_share_and_every_loss_is_counted(found, ratio, share, traces):
    options = {"own_per_teacher": ratio, "rationalized_share": share, "traces": traces}
    kept, drops = mixture(found, **{**OPTIONS, **options})
    assert len(kept) + len(drops) == len(found)
    assert not {id(o) for o in kept} - {id(o) for o in found}
    counts = Counter(o.solution.by for o in kept)
    others = counts["teacher"] + counts["rationalized"]
    assert counts["own"] >= ratio * others
    assert counts["rationalized"] <= share * len(kept) + 1e-9
    texts = Counter(o.rationale for o in kept)
    assert not texts or max(texts.values()) == 1
    assert all(n <= traces for n in Counter(o.solution.problem.id for o in kept).values())
    if not ratio and share:  # nothing asks for a cut: no honest rationale goes but for the limit
        assert "over_teacher_share" not in {drop.reason for drop in drops}


@given(MANY, st.randoms(use_true_random=False))
def test_the_set_does_not_depend_on_the_order_of_the_draws(found, rng):
    unique = [
        *{(o.solution.problem.id, o.solution.by, o.solution.index): o for o in found}.values()
    ]
    shuffled = rng.sample(unique, len(unique))
    before, after = (mixture(several, **OPTIONS)[0] for several in (unique, shuffled))
    assert {id(o) for o in before} == {id(o) for o in after}


def test_the_teachers_are_cut_to_the_share_and_stay_where_the_policy_is_weak():
    own = [one(n, "own", f"내 풀이 {n} {k}", k) for n in range(4) for k in range(n)]  # 0, 1, 2, 3
    teacher = [one(n, "teacher", f"선생의 풀이 {n}") for n in range(4)]
    kept, drops = mixture([*own, *teacher], **{**OPTIONS, "own_per_teacher": 3.0})
    left = [o.rationale for o in kept if o.solution.by == "teacher"]
    assert sorted(left) == ["선생의 풀이 0", "선생의 풀이 1"]
    assert [drop.reason for drop in drops] == ["over_teacher_share"] * 2
    kept, drops = mixture(teacher, **{**OPTIONS, "own_per_teacher": 0})
    assert len(kept) == 4 and not drops


def test_told_ones_fill_their_share_of_all_and_no_more():
    honest = [one(n, "teacher", f"풀이 {n}") for n in range(8)]
    told = [one(n, "rationalized", f"들은 풀이 {n}") for n in range(8, 13)]
    kept, drops = mixture([*told, *honest], **{**OPTIONS, "own_per_teacher": 0})
    assert len(kept) == 10 and [d.reason for d in drops] == ["over_rationalized_share"] * 3


def test_a_text_that_stands_under_two_problems_is_kept_under_none():
    found = [
        one(1, "teacher", "본문에  있다."),
        one(2, "own", "본문에 있다."),
        one(3, "own", "다르다."),
    ]
    kept, drops = mixture(found, **{**OPTIONS, "own_per_teacher": 0})
    assert [o.rationale for o in kept] == ["다르다."]
    assert {drop.reason for drop in drops} == {"copy_of_another_problem"}


def test_own_ones_come_first_and_no_more_than_asked_stand_under_a_problem():
    found = [
        one(1, "teacher", "가"),
        *(one(1, "own", text, n) for n, text in enumerate("나다라마라")),
    ]
    kept, drops = mixture(found, **{**OPTIONS, "traces": 3})
    assert [o.rationale for o in kept] == ["나", "다", "라"]
    assert Counter(d.reason for d in drops) == {"over_traces": 2, "same_text_twice": 1}
