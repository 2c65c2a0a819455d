"""`[1~3] 다음 글을 읽고 물음에 답하시오.` above its problems: the text reaches each of them, or it is said."""

import csv
import io

import pytest

from koalign.data.formats.set_passages import set_of
from koalign.data.formats.sources import read_source
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml

HEADER = ["번호", "문제", "보기1", "보기2", "보기3", "정답"]
TEXT, OTHER = "세종은 글자를 만들었다.\n스물여덟 자였다.", "바다가 따뜻해진다."
ROWS = [[n, f"윗글의 내용과 같은 것은? ({n})", "가", "나", "다", n % 3 + 1] for n in range(1, 6)]
EMPTY = [""] * 4


def read(folder, rows, header=HEADER, name="문제.csv", **options):
    written = io.StringIO()
    csv.writer(written).writerows([header, *rows])
    path = folder / name
    path.write_text(written.getvalue(), encoding="utf-8")
    return read_source(str(path), options.pop("wanted", "train"), **options)


def passages(reading):
    return [problem.passage for problem in reading.problems]


@pytest.fixture
def folder(tmp_path):
    """A folder whose name is not that of a split."""
    path = tmp_path / "files" / "here"
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize(
    "head",
    [
        ["", f"[1~3] 다음 글을 읽고 물음에 답하시오.\n{TEXT}", *EMPTY],
        ["", f"※ [1-3] 다음 글을 읽고, 물음에 답하시오. {TEXT}", *EMPTY],
        ["", f"【01∼03】 다음을 읽고 물음에 답하라.\n{TEXT}", *EMPTY],
        ["", f"다음 글을 읽고 물음에 답하시오. (1～3)\n{TEXT}", *EMPTY],
        ["", f"다음 글을 읽고 1~3번 물음에 답하시오.\n{TEXT}", *EMPTY],
        ["", f"[1번~3번] {TEXT}", *EMPTY],
        ["", f"[1-3] Read the passage and answer the questions.\n{TEXT}", *EMPTY],
        ["1~3", f"다음 글을 읽고 물음에 답하시오.\n{TEXT}", *EMPTY],
        ["[1–3]", TEXT, *EMPTY],
        [f"[1~3] 다음 글을 읽고 물음에 답하시오.\n{TEXT}", "", *EMPTY],  # merged over the sheet
    ],
)
def test_the_text_above_a_set_reaches_the_problems_of_its_range(head, folder, capsys):
    second = ["", f"[4~5] 다음 글을 읽고 물음에 답하시오.\n{OTHER}", *EMPTY]
    reading = read(folder, [head, *ROWS[:3], second, *ROWS[3:]])
    assert passages(reading) == [TEXT] * 3 + [OTHER] * 2
    assert [problem.answers for problem in reading.problems] == [(str(row[-1]),) for row in ROWS]
    assert not reading.drops
    assert "read in the problems that they name: 5 problems" in capsys.readouterr().err


def test_the_text_may_stand_in_rows_below_the_range_or_beside_it(folder):
    asks = ["", "[1~3] 다음 글을 읽고 물음에 답하시오.", *EMPTY]
    parts = [["", part, *EMPTY] for part in TEXT.split("\n")]
    no_text = [[n, f"알맞은 것은? ({n})", *row[2:]] for n, row in enumerate(ROWS, 1)]
    assert passages(read(folder, [asks, *parts, *no_text])) == [TEXT] * 3 + ["", ""]
    beside = [[*row[:2], "", *row[2:]] for row in [asks, *ROWS[:3]]]
    beside[0][2] = TEXT
    header = [*HEADER[:2], "지문", *HEADER[2:]]
    assert passages(read(folder, beside, header)) == [TEXT] * 3


def test_without_numbers_the_text_is_of_as_many_rows_as_the_range_says(folder):
    head = ["[11~13] 다음 글을 읽고 물음에 답하시오.\n" + TEXT, *EMPTY]
    rows = [[f"알맞은 것은? ({n})", *row[2:]] for n, row in enumerate(ROWS, 1)]
    assert passages(read(folder, [head, *rows], HEADER[1:])) == [TEXT] * 3 + ["", ""]
    in_one = [[f"[1~2] 다음 글을 읽고 물음에 답하시오.\n{TEXT}", ""]]
    in_one += [[f"알맞은 것은? {n} ① 가 ② 나", 1] for n in range(3)]
    assert passages(read(folder, in_one, ["문제", "정답"])) == [TEXT, TEXT, ""]


def test_the_rows_of_a_set_whose_text_begins_its_first_question_are_drops(folder):
    first = [1, f"[1~3] 다음 글을 읽고 물음에 답하시오.\n{TEXT}\n윗글과 같은 것은?", *ROWS[0][2:]]
    reading = read(folder, [first, *ROWS[1:3], [4, "왕은?", *ROWS[3][2:]]])
    assert [drop.reason for drop in reading.drops] == ["passage_elsewhere"] * 2
    assert "문제.csv:2 begins with the text of several" in reading.drops[0].detail
    assert [problem.question[-6:] for problem in reading.problems] == ["같은 것은?", "왕은?"]


def test_a_text_whose_range_names_no_row_below_is_not_left_out_of_the_count(folder):
    head = ["", f"[7~9] 다음 글을 읽고 물음에 답하시오.\n{OTHER}", *EMPTY]
    rows = [[n, f"알맞은 것은? ({n})", *row[2:]] for n, row in enumerate(ROWS, 1)]
    reading = read(folder, [head, *rows])
    assert passages(reading) == [""] * 6
    assert OTHER in reading.problems[0].question


@pytest.mark.parametrize(
    "question",
    [
        "구간 [1, 3]에서 함수의 최댓값은?",
        "[1, 3] 위의 점은?",
        "1~3의 합은?",
        "(1-3)을 계산하면?",
        "[3~1] 다음에 답하시오.",
        "[1~99] 다음에 답하시오.",
        "1592~1598년의 일은?",
    ],
)
def test_a_question_that_holds_numbers_is_no_text_of_several(question, folder):
    rows = [
        [1, question, *ROWS[0][2:]],
        *([n, f"같은 것은? {n}", "가", "나", "다", 1] for n in (2, 3)),
    ]
    reading = read(folder, rows)
    assert len(reading.problems) == 3
    assert passages(reading) == [""] * 3


def test_problems_without_an_answer_below_a_text_stay_problems(folder):
    head = [f"[1~2] 다음 글을 읽고 물음에 답하시오.\n{TEXT}", *EMPTY[1:]]
    rows = [[1, "까닭을 쓰시오.", "", "", ""], [2, "같은 것은?", "가", "나", "다"]]
    reading = read(folder, [["", *head], *rows], HEADER[:-1], wanted="test", needs_answers=False)
    assert [problem.question for problem in reading.problems] == ["까닭을 쓰시오.", "같은 것은?"]
    assert passages(reading) == [TEXT] * 2


def test_questions_of_a_text_that_stands_in_another_table_are_asked_about(folder):
    rows = [[n, f"P{n // 3}", *row[1:]] for n, row in enumerate(ROWS)]
    with pytest.raises(KoalignError, match="speak of a text, and there is none: 5 of 5") as refused:
        read(folder, rows, ["번호", "지문번호", *HEADER[1:]])
    pasted = str(refused.value).partition("or write ")[2].partition(" in its place")[0]
    assert len(read_source(wanted="train", **parse_yaml(pasted, "error")).problems) == 5


def test_a_range_is_looked_for_at_the_beginning_only():
    assert set_of("가" * 1_000_000 + "[1~3] 다음 글을 읽고 물음에 답하시오.") is None
    assert set_of("[1~3]" * 100_000) is not None


def test_a_range_in_the_column_of_passages_ends_where_it_says(folder):
    header = [*HEADER[:1], "지문", *HEADER[1:]]
    rows = [[row[0], "", f"알맞은 것은? {row[0]}", *row[2:]] for row in ROWS]
    rows[0][1] = f"[1~3] 다음 글을 읽고 물음에 답하시오.\n{TEXT}"
    assert passages(read(folder, rows, header)) == [TEXT] * 3 + ["", ""]
    rows[3][1] = OTHER
    assert passages(read(folder, rows, header)) == [TEXT] * 3 + [OTHER, ""]


@pytest.mark.parametrize(
    "cell", ["지문1.txt", "(지문 생략)", "생략", "3-1.hwp", "[본문 생략]", "글 2.png"]
)
def test_a_passage_that_is_a_file_or_left_out_is_a_drop(cell, folder):
    header = [*HEADER[:1], "지문", *HEADER[1:]]
    rows = [[row[0], cell if row[0] == 2 else TEXT, *row[1:]] for row in ROWS]
    reading = read(folder, rows, header)
    assert [drop.reason for drop in reading.drops] == ["passage_elsewhere"]


@pytest.mark.parametrize("question", ["㉠의 뜻은?", "(가)에 들어갈 말은?", "[A]와 ⓑ를 비교하면?"])
def test_an_empty_passage_below_one_that_shows_the_marks_of_the_question_is_asked_about(
    question, folder
):
    header = [*HEADER[:1], "지문", *HEADER[1:]]
    text = "㉠ 하늘은 (가) 푸르고 [A] 바다는 ⓑ 깊다."
    rows = [[1, text, "같은 것은?", "가", "나", "다", 1], [2, "", question, "가", "나", "다", 2]]
    with pytest.raises(KoalignError, match="whose passage is empty: 1"):
        read(folder, rows, header)
    rows[1][2] = "㉮의 뜻은?"
    assert passages(read(folder, rows, header)) == [text, ""]


def test_only_a_table_whose_columns_can_be_named_is_asked_for_its_passages(folder, capsys):
    rows = [
        ["q1", "윗글의 주제는?", "['가', '나']", 1],
        ["q2", "윗글의 제재는?", "['가', '나']", 2],
    ]
    header = ["id", "question", "choices", "answer"]
    assert len(read(folder, rows, header).problems) == 2
    assert "questions that speak of a text, and have none: 2" in capsys.readouterr().err
