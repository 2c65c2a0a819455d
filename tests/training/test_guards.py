"""A training stops where it should, keeps the checkpoint it should, and does both again after a kill."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.training import watch

from koalign.config.training import Dpo
from koalign.training.guards import displacement, kept_step, reason_to_stop

pytestmark = pytest.mark.slow

SHARES = st.floats(0, 1)


def answered(shares, tokens=10.0) -> list[dict]:
    """A history of evaluations, one a step, the first before training."""
    return [
        {"probe/held_out": share, "probe/tokens": tokens, "step": step}
        for step, share in enumerate(shares)
    ]


def logged(step: int, policy: float, reference: float, beta: float = 0.1) -> dict:
    """What TRL logs where the chosen sides have these mean log-probabilities."""
    return {"rewards/chosen": beta * (policy - reference), "logps/chosen": policy, "step": step}


@given(st.lists(SHARES, min_size=1, max_size=8), st.sampled_from([None, Dpo()]))
def test_kept_is_the_last_of_the_best_and_the_start_of_dpo_alone(shares, dpo):
    kept, first = kept_step(answered(shares), watch(dpo=dpo)), 0 if dpo else 1
    if not shares[first:]:
        assert kept is None
    else:
        assert kept >= first and all(shares[kept] >= share for share in shares[first:])
        assert all(shares[kept] > share for share in shares[kept + 1 :])


def test_a_control_that_continues_an_adapter_may_keep_its_start_and_names_the_section_it_reads():
    history = answered([0.5, 0.4, 0.3])
    control = replace(watch(patience=2), from_adapter=True)
    assert kept_step(history, control) == 0
    assert "dpo.learning_rate or dpo.epochs" in reason_to_stop("rft", control, history, 8)


@given(st.lists(SHARES, min_size=1, max_size=8), st.integers(1, 4))
def test_patience_ends_only_with_a_held_out_accuracy_that_fell_each_time(shares, patience):
    reason = reason_to_stop("sft", watch(patience=patience), answered(shares), 8)
    steps = [b < a for a, b in pairwise(shares)][-patience:]
    assert (reason is not None) == (len(steps) == patience and all(steps))
    assert reason is None or ("probe.patience" in reason and "sft.learning_rate" in reason)


def test_equal_accuracies_are_no_fall():
    assert reason_to_stop("sft", watch(patience=2), answered([0.5, 0.4, 0.4, 0.3]), 8) is None
    assert reason_to_stop("sft", watch(patience=None), answered([0.5, 0.4, 0.3, 0.2]), 8) is None


@given(st.floats(-200, -0.5), st.floats(0.01, 3), st.floats(0.01, 1))
def test_displacement_is_the_share_by_which_the_chosen_side_fell(reference, factor, beta):
    history = [logged(1, reference * factor, reference, beta)]
    assert displacement(history, beta, 10) == pytest.approx(factor - 1, abs=1e-6)


def test_displacement_is_that_of_the_last_tenth_and_no_single_step():
    history = [logged(step, -20, -10) for step in range(1, 181)]
    history += [logged(step, -10.1, -10) for step in range(181, 201)]
    assert displacement(history, 0.1, 200) == pytest.approx(0.01)
    assert displacement(history[:19], 0.1, 200) == 0
    assert displacement(history[:20], 0.1, 200) == pytest.approx(1)
    assert displacement([], 0.1, 200) == 0


def test_a_chosen_side_that_falls_by_more_than_the_share_ends_dpo_and_not_sft():
    history = [logged(step, -10.6, -10) for step in range(1, 6)]
    reason = reason_to_stop("dpo", watch(dpo=Dpo()), history, 50)
    assert "6.0% below the reference" in reason and "dpo.sft_weight" in reason
    assert reason_to_stop("dpo", watch(dpo=Dpo(max_displacement=0.07)), history, 50) is None
    assert reason_to_stop("dpo", watch(dpo=Dpo(max_displacement=None)), history, 50) is None
    assert reason_to_stop("sft", watch(), history, 50) is None
    assert reason_to_stop("dpo", watch(dpo=Dpo()), [logged(1, -9, -10)] * 5, 50) is None


def test_answers_that_grow_end_dpo_and_not_sft():
    grown = [*answered([0.5], 10), *({**e, "step": 4} for e in answered([0.6], 21))]
    assert "21 tokens, and had 10" in reason_to_stop("dpo", watch(dpo=Dpo()), grown, 50)
    assert reason_to_stop("dpo", watch(dpo=Dpo(max_length_drift=2.2)), grown, 50) is None
    assert reason_to_stop("sft", watch(), grown, 50) is None
