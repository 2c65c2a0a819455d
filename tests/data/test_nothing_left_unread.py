"""What a table or a JSON file holds beside the question, its choices and its answer is read, or it is asked."""

import csv
import io
import json

import pytest

from koalign.data.formats.sources import read_source
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml

HEADER = ["문제", "보기1", "보기2", "보기3", "정답"]
ROWS = [[f"질문 {number}의 답은?", "가", "나", "다", number % 3 + 1] for number in range(6)]
TEXT = "세종은 백성이 쉽게 읽고 쓸 수 있는 글자를 만들고자 집현전의 학자들과 오래 연구하였다. " * 2


@pytest.fixture
def folder(tmp_path):
    """A folder whose name is not that of a split."""
    path = tmp_path / "files" / "here"
    path.mkdir(parents=True)
    return path


def with_column(folder, name, values, **options):
    text = io.StringIO()
    rows = [[*row, value] for row, value in zip(ROWS, values, strict=True)]
    csv.writer(text).writerows([[*HEADER, name], *rows])
    path = folder / "문제.csv"
    path.write_text(text.getvalue(), encoding="utf-8")
    return read_source(str(path), options.pop("wanted", "train"), **options)


def in_json(folder, value):
    path = folder / "문제.json"
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return read_source(str(path), "train")


@pytest.mark.parametrize("name", ["구분", "set", "데이터 구분", "용도", "비고"])
def test_rows_that_a_column_calls_test_are_not_trained_on_whatever_its_name(name, folder):
    values = ["학습", "학습용", "train", "Train", "평가", "test"]
    with pytest.raises(KoalignError, match="of several splits: train: ") as refused:
        with_column(folder, name, values)
    train, test = (
        parse_yaml(part, "error")
        for part in str(refused.value).partition("train: ")[2].split(", test: ")
    )
    assert len(read_source(wanted="train", **train).problems) == 4
    assert len(read_source(wanted="test", **test).problems) == 2


@pytest.mark.parametrize("name", ["split", "구분"])
@pytest.mark.parametrize(
    "fields",
    [
        {
            "question": "수도는?",
            "answer": 1,
            "A": "가",
            "B": "나",
            "C": "다",
            "D": "라",
            "Human Accuracy": 1,
        },
        {
            "question": "수도는?",
            "choices": {"text": ["가", "나"], "label": ["A", "B"]},
            "answerKey": "B",
        },
        {
            "id": "1-1-1",
            "context": "가",
            "question": "?",
            "answers": {"text": ["가"], "answer_start": [0]},
        },
        {"prompt": "가?", "chosen": "나", "rejected": "다"},
        {"messages": [{"role": "user", "content": "가?"}, {"role": "assistant", "content": "나"}]},
    ],
)
def test_rows_of_a_known_format_are_of_the_split_that_they_say(name, fields, folder):
    rows = [fields | {name: split} for split in ("train", "train", "test")]
    with pytest.raises(KoalignError, match="of several splits: train: "):
        in_json(folder, rows)
    path = str(folder / "문제.json")
    assert [len(read_source(path, s, split=s).records) for s in ("train", "test")] == [2, 1]


def test_a_split_column_with_a_word_that_names_none_is_asked_about(folder):
    with pytest.raises(KoalignError, match="'set' names splits, and '기타' is none"):
        with_column(folder, "set", ["train", "train", "test", "test", "dev", "기타"])


@pytest.mark.parametrize(
    ("name", "field"),
    [("박스", "box"), ("상황", "passage"), ("대화", "passage"), ("듣기 대본", "passage")],
)
def test_short_texts_under_their_usual_names_are_read(name, field, folder):
    reading = with_column(folder, name, [f"갑: 안녕 {number}" for number in range(6)])
    assert [getattr(problem, field) for problem in reading.problems] == [
        f"갑: 안녕 {number}" for number in range(6)
    ]


def test_a_column_of_long_texts_under_another_name_is_asked_about_and_the_line_reads_it(folder):
    with pytest.raises(KoalignError, match=r"'배경' holds .* may be a passage") as refused:
        with_column(folder, "배경", [f"{TEXT}{number}" for number in range(6)])
    source = parse_yaml(str(refused.value).partition("which is what: ")[2], "error")
    assert all(TEXT.strip() in p.passage for p in read_source(wanted="train", **source).problems)


def test_several_columns_of_long_texts_are_asked_about_and_the_line_reads_them_all(folder):
    rows = [[n, f"{TEXT}앞 {n}", f"{TEXT}뒤 {n}", f"{n}번의 답은?", n % 5 + 1] for n in range(1, 7)]
    text = "번호,배경1,배경2,문제,보기1,보기2,보기3,보기4,보기5,정답\n"
    text += "".join(f"{n},{a},{b},{q},하나,둘,셋,넷,다섯,{k}\n" for n, a, b, q, k in rows)
    (folder / "문제.csv").write_text(text, encoding="utf-8")
    with pytest.raises(KoalignError, match=r"'배경1' holds .* may be a passage") as refused:
        read_source(str(folder / "문제.csv"), "train")
    source = parse_yaml(str(refused.value).partition("which is what: ")[2], "error")
    for row, problem in zip(rows, read_source(wanted="train", **source).problems, strict=True):
        assert row[1].strip() in problem.passage and row[2].strip() in problem.passage


@pytest.mark.parametrize("name", ["비고", "출제 의도", "출처", "source"])
def test_long_remarks_are_no_passage(name, folder):
    assert len(with_column(folder, name, [TEXT] * 6).problems) == 6


@pytest.mark.parametrize("name", ["정답2", "최종정답", "복수정답", "answer2"])
def test_a_second_column_of_answers_is_not_left_out(name, folder):
    with pytest.raises(KoalignError, match=f"both '정답' and '{name}' look like the answer"):
        with_column(folder, name, ["", "3", "", "", "", ""])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("answer_letter", ["A", "B", "C", "A", "B", "C"]),
        ("answer_idx", [0, 1, 2, 0, 1, 2]),
        ("정답률", ["0.4"] * 6),
        ("정답2", [""] * 6),
    ],
)
def test_answers_in_another_form_and_what_is_told_of_them_are_no_second_answer(
    name, values, folder
):
    assert [problem.answers for problem in with_column(folder, name, values).problems] == [
        (str(row[-1]),) for row in ROWS
    ]


def test_answers_that_are_names_of_columns_are_no_short_answers(folder):
    text = "문제,첫째,둘째,셋째,정답\n" + "".join(
        f"질문 {n}?,가,나,다,{place}\n" for n, place in enumerate(["첫째", "셋째", "둘째"])
    )
    path = folder / "문제.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KoalignError, match="'첫째', the name of a column") as refused:
        read_source(str(path), "train")
    line = str(refused.value).partition("where there are none: ")[2]
    source = parse_yaml(line.replace("'?'", "첫째, 둘째, 셋째"), "error")
    reading = read_source(wanted="train", **source)
    assert [problem.answers for problem in reading.problems] == [("1",), ("3",), ("2",)]


@pytest.mark.parametrize("late", [1000, 1005])
def test_a_passage_that_begins_below_a_thousand_rows_is_read(late, folder):
    rows = [
        {"문제": f"질문 {n}?", "보기": ["가", "나"], "정답": 1}
        | ({"지문": TEXT} if n >= late else {})
        for n in range(1010)
    ]
    reading = in_json(folder, rows)
    assert sum(bool(problem.passage) for problem in reading.problems) == 1010 - late


def test_the_passage_and_the_split_beside_the_one_list_of_a_file_belong_to_each_row(folder):
    rows = [{"문제": row[0], "보기": row[1:4], "정답": row[4]} for row in ROWS]
    reading = in_json(folder, {"과목": "국어", "지문": TEXT, "문항": rows})
    assert {problem.passage for problem in reading.problems} == {TEXT}
    own = in_json(folder, {"지문": TEXT, "문항": [{**rows[0], "지문": "다른 글"}, *rows[1:]]})
    assert own.problems[0].passage == "다른 글"
    with pytest.raises(KoalignError, match="calls itself the test split"):
        in_json(folder, {"split": "test", "문항": rows})


def test_a_key_that_stands_twice_in_an_object_is_no_row(folder):
    text = '{"문제": "가?", "보기": "ㄱ. 하나", "보기": ["나", "다"], "정답": 1}'
    path = folder / "문제.json"
    path.write_text(f"[{text}]", encoding="utf-8")
    with pytest.raises(KoalignError, match="'보기' stands twice"):
        read_source(str(path), "train")
    lines = folder / "문제.jsonl"
    whole = '{"문제": "나?", "보기": ["나", "다"], "정답": 1}\n'
    lines.write_text(f"{whole}{text}\n{whole.replace('나?', '다?')}", encoding="utf-8")
    reading = read_source(str(lines), "train")
    assert len(reading.problems) == 2
    assert [drop.place for drop in reading.drops] == [f"{lines}:2"]


def test_an_unanswerable_question_stays_so_in_a_flat_file(folder):
    passage = "서울은 한국의 수도이다."
    rows = [
        {"context": passage, "question": "일본의 수도는?", "answer": "서울", "is_impossible": True},
        {
            "context": passage,
            "question": "한국의 수도는?",
            "answer": "서울",
            "is_impossible": False,
        },
    ]
    assert [problem.answers for problem in in_json(folder, rows).problems] == [("",), ("서울",)]


@pytest.mark.parametrize("written", ["서울;서울시", "서울|서울시", "서울; 서울시"])
def test_answers_between_signs_are_said_to_be_read_as_one(written, folder, capsys):
    path = folder / "문제.csv"
    path.write_text(f"질문,정답\n수도는?,{written}\n", encoding="utf-8")
    read_source(str(path), "train")
    assert "write '서울#서울시'" in capsys.readouterr().err


def test_of_several_sheets_the_one_that_calls_itself_the_wanted_split_is_read(folder, capsys):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "학습"
    for sheet in (book.active, book.create_sheet("평가")):
        for row in (HEADER, *ROWS):
            sheet.append(row)
    path = folder / "문제.xlsx"
    book.save(path)
    assert {problem.split for problem in read_source(str(path), "train").problems} == {"train"}
    said = capsys.readouterr().err
    assert f"train: [{{path: {path}, sheet: 학습}}], test: [{{path: {path}, sheet: 평가}}]" in said
    assert {problem.split for problem in read_source(str(path), "test").problems} == {"test"}
    book.move_sheet("평가", -1)
    book.save(path)
    assert {problem.split for problem in read_source(str(path), "train").problems} == {"train"}
    with pytest.raises(KoalignError, match="calls itself the test split"):
        read_source(str(path), "train", sheet="평가")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("is_test", [False, False, False, False, True, True]),
        ("isTest", [0, 0, 0, 0, 1, 1]),
        ("평가여부", ["N", "N", "N", "N", "Y", "Y"]),
        ("평가용", ["", "", "", "", "O", "O"]),
        ("for_eval", ["", "no", "", "no", "yes", "yes"]),
        ("학습여부", ["Y", "Y", "Y", "Y", "N", ""]),
        ("테스트 표시", ["x", "x", "x", "x", "○", "✓"]),
    ],
)
def test_rows_that_a_column_marks_as_held_out_are_not_trained_on(name, values, folder):
    with pytest.raises(KoalignError, match="its rows are of several splits") as refused:
        with_column(folder, name, values)
    train, test = (
        parse_yaml(part, "error")
        for part in str(refused.value).partition("train: ")[2].split(", test: ")
    )
    answers = [
        [p.question for p in read_source(wanted="train", **one).problems] for one in (train, test)
    ]
    assert answers == [[row[0] for row in ROWS[:4]], [row[0] for row in ROWS[4:]]]


@pytest.mark.parametrize(
    ("held_out", "wanted"), [("검증", "train"), ("평가", "test"), ("검증", "dev")]
)
def test_rows_of_several_splits_are_read_for_none_until_the_source_names_one(
    held_out, wanted, folder
):
    cells = ["학습", "학습", held_out, "학습", held_out, "학습"]
    rows = [[*row, cell] for row, cell in zip(ROWS, cells, strict=True)]
    path = folder / "문제.csv"
    path.write_text(
        "\n".join(",".join(map(str, row)) for row in [[*HEADER, "구분"], *rows]), encoding="utf-8"
    )
    with pytest.raises(KoalignError, match="its rows are of several splits") as refused:
        read_source(str(path), wanted)
    split = {"검증": "dev", "평가": "test"}[held_out]
    source = parse_yaml(str(refused.value).partition(f"{split}: ")[2], "error")
    assert [p.question for p in read_source(wanted=wanted, **source).problems] == [
        ROWS[2][0],
        ROWS[4][0],
    ]


def test_a_file_whose_every_row_is_marked_as_held_out_is_not_trained_on(folder):
    for name, cell in (
        ("구분", "평가"),
        ("용도구분", "평가용"),
        ("is_test", True),
        ("kind of set", "test"),
    ):
        with pytest.raises(KoalignError, match=r"calls itself the test split; .* split: test"):
            with_column(folder, name, [cell] * 6)


@pytest.mark.parametrize(
    "cells", [["unit test 3"] * 6, ["모의평가"] * 6, ["평가원"] * 6, ["학습"] * 6]
)
def test_what_only_speaks_of_a_test_is_no_split(cells, folder):
    assert len(with_column(folder, "출전", cells).problems) == 6


def test_a_split_that_only_the_first_row_of_a_block_names_is_asked_about(folder):
    with pytest.raises(KoalignError, match="'구분' names splits, and is empty in 4 rows"):
        with_column(folder, "구분", ["학습", "", "", "평가", "", ""])
    with pytest.raises(KoalignError, match="its rows are of several splits"):
        with_column(folder, "구분", ["", "", "", "", "평가", "평가"])


def test_ids_that_name_splits_are_splits(folder):
    ids = ["train-1", "train-2", "train-3", "train-4", "test-1", "test-2"]
    with pytest.raises(KoalignError, match="its rows are of several splits"):
        with_column(folder, "문항ID", ids)
    assert (
        len(with_column(folder, "문항ID", ["K1", "K2", "test-3", "K4", "K5", "K6"]).problems) == 6
    )


def test_two_columns_that_say_different_splits_are_asked_about(folder):
    rows = [
        {**dict(zip(HEADER, row, strict=True)), "is_dev": n == 4, "is_test": n == 5}
        for n, row in enumerate(ROWS)
    ]
    with pytest.raises(KoalignError, match="'is_dev' and 'is_test' say different splits"):
        in_json(folder, rows)
