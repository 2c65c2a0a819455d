"""What the answer adapter learns from: right answers under kept hints, and the policy's own way without."""

from collections import Counter

import pytest

from koalign.mining.hints.traces import Trace, answer_traces
from koalign.records import Abstraction, Problem, Sample

CHOICES = ("서울", "부산", "대구", "광주")


def problem(number: int) -> Problem:
    return Problem(question=f"{number}번은?", choices=CHOICES, answers=(str(number % 4 + 1),))


PROBLEMS = {one.id: one for one in map(problem, range(40))}
NAMES = list(PROBLEMS)


def sample(name: str, answer: int, index: int, hint: str = "", **changes: object) -> Sample:
    return Sample(**{
        "problem_id": name, "index": index, "adapter": "a", "text": f"풀이 {index}. 정답: {answer}",
        "token_ids": (hash((name, answer, index, hint)) % 1000, answer), "logprob": -1.0,
        "finish_reason": "stop", "abstraction_id": hint, **changes,
    })  # fmt: skip


def hint_for(name: str) -> Abstraction:
    return Abstraction(
        problem_id=name, text=f"{name} 실마리", counts={}, verdicts={}, kept=True, score=0.5
    )


def gold(name: str) -> int:
    return int(PROBLEMS[name].answers[0])


KEPT = [hint_for(name) for name in NAMES[:30]]
HINTED = [sample(one.problem_id, gold(one.problem_id), i, one.id) for one in KEPT for i in range(3)]
BARE = [sample(name, i % 4 + 1, i) for name in NAMES for i in range(6)]


def rows(**changes: object) -> list[Trace]:
    given = {
        "hinted": HINTED, "bare": BARE, "traces": 2, "bare_share": 0.125, "mismatched_share": 0.2,
        "seed": 0,
    }  # fmt: skip
    return answer_traces(PROBLEMS, KEPT, **{**given, **changes})


def test_a_fifth_of_the_hinted_rows_is_mismatched_and_an_eighth_of_all_is_bare():
    kinds = Counter(row.kind for row in rows())
    assert kinds["hinted"] == 60
    share = kinds["mismatched"] / (kinds["hinted"] + kinds["mismatched"])
    assert share == pytest.approx(0.2, abs=0.01)
    assert kinds["bare"] / kinds.total() == pytest.approx(0.125, abs=0.01)


def test_a_hinted_row_is_a_right_answer_drawn_with_that_hint():
    texts = {hint.problem_id: hint.text for hint in KEPT}
    for row in rows():
        if row.kind == "hinted":
            assert row.hint == texts[row.problem_id] and row.token_ids[1] == gold(row.problem_id)
    wrong = [s.model_copy(update={"text": f"정답: {gold(s.problem_id) % 4 + 1}"}) for s in HINTED]
    assert rows(hinted=wrong) == []


def test_a_mismatched_row_carries_the_hint_of_another_problem_and_an_answer_given_without_it():
    own = {(s.problem_id, s.token_ids) for s in BARE}
    mismatched = [row for row in rows() if row.kind == "mismatched"]
    for row in mismatched:
        assert row.hint and not row.hint.startswith(row.problem_id)
        assert (row.problem_id, row.token_ids) in own
    assert len({row.problem_id for row in mismatched}) == len(mismatched)


def test_a_bare_row_says_what_the_policy_says_most_right_or_wrong():
    often = {name: (number % 4) + 1 for number, name in enumerate(NAMES)}
    bare = [
        sample(name, often[name] if i < 4 else often[name] % 4 + 1, i)
        for name in NAMES
        for i in range(6)
    ]
    alone = [row for row in rows(bare=bare, bare_share=0.5) if row.kind == "bare"]
    assert len(alone) == len(NAMES) and all(row.hint == "" for row in alone)
    assert all(row.token_ids[1] == often[row.problem_id] for row in alone)


def test_an_answer_is_the_same_in_any_order_of_the_choices():
    order = (3, 2, 1, 0)
    name = NAMES[0]
    shown = [sample(name, 1, 0, permutation=order), sample(name, 4, 1), sample(name, 2, 2)]
    alone = [row for row in rows(bare=shown, bare_share=0.5) if row.kind == "bare"]
    assert len(alone) == 1 and alone[0].token_ids[1] in (1, 4)
    assert (alone[0].permutation == order) == (alone[0].token_ids[1] == 1)
    right = [sample(NAMES[1], 5 - gold(NAMES[1]), 0, KEPT[1].id, permutation=order)]
    (hinted,) = [row for row in rows(hinted=right) if row.kind == "hinted"]
    assert hinted.permutation == order


def test_an_answer_that_did_not_end_is_nobodys_example():
    cut = [s.model_copy(update={"finish_reason": "length", "text": "중간"}) for s in BARE]
    assert {row.kind for row in rows(bare=cut)} == {"hinted"}


def test_the_rows_depend_on_the_seed_and_not_on_the_order_of_the_samples():
    assert rows(bare=BARE[::-1], hinted=HINTED[::-1]) == rows()
    assert rows(seed=1) != rows()


def test_the_same_right_answer_is_taken_once():
    twice = [s.model_copy(update={"text": "정답: " + str(gold(s.problem_id))}) for s in HINTED]
    assert Counter(row.kind for row in rows(hinted=twice))["hinted"] == 30
