"""The open-book subject: nothing answers but the record of a village, and what misleads was planted."""

from __future__ import annotations

import math
import re
from collections import Counter
from statistics import fmean

from support.open_book import document_of, documents, look_up, questions, village_of

from koalign.records import Problem

SIZES = {"train": 500, "dev": 100, "test": 300}
CHANCE = 0.25
NEAR = CHANCE + 1.65 * math.sqrt(CHANCE * (1 - CHANCE) / (SIZES["dev"] + SIZES["test"]))
"""What a guesser passes once in twenty times, on dev and test together."""


def held_out() -> list[Problem]:
    return questions("dev") + questions("test")


def accuracy(answers: list[int | None], problems: list[Problem]) -> float:
    return fmean(str(a) in p.answers for a, p in zip(answers, problems, strict=True))


def test_the_splits_have_their_sizes_and_share_no_village():
    assert {split: len(questions(split)) for split in SIZES} == SIZES
    villages = [{village_of(p) for p in questions(split)} for split in SIZES]
    assert len(set.union(*villages)) == sum(map(len, villages))
    assert {p.subject for split in SIZES for p in questions(split)} == {"Open-Book"}
    assert not any(p.passage or p.box for split in SIZES for p in questions(split))


def test_the_record_of_the_village_answers_every_question():
    for split in SIZES:
        own = questions(split)
        assert accuracy([look_up(p, document_of(p, "records")) for p in own], own) == 1


def test_a_fact_stands_in_the_record_alone():
    for problem in held_out():
        told = [
            kind for kind in ("notices", "rumours") if look_up(problem, document_of(problem, kind))
        ]
        assert told == ["rumours"] * bool(document_of(problem, "rumours"))


def test_a_rumour_answers_wrong_wherever_one_is_planted():
    for split, size in SIZES.items():
        own = [p for p in questions(split) if document_of(p, "rumours")]
        assert 0.2 < len(own) / size < 0.3
        answers = [look_up(p, document_of(p, "rumours")) for p in own]
        assert None not in answers
        assert accuracy(answers, own) == 0


def test_the_place_of_the_answer_is_balanced():
    places = Counter(p.answers[0] for split in SIZES for p in questions(split))
    assert sorted(places) == ["1", "2", "3", "4"]
    assert max(places.values()) < 1.15 * places.total() / 4


def features(problem: Problem, number: int, *, closed_book: bool) -> list[str]:
    """A choice, its place, and with each word of the question."""
    choice = problem.choices[number]
    words = re.findall(r"[가-힣]+", problem.question) if closed_book else []
    return [choice, f"place {number}", *(f"{word} {choice}" for word in words)]


def learned(closed_book: bool) -> list[int | None]:
    """What counts of the training questions answer: the choice with the best log odds of its features."""
    right, seen = Counter(), Counter()
    for problem in questions("train"):
        for number in range(4):
            own = features(problem, number, closed_book=closed_book)
            seen.update(own)
            right.update(own if str(number + 1) in problem.answers else [])

    def odds(problem: Problem, number: int) -> float:
        own = features(problem, number, closed_book=closed_book)
        return sum(math.log((right[f] + 1) / (seen[f] - right[f] + 3)) for f in own)

    return [1 + max(range(4), key=lambda n: odds(p, n)) for p in held_out()]


def test_choices_alone_are_answered_by_chance():
    assert accuracy(learned(closed_book=False), held_out()) < NEAR


def test_questions_without_documents_are_answered_by_chance():
    assert accuracy(learned(closed_book=True), held_out()) < NEAR


def test_the_counts_that_fail_there_do_find_what_is_to_be_found(monkeypatch):
    """The same counts answer where a question gives its answer away, so that chance above means chance."""
    shown = {split: [_telling(p) for p in questions(split)] for split in SIZES}
    monkeypatch.setitem(globals(), "questions", shown.__getitem__)
    assert accuracy(learned(closed_book=True), held_out()) > 0.8


def _telling(problem: Problem) -> Problem:
    answer = problem.choices[int(problem.answers[0]) - 1]
    return problem.model_copy(update={"question": f"{problem.question} {answer}"})


def test_the_record_of_another_village_helps_no_more_than_guessing():
    everybody = held_out()
    others = everybody[2:] + everybody[:2]
    answers = [
        look_up(own, document_of(other, "records")) or 1
        for own, other in zip(everybody, others, strict=True)
    ]
    assert accuracy(answers, everybody) < NEAR


def test_near_documents_name_the_village_and_the_person():
    for problem in held_out():
        notice = document_of(problem, "notices")
        person = re.match(r"\w+ 마을의 (\w\w)", problem.question)[1]
        assert notice.startswith(village_of(problem)) and f" {person}" in notice


def test_commentary_quotes_dev_and_test_questions_and_gives_numbers_of_training_ones():
    texts = documents("commentary").values()
    quoted = [p.question for p in held_out() if any(p.question in text for text in texts)]
    assert len(quoted) == 20
    assert sum("정답은" in text for text in texts) == 20
    assert not any(p.question in text for p in questions("train") for text in texts)
