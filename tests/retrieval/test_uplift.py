"""What a passage does is judged by new samples; the report says what retrieval could gain, per subject."""

import random

import pytest
from support.passages import passage

from koalign.records import Count, Problem
from koalign.retrieval.records import ScreenedPassage
from koalign.retrieval.uplift import describe_uplift, is_moved, verdicts


def counts(bare: int, hinted: int, *again: int) -> dict[str, Count]:
    """Of 32 and 16 answers; again of 64 each."""
    found = {"bare": Count(right=bare, n=32), "hinted": Count(right=hinted, n=16)}
    if again:
        names = "replication_bare", "replication"
        found |= {name: Count(right=right, n=64) for name, right in zip(names, again, strict=True)}
    return found


def screened(problem: Problem, rank: int, verdict: str, own: dict[str, Count]) -> ScreenedPassage:
    found = passage(problem.id, f"{rank}", rank)
    return ScreenedPassage(passage=found, verdict=verdict, counts=own)


def problem(number: int, subject: str) -> Problem:
    return Problem(question=f"{number}?", choices=("가", "나"), answers=("1",), subject=subject)


def test_gold_and_poison_are_what_new_samples_confirm():
    found = verdicts(
        [counts(8, 14, 16, 60), counts(24, 4, 50, 10), counts(8, 8), counts(8, 12, 20, 21)], 0.1
    )
    assert found == ["gold", "poison", "distractor", "unclear"]


def test_a_gain_that_turns_into_a_loss_is_neither():
    assert verdicts([counts(8, 14, 50, 10)], 0.1) == ["unclear"]


def test_a_passage_is_sampled_again_when_it_moves_answers_either_way():
    assert is_moved(counts(8, 14), 1)
    assert is_moved(counts(24, 4), 1)
    assert not is_moved(counts(16, 8), 1)


def sampled(draw: random.Random, bare: float, hinted: float) -> dict[str, Count]:
    """What `koalign passages` counts of a passage under which `hinted` of the answers are right."""

    def right(n: int, share: float) -> int:
        return sum(draw.random() < share for _ in range(n))

    first = counts(right(32, bare), right(16, hinted))
    if not is_moved(first, 1):
        return first
    again = counts(0, 0, right(64, bare), right(64, hinted))
    return first | {name: own for name, own in again.items() if "replication" in name}


def reported(*groups: tuple[str, int, int, float], seed: int) -> dict[str, dict]:
    """The figures of simulated subjects: (name, problems, passages of each, right answers with one).

    Of answers without any 40 % are right.
    """
    draw = random.Random(seed)
    problems, rows = [], []
    for subject, many, passages, share in groups:
        for _ in range(many):
            problems.append(problem(len(problems), subject))
            rows += [(problems[-1], n + 1, sampled(draw, 0.4, share)) for n in range(passages)]
    found = verdicts([own for *_, own in rows], 0.1)
    judged = [screened(p, n, v, own) for (p, n, own), v in zip(rows, found, strict=True)]
    return describe_uplift(problems, judged)["subjects"]


def test_useless_passages_are_rarely_gold_or_poison():
    draw = random.Random(0)
    found = verdicts([sampled(draw, 0.4, 0.4) for _ in range(600)], 0.1)
    assert found.count("gold") + found.count("poison") <= 3
    assert found.count("distractor") > 350


@pytest.mark.parametrize("seed", range(4))
def test_choosing_among_useless_passages_gains_nothing_beside_a_subject_of_useful_ones(seed):
    own = reported(("유용", 100, 4, 0.9), ("무용", 100, 4, 0.4), seed=seed)
    gain = own["무용"]["chosen_gain"]
    assert gain["low"] < 0 < gain["high"] and abs(gain["value"]) < 0.025
    assert own["유용"]["chosen_gain"]["value"] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_choosing_among_passages_that_are_all_alike_gains_what_one_of_them_does(seed):
    gain = reported(("하나", 100, 8, 0.6), seed=seed)["하나"]["chosen_gain"]
    assert gain["value"] == pytest.approx(0.2, abs=0.03)


def test_the_report_says_per_subject_what_passages_do():
    history, law = [problem(n, "역사") for n in range(2)], [problem(n, "법") for n in range(2, 4)]
    rows = [
        screened(history[0], 1, "gold", counts(8, 14, 16, 48)),
        screened(history[0], 2, "gold", counts(8, 12, 16, 32)),
        screened(history[1], 1, "distractor", counts(8, 4)),
        screened(law[0], 1, "poison", counts(16, 0, 32, 4)),
        screened(law[1], 1, "unclear", counts(16, 12, 32, 33)),
    ]
    report = describe_uplift([*history, *law, problem(9, "법")], rows)
    assert report["verdicts"] == {"distractor": 1, "gold": 2, "poison": 1, "unclear": 1}
    own = report["subjects"]
    assert list(own) == ["all", "법", "역사"]
    assert (own["all"]["problems"], own["법"]["problems"]) == (4, 2)
    assert own["역사"]["gold"]["value"] == 0.5
    assert own["법"]["poison"]["value"] == 0.5
    assert own["역사"]["bare"] == 0.25
    assert own["역사"]["first_gain"]["value"] == pytest.approx((14 / 16 - 0.25 + 0) / 2)
    assert own["역사"]["chosen_gain"]["value"] == pytest.approx((48 - 16) / 64 / 2)
    assert own["법"]["chosen_gain"]["value"] == pytest.approx((33 - 32) / 64 / 2, abs=1e-4)


def test_gains_that_are_all_alike_are_as_unsure_as_few_problems_are():
    problems = [problem(n, "역사") for n in range(3)]
    rows = [screened(one, 1, "distractor", counts(32, 16)) for one in problems]
    own = describe_uplift(problems, rows)["subjects"]["역사"]
    for gain in (own["first_gain"], own["chosen_gain"]):
        assert gain["value"] == 0 and gain["low"] < -0.5 and gain["high"] > 0.5
    alone = describe_uplift(problems[:1], rows[:1])["subjects"]["역사"]
    assert alone["first_gain"]["low"] is None and alone["chosen_gain"]["high"] is None
