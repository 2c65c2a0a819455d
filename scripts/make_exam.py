"""make_exam: a seed -> koalign/assets/exam/, the built-in exam in the shape of two public ones.

Most problems stand in CSV files of the 수능형 shape (csat/train.csv, ...: passage, a Python dict with
question, choices and answer, and the <보기> in a column of its own). Those with four choices and no
<보기> stand in files of the KMMLU shape (kmmlu/Reading-train.csv, ...), the passage in the question.

Every problem asks for something of somebody, or of their 스승 (선배, ...), 스승의 스승 or 스승의 스승의
스승: none to three facts, each needing the one before, and a last one about the person they lead to.
`hints.jsonl` is the canned teacher: mostly good hints, some useless, wrong or telling the answer, as
a real teacher writes them.

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
    HINT_FORMS,
    INTROS,
    LEAKING_ENDS,
    PEOPLE,
    QUESTION_FORMS,
    USELESS_HINTS,
    Word,
    World,
    make_world,
)

from koalign.jsonl import write_jsonl
from koalign.records import Hint, Problem

SEED = 2025
PASSAGES = {"train": 2000, "dev": 250, "test": 500}
HINTED_PROBLEMS = 800
PROBLEMS_A_PASSAGE = 2
HOPS = (0, 1, 2, 3)
FOUR_CHOICES = 0.3
"""Share of the problems that offer four of the passage's five values."""


@dataclass(frozen=True)
class Item:
    """A problem with the world and the path of people it was made from."""

    problem: Problem
    world: World
    path: tuple[str, ...]

    @property
    def value(self) -> str:
        """The right choice in words."""
        return self.world.value_of[self.path[-1]]


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


def make_items(
    rng: random.Random,
    people: Sequence[str] = PEOPLE,
    hops: Sequence[int] = HOPS,
    forms: int = 3,
) -> list[Item]:
    """The problems of one passage, each about another person; every fact in one of `forms` wordings."""
    world = make_world(rng, people)
    passage, box = lay_out(world.say(rng, forms), rng)
    items = []
    for start in rng.sample(list(world.value_of), PROBLEMS_A_PASSAGE):
        steps = rng.choice(hops)
        path = world.path(start, steps)
        value = world.value_of[path[-1]]
        values = list(world.value_of.values())
        if rng.random() < FOUR_CHOICES:
            values.remove(rng.choice([other for other in values if other != value]))
        rng.shuffle(values)
        who = world.bridge(start, steps)
        phrase = world.attribute.of(who)
        direct = world.attribute.asked.format(who=who)
        question = rng.choice((direct, *(form.format(phrase=phrase) for form in QUESTION_FORMS)))
        problem = Problem(
            question=question,
            passage=passage,
            box=box,
            choices=tuple(values),
            answers=(str(values.index(value) + 1),),
        )
        items.append(Item(problem, world, path))
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


def write_kmmlu(path: Path, problems: Sequence[Problem], subject: str) -> None:
    """A CSV file in the shape of KMMLU; 0.0 is its word for an unknown human accuracy."""
    rows = [
        {
            "question": problem.question,
            "answer": problem.answers[0],
            **dict(zip("ABCD", problem.choices, strict=True)),
            "Category": subject,
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
    world, path = item.world, item.path
    wrong_ends = [person for person in world.value_of if person not in path[-2:]]
    words = {
        "y_phrase": world.attribute.of(path[-1]),
        "answer": Word(item.value),
        "number": item.problem.answers[0],
    }
    texts = {world.hint(path, (form,), rng) for form in rng.sample(HINT_FORMS, 2)}
    wanted = rng.randint(3, 5)
    while len(texts) < wanted:
        kind = rng.choices(("good", "useless", "wrong", "leaking"), weights=(3, 2, 2, 2))[0]
        if kind == "good":
            texts.add(world.hint(path, HINT_FORMS, rng))
        elif kind == "useless":
            texts.add(rng.choice(USELESS_HINTS))
        elif kind == "wrong":
            texts.add(world.hint((*path[:-1], rng.choice(wrong_ends)), HINT_FORMS, rng))
        else:
            told = rng.choice(LEAKING_ENDS).format(**words)
            texts.add(f"{world.hint(path, HINT_FORMS, rng)} {told}")
    for text in rng.sample(sorted(texts), len(texts)):
        yield Hint(problem_id=item.problem.id, text=text)


def make_exam(seed: int) -> Iterator[tuple[str, list[Item], list[Hint]]]:
    """Each split with its items and hints, which only train has."""
    rng = random.Random(seed)
    for split, passages in PASSAGES.items():
        items = [item for _ in range(passages) for item in of_one_passage(rng)]
        hinted = rng.sample(items, HINTED_PROBLEMS) if split == "train" else []
        yield split, items, [hint for item in hinted for hint in make_hints(item, rng)]


def main() -> None:
    """Write the three splits and the hints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("koalign/assets/exam"))
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()

    hints: list[Hint] = []
    for split, items, of_split in make_exam(args.seed):
        problems = [item.problem for item in items]
        tables = [problem for problem in problems if not problem.passage]
        others = [problem for problem in problems if problem.passage]
        write_csat(args.out / "csat" / f"{split}.csv", others)
        write_kmmlu(args.out / "kmmlu" / f"Reading-{split}.csv", tables, "Reading")
        print(f"{split}: {len(others)} problems as csat, {len(tables)} as kmmlu")
        hints += of_split
    print(f"hints: {write_jsonl(args.out / 'hints.jsonl', hints)}")


if __name__ == "__main__":
    main()
