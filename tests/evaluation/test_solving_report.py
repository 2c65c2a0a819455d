"""The report of solving: equal tokens, another problem's hint as control, and a verdict from the numbers."""

import random

import pytest
from support.attempts import attempt, column, problem, said

from koalign.evaluation.solving.controls import (
    MOST_VOTES,
    Controls,
    mismatched_hints,
    own_hints,
    samples_at_equal_tokens,
    total_tokens_beside,
    under_hints,
)
from koalign.evaluation.solving.report import SolvingReport, solving_report
from koalign.evaluation.solving.voting import Attempt, answers_of, spent
from koalign.records import Problem
from koalign.reports.solving import HINT_TITLES, print_report


def bare_of(problems: list[Problem], bare: list[list[bool]]) -> list[Attempt]:
    return [attempt(p, [], some) for p, some in zip(problems, bare, strict=True)]


def report(
    hinted: list[list[bool]],
    bare: list[list[bool]],
    mismatched: list[list[bool]] | None = None,
    own_bare: list[bool] = (),
    passages: int | None = None,
) -> SolvingReport:
    problems = [problem(n, f"글 {n % passages}" if passages else "") for n in range(len(hinted))]
    attempts = [attempt(p, some, list(own_bare)) for p, some in zip(problems, hinted, strict=True)]
    lent = mismatched or [[] for _ in problems]
    others = [
        under_hints(own, [("남의 실마리", 50, list(map(said, some)))] if some else [])
        for own, some in zip(attempts, lent, strict=True)
    ]
    controls = Controls(bare_of(problems, bare), others)
    policy = [some[0] for some in bare]
    return solving_report(problems, attempts, controls, policy, policy)


def test_hints_that_turn_wrong_into_right_pay_and_the_sentence_says_by_how_much():
    found = report([[True]] * 90 + [[False]] * 10, [[False, False, False]] * 60 + [[True] * 3] * 40)
    assert found.verdict == "pays"
    assert "pay for themselves here: +50.0 points at equal tokens (" in found.sentence
    assert found.sentence.endswith("p < 0.001)")
    vote = column(found, "vote")
    assert (vote.accuracy, vote.difference) == (0.9, pytest.approx(0.5))
    assert vote.difference_low < 0.5 < vote.difference_high and vote.p < 0.001


def test_questions_on_one_passage_are_one_case():
    hinted, bare = [[n % 10 < 5] for n in range(100)], [[False]] * 100
    alone, grouped = (column(report(hinted, bare, passages=n), "vote") for n in (None, 10))
    for low, high in (("low", "high"), ("difference_low", "difference_high")):
        widths = [getattr(one, high) - getattr(one, low) for one in (alone, grouped)]
        assert widths[1] > 2 * widths[0]


def test_hints_that_harm_do_not_pay():
    found = report([[False]] * 60 + [[True]] * 40, [[True] * 3] * 90 + [[False] * 3] * 10)
    assert found.verdict == "does not pay" and "-30.0 points" not in found.sentence
    assert "abstractions do not pay for themselves here: -" in found.sentence


def test_a_gain_that_is_surely_below_a_point_is_none():
    found = report([[True]] * 400, [[True]] * 400)
    assert found.verdict == "does not pay"


def test_a_difference_that_chance_can_make_decides_nothing():
    hinted = [[n % 3 == 0] for n in range(30)]
    bare = [[n % 3 == 1 or n % 10 == 0] for n in range(30)]
    assert report(hinted, bare).verdict == "not decided"


def test_one_problem_decides_nothing():
    assert report([[True]], [[False]]).verdict == "not decided"


def test_a_few_problems_without_a_flip_decide_nothing():
    found = report([[True]] * 5, [[True]] * 5)
    assert found.verdict == "not decided"
    assert column(found, "vote").difference == 0 and column(found, "vote").difference_high > 0.3


def test_oracle_best_is_right_where_any_sample_is_and_is_called_not_attainable():
    found = report([[True, False, False]] * 20 + [[False] * 3] * 20, [[False]] * 40)
    assert column(found, "oracle").accuracy == 0.5 and column(found, "vote").accuracy == 0
    assert column(found, "hint_average").accuracy == pytest.approx(1 / 6)
    assert [one.name for one in found.columns if not one.attainable] == ["oracle"]
    assert "not attainable" in HINT_TITLES["oracle"]
    assert any("not attainable" in note for note in found.notes)


def test_means_over_samples_have_an_interval_and_no_test_and_bare_is_what_they_stand_against():
    found = report([[True, False]] * 20, [[False, False]] * 20, [[True, False]] * 20)
    for name in ("bare_average", "hint_average", "mismatched_average"):
        assert column(found, name).p is None and column(found, name).difference is not None
    bare = column(found, "bare")
    assert bare.difference is bare.p is None and bare.accuracy == 0


def test_what_was_spent_counts_hints_and_every_prompt_once():
    found = report([[True, True]] * 4, [[True] * 4] * 4, own_bare=[False])
    vote, bare, single = (column(found, name) for name in ("vote", "bare", "hint_average"))
    assert (vote.samples, vote.generated, vote.prompt) == (3, 20 + 2 * 10 + 10, 40 + 50 + 30)
    assert (bare.samples, bare.generated, bare.prompt) == (4, 40, 30)
    assert (single.samples, single.generated, single.prompt) == (1, 20 + 10, 40 + 50)


def test_a_control_that_gains_as_much_is_told():
    hinted, bare = [[True]] * 50, [[False]] * 40 + [[True]] * 10
    gains, harmless = report(hinted, bare, hinted), report(hinted, bare, bare)
    assert any("mismatched hints beat bare" in note for note in gains.notes)
    assert any("mismatched hints do not beat bare" in note for note in harmless.notes)


def test_problems_without_a_hint_are_solved_bare_and_no_part_of_the_hints_mean():
    problems = [problem(n) for n in range(4)]
    attempts = [attempt(p, [True] if n < 2 else [], [False]) for n, p in enumerate(problems)]
    nobody = [under_hints(one, []) for one in attempts]
    bare = bare_of(problems, [[False]] * 4)
    found = solving_report(problems, attempts, Controls(bare, nobody))
    assert found.without_hint == 2
    assert (column(found, "hint_average").n, column(found, "hint_average").accuracy) == (2, 1)
    assert column(found, "vote").n == 4
    assert any("no control" in note for note in found.notes)


def test_where_nothing_was_hinted_there_are_no_columns_of_hints():
    problems = [problem(n) for n in range(3)]
    attempts = [attempt(p, [], [True, True]) for p in problems]
    bare = bare_of(problems, [[True]] * 3)
    found = solving_report(problems, attempts, Controls(bare, attempts))
    assert [one.name for one in found.columns] == ["bare_average", "bare", "vote", "oracle"]
    assert found.verdict == "not decided"


def test_equal_tokens_are_never_fewer_than_solving_spent_and_not_a_sample_too_many():
    drawn = [[said(True, tokens) for tokens in (5, 7, 6)] for _ in range(10)]
    assert samples_at_equal_tokens(50, drawn) == (1, True)
    assert samples_at_equal_tokens(51, drawn) == (2, True)
    assert samples_at_equal_tokens(180, drawn) == (3, True)
    n, enough = samples_at_equal_tokens(400, drawn)
    assert not enough and n == 7  # 6 tokens a sample so far


def test_votes_at_equal_total_tokens_reach_what_solving_wrote_and_read_or_are_64():
    problems = [problem(n) for n in range(10)]
    attempts = [attempt(p, [True], [True]) for p in problems]
    tokens = total_tokens_beside(attempts, bare_of(problems, [[True]] * 10))
    assert tokens == 10 * ((20 + 10 + 10) + (40 + 50 + 30) - 30)
    drawn = [[said(True, 10)] * 70] * 10
    assert samples_at_equal_tokens(tokens, drawn, MOST_VOTES) == (13, True)
    assert samples_at_equal_tokens(10 * tokens, drawn, MOST_VOTES) == (64, True)
    few = [[said(True, 10)] * 8] * 10
    assert samples_at_equal_tokens(10 * tokens, few, MOST_VOTES) == (64, False)


def test_other_answers_under_its_own_hints_cost_and_vote_as_the_attempt_does():
    one = attempt(problem(1), [True, True], [True, False])
    assert own_hints([one]) == [[(one.hints[0].text, 2), ("", 2)]]
    wrong = [said(False)] * 2
    other = under_hints(one, [(one.hints[0].text, 50, wrong), ("", 30, wrong)])
    assert spent(other) == spent(one)
    assert [answer for _, answer in answers_of(other)] == wrong * 2


@pytest.mark.parametrize("count", [2, 3, 17])
def test_no_problem_gets_a_hint_of_its_own_or_of_its_passage_and_each_as_many_as_its_own(count):
    problems = [problem(n, f"글 {n % 3}" if count == 17 else "") for n in range(count)]
    attempts = [attempt(p, [True] * (1 + n % 3), [True]) for n, p in enumerate(problems)]
    lent = mismatched_hints(problems, attempts, seed=0)
    owner = {one.hints[0].text: n for n, one in enumerate(attempts)}
    for number, hints in enumerate(lent):
        ((text, answers),) = hints
        assert answers == len(attempts[number].hints[0].answers)
        lender = owner[text]
        assert lender != number
        assert count < 17 or problems[lender].passage != problems[number].passage


def test_whose_hint_is_lent_does_not_depend_on_the_order_of_the_file():
    problems = [problem(n) for n in range(12)]
    attempts = [attempt(p, [True], []) for p in problems]
    order = random.Random(1).sample(range(12), 12)
    lent = mismatched_hints(problems, attempts, seed=3)
    again = mismatched_hints([problems[n] for n in order], [attempts[n] for n in order], seed=3)
    assert again == [lent[n] for n in order]
    assert mismatched_hints(problems, attempts, seed=4) != lent


def test_one_hint_that_all_problems_share_cannot_be_a_control():
    problems = [problem(n) for n in range(4)]
    attempts = [attempt(p, [True], [], hint="기록을 천천히 읽는다.") for p in problems]
    assert mismatched_hints(problems, attempts, seed=0) == [[]] * 4


def test_the_table_and_the_page_show_all_columns_and_the_sentence(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    found = report([[True, False]] * 20, [[False, False]] * 20, [[True, False]] * 20)
    print_report(found)
    shown = capsys.readouterr().out
    for one in found.columns:
        assert HINT_TITLES[one.name] in shown
    assert found.sentence in shown
    assert len(found.columns) == len(HINT_TITLES)
