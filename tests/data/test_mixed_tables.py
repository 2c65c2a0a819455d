"""Tables in which rows have different numbers of choices: what is empty at the end of a row is no choice."""

import json
from pathlib import Path

import pytest
from support.exam_files import FIVE, FOUR

from koalign.data.formats.read import Reading
from koalign.data.formats.sources import read_source

NAMES = [f"보기{n}" for n in range(1, 6)]
COLUMNS = {"question": "문제", "choices": NAMES, "answer": "정답"}


def read(folder: Path, *rows: tuple[list, object]) -> Reading:
    """Rows of choices and answer, a column for each choice."""
    path = folder / "a.jsonl"
    lines = [
        {"문제": f"{n}번은?", **dict(zip(NAMES, choices, strict=True)), "정답": answer}
        for n, (choices, answer) in enumerate(rows)
    ]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    return read_source(str(path), "dev", columns=COLUMNS)


@pytest.mark.parametrize(
    "empty", ["", " ", None, float("nan"), "-", "nan", "—", " \n", "NaN", "－"]
)
def test_four_and_five_choices_and_none_stand_in_one_table(empty, tmp_path):
    nothing = [empty] * 5
    reading = read(
        tmp_path, (FIVE, 5), ([*FOUR, empty], 4), (nothing, "세종"), ([*FOUR[:2], *nothing[:3]], 2)
    )
    assert not reading.drops
    five, four, short, two = reading.problems
    assert (five.choices, five.answers) == (tuple(FIVE), ("5",))
    assert (four.choices, four.answers) == (tuple(FOUR), ("4",))
    assert (short.choices, short.answers, short.kind) == ((), ("세종",), "short")
    assert (two.choices, two.answers) == (tuple(FOUR[:2]), ("2",))


def test_an_answer_that_names_an_empty_choice_is_a_drop(tmp_path):
    reading = read(tmp_path, (FIVE, 5), ([*FOUR, ""], 5))
    assert [drop.reason for drop in reading.drops] == ["answer_outside_choices"]


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("empty", ["", None, float("nan")])
def test_an_empty_choice_before_another_is_a_drop(place, empty, tmp_path):
    broken = [*FIVE[:place], empty, *FIVE[place + 1 :]]
    reading = read(tmp_path, (FIVE, 1), (broken, 1))
    assert [drop.reason for drop in reading.drops] == ["empty_choice"]


@pytest.mark.parametrize(
    "choices", [["+", "×", "÷", "=", "-"], ["+", "-", "", "", ""], ["○", "-", None, None, None]]
)
def test_a_minus_among_signs_is_a_choice(choices, tmp_path):
    (problem,) = read(tmp_path, (choices, 2)).problems
    assert problem.choices == tuple(choice for choice in choices if choice)


def test_one_choice_alone_is_a_drop(tmp_path):
    reading = read(tmp_path, (FIVE, 1), (["신라", "", "", "", ""], 1))
    assert [drop.reason for drop in reading.drops] == ["invalid"]


@pytest.mark.parametrize("empty", [[""], [None], ["", None], ["-"], []])
def test_a_list_of_choices_may_end_in_empty_ones(empty, tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [
        {"question": "나라는?", "choices": [*FOUR, *empty], "answer": 4},
        {"question": "왕은?", "choices": empty, "answer": "세종"},
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    first, second = read_source(str(path), "dev").problems
    assert (first.choices, first.answers) == (tuple(FOUR), ("4",))
    assert (second.kind, second.answers) == ("short", ("세종",))
