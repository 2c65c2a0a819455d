"""Where `epochs: auto` lowers the rate and ends, over any history of the probe."""

from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.training.plateau import (
    ROUND_STEPS,
    ROUNDS,
    WINDOW,
    epochs_of_round,
    error,
    is_plateau,
    rate,
    start_of_fall,
)

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=ROUNDS + 1)
PATIENCE = st.none() | st.integers(1, 4)
ROUND = 10
"""Optimizer steps of a round here."""


def history(shares, problems=100.0) -> list[dict]:
    """Evaluations one round apart, the first before training, among lines of the training itself."""
    return [
        line
        for number, share in enumerate(shares)
        for line in (
            {"step": number * ROUND, "probe/held_out": share, "probe/held_out_n": problems},
            {"step": number * ROUND + 1, "loss": 1.0},
        )
    ]


@given(SHARES, st.integers(1, 1000))
def test_a_plateau_is_a_best_that_the_latest_do_not_pass_by_more_than_its_error(shares, problems):
    found = is_plateau(shares, partial(error, problems=problems))
    if len(shares) <= WINDOW:
        assert not found
        return
    best = max(shares[:-WINDOW])
    limit = best + error(best, problems)
    assert found == (max(shares[-WINDOW:]) <= limit)
    assert not is_plateau([*shares[:-1], limit + 1e-6], partial(error, problems=problems))
    assert is_plateau([*shares[:-WINDOW], *[best] * WINDOW], partial(error, problems=problems))
    assert not is_plateau(
        [shares[0]] * WINDOW, partial(error, problems=problems)
    )  # too few to see one


@given(SHARES, PATIENCE)
def test_a_fall_that_has_begun_is_moved_by_nothing_that_comes_later(shares, patience):
    """So that a training resumed from any later checkpoint lowers its rate from the same step."""
    starts = [
        start_of_fall(history(shares[:count]), patience, ROUND)
        for count in range(1, len(shares) + 1)
    ]
    assert all(after == before for before, after in pairwise(starts) if before)


@given(SHARES, PATIENCE)
def test_every_training_ends(shares, patience):
    start = start_of_fall(history(shares), patience, ROUND)
    assert (start is not None) or len(shares) < ROUNDS
    assert start is None or (0 < start[0] <= (ROUNDS - 1) * ROUND and start[0] % ROUND == 0)
    assert start is None or "\n" not in start[1]


@pytest.mark.parametrize(
    ("shares", "patience", "step", "why"),
    [
        ([0.2, 0.4, 0.6, 0.6, 0.6, 0.6], 2, 50, "rises by more than its error (60.0% ± 4.9, then 60.0%"),
        ([0.2, 0.4, 0.6, 0.5, 0.64, 0.6], 2, 50, "60.0% ± 4.9"),
        ([0.2, 0.4, 0.6, 0.5, 0.66, 0.6], 2, None, ""),
        ([0.5, 0.5, 0.5, 0.5], None, 30, "50.0% ± 5.0"),
        ([0.0, 0.0, 0.0, 0.01], None, None, ""),
        ([0.2, 0.99, 0.99, 1.0, 1.0], None, 40, "99.0% ± 1.4"),
        ([0.2, 0.6, 0.5, 0.4], 2, 30, "fell 2 evaluations running (probe.patience)"),
        ([0.2, 0.6, 0.5], 1, 20, "fell 1 evaluations running"),
        ([n / 20 for n in range(20)], 2, 190, "still rises after 19 evaluations"),
        ([n / 20 for n in range(19)], 2, None, ""),
    ],
)  # fmt: skip
def test_where_the_rate_begins_to_fall(shares, patience, step, why):
    start = start_of_fall(history(shares), patience, ROUND)
    assert (start[0] if start else None) == step
    assert start is None or why in start[1]


@given(st.integers(0, 9), st.none() | st.integers(1, 19), st.integers(10, 50))
def test_the_rate_rises_stays_and_falls_to_nothing(warmup, rounds, round_steps):
    start = rounds and rounds * round_steps
    rates = [rate(step, start, warmup, round_steps) for step in range(ROUNDS * round_steps + 1)]
    assert rates[:warmup] == [step / warmup for step in range(warmup)]
    end = len(rates) if start is None else start + 1
    assert set(rates[warmup:end]) == {1.0}
    if start is not None:
        fall = rates[start : start + round_steps + 1]
        assert fall[-1] == 0
        assert all(a - b == pytest.approx(1 / round_steps) for a, b in pairwise(fall))


@given(st.integers(1, 1000))
def test_a_round_is_the_fewest_whole_epochs_with_enough_steps(steps):
    epochs = epochs_of_round(steps)
    assert epochs >= 1 and epochs * steps >= ROUND_STEPS
    assert epochs == 1 or (epochs - 1) * steps < ROUND_STEPS


def test_a_likelihood_is_held_against_the_error_of_the_best_before():
    lines = history([0.30, 0.40, 0.405, 0.404, 0.403])
    for line, own in zip(lines[::2], [0.001, 0.01, 0.001, 0.001, 0.001], strict=True):
        line["probe/held_out_error"] = own
    step, why = start_of_fall(lines, None, ROUND)
    assert step == 4 * ROUND and "40.0% ± 1.0" in why
