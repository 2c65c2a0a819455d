"""make_exam: a seed -> koalign/assets/exam/, the built-in exam in the shape of two public ones.

Most problems stand in CSV files of the 수능형 shape (csat/train.csv, ...: passage, a Python dict with
question, choices and answer, and the <보기> in a column of its own). Those with four choices and no
<보기> stand in files of the KMMLU shape (kmmlu/Reading-train.csv, ...), the passage in the question.

Every problem needs two facts of its passage: who the asked person's 스승 (선배, ...) is, and what
the passage says of that person. `hints.jsonl` is the canned teacher: mostly good hints, some
useless, wrong or telling the answer, as a real teacher writes them.

    python scripts/make_exam.py --out koalign/assets/exam
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from world import (
    BOX_INTROS,
    BOX_MARKS,
    CIRCLED,
    GOOD_HINTS,
    INTROS,
    LEAKING_HINTS,
    QUESTION_FORMS,
    USELESS_HINTS,
    Relation,
    Word,
    World,
    hint_of,
    make_world,
)

from koalign.jsonl import write_jsonl
from koalign.records import Hint, Problem

PASSAGES = {"train": 2000, "dev": 250, "test": 500}
HINTED_PROBLEMS = 800
PROBLEMS_A_PASSAGE = 2
FOUR_CHOICES = 0.3
"""Share of the problems that offer four of the passage's five values."""


@dataclass(frozen=True)
class Item:
    """A problem with the world and the relation it was made from."""

    problem: Problem
    world: World
    asked: Relation


def lay_out(facts: Sequence[str], rng: random.Random) -> tuple[str, str]:
    """Passage and 보기 box: plain, numbered with circled digits, or with three facts in a box."""
    layout = rng.choices(("plain", "numbered", "box"), weights=(5, 2, 3))[0]
    box = ""
    if layout == "box":
        facts, boxed = facts[3:], facts[:3]
        marked = zip(BOX_MARKS, boxed, strict=False)
        box = " ".join([rng.choice(BOX_INTROS), *(f"{mark}. {fact}" for mark, fact in marked)])
    if layout == "numbered":
        facts = [f"{mark} {fact}" for mark, fact in zip(CIRCLED, facts, strict=False)]
    return " ".join([rng.choice(INTROS), *facts]), box


def make_items(rng: random.Random) -> list[Item]:
    """The problems of one passage, each about another person."""
    world = make_world(rng)
    passage, box = lay_out(world.say(rng), rng)
    items = []
    for asked in rng.sample(world.relations, PROBLEMS_A_PASSAGE):
        values = list(world.value_of.values())
        if rng.random() < FOUR_CHOICES:
            # The asked person's own value stays: it is the mistake of who takes one step only.
            others = [p for p in world.value_of if p not in (asked.x, asked.y)]
            values.remove(world.value_of[rng.choice(others)])
        rng.shuffle(values)
        phrase = world.attribute.of(asked.bridge)
        direct = world.attribute.asked.format(who=asked.bridge)
        question = rng.choice((direct, *(form.format(phrase=phrase) for form in QUESTION_FORMS)))
        problem = Problem(
            question=question,
            passage=passage,
            box=box,
            choices=tuple(values),
            answers=(str(values.index(world.value_of[asked.y]) + 1),),
        )
        items.append(Item(problem, world, asked))
    return items


def as_table_row(item: Item) -> Item:
    """The item with its passage in the question: the KMMLU shape has no column for one."""
    problem = item.problem
    question = f"{problem.passage}\n{problem.question}"
    return replace(item, problem=problem.model_copy(update={"question": question, "passage": ""}))


def of_one_passage(rng: random.Random) -> list[Item]:
    """The items of one passage as the readers give them back.

    The first goes into a table where it can: two rows of a table on one passage would be near
    duplicates, for nothing in that shape says that they share it.
    """
    first, *others = make_items(rng)
    if len(first.problem.choices) == 4 and not first.problem.box:
        first = as_table_row(first)
    return [first, *others]


def write_csat(path: Path, problems: Sequence[Problem]) -> None:
    """A CSV file in the shape of the 수능형 competition."""
    rows = [
        {
            "id": f"koalign-exam-{path.stem}-{number:04}",
            "paragraph": problem.passage,
            "problems": repr(
                {
                    "question": problem.question,
                    "choices": list(problem.choices),
                    "answer": int(problem.answers[0]),
                }
            ),
            "question_plus": problem.box,
        }
        for number, problem in enumerate(problems)
    ]
    write_csv(path, rows)


def write_kmmlu(path: Path, problems: Sequence[Problem]) -> None:
    """A CSV file in the shape of KMMLU; 0.0 is its word for an unknown human accuracy."""
    rows = [
        {
            "question": problem.question,
            "answer": problem.answers[0],
            **dict(zip("ABCD", problem.choices, strict=True)),
            "Category": "Reading",
            "Human Accuracy": 0.0,
        }
        for problem in problems
    ]
    write_csv(path, rows)


def write_csv(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Write rows of the same columns with a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def make_hints(item: Item, rng: random.Random) -> Iterator[Hint]:
    """Three to five different hints as a mixed bag of teachers would give them, shuffled."""
    world, asked, problem = item.world, item.asked, item.problem
    others = [person for person in world.value_of if person not in (asked.x, asked.y)]
    mistaken = Relation(asked.x, asked.name, rng.choice(others))
    number = problem.answers[0]
    answer = Word(problem.choices[int(number) - 1])
    told = [
        form.format(
            x=Word(asked.x),
            r=Word(asked.name),
            y=Word(asked.y),
            y_phrase=world.attribute.of(asked.y),
            answer=answer,
            number=number,
        )
        for form in LEAKING_HINTS
    ]
    texts = {hint_of(world, asked, (form,), rng) for form in rng.sample(GOOD_HINTS, 2)}
    wanted = rng.randint(3, 5)
    while len(texts) < wanted:
        kind = rng.choices(("good", "useless", "wrong", "leaking"), weights=(3, 2, 2, 2))[0]
        if kind == "good":
            texts.add(hint_of(world, asked, GOOD_HINTS, rng))
        elif kind == "useless":
            texts.add(rng.choice(USELESS_HINTS))
        elif kind == "wrong":
            texts.add(hint_of(world, mistaken, GOOD_HINTS, rng))
        else:
            texts.add(rng.choice(told))
    for text in rng.sample(sorted(texts), len(texts)):
        yield Hint(problem_id=problem.id, text=text)


def main() -> None:
    """Write the three splits and the hints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("koalign/assets/exam"))
    parser.add_argument("--seed", type=int, default=2025)
    args = parser.parse_args()

    rng = random.Random(args.seed)
    hints: list[Hint] = []
    for split, passages in PASSAGES.items():
        items = [item for _ in range(passages) for item in of_one_passage(rng)]
        problems = [item.problem for item in items]
        tables = [problem for problem in problems if not problem.passage]
        others = [problem for problem in problems if problem.passage]
        write_csat(args.out / "csat" / f"{split}.csv", others)
        write_kmmlu(args.out / "kmmlu" / f"Reading-{split}.csv", tables)
        print(f"{split}: {len(others)} problems as csat, {len(tables)} as kmmlu")
        if split == "train":
            for item in rng.sample(items, HINTED_PROBLEMS):
                hints += make_hints(item, rng)
    print(f"hints: {write_jsonl(args.out / 'hints.jsonl', hints)}")


if __name__ == "__main__":
    main()
