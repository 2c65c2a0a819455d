"""Over seeds a row has its mean, its range and an interval over passages, and a gain must hold on every seed."""

import pytest

from koalign.evaluation.results import Prediction
from koalign.evaluation.rows import rows_of
from koalign.evaluation.seeds import SeedRow, over_seeds
from koalign.evaluation.stats.intervals import wilson_interval


def predictions(right: str, passages: str = "") -> list[Prediction]:
    """`1101`: a prediction of each problem, right or wrong; `aabb`: their passages."""
    return [
        Prediction(
            id=str(number),
            answer="1",
            gold=("1",),
            correct=sign == "1",
            why="match",
            scores={},
            passage=passages[number] if passages else str(number),
        )
        for number, sign in enumerate(right)
    ]


def table(*seeds: dict[str, str], passages: str = "", concluded: bool = True) -> dict[str, SeedRow]:
    read = [{name: predictions(right, passages) for name, right in seed.items()} for seed in seeds]
    return over_seeds(rows_of(read[0], concluded=concluded), read)


def test_mean_range_and_difference_are_those_of_the_seeds():
    rows = table({"base": "0001", "sft": "0011"}, {"base": "0011", "sft": "1111"})
    base, sft = rows["base"].accuracy, rows["sft"].accuracy
    assert (base.mean, base.lowest, base.highest) == (0.375, 0.25, 0.5)
    assert (sft.mean, sft.lowest, sft.highest) == (0.75, 0.5, 1.0)
    gap = rows["sft"].difference
    assert (gap.mean, gap.lowest, gap.highest, gap.above) == (0.375, 0.25, 0.5, 2)
    assert rows["base"].difference is None and rows["base"].gain is None


def test_the_interval_is_over_problems_of_their_mean_over_seeds():
    """The bootstrap of two passages draws each twice in a quarter of the resamples: their own means."""
    accuracy = table({"base": "1100"}, {"base": "1000"}, passages="aabb")["base"].accuracy
    assert (accuracy.low, accuracy.mean, accuracy.high) == (0.0, 0.375, 0.75)


def test_the_same_answers_on_every_seed_have_the_interval_of_one_seed():
    row = {"base": "0110100110" * 10}
    once = rows_of({"base": predictions(row["base"])}, concluded=True)["base"]
    accuracy = table(row, row, row)["base"].accuracy
    assert (accuracy.low, accuracy.high) == (once.ci_low, once.ci_high)
    assert accuracy.lowest == accuracy.highest == accuracy.mean == once.accuracy


def test_items_without_a_passage_are_resampled_one_by_one():
    own = {"base": [one.model_copy(update={"passage": ""}) for one in predictions("0110" * 10)]}
    rows = rows_of(own, concluded=True)
    accuracy = over_seeds(rows, [own, own])["base"].accuracy
    assert (accuracy.low, accuracy.high) == (rows["base"].ci_low, rows["base"].ci_high)
    assert accuracy.low < 0.5 < accuracy.high


def test_all_right_on_every_seed_is_not_certain():
    accuracy = table({"base": "1" * 20}, {"base": "1" * 20})["base"].accuracy
    assert (accuracy.low, accuracy.high) == pytest.approx(wilson_interval(20, 20))


BASE, SFT = "0" * 60, "1" * 30 + "0" * 30


def test_a_step_that_is_above_on_every_seed_gains():
    sft = table({"base": BASE, "sft": SFT}, {"base": BASE, "sft": SFT[::-1]})["sft"]
    assert sft.gain and sft.difference.is_gain and sft.difference.above == 2


def test_a_step_that_one_seed_does_not_gain_has_no_gain():
    sft = table({"base": BASE, "sft": SFT}, {"base": BASE, "sft": BASE})["sft"]
    assert sft.difference.low > 0 and sft.difference.above == 1
    assert sft.gain is False


def test_a_step_on_every_seed_above_by_chance_has_no_gain():
    little = "1" + "0" * 59
    sft = table({"base": BASE, "sft": little}, {"base": BASE, "sft": little})["sft"]
    assert sft.difference.above == 2 and sft.difference.low == 0
    assert sft.gain is False


def test_a_step_must_beat_its_controls_on_every_seed_too():
    seed = {"base": BASE, "sft": BASE, "dpo": BASE, "solve": SFT, "votes_written": BASE}
    assert table(seed, seed)["solve"].gain is True
    rows = table(seed, seed | {"votes_written": SFT})
    assert rows["solve"].rivals["dpo"].is_gain
    assert not rows["solve"].rivals["votes_written"].is_gain
    assert rows["solve"].gain is False and rows["votes_written"].gain is None
    assert rows["votes_written"].difference.mean == -rows["solve"].rivals["votes_written"].mean


def test_without_controls_no_step_is_judged():
    seed = {"base": BASE, "sft": SFT}
    assert table(seed, seed, concluded=False)["sft"].gain is None
