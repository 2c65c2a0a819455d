"""make_examples: a seed -> the tables of configs/own-csv and configs/kmmlu, in the small world of the exam.

Every question asks for one fact of a short passage. No row is copied from anywhere.

    python scripts/make_examples.py
"""

from __future__ import annotations

import random
from pathlib import Path

from make_exam import write_csv
from world import Word, make_world

CONFIGS = Path(__file__).parent.parent / "configs"


def make_row(number: int, rng: random.Random) -> dict[str, object]:
    """One question about one of three people, as a Korean team keeps it in a spreadsheet."""
    world = make_world(rng, size=3)
    attribute = world.attribute
    facts = [
        rng.choice(attribute.forms).format(x=Word(person), v=Word(value))
        for person, value in world.value_of.items()
    ]
    person, value = rng.choice(list(world.value_of.items()))
    others = [other for other in attribute.values if other not in world.value_of.values()]
    choices = [*world.value_of.values(), rng.choice(others)]
    rng.shuffle(choices)
    return {
        "번호": number,
        "지문": " ".join(facts),
        "문제": attribute.asked.format(who=Word(person)),
        **{f"보기{n}": choice for n, choice in enumerate(choices, start=1)},
        "정답": choices.index(value) + 1,
    }


def as_kmmlu(row: dict[str, object]) -> dict[str, object]:
    """The same question in KMMLU's columns, the passage inside of the question."""
    choices = {letter: row[f"보기{n}"] for n, letter in enumerate("ABCD", start=1)}
    question = f"{row['지문']}\n{row['문제']}"
    return {
        "question": question,
        "answer": row["정답"],
        **choices,
        "Category": "Reading",
        "Human Accuracy": 0.0,
    }


def main() -> None:
    """Write the four files."""
    rng = random.Random(2026)
    rows = [make_row(number, rng) for number in range(1, 606)]
    write_csv(CONFIGS / "own-csv" / "학습.csv", rows[:300])
    write_csv(CONFIGS / "own-csv" / "시험.csv", rows[300:400])
    write_csv(CONFIGS / "kmmlu" / "Reading-test.csv", list(map(as_kmmlu, rows[400:600])))
    write_csv(CONFIGS / "kmmlu" / "Reading-dev.csv", list(map(as_kmmlu, rows[600:])))


if __name__ == "__main__":
    main()
