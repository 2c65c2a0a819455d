"""What Excel, a web page or a teacher left in the cells of a table is read, or said with its line."""

import csv
import io

import pytest

from koalign.data.formats.marred import marred
from koalign.data.formats.sources import read_source
from koalign.records import Problem

HEADER = ["문제", "보기1", "보기2", "보기3", "보기4", "정답"]
ROWS = [[f"질문 {n}의 답은?", "하나", "둘", "셋", "넷", n % 4 + 1] for n in range(8)]


@pytest.fixture
def folder(tmp_path):
    """A folder whose name is not that of a split."""
    path = tmp_path / "files" / "here"
    path.mkdir(parents=True)
    return path


def read(folder, rows, header=HEADER):
    written = io.StringIO()
    csv.writer(written).writerows([header, *rows])
    path = folder / "문제.csv"
    path.write_text(written.getvalue(), encoding="utf-8")
    return read_source(str(path), "train")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("01월 02일", "may have made a date of"),
        ("2-Jan", "may have made a date of"),
        ("Mar-04", "may have made a date of"),
        ("1.23E+11", "may have shortened"),
        ("#NAME?", "an error of Excel"),
        ("#DIV/0!", "an error of Excel"),
        ("########", "an error of Excel"),
        ("�리", "a lost letter"),
        ("<p>하나</p>", "HTML is read as written"),
        ("A&amp;B", "HTML is read as written"),
        ("x<sup>2</sup>", "HTML is read as written"),
    ],
)
def test_what_a_program_made_of_a_cell_is_said_with_its_line(cell, said, folder, capsys):
    reading = read(folder, [*ROWS, ["무엇?", cell, "둘", "셋", "넷", 2]])
    assert reading.problems[8].choices[0] == cell
    printed = capsys.readouterr().err
    assert f"{said}" in printed
    assert "1 problem, the first" in printed
    assert "문제.csv:10 " in printed


@pytest.mark.parametrize("word", ["None", "null", "N/A", r"\N"])
def test_a_word_of_programs_for_nothing_as_the_last_choice_is_said(word, folder, capsys):
    assert read(folder, [[*row[:4], word, 1] for row in ROWS]).problems[0].choices[-1] == word
    assert (
        f"may stand for none, as a program writes an empty cell: 8 problems, the first {folder}"
        in (capsys.readouterr().err)
    )
    read(folder, [["값이 없음을 뜻하는 것은?", "0", "''", "False", word, 4]])
    assert "may stand for none" not in capsys.readouterr().err


def test_commas_between_the_choices_of_one_cell_are_none_of_them(folder):
    rows = [["물은?", "1) CO2, 2) H2O, 3) Na, K", 2], ["왕은?", "① 세종, 태종, ② 태조", 1]]
    problems = read(folder, rows, ["문제", "선택지", "정답"]).problems
    assert [problem.choices for problem in problems] == [
        ("CO2", "H2O", "Na, K"),
        ("세종, 태종", "태조"),
    ]


@pytest.mark.parametrize(
    "cell",
    [
        "1월 2일", "3-1", "E+11", "#해시", "a < b > c", "R&D", "10월 9일", "<I can do it>에서",
        "<B>의 <A>", "<U >",
    ],
)  # fmt: skip
def test_what_people_write_is_not_said_to_be_marred(cell):
    found = dict(marred(Problem(question="무엇?", choices=(cell, "둘"), answers=("1",))))
    assert not found.keys() - {"marked"}  # which is said where most rows have it


def test_a_day_of_the_year_is_no_cell_of_excel_where_no_table_wrote_it(folder, capsys):
    path = folder / "문제.jsonl"
    path.write_text('{"question": "부마 민주 항쟁 기념일은?", "answer": "10월 16일"}\n', "utf-8")
    read_source(str(path), "train")
    assert "Excel" not in capsys.readouterr().err
    read(folder, [*ROWS, ["무엇?", "10월 16일", "둘", "셋", "넷", 2]])
    assert "Excel may have made a date" in capsys.readouterr().err


def test_a_number_that_an_unquoted_comma_parts_is_said(folder, capsys):
    rows = [*ROWS, ["값은?", "1", "000원", "2000원", "3000원", 2]]
    read(folder, rows)
    assert "as of `1,000` without quotation marks: 1 problem" in capsys.readouterr().err


@pytest.mark.parametrize(
    "marks",
    ["{}(정답)", "*{}", "★{}", "{} (O)", "{}✓", "<b>{}</b>", "→ {}", "{}[정답]", "√ {}x", "◎{}"],
)
def test_choices_that_show_which_is_right_are_said(marks, folder, capsys):
    rows = [
        [cell if n != row[-1] else marks.format(cell) for n, cell in enumerate(row)] for row in ROWS
    ]
    rows = [[*row[:-1], ROWS[n][-1]] for n, row in enumerate(rows)]
    read(folder, rows)
    said = "a sign marks the right choice, and no other: 8 problems" in capsys.readouterr().err
    assert said == (marks != "√ {}x")  # a root is content


def test_a_last_choice_that_alone_has_a_second_line_is_said_where_most_have_it(folder, capsys):
    cells = ["① 하나 ② 둘 ③ 셋\n(2023년 모의고사)", "① 하나\n더 ② 둘 ③ 셋\n더", "① 하나 ② 둘 ③ 셋"]
    for cell, said in zip(cells, (True, False, False), strict=True):
        read(
            folder, [[f"질문 {n}?", cell, n % 3 + 1] for n in range(8)], ["문제", "선택지", "정답"]
        )
        printed = capsys.readouterr().err
        assert (
            "only the last has a second line, which may be a text below them" in printed
        ) == said


@pytest.mark.parametrize(
    "answer", ["정답: ②\n해설: 둘이므로.", "둘이다. 따라서 정답은 2번이다.", "2"]
)
def test_answers_that_name_choices_of_their_question_and_are_texts_are_said(answer):
    asked = "몇인가?\n1. 하나\n2. 둘\n3. 셋\n\n[지문]\n둘이 있다."
    found = dict(marred(Problem(question=asked, answers=(answer,), kind="long")))
    assert found == {"names_choice": answer}
    plain = Problem(question="몇인가?", answers=(answer,), kind="long")
    assert dict(marred(plain)) == {}


def test_whole_numbers_that_a_program_wrote_with_a_point_are_said_where_most_are(folder, capsys):
    for answers, said in ((["12.0", "7.0", "9.0"], True), (["12.0", "7.5", "9.25"], False)):
        read(
            folder, [[f"{n}의 값은?", answer] for n, answer in enumerate(answers)], ["문제", "정답"]
        )
        assert (
            "whole numbers end in .0, as a program writes them" in capsys.readouterr().err
        ) == said


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("<보기>에서 옳은 것만을 고른 것은?", True),
        ("<보기>에서 고른 것은? ㄱ. 섬 ㄴ. 산", False),
        ("고른 것은?\n<보기>\n가나다", False),
        ("<보기>에 맞는 것은? [보기] 물을 나눈다.", False),
    ],
)
def test_questions_that_speak_of_a_box_that_no_column_holds_are_said(
    question, said, folder, capsys
):
    read(folder, [*ROWS, [question, "ㄱ", "ㄴ", "ㄷ", "ㄱ, ㄴ", 4]])
    note = f"questions that speak of <보기>, and have none: 1, the first {folder}/문제.csv:10"
    assert (note in capsys.readouterr().err) == said


def test_choices_that_the_question_calls_a_box_and_a_missing_box_are_not_mixed_up(folder, capsys):
    read(folder, [[f"다음 [보기] 중 {row[0]}", *row[1:]] for row in ROWS])
    assert "보기>" not in capsys.readouterr().err
    read(folder, [[f"<보기>를 참고하여 고르면? {row[0]}", *row[1:]] for row in ROWS])
    printed = capsys.readouterr().err
    assert "speak of <보기>, and have none: 8" in printed and "may be a box" not in printed


def test_an_answer_that_a_program_wrote_for_none_is_said(folder, capsys):
    read(folder, [["수도는?", "서울"], ["나라는?", "N/A"], ["산은?", "한라산"]], ["문제", "정답"])
    said = (
        "answers that may stand for none, as a program writes an empty cell: 1 problem, the first"
    )
    assert f"{said} {folder}/문제.csv:3 'N/A'" in capsys.readouterr().err


def test_a_question_that_ends_with_its_answer_is_said_and_one_by_chance_is_not(folder, capsys):
    read(folder, [[f"{row[0]} ( {'①②③④'[row[-1] - 1]} )", *row[1:]] for row in ROWS])
    assert "the question ends with its answer" in capsys.readouterr().err
    read(folder, [[f"{row[0]} ({n % 3 + 1})", *row[1:]] for n, row in enumerate(ROWS)])
    assert "the question ends with its answer" not in capsys.readouterr().err


def test_what_keeps_excel_from_reading_a_number_is_no_part_of_a_text(folder):
    rows = [[f'="{cell}"' for cell in row] for row in ROWS]
    assert [p.choices for p in read(folder, rows).problems] == [("하나", "둘", "셋", "넷")] * 8
    rows = [["무엇?", '="가"&"나"', '="합:"&A1&"원"', "=SUM(A1)", '="가', 1]]
    assert read(folder, rows).problems[0].choices == tuple(rows[0][1:5])
    rows = [[f"'{cell}" for cell in row] for row in ROWS]
    assert [p.answers for p in read(folder, rows).problems] == [(str(row[-1]),) for row in ROWS]
    (problem,) = read(
        folder, [["'82년생 김지영'의 작가는?", "'82년생", "'3-1", "'=1", "넷'", "'2"]]
    ).problems
    assert (problem.choices, problem.answers) == (("'82년생", "3-1", "=1", "넷'"), ("2",))


@pytest.mark.parametrize(
    "cell",
    [
        "① 하나<br>② 둘<br/>③ 셋<BR />④ 넷",
        "하나<br>둘<br>셋<br>넷",
        "하나 / 둘 / 셋 / 넷",
        "['하나' '둘' '셋' '넷']",
        "['하나' '둘'\n '셋' \"넷\"]",
    ],
)
def test_one_cell_holds_choices_between_breaks_strokes_and_as_numpy_writes_them(cell, folder):
    reading = read(
        folder, [[f"질문 {n}?", cell, n + 1] for n in range(4)], ["문제", "선택지", "정답"]
    )
    assert [p.choices for p in reading.problems] == [("하나", "둘", "셋", "넷")] * 4
    assert [p.answers for p in reading.problems] == [("1",), ("2",), ("3",), ("4",)]


def test_tags_that_are_choices_stay(folder):
    reading = read(
        folder, [["줄바꿈은?", "① <br> ② <p> ③ <hr>", 1]] * 1, ["문제", "선택지", "정답"]
    )
    assert reading.problems[0].choices == ("<br>", "<p>", "<hr>")


@pytest.mark.parametrize(
    "below", ["정답: 2", "정답 2", "[정답] 2", "답: ②", "<해설> 둘이다.", "【정답】 둘"]
)
def test_an_answer_below_the_choices_is_no_part_of_the_last_one(below, folder):
    choices = "1) 하나\n2) 둘\n3) 셋"
    rows = [[f"질문 {n}?", choices, 2] for n in range(3)]
    reading = read(folder, [*rows, ["왕은?", f"{choices}\n{below}", 2]], ["문제", "선택지", "정답"])
    assert (len(reading.problems), [drop.reason for drop in reading.drops][:1]) in (
        (3, ["answer_in_choices"]),
        (3, ["wrong_type"]),
    )


@pytest.mark.parametrize(
    "key", ["3번 (해설참조)", "③(2점)", "3[2.5점]", "③(해설 참고)", "ㄱ,ㄴ", "ㄱ , ㄴ", "정답 : ③"]
)
def test_keys_beside_a_remark_or_with_other_blanks_are_read(key, folder):
    reading = read(folder, [["옳은 것은?", "ㄱ", "ㄴ", "ㄱ, ㄴ", "ㄴ, ㄷ", key]])
    assert reading.problems[0].answers == ("3",)


@pytest.mark.parametrize("name", ["ans", "확정답안", "최종정답"])
def test_the_answer_has_these_names_too(name, folder):
    reading = read(folder, ROWS, [*HEADER[:-1], name])
    assert [p.answers for p in reading.problems] == [(str(row[-1]),) for row in ROWS]


def test_rows_with_one_more_choice_than_most_are_said_in_a_small_file_too(folder, capsys):
    rows = [
        ["질문 0?", "하나\n두\n번째\n셋", 1],
        *([f"질문 {n}?", "하나\n둘\n셋", 1] for n in range(1, 4)),
    ]
    read(folder, rows, ["문제", "선택지", "정답"])
    assert "more than 3 choices: 1 of 4 rows" in capsys.readouterr().err


def test_pictures_of_a_workbook_are_said(folder, capsys):
    openpyxl = pytest.importorskip("openpyxl")
    image = pytest.importorskip("PIL.Image")
    from openpyxl.drawing.image import Image

    image.new("RGB", (9, 9)).save(folder / "x.png")
    book = openpyxl.Workbook()
    for row in (HEADER, *ROWS):
        book.active.append(row)
    book.active.add_image(Image(str(folder / "x.png")), "B3")
    book.save(folder / "문제.xlsx")
    read_source(str(folder / "문제.xlsx"), "train")
    assert "pictures are not read: 1 in the workbook" in capsys.readouterr().err


@pytest.mark.parametrize("between", ["\n", " ", "   "])
@pytest.mark.parametrize("marks", ["①②③④", ["1)", "2)", "3)", "4)"], ["(1)", "(2)", "(3)", "(4)"]])
def test_a_question_loses_the_choices_that_it_repeats(between, marks, folder):
    rows = []
    for question, *choices, right in ROWS:
        marked = [f"{mark} {choice}" for mark, choice in zip(marks, choices, strict=True)]
        rows.append([f"{question}\n{between.join(marked)}", *choices, right])
    assert [problem.question for problem in read(folder, rows).problems] == [row[0] for row in ROWS]
    other = [[f"{ROWS[0][0]} ① 하나 ② 둘 ③ 넷 ④ 셋", *ROWS[0][1:]]]
    assert read(folder, other).problems[0].question == other[0][0]


def test_a_few_rows_with_a_choice_less_than_most_are_said(folder, capsys):
    rows = [[f"질문 {n}?", "하나", "둘", "셋", "넷", n % 3 + 1] for n in range(20)]
    rows[7][4] = ""
    read(folder, rows)
    assert "fewer than 4 choices: 1 of 20 rows, the first" in capsys.readouterr().err
    for row in rows[:8]:
        row[4] = ""
    read(folder, rows)
    assert "fewer than" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (["무엇? 정답: 3", "하나", "둘", "셋", "넷", 3], "the answer or its explanation stands in"),
        (
            ["무엇? [정답] ②", "하나", "둘", "셋", "넷", 2],
            "the answer or its explanation stands in",
        ),
        (
            ["무엇?", "하나", "둘", "셋", "넷\n해설: 셋이다.", 3],
            "the answer or its explanation stands in",
        ),
        (
            ["무엇?", "② 하나", "① 둘", "③ 셋", "④ 넷", "③ 셋"],
            "carry other numbers than those of their places",
        ),
        (["무엇?", "하나", "하나", "셋", "넷", 3], "two choices say the same"),
        (["21", "하나", "둘", "셋", "넷", 3], "the question is a number alone"),
    ],
)
def test_a_row_that_says_another_thing_than_its_columns_is_said(row, said, folder, capsys):
    read(folder, [*ROWS, row])
    assert f"{said}" in capsys.readouterr().err


def test_questions_that_speak_of_answers_are_not_said(folder, capsys):
    questions = [
        "정답이 아닌 것은?",
        "정답을 고르면?",
        "3+4=?",
        "정답: ( )에 알맞은 것은?",
        "오답 1을 고르면?",
    ]
    read(folder, [[question, *ROWS[0][1:]] for question in questions])
    assert "the answer or" not in capsys.readouterr().err


def test_choices_in_the_question_of_a_row_without_them_are_read_and_a_dash_is_no_answer(folder):
    whole = ["무엇?\n① 하나 ② 둘 ③ 셋", "", "", "", "", 3]
    asks = ["물음에 답하시오. ① 뜻을 쓰시오. ② 까닭을 쓰시오.", "", "", "", "", "뜻은 이렇다."]
    deleted = ["문항 삭제", "-", "-", "-", "-", "-"]
    first, second, third = read(folder, [*ROWS, whole, asks, deleted]).problems[8:]
    assert (first.question, first.choices, first.answers) == ("무엇?", ("하나", "둘", "셋"), ("3",))
    assert (second.choices, second.answers) == ((), ("뜻은 이렇다.",))
    assert third.answers == ()
