"""Tables in which rows have different numbers of choices: what is empty at the end of a row is no choice."""

import json
from pathlib import Path

import pytest
from support.exam_files import FIVE, FOUR

from koalign.data.formats.reading import Reading
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


def of_csv(folder: Path, *lines: str) -> Reading:
    path = folder / "문제.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_source(str(path), "dev")


HEADER = "번호,문제,보기1,보기2,보기3,보기4,정답"
NUMBERED = [f"{n},{n}번은?,가,나,다,라{n},{n % 4 + 1}" for n in range(4)]


@pytest.mark.parametrize("row", ["2+2=?,3,4,5,6,4", "1+1=?,2,3,4,1,2", "'3'?,1,2,4,3,3"])
def test_a_number_among_answers_that_are_texts_is_no_label(row, tmp_path):
    texts = [f"{n},{n}번은?,가{n},나,다,라,가{n}" for n in range(4)]
    (drop,) = of_csv(tmp_path, HEADER, *texts, f"9,{row}").drops
    assert drop.reason == "answer_is_ambiguous"
    assert of_csv(tmp_path, HEADER, *NUMBERED, f"9,{row}").problems[-1].answers == (row[-1],)


def test_answers_beyond_the_choices_are_the_texts_that_they_are(tmp_path):
    rows = [f"{n},{n}+9=?,9,{n + 9},{n + 8},{n + 40},{n + 9}" for n in range(2, 6)]
    assert {one.answers for one in of_csv(tmp_path, HEADER, *rows).problems} == {("2",)}


@pytest.mark.parametrize("answer", ["1(2)", "③(3)", "3번 (2)", "2 [3]", "B(2)"])
def test_points_in_brackets_are_no_second_answer(answer, tmp_path):
    reading = of_csv(tmp_path, HEADER, *NUMBERED, f"9,무엇?,가,나,다,라,{answer}")
    assert [drop.reason for drop in reading.drops] == ["answer_is_no_number"]


@pytest.mark.parametrize(
    "below",
    [
        ["번호,문제,보기1,보기2,보기3,보기4,배점", "3,산은?,백두,한라,지리,설악,3"],
        ["번호,문제,정답,,,,", "3,산은?,백두산,,,,"],
        ["문제,정답,보기1,보기2,보기3,보기4,번호", "산은?,1,백두,한라,지리,설악,3"],
    ],
)
def test_below_the_header_of_another_table_nothing_is_read(below, tmp_path):
    reading = of_csv(tmp_path, HEADER, *NUMBERED, *below)
    assert len(reading.problems) == len(NUMBERED)
    assert [drop.detail.split(";")[0] for drop in reading.drops] == [
        "another header",
        "below the other header on line 6",
    ]


def test_a_problem_about_words_of_a_header_is_none(tmp_path):
    row = "9,알맞은 낱말은?,문제,정답,답안,질문,2"
    assert of_csv(tmp_path, HEADER, *NUMBERED, row).problems[-1].answers == ("2",)


def test_rows_without_the_passage_or_the_choices_of_others_are_said(tmp_path):
    rows = ["지문,문제,보기1,보기2,정답", "긴 글,가?,ㄱ,ㄴ,1", ",나?,ㄱ,ㄴ,2", "글,그림?,,,2"]
    notes = " ".join(of_csv(tmp_path, *rows).notes)
    assert "no passage in 1 of 3 rows" in notes and "no choices in 1 of 3 rows" in notes


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_csv_file_may_have_another_separator(mark, tmp_path):
    lines = [line.replace(",", mark) for line in (HEADER, *NUMBERED)]
    reading = of_csv(tmp_path, *lines, lines[-1].replace("3번은?", "쉼표, 또는?"))
    assert [one.answers for one in reading.problems] == [("1",), ("2",), ("3",), ("4",), ("4",)]
    assert any("separated by" in note for note in reading.notes)


def test_the_split_of_a_native_row_is_known_by_any_of_its_names(tmp_path):
    row = {"question": "q", "choices": ["a", "b"], "answer": 1}
    path = tmp_path / "a.jsonl"
    splits = ("val", "validation", "검증", "dev")
    path.write_text(
        "".join(json.dumps({**row, "split": split}) + "\n" for split in splits), "utf-8"
    )
    assert {one.split for one in read_source(str(path), "dev").problems} == {"dev"}


def test_a_row_that_lost_its_number_and_moved_to_the_left_is_said(tmp_path, capsys):
    path = tmp_path / "문제.csv"
    head = "번호,문제,보기1,보기2,보기3,보기4,정답,배점\n"
    rows = "".join(
        f"{n},수 {n}의 다음 수는?,{n - 1},{n},{n + 1},{n + 2},3,2\n" for n in range(1, 13)
    )
    moved = "가장 긴 강의 이름은?,한강,낙동강,금강,영산강,2,3,\n"
    path.write_text(head + rows + moved, "utf-8")
    read_source(str(path), "dev")
    assert (
        f"no number, but a text in its place: 1 of 13 rows, the first {path}:14"
        in capsys.readouterr().err
    )
    path.write_text(head + rows, "utf-8")
    read_source(str(path), "dev")
    assert "in its place" not in capsys.readouterr().err
