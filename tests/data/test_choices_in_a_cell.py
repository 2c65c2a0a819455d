"""Choices in one cell: what stands above, below and beside them is none of them, and is asked about."""

import re

import pytest
from support.tables import CITIES, read_table, said

from koalign.records import KoalignError


@pytest.fixture
def tmp_path(tmp_path):
    """A folder whose name is not that of a split."""
    folder = tmp_path / "files" / "here"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(
    "cell",
    [
        "1) 부산은\n큰 도시이다.\n2) 대구\n3) 서울은\n수도이다.",
        "1) 부산은\n큰 도시이다. 2) 대구 3) 서울은\n수도이다.",
        "가. 부산은\n큰 도시이다.\n나. 대구\n다. 서울은\n수도이다.",
        "(1) 부산은\n큰 도시이다.\n\n(2) 대구\n(3) 서울은\n수도이다.",
        "A. 부산은\n큰 도시이다.\nB. 대구\nC. 서울은\n수도이다.",
    ],
)
def test_a_choice_in_a_cell_may_go_over_several_lines(cell, tmp_path):
    rows = [["문제", "보기", "정답"], ["수도는?", cell, "3"]]
    (problem,) = read_table(tmp_path, *rows).problems
    assert problem.choices == ("부산은\n큰 도시이다.", "대구", "서울은\n수도이다.")
    assert said(problem) == ["서울은\n수도이다."]


def test_a_row_of_more_choices_than_the_others_is_said_where_a_line_end_may_have_made_them(
    tmp_path, capsys
):
    cells = ["\n".join(CITIES)] * 10 + ["부산은\n큰 도시\n대구\n서울\n인천\n광주"]
    read_table(
        tmp_path,
        ["문제", "보기", "정답"],
        *([f"물음 {n}", cell, 3] for n, cell in enumerate(cells)),
    )
    note = f"more than 5 choices: 1 of 11 rows, the first {tmp_path}/문제.csv:52"
    assert note in capsys.readouterr().err


def test_choices_that_only_begin_as_labels_do_stand_one_a_line(tmp_path):
    cells = ["1.5배\n2배\n3배", "1) 가\n1) 나\n2) 다", "1번 국도\n2번 국도\n3번 국도"]
    rows = [["문제", "보기", "정답"], *([f"물음 {cell}", cell, "3"] for cell in cells)]
    problems = read_table(tmp_path, *rows).problems
    assert [said(problem) for problem in problems] == [["3배"], ["2) 다"], ["3번 국도"]]


@pytest.mark.parametrize("heading", ["<보기>", "[선택지]", "보기:", "【보기】"])
def test_a_heading_above_the_choices_of_a_cell_is_none_of_them(heading, tmp_path):
    cell = f"{heading}\n① 부산\n② 대구\n③ 서울"
    (problem,) = read_table(tmp_path, ["문제", "보기", "정답"], ["수도는?", cell, "3"]).problems
    assert (problem.choices, said(problem)) == (("부산", "대구", "서울"), ["서울"])


@pytest.mark.parametrize(
    "cell",
    [
        "['물은 ①', '불은 ②']",
        "물은 ①\n불은 ②",
        "물은 ① | 불은 ②",
        "{'A': '물은 ①', 'B': '불은 ②'}",
    ],
)
def test_choices_that_hold_marks_of_the_passage_have_no_text_above_them(cell, tmp_path):
    (problem,) = read_table(tmp_path, ["문제", "선택지", "정답"], ["무엇?", cell, "2"]).problems
    assert (problem.choices, said(problem)) == (("물은 ①", "불은 ②"), ["불은 ②"])


@pytest.mark.parametrize("first", ["㉡-㉠-㉢", "(B)-(A)-(C)", "② → ① → ③"])
def test_choices_that_are_orders_of_marks_carry_no_labels(first, tmp_path):
    b, a, c = re.findall(r"\(.\)|[㉠-㉢①-③]", first)
    between = first[len(b) : first.index(a)]
    choices = [between.join(order) for order in ((b, a, c), (a, c, b), (c, b, a))]
    header = ["문제", "보기1", "보기2", "보기3", "정답"]
    (problem,) = read_table(tmp_path, header, ["순서는?", *choices, "2"]).problems
    assert (problem.choices, said(problem)) == ((*choices,), [choices[1]])


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("<보기>\nㄱ. 섬이다.\nㄴ. 산이다.\n① ㄱ ② ㄴ ③ ㄱ, ㄴ", "text_above_choices"),
        ("ㄱ. 섬이다.\nㄴ. 산이다.\n① ㄱ ② ㄴ ③ ㄱ, ㄴ", "text_above_choices"),
        ("① 부산\n② 대구\n③ 서울\n \n(2023년 모의고사)", "text_below_choices"),
    ],
)
def test_a_text_above_or_below_the_choices_of_a_cell_is_no_part_of_them(cell, reason, tmp_path):
    rows = [["수도는?", "① 부산\n② 대구\n③ 서울", "3"]] * 2
    reading = read_table(tmp_path, ["문제", "보기", "정답"], *rows, ["어디?", cell, "3"])
    assert [drop.reason for drop in reading.drops] == [reason]
    with pytest.raises(KoalignError, match=r"no list of choices|no column holds choices"):
        read_table(tmp_path, ["문제", "선택지", "정답"], ["어디?", cell, "3"])


def test_a_box_beside_questions_that_end_in_their_choices_is_none_of_them(tmp_path):
    box, choices = "ㄱ. 섬이다.\nㄴ. 산이다.", "① ㄱ ② ㄴ ③ ㄱ, ㄴ"
    rows = [
        ["문제", "보기", "정답"],
        *([f"{n}번째로 옳은 것은?\n{choices}", box, n] for n in (1, 2, 3)),
    ]
    problems = read_table(tmp_path, *rows).problems
    assert [(problem.box, said(problem)) for problem in problems] == [
        (box, ["ㄱ"]), (box, ["ㄴ"]), (box, ["ㄱ, ㄴ"]),
    ]  # fmt: skip


def test_a_box_read_as_choices_beside_those_in_the_question_of_few_rows_is_said(tmp_path, capsys):
    rows = [[f"{n}번째 도시는?", "① 서울 ② 부산 ③ 대구", n] for n in (1, 2, 3)]
    odd = ["옳은 것은?\n① ㄱ ② ㄴ ③ ㄱ, ㄴ", "ㄱ. 섬이다.\nㄴ. 산이다.", 2]
    read_table(tmp_path, ["문제", "보기", "정답"], *rows, odd)
    note = f"may be a box, for the question ends in others: 1 problem, the first {tmp_path}/문제.csv:5 "
    assert note in capsys.readouterr().err


def test_a_label_of_choices_whose_labels_stand_in_another_order_is_a_drop_and_a_text_is_not(
    tmp_path,
):
    choices = ["C) 서울", "A) 부산", "B) 대구"]
    rows = [
        ["문제", "보기1", "보기2", "보기3", "정답"],
        *(["수도는?", *choices, a] for a in ("C) 서울", "서울", "C")),
    ]
    reading = read_table(tmp_path, *rows)
    assert [said(problem) for problem in reading.problems] == [["C) 서울"]] * 2
    assert [drop.reason for drop in reading.drops] == ["labels_out_of_order"]
