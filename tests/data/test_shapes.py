"""A table of another shape than a row for each problem is refused with what to do, and what is left out is said."""

import csv
import io

import pytest

from koalign.data.formats.sources import read_source
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml

HEADER = ["번호", "문제", "보기1", "보기2", "보기3", "보기4", "정답"]
CHOICES = [
    ["왕건", "이성계", "세종", "정조"],
    ["부산", "대구", "서울", "인천"],
    ["CO2", "NaCl", "O2", "H2O"],
]
ROWS = [[n + 1, f"질문 {n}의 답은?", *CHOICES[n % 3], n % 4 + 1] for n in range(8)]
KEYS = [row[1 + row[-1]] for row in ROWS]


@pytest.fixture
def folder(tmp_path):
    """A folder whose name is not that of a split."""
    path = tmp_path / "files" / "here"
    path.mkdir(parents=True)
    return path


def read(folder, rows, **options):
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    path = folder / "문제.csv"
    path.write_text(written.getvalue(), encoding="utf-8")
    return read_source(str(path), "train", **options)


def answers(reading):
    return [problem.choices[int(problem.answers[0]) - 1] for problem in reading.problems]


@pytest.mark.parametrize(
    ("mark", "no"),
    [("O", ""), ("Y", "N"), ("TRUE", "FALSE"), ("1", "0"), ("정답", "오답"), ("✓", "")],
)
@pytest.mark.parametrize(
    ("name", "held"), [("보기", "정답"), ("선택지 내용", "정답여부"), ("답지", "O/X")]
)
@pytest.mark.parametrize("is_once", [True, False])
def test_a_row_for_each_choice_is_no_problem(mark, no, name, held, is_once, folder):
    rows = [["번호", "문제", name, held]]
    for key, question, *choices, right in ROWS:
        for place, choice in enumerate(choices, 1):
            first = not is_once or place == 1
            rows.append([key, question if first else "", choice, mark if place == right else no])
    with pytest.raises(
        KoalignError, match=f"each choice has a row of its own.*{held}.*one row for each"
    ):
        read(folder, rows)


def test_the_replies_to_a_form_have_a_column_for_each_problem(folder):
    names = ["타임스탬프", "이메일 주소", "점수", "1. 수도는?", "2. 물의 화학식은?"]
    rows = [names, ["2026. 3. 2", "a@b.kr", "20 / 20", "서울", "H2O"]]
    with pytest.raises(
        KoalignError, match=r"each problem has a column of its own.*one row for each"
    ):
        read(folder, rows)


def test_statements_to_judge_under_one_question_are_problems(folder):
    rows = [["문제", "자료", "정답"]]
    rows += [["옳으면 O, 틀리면 X", f"{n}은 짝수이다.", "XO"[n % 2 == 0]] for n in range(8)]
    assert len(read(folder, rows).problems) == 8


@pytest.mark.parametrize("key", [True, False])
def test_a_column_for_each_problem_is_to_be_exchanged(key, folder):
    columns = [HEADER, *ROWS]
    rows = [list(row) for row in zip(*columns, strict=True)]
    with pytest.raises(KoalignError, match="Exchange rows and columns"):
        read(folder, rows if key else rows[1:])


@pytest.mark.parametrize(
    "names", [["갑", "을", "병", "정"], ["", "", "", ""], ["첫째", "둘째", "셋째", "넷째"]]
)
def test_choices_under_unknown_names_are_in_the_source_to_paste(names, folder):
    rows = [
        ["문제", *names, "정답"],
        *([*row[1:-1], key] for row, key in zip(ROWS, KEYS, strict=True)),
    ]
    with pytest.raises(KoalignError, match=r"no.* choices") as refused:
        read(folder, rows)
    source = parse_yaml(str(refused.value).partition("which is what: ")[2], "error")
    assert answers(read_source(wanted="train", **source)) == KEYS


def test_numbered_columns_of_unknown_names_are_in_the_source_to_paste(folder):
    names = [f"답가지{n}" for n in range(1, 5)]
    with pytest.raises(KoalignError, match="no column holds choices") as refused:
        read(folder, [["문제", *names, "정답"], *(row[1:] for row in ROWS)])
    source = parse_yaml(str(refused.value).partition("which is what: ")[2], "error")
    assert answers(read_source(wanted="train", **source)) == KEYS


@pytest.mark.parametrize("name", ["정답(주관식)", "주관식답", "단답형", "서술형 정답", "모범답안"])
def test_answers_of_other_rows_in_a_column_of_their_own_are_not_left_out(name, folder):
    rows = [
        [*HEADER, name],
        *([*row, ""] for row in ROWS),
        [9, "국화는?", "", "", "", "", "", "무궁화"],
    ]
    with pytest.raises(KoalignError, match=r"'정답' is empty where .* is not.*one column 정답"):
        read(folder, rows)
    rows[0][-1] = "비고"
    assert len(read(folder, rows).problems) == 9


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("영어문장", [f"She has {n} very old books" for n in range(8)]),
        ("단서", ["", "단, 예외는 없다."] * 4),
        ("공통발문", ["밑줄 친 말의 뜻은?"] * 8),
    ],
)
def test_a_text_that_is_left_out_is_said_with_the_source_that_reads_it(name, cells, folder, capsys):
    read(folder, [[*HEADER, name], *([*row, cell] for row, cell in zip(ROWS, cells, strict=True))])
    printed = " ".join(capsys.readouterr().err.split())
    assert f"'{name}' is not read, and holds" in printed
    pasted = "{path:" + printed.partition("problem write {path:")[2].partition("}}")[0] + "}}"
    reading = read_source(wanted="train", **parse_yaml(pasted, "note"))
    assert [problem.passage for problem in reading.problems] == cells


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("난이도", "중"),
        ("성취기준", "[9사01-02] 조선의 건국 과정을 안다."),
        ("출처", "2023년 6월 모의평가 3번"),
        ("교과서", "미래엔 한국사 2단원"),
        ("비고", "다시 볼 것."),
    ],
)
def test_what_tells_of_the_exam_is_left_out_without_a_word(name, cell, folder, capsys):
    read(folder, [[*HEADER, name], *([*row, cell] for row in ROWS)])
    assert "is not read" not in capsys.readouterr().err


def test_rows_of_one_set_have_its_passage_in_whatever_order(folder, capsys):
    texts = {"A": "세종은 글자를 만들었다.", "B": "바다가 따뜻해진다."}
    order = ["A", "B", "A", "B", "B", "A", "A", "B"]
    seen = set()
    rows = [["세트", "지문", "문제", *HEADER[2:]]]
    for one, row in zip(order, ROWS, strict=True):
        rows.append(
            [one, "" if one in seen else texts[one], f"윗글과 같은 것은? {row[0]}", *row[2:]]
        )
        seen.add(one)
    reading = read(folder, rows)
    assert [problem.passage for problem in reading.problems] == [texts[one] for one in order]
    assert "passage_id: 세트" in capsys.readouterr().err
    assert len({problem.group for problem in reading.problems}) == 2
    rows[2][1] = ""  # no row of B has a passage
    with pytest.raises(KoalignError, match="whose passage is empty"):
        read(folder, rows)


def test_answers_that_may_be_texts_or_labels_end_in_the_source_that_reads_them(folder, capsys):
    rows = [["문제", "보기1", "보기2", "보기3", "보기4", "정답"]]
    rows += [[f"{n} + 1은?", n + 2, n + 1, n, n + 3, n + 1] for n in range(4)]
    reading = read(folder, rows)
    assert {drop.reason for drop in reading.drops} == {"answer_is_ambiguous"}
    printed = " ".join(capsys.readouterr().err.split())
    pasted = "{path:" + printed.partition("write {path:")[2].partition("}}")[0] + "}}"
    whole = read_source(wanted="train", **parse_yaml(pasted, "note"))
    assert answers(whole) == [str(n + 1) for n in range(4)]


@pytest.mark.parametrize("between", [", ", ",", ";"])
def test_choices_between_commas_are_to_be_written_otherwise(between, folder):
    rows = [
        ["문제", "선택지", "정답"],
        *([row[1], between.join(row[2:-1]), row[-1]] for row in ROWS),
    ]
    with pytest.raises(KoalignError, match=r"put \| or a line end between them") as refused:
        read(folder, rows)
    source = parse_yaml(
        str(refused.value).partition("which is what: ")[2].partition(": ")[2]
        or str(refused.value).partition("where there are none: ")[2],
        "error",
    )
    assert source["columns"]["choices"] == ["?"]


def test_two_columns_of_passages_or_questions_are_joined_by_the_source_to_paste(folder):
    rows = [["제시문(가)", "제시문(나)", "발문", "문제", *HEADER[2:]]]
    rows += [["하나", "", "옳은 것은?", "She is.", *row[2:]] for row in ROWS[:2]]
    rows += [["하나", "(나) 둘", "", "He is.", *row[2:]] for row in ROWS[2:]]
    with pytest.raises(
        KoalignError, match="both '발문' and '문제' look like the question"
    ) as refused:
        read(folder, rows)
    source = parse_yaml(str(refused.value).partition("which is what: ")[2], "error")
    reading = read_source(wanted="train", **source)
    assert [problem.passage for problem in reading.problems[:3]] == ["(가) 하나"] * 2 + [
        "(가) 하나\n(나) 둘"
    ]
    assert [p.question for p in reading.problems[1:3]] == ["옳은 것은?\nShe is.", "He is."]
    assert [p.answers for p in reading.problems] == [(str(row[-1]),) for row in ROWS]


def test_statements_in_a_column_each_are_one_box(folder):
    rows = [["문제", "ㄱ", "ㄴ", "ㄷ", "①", "②", "③", "④", "정답"]]
    rows += [[row[1], "해는 뜬다.", "ㄴ. 달은 돈다.", "", *row[2:]] for row in ROWS]
    with pytest.raises(KoalignError, match="'ㄱ' and '①' are one choice"):
        read(folder, rows)
    columns = {
        "question": "문제",
        "box": ["ㄱ", "ㄴ", "ㄷ"],
        "choices": [*"①②③④"],
        "answer": "정답",
    }
    reading = read(folder, rows, columns=columns)
    assert {problem.box for problem in reading.problems} == {"ㄱ. 해는 뜬다.\nㄴ. 달은 돈다."}
    with pytest.raises(KoalignError, match="has no column 'ㄹ'"):
        read(folder, rows, columns={**columns, "box": ["ㄱ", "ㄹ"]})


def test_an_empty_passage_in_several_columns_is_one(folder):
    rows = [["글1", "글2", *HEADER[1:]], *(["가", "나", *row[1:]] for row in ROWS[:1])]
    rows += [["", "", f"윗글과 같은 것은? {row[0]}", *row[2:]] for row in ROWS[1:]]
    columns = {
        "passage": ["글1", "글2"],
        "question": "문제",
        "choices": HEADER[2:6],
        "answer": "정답",
    }
    with pytest.raises(
        KoalignError, match=r"whose passage is empty: 7.*글1, 글2.*blank_passage: above"
    ):
        read(folder, rows, columns=columns)
    above = read(folder, rows, columns={**columns, "blank_passage": "above"})
    assert {problem.passage for problem in above.problems} == {"가\n나"}


@pytest.mark.parametrize("cell", ["https://x.kr/{}.png", "그림{}.jpg", '<img src="{}">'])
def test_a_column_of_pictures_is_said_to_be_left_out(cell, folder, capsys):
    read(folder, [[*HEADER, "이미지"], *([*row, cell.format(row[0])] for row in ROWS)])
    assert "pictures are not read" in " ".join(capsys.readouterr().err.split())


def test_a_second_answer_of_changed_rows_ends_in_what_to_do_and_loses_none(folder):
    rows = [[*HEADER, "최종정답"], *([*row, 4 if row[0] == 2 else ""] for row in ROWS)]
    with pytest.raises(
        KoalignError, match=r"both '정답' and '최종정답'.*all answers into one column"
    ):
        read(folder, rows)


def test_a_text_above_the_header_is_said_to_be_left_out(folder, capsys):
    read(folder, [["세종은 글자를 만들었다. " * 9, *[""] * 6], HEADER, *ROWS])
    assert "the header is on line 2; '세종은 글자를 만들었다. " in capsys.readouterr().err
    read(folder, [["1학기 중간고사", *[""] * 6], HEADER, *ROWS])
    assert "not read" not in capsys.readouterr().err


def test_numbered_answers_are_not_read_as_the_first_alone(folder):
    rows = [[*HEADER[:-1], "정답1", "정답2"], *([*row, 4 if row[0] == 2 else ""] for row in ROWS)]
    with pytest.raises(
        KoalignError, match=r"both '정답1' and '정답2' look like the answer.*`1,3`.*answer: '\?'"
    ):
        read(folder, rows)
