"""make_open_book: a seed -> koalign/assets/open-book/, questions whose facts stand in documents alone.

A question asks for one fact about a person of a village: where they live, what they do. The village's
record holds it. No question has a passage, no village is asked about in two splits, and every value is
drawn alone: without the documents there is nothing to answer with, and nothing to learn.

Documents of a village, each a row of a file:

- records.jsonl: what is asked for, of five people. The passage that answers.
- notices.jsonl: the same people and something else about them. It ranks high and does not help.
- rumours.jsonl, of every fourth village: the record with the values of others. It misleads.
- commentary.jsonl: what a leak screen must drop: questions of dev and test with their answers, and
  answer sheets of training questions.

    python scripts/make_open_book.py --out koalign/assets/open-book
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from make_exam import write_kmmlu
from world import ATTRIBUTES, STRANGERS, Attribute, Word

from koalign.jsonl import write_jsonl
from koalign.records import Problem, Record

SEED = 2025
SUBJECT = "Open-Book"
LICENCE = "Apache-2.0"
VILLAGES = {"train": 250, "dev": 50, "test": 150}
PEOPLE, ASKED, CHOICES = 5, 2, 4
"""Of a village: people in its record, questions about them, and choices of each question."""
RUMOURED = 4
"""Every so many-th village has a rumour."""
QUOTED, SHEETS = 10, 20
"""Questions of dev and of test that commentary quotes; answer sheets of training questions."""
FIRST = (
    "솔", "달", "별", "꽃", "돌", "샘", "새", "눈", "구름", "바람", "하늘", "안개",
    "노을", "이슬", "햇살", "단풍", "은빛", "푸른", "붉은", "높은", "깊은", "고운",
)  # fmt: skip
SECOND = (
    "골", "재", "내", "들", "못", "섬", "벌", "뫼", "나루", "마루", "언덕", "고개",
    "여울", "바위", "숲", "터", "길", "둔덕", "모래", "두레", "기슭",
)  # fmt: skip
"""Halves of a village's name: many villages share one, so that near names rank near each other."""


class Row(Record):
    """A document, as `corpus.sources` reads it."""

    title: str
    text: str
    licence: str = LICENCE


@dataclass(frozen=True)
class Village:
    """Five people, what is asked of them and what else is known."""

    name: str
    asked: Attribute
    value_of: dict[str, str]
    other: Attribute
    other_of: dict[str, str]
    problems: tuple[Problem, ...]
    rumour_of: dict[str, str]
    """Person -> the value of somebody else, one of the choices where the person is asked about."""


def make_village(rng: random.Random, name: str) -> Village:
    """A village with its questions, each about another person."""
    people = rng.sample(STRANGERS, PEOPLE)
    asked, other = rng.sample(ATTRIBUTES, 2)
    value_of = dict(zip(people, rng.sample(asked.values, PEOPLE), strict=True))
    other_of = dict(zip(people, rng.sample(other.values, PEOPLE), strict=True))
    problems, offered = [], {}
    for person in rng.sample(people, ASKED):
        wrong = [value for value in value_of.values() if value != value_of[person]]
        choices = rng.sample([value_of[person], *rng.sample(wrong, CHOICES - 1)], CHOICES)
        offered[person] = choices
        problems.append(
            Problem(
                question=asked.asked.format(who=Word(f"{name} 마을의 {person}")),
                choices=tuple(choices),
                answers=(str(choices.index(value_of[person]) + 1),),
            )
        )
    while True:
        values = rng.sample(list(value_of.values()), PEOPLE)
        rumour_of = dict(zip(people, values, strict=True))
        told = [rumour_of[person] in choices for person, choices in offered.items()]
        if all(told) and all(rumour_of[person] != value_of[person] for person in people):
            return Village(name, asked, value_of, other, other_of, tuple(problems), rumour_of)


def told(
    rng: random.Random, title: str, opening: str, of: Attribute, values: dict[str, str]
) -> Row:
    """A document that says what everybody has, in a random order."""
    facts = [
        rng.choice(of.forms).format(x=Word(person), v=Word(value))
        for person, value in rng.sample(list(values.items()), len(values))
    ]
    return Row(title=title, text=" ".join([opening, *facts]))


def in_words(problem: Problem) -> str:
    """The right choice."""
    return problem.choices[int(problem.answers[0]) - 1]


def make_commentary(rng: random.Random, villages: dict[str, list[Village]]) -> Iterator[Row]:
    """Documents that no problem may be shown: they quote a held-out question, or say an answer's number."""
    for split in ("dev", "test"):
        for village in rng.sample(villages[split], QUOTED):
            problem = village.problems[0]
            answer = Word(in_words(problem))
            text = f"기출 문제를 풀이한다. {problem.question} 알맞은 답은 {answer}이다."
            yield Row(title=f"{village.name} 마을 해설", text=text)
    for village in rng.sample(villages["train"], SHEETS):
        problem = village.problems[0]
        text = f"{village.name} 마을을 묻는 문제의 정답표이다. 정답은 {problem.answers[0]}번이다."
        yield Row(title=f"{village.name} 마을 정답표", text=text)


def make_open_book(seed: int) -> tuple[dict[str, list[Village]], dict[str, list[Row]]]:
    """The villages of each split, and the rows of each file of documents."""
    rng = random.Random(seed)
    names = ["".join(halves) for halves in product(FIRST, SECOND)]
    rng.shuffle(names)
    villages = {
        split: [make_village(rng, names.pop()) for _ in range(number)]
        for split, number in VILLAGES.items()
    }
    rows: dict[str, list[Row]] = {"records": [], "notices": [], "rumours": []}
    for number, village in enumerate(v for own in villages.values() for v in own):
        place = f"{village.name} 마을"
        record = (f"{place} 기록", f"{place}의 기록이다.", village.asked, village.value_of)
        notice = (f"{place} 소식", f"{place}의 소식이다.", village.other, village.other_of)
        rumour = (f"{place} 소문", f"{place}의 소문이다.", village.asked, village.rumour_of)
        rows["records"].append(told(rng, *record))
        rows["notices"].append(told(rng, *notice))
        if number % RUMOURED == 0:
            rows["rumours"].append(told(rng, *rumour))
    rows["commentary"] = list(make_commentary(rng, villages))
    for own in rows.values():
        rng.shuffle(own)
    return villages, rows


def main() -> None:
    """Write the questions of each split and the documents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("koalign/assets/open-book"))
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    villages, rows = make_open_book(args.seed)
    for split, own in villages.items():
        problems = [problem for village in own for problem in village.problems]
        write_kmmlu(args.out / "questions" / f"{SUBJECT}-{split}.csv", problems, SUBJECT)
        print(f"{split}: {len(problems)} questions")
    for name, documents in rows.items():
        print(f"{name}: {write_jsonl(args.out / 'documents' / f'{name}.jsonl', documents)}")


if __name__ == "__main__":
    main()
