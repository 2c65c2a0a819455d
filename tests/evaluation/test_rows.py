"""A step is a gain only where it beats the step before and every control at the same price."""

import pytest
from support.evaluations import marked

from koalign.evaluation.rows import ROWS, difference_of, rivals_of, rows_of
from koalign.reports.views import conclusions

N = 100


def right(share: float, **changes):
    """Predictions of which the first are right, so that a better row is right wherever another is."""
    return marked("+" * round(N * share) + "-" * (N - round(N * share)), **changes)


def rows(concluded: bool = True, **shares: float):
    return rows_of({name: right(share) for name, share in shares.items()}, concluded=concluded)


ALL_BEATEN = {"base": 0.2, "sft": 0.4, "dpo": 0.6, "votes_written": 0.6, "solve": 0.8}


def test_rows_come_in_the_order_of_the_table_each_against_its_own_row():
    made = rows(**ALL_BEATEN)
    assert list(made) == [name for name in ROWS if name in ALL_BEATEN]
    for name, row in made.items():
        assert (row.kind, row.against) == ROWS[name]
        if row.against:
            expected = ALL_BEATEN[name] - ALL_BEATEN[row.against]
            assert row.difference == pytest.approx(expected)
            assert row.difference_low <= row.difference <= row.difference_high
    assert made["base"].difference is made["base"].p_value is None


def test_a_step_that_beats_the_step_before_and_every_control_is_a_gain():
    made = rows(**ALL_BEATEN)
    assert {name: row.gain for name, row in made.items()} == {
        "base": None, "sft": True, "dpo": True, "solve": True, "votes_written": None,
    }  # fmt: skip
    assert conclusions(made)[-1] == "solve: a gain over dpo, votes, equal written"


@pytest.mark.parametrize("rival", ["dpo", "votes_written"])
def test_one_row_that_is_not_beaten_makes_it_no_gain(rival):
    made = rows(**ALL_BEATEN | {rival: 0.78})  # two flips: p 0.5
    assert made["solve"].gain is False
    (sentence,) = (one for one in conclusions(made) if one.startswith("solve"))
    assert "no gain over" in sentence and "+2.0 (" in sentence and "p 0.500; it beats" in sentence


def test_a_step_must_beat_the_controls_of_the_steps_before_it_too():
    names = list(ROWS)
    controls = {name for name, (kind, _) in ROWS.items() if kind == "control"}
    of_passages = {name for name in controls if name.startswith(("passages", "reader"))}
    assert set(rivals_of("solve", names)) == {"dpo", *(controls - of_passages)}
    assert set(rivals_of("sft", names)) <= {"base", *controls} and "dpo" not in rivals_of(
        "sft", names
    )
    assert rivals_of("base", names) == []


def test_the_reader_must_beat_the_policy_with_passages_and_hints_must_not():
    names = list(ROWS)
    reader, passages, solve = (set(rivals_of(n, names)) for n in ("reader", "passages", "solve"))
    own = {"reader_votes_written", "reader_votes_total", "reader_mismatched"}
    assert reader - own == (passages - {"dpo"}) | {"passages"} and own < reader
    assert {"rft", "passages_votes_total", "passages_mismatched"} < passages
    assert not {"solve", "votes_written"} & passages and "passages_mismatched" not in solve


def test_without_controls_nothing_is_concluded():
    made = rows(concluded=False, **ALL_BEATEN)
    assert {row.gain for row in made.values()} == {None}
    assert conclusions(made) == []


def test_the_cost_is_per_problem_and_a_greedy_answer_is_one_vote():
    voted = right(0.5, votes=("1", None, "2"), completion_tokens=30, prompt_tokens=7)
    greedy, several = (
        rows_of({"base": one}, concluded=False)["base"] for one in (right(0.5), voted)
    )
    assert (greedy.answers, greedy.generated) == (1, 0)
    assert (several.answers, several.generated, several.prompt) == (3, 30, 7)


def test_questions_on_one_passage_are_one_cluster():
    first, second = right(0.9, passage="one"), right(0.1, passage="one")
    gap = difference_of(first, second)
    assert gap.difference_low is None and not gap.is_gain
    assert rows_of({"base": first}, concluded=True)["base"].ci_low is None
