"""make_exam: a seed -> koalign/assets/exam/{train,dev,test,hints}.jsonl, the built-in exam.

Every problem needs two facts of its passage: who the asked person's 스승 (선배, ...) is, and what
the passage says of that person. `hints.jsonl` is the canned teacher: mostly good hints, some
useless, wrong or telling the answer, as a real teacher writes them.

    python scripts/make_exam.py --out koalign/assets/exam
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


def make_items(rng: random.Random, group: str, split: str) -> list[Item]:
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
            source="koalign-exam",
            group=group,
            split=split,
        )
        items.append(Item(problem, world, asked))
    return items


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
        items = [
            item
            for number in range(passages)
            for item in make_items(rng, f"{split}-{number:04}", split)
        ]
        count = write_jsonl(args.out / f"{split}.jsonl", [item.problem for item in items])
        print(f"{split}: {count} problems")
        if split == "train":
            for item in rng.sample(items, HINTED_PROBLEMS):
                hints += make_hints(item, rng)
    print(f"hints: {write_jsonl(args.out / 'hints.jsonl', hints)}")


if __name__ == "__main__":
    main()
