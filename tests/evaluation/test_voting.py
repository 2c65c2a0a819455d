"""Every sample has one vote; who wins does not depend on the order in which the samples came."""

import random

from hypothesis import given
from hypothesis import strategies as st

from koalign.evaluation.solving.solutions import overlaps_of, solve_by_vote
from koalign.evaluation.solving.voting import (
    Answer,
    Attempt,
    Ballot,
    SampledHint,
    answers_of,
    count_votes,
    elect,
    times_drawn,
    uses_of,
)
from koalign.grading.grade import grade
from koalign.records import Problem, Sample
from koalign.reports.solving import summary

CITY = Problem(
    question="사는 곳은?", choices=("서울", "부산", "대구", "광주"), answers=("2",), key="7번"
)
WORD = Problem(question="수도는?", answers=("서울",), kind="short")


def said(text: str, logprob: float = -1.0, tokens: int = 10, reason: str = "stop") -> Answer:
    return Answer(text=text, tokens=tokens, logprob=logprob, finish_reason=reason)


def drawn(text: str, reason: str = "stop") -> Sample:
    return Sample(
        problem_id=CITY.id, index=0, adapter="", text=text, token_ids=(1, 2), logprob=-1.0,
        finish_reason=reason,
    )  # fmt: skip


def attempt(bare=(), hinted=(), problem: Problem = CITY) -> Attempt:
    hint = SampledHint(
        text="기록을 본다.", use="used", tokens=5, prompt_tokens=40, answers=tuple(hinted)
    )
    return Attempt(
        id=problem.id,
        hints=(hint,) if hinted else (),
        bare=tuple(bare),
        hint_prompt_tokens=20,
        bare_prompt_tokens=30,
    )


ballots = st.lists(
    st.tuples(st.sampled_from(["1", "2", "3", None]), st.sampled_from([-2.0, -1.0, -0.5])),
    min_size=1,
).map(lambda rows: [Ballot(answer, logprob, n) for n, (answer, logprob) in enumerate(rows)])


@given(ballots, st.randoms())
def test_the_order_of_the_samples_decides_nothing(some, rng: random.Random):
    shuffled = rng.sample(some, len(some))
    assert elect(shuffled) == elect(some)


@given(ballots)
def test_nobody_has_more_votes_than_the_winner(some):
    votes, winner = count_votes(some), elect(some)
    assert (winner.answer is None) == (not votes)
    if votes:
        assert votes[winner.answer] == max(votes.values())


def test_a_tie_goes_to_the_likelier_sample_a_token_and_not_to_the_shorter_one():
    short, long = said("정답: 1", -2.0, 4), said("길게 생각하면 정답: 2", -4.0, 40)
    assert solve_by_vote(CITY, attempt([short, long])).answer == "2"


def test_a_tie_is_not_decided_by_how_much_the_samples_weigh_together():
    # Sums over the samples would prefer 1, whose two are less unlikely together.
    some = [Ballot("1", -0.5, 0), Ballot("2", -0.1, 1), Ballot("1", -0.5, 2), Ballot("2", -3.0, 3)]
    assert elect(some).answer == "2"


def test_equally_likely_answers_are_decided_by_the_first_sample():
    assert elect([Ballot("3", -1.0, 1), Ballot("4", -1.0, 0)]).answer == "4"


def test_a_sample_that_cannot_be_read_does_not_vote():
    unread = [said("모르겠다", -0.1)] * 3
    found = solve_by_vote(CITY, attempt([*unread, said("정답: 3", -9.0)]))
    assert (found.answer, found.votes, found.agreement, found.why) == ("3", {"3": 1}, 1.0, None)


def test_where_nobody_votes_the_line_says_why():
    found = solve_by_vote(
        CITY, attempt([said("정답은 1번 또는 2번", -5.0), said("끝없이", -0.5, 8, "length")])
    )
    assert found.answer is None and found.agreement is None and found.votes == {}
    assert found.why == "truncated" and found.text == "끝없이"


def test_two_ways_to_write_a_short_answer_are_two_votes_for_one_answer():
    texts = [said("정답: Gene"), said('정답: "gene"'), said("정답: RNA", -0.01)]
    found = solve_by_vote(WORD, attempt(texts, problem=WORD))
    assert sorted(found.votes.values()) == [1, 2] and found.agreement == round(2 / 3, 4)
    assert found.answer == "Gene"


def test_the_gold_answer_has_no_say_in_what_is_answered():
    # With the gold at hand the grader reads 서울 in it; a solver has no gold.
    text = "정답: 서울 또는 부산"
    assert grade(WORD, text).answer is not None or grade(WORD, text).why == "ambiguous"
    found = [
        solve_by_vote(
            WORD.model_copy(update={"answers": gold}), attempt([said(text)], problem=WORD)
        )
        for gold in ((), ("서울",), ("서울 또는 부산",))
    ]
    first, second, third = (line.model_copy(update={"problem": None}) for line in found)
    assert first == second == third


def test_long_answers_are_measured_and_others_are_counted():
    long = WORD.model_copy(update={"kind": "long", "answers": ("서울에서 산다",)})
    lines = [
        solve_by_vote(long, attempt([said("서울에서 산다")], problem=long)),
        solve_by_vote(WORD, attempt([said("정답: 서울")], problem=WORD)),
    ]
    assert overlaps_of(lines) == [1.0]
    line = summary(lines, 0.0)
    assert "accuracy 100.0 % (1 of 1); ROUGE-L 100.0 % (long answers: 1)" in line


def test_a_line_says_hints_votes_agreement_and_what_was_spent():
    hinted = [said("정답: 2"), said("정답: 2", -0.5)]
    found = solve_by_vote(CITY, attempt([said("정답: 1", -0.1)], hinted))
    assert (found.id, found.key, found.answer) == (CITY.id, "7번", "2")
    assert found.abstraction == "기록을 본다." and found.text == "정답: 2"
    assert found.votes == {"2": 2, "1": 1} and found.agreement == round(2 / 3, 4)
    assert [(hint.text, hint.use) for hint in found.hints] == [("기록을 본다.", "used")]
    spent = found.tokens
    assert (spent.hints, spent.answers, spent.bare, spent.prompt) == (5, 20, 10, 20 + 40 + 30)
    assert spent.generated == 35


def test_a_single_vote_agrees_with_no_other_and_the_line_says_nothing_of_it():
    several = solve_by_vote(CITY, attempt([said("정답: 1", -0.1)], [said("정답: 2")]))
    greedy = solve_by_vote(CITY, attempt([said("정답: 2")]))
    assert "agreement" in summary([several], 0.0) and "agreement" not in summary([greedy], 0.0)


def test_the_text_is_the_winners_and_so_is_the_hint():
    found = solve_by_vote(
        CITY, attempt([said("정답: 2", -0.1)], [said("고른 답: 부산\n정답: 2", -5.0)])
    )
    assert found.abstraction == "" and found.text == "정답: 2"


def test_a_hint_is_used_unless_a_rule_that_needs_no_gold_says_why_not():
    texts = ["기록에서 이름을 찾고 사는 곳을 본다.", "", "  \n", "정답: 3", "정답은 부산이다."]
    hints = [
        *map(drawn, texts),
        drawn("끝이 없는", "length"),
        drawn("들어가지 않을 만큼 긴 실마리"),
    ]
    fits = [True] * 6 + [False]
    assert uses_of(CITY, hints, fits) == [
        "used", "empty", "empty", "states_an_answer", "states_an_answer", "unfinished", "too_long",
    ]  # fmt: skip


def test_hints_are_judged_alike_with_and_without_the_gold_answer():
    hints = [drawn("정답: 3"), drawn("부산을 떠올린다."), drawn("기록을 본다.")]
    without = CITY.model_copy(update={"answers": ()})
    assert uses_of(CITY, hints, [True] * 3) == uses_of(without, hints, [True] * 3)


def test_what_a_hint_repeats_is_answered_with_once_more():
    one, other = "첫째로 이름을 찾고 다음으로 사는 곳을 본다.", "연도를 더한 다음 세기를 센다."
    hints = [drawn(one), drawn(f" {one}\n"), drawn(other), drawn(f"{one}"), drawn(f"{other}!")]
    uses = uses_of(CITY, hints, [True] * 5)
    assert uses == ["used", "repeated", "used", "repeated", "repeated"]
    assert times_drawn(hints, uses) == {0: 3, 2: 2}


@given(
    st.lists(
        st.text(max_size=40) | st.sampled_from(["기록을 본다.", "정답: 3", "①", "\ud800"]),
        max_size=5,
    )
)
def test_whatever_hints_say_each_has_one_use_and_none_is_counted_twice(texts):
    hints = [drawn(text) for text in texts]
    uses = uses_of(CITY, hints, [True] * len(hints))
    assert len(uses) == len(hints)
    times = times_drawn(hints, uses)
    assert sum(times.values()) == uses.count("used") + uses.count("repeated")
    assert len({hints[number].text.strip() for number in times}) == len(times)


def test_what_an_unusable_hint_says_again_is_judged_by_itself():
    hints = [drawn("정답: 3"), drawn("정답: 3")]
    assert uses_of(CITY, hints, [True, True]) == ["states_an_answer"] * 2
    assert times_drawn(hints, ["states_an_answer"] * 2) == {}


def test_bare_answers_stand_last_whatever_the_hints():
    one = attempt([said("정답: 1")], [said("정답: 2")])
    assert [hint for hint, _ in answers_of(one)] == ["기록을 본다.", ""]
