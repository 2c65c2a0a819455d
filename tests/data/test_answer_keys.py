"""Gold answers in every way that Korean files write them: the right choice, or a drop, never the next choice."""

import json
from pathlib import Path

import pytest
from support.exam_files import FILES, FIVE, FOUR, ExamFile, asked

from koalign.config.inputs import Source
from koalign.data.formats.format import Columns
from koalign.data.formats.reading import Reading
from koalign.data.formats.sources import read_source
from koalign.records import KoalignError, Problem

COLUMNS = {"question": "문제", "choices": ["보기1", "보기2", "보기3", "보기4"], "answer": "정답"}


def rows_of(answers: list, choices: list[str] = FOUR) -> list[dict]:
    return [{**asked(n, choices), "answer": answer} for n, answer in enumerate(answers)]


def written(folder: Path, rows: list[dict], name: str = "a.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return str(path)


def said(problem: Problem) -> list[str]:
    """The texts of the right choices."""
    return [problem.choices[int(answer) - 1] for answer in problem.answers]


# --- answers that count from 0


def kmmlu(answer: object) -> dict:
    return {**FILES["kmmlu"].row(0), "answer": answer}


def csat(answer: object) -> dict:
    problems = str({"question": "옳은 것은?", "choices": FOUR, "answer": answer})
    return {**FILES["csat"].row(0), "problems": problems}


def csat_qa(answer: object) -> dict:
    return {**FILES["csat-qa"].row(0), "gold": answer}


def flattened(answer: object) -> dict:
    return {"id": "a", "paragraph": "글", **asked(0, FOUR), "choices": str(FOUR), "answer": answer}


def korean(answer: object) -> dict:
    return {
        "문제": "나라는?",
        **{f"보기{n}": t for n, t in enumerate(FOUR, start=1)},
        "정답": answer,
    }


FROM_ZERO = {
    "native": (FILES["native"], lambda answer: {**asked(0, FOUR), "answer": answer}),
    "kmmlu": (FILES["kmmlu"], kmmlu),
    "kmmlu in JSON lines": (ExamFile("x.jsonl", kmmlu), kmmlu),
    "csat": (FILES["csat"], csat),
    "csat, flattened": (ExamFile("x.csv", flattened), flattened),
    "csat-qa": (FILES["csat-qa"], csat_qa),
    "redux": (FILES["kmmlu-redux"], lambda answer: {**FILES["kmmlu-redux"].row(0), "solution": answer}),
    "pro": (FILES["kmmlu-pro"], lambda answer: {**FILES["kmmlu-pro"].row(0), "solution": answer}),
    "kice": (FILES["kice"], lambda answer: {**FILES["kice"].row(0), "problems": [{**asked(0, FIVE), "answer": answer}]}),
    "columns": (ExamFile("x.csv", korean), korean),
}  # fmt: skip


@pytest.mark.parametrize("name", FROM_ZERO)
def test_a_file_that_counts_from_zero_stops_and_is_read_right_when_told(name, tmp_path):
    file, row = FROM_ZERO[name]
    columns = COLUMNS if name == "columns" else None
    path = tmp_path / file.name
    path.write_bytes(file.data([row(n) for n in (2, 0, 1, 3, 0, 2)], list(row(0))))
    remedy = r"seem to count from 0: 2 are 0.*\{path: .*, answer_from: 0\}"
    with pytest.raises(KoalignError, match=remedy):
        read_source(str(path), "dev", columns=columns)
    reading = read_source(str(path), "dev", columns=columns, answer_from=0)
    right = [FIVE[n] for n in (2, 0, 1, 3, 0, 2)]
    assert [said(problem) for problem in reading.problems] == [[text] for text in right]
    kept = read_source(str(path), "dev", columns=columns, answer_from=1)
    assert [drop.reason for drop in kept.drops] == ["answer_is_zero"] * 2


@pytest.mark.parametrize(
    "answers",
    [
        [1, 2, 3, 4], [1, 1, 2, 2, 3], [2, 3, 2, 3], [1, 1, 1, 1], [4, 4, 4], [3], [None, 2, 3],
        [0, 1, 2, 3, 4], [0, 4], ["", "1", "2"],
    ],
)  # fmt: skip
def test_a_file_that_counts_from_one_and_lacks_some_answers_passes(answers, tmp_path):
    reading = read_source(written(tmp_path, rows_of(answers)), "dev")
    assert [p.answers for p in reading.problems] == [
        (str(answer),) if answer else () for answer in answers if answer != 0
    ]


@pytest.mark.parametrize("answers", [[*[0, 1, 2, 3] * 20, 4], [0, 1], [0.0, 2.0], ["0", "3"], [0]])
def test_a_stray_row_hides_no_file_that_counts_from_zero(answers, tmp_path):
    with pytest.raises(KoalignError, match="count from 0"):
        read_source(written(tmp_path, rows_of(answers)), "dev")


def test_each_file_of_a_folder_is_judged_by_itself(tmp_path):
    folder = tmp_path / "exams"
    folder.mkdir()
    written(folder, rows_of([1, 2, 3, 4]), "a.jsonl")
    written(folder, rows_of([0, 1, 2, 3]), "b.jsonl")
    with pytest.raises(KoalignError, match=r"b\.jsonl: the answers seem to count from 0"):
        read_source(str(folder), "dev")


def test_short_answers_count_nothing(tmp_path):
    rows = [{"question": f"{n}는?", "answer": n % 2, "kind": "short"} for n in range(9)]
    assert len(read_source(written(tmp_path, rows), "dev").problems) == 9


def test_answer_from_is_a_key_of_a_source_and_of_columns(tmp_path):
    assert Source.model_validate({"path": "a", "answer_from": 0}).answer_from == 0
    source = Source.model_validate({"path": "a", "columns": {**COLUMNS, "answer_from": 0}})
    assert source.columns
    path = tmp_path / "a.csv"
    path.write_bytes(ExamFile("a.csv", korean).data([korean(0), korean(3)]))
    reading: Reading = read_source(str(path), "dev", columns=source.columns)
    assert [said(problem) for problem in reading.problems] == [[FOUR[0]], [FOUR[3]]]


@pytest.mark.parametrize(
    "columns",
    [{**COLUMNS, "answer_from": 2}, {**COLUMNS, "question": 0}, {**COLUMNS, "choices": 1}],
)
def test_a_number_is_no_column(columns: Columns, tmp_path):
    with pytest.raises(KoalignError, match=r"columns\."):
        read_source(written(tmp_path, rows_of([1])), "dev", columns=columns)


# --- labels, several answers and texts

THIRD = [
    "3", 3, 3.0, "3.0", "③", "3번", "3 번", "(3)", "3)", "3.", "３", "제3번", "제 3번", "[3]", "３번", "（3）", "⑶", "➂", "❸",
    "③번", "C", "c", "C.", "(C)", "C)", "Ｃ", "조선", " 조선 ", "3. 조선", "③ 조선", "(3) 조선", "3번 조선", "C. 조선", "정답: 3",
    "답 ③", "정답은 3번", "3번.",
]  # fmt: skip
FIRST_AND_THIRD = [
    "1,3", "1, 3", "1번, 3번", "①③", "①, ③", "① ③", "1·3", "1/3", "1, 3번", "(1), (3)", "1번과 3번", "1 또는 3", "A, C", "１，３",
    "1;3", "1 및 3", "1, 3 (복수정답)", "[1, 3]",
]  # fmt: skip
NO_KEY = [
    "13", "1.3", "-3", "3-1", "6번", "제6번", "⑥", "F", "모름", "3번이 아님", "조선이 아님", "③ 고려", "3. 고려", "1,6", "abc", "1,000",
    "3명", "ㄷ", "전부", True, [3], {"answer": 3},
]  # fmt: skip
SHAPES = {"native": FROM_ZERO["native"], "kmmlu in JSON lines": FROM_ZERO["kmmlu in JSON lines"],
          "columns": (ExamFile("x.jsonl", korean), korean)}  # fmt: skip


def reading_of(folder: Path, shape: str, answer: object) -> Reading:
    file, row = SHAPES[shape]
    path = folder / (file.name if shape != "columns" else "x.jsonl")
    path.write_bytes(file.data([row(answer), {**row(2), **good_question(shape)}]))
    columns = COLUMNS if shape == "columns" else None
    return read_source(str(path), "dev", columns=columns)


def good_question(shape: str) -> dict:
    return {"문제" if shape == "columns" else "question": "다른 물음은?"}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_way_to_write_the_third_choice_is_the_third_choice(shape, tmp_path):
    for answer in THIRD:
        first, _ = reading_of(tmp_path, shape, answer).problems
        assert (first.answers, said(first)) == (("3",), ["조선"]), answer


@pytest.mark.parametrize("shape", SHAPES)
def test_several_right_answers_are_all_right(shape, tmp_path):
    for answer in FIRST_AND_THIRD:
        first, _ = reading_of(tmp_path, shape, answer).problems
        assert said(first) == ["신라", "조선"], answer


@pytest.mark.parametrize("shape", SHAPES)
def test_what_names_no_choice_is_a_drop(shape, tmp_path):
    for answer in NO_KEY:
        if shape == "native" and isinstance(answer, list):
            continue  # a list of answers is a key there
        reading = reading_of(tmp_path, shape, answer)
        assert (len(reading.problems), len(reading.drops)) == (1, 1), answer


TWO_READINGS = {
    "O": (["A", "B", "AB", "O"], "4"), "AB": (["A", "B", "AB", "O"], "3"), "B": (["A", "B", "AB", "O"], "2"),
    "A": (["B", "A", "O", "AB"], None), "3번": (["3번", "1번", "2번"], None), "2": (["4", "3", "2", "1"], "2"),
    "②": (["②", "①", "③"], None), "1,3": (["1,2", "1,3", "2,3"], None), "ㄱ, ㄴ": (["ㄱ", "ㄱ, ㄴ", "ㄷ"], "2"),
    "CO": (["Co", "CO", "co2"], "2"), "co": (["CO", "cO", "Co"], None), "3.5": (["1.5", "3.5", "5"], "2"),
    "X": (["O", "X"], "2"), "예": (["아니요", "예"], "2"),
}  # fmt: skip


@pytest.mark.parametrize("answer", TWO_READINGS)
def test_a_text_that_looks_like_the_label_of_another_choice_is_never_guessed(answer, tmp_path):
    choices, right = TWO_READINGS[answer]
    rows = [*rows_of([answer], choices), {**asked(9, choices), "answer": 2}]
    reading = read_source(written(tmp_path, rows), "dev")
    first = reading.problems[0]
    assert first.answers == ((right,) if right else ("2",))
    assert len(reading.drops) == (right is None)


@pytest.mark.parametrize(("answer_is", "right"), [("text", "2번"), ("number", "1번")])
def test_answer_is_says_which_is_meant(answer_is, right, tmp_path):
    """Choices that are numbers themselves: 2번 is the second one, or the one that is called 2번."""
    row = {
        "문제": "?",
        "보기1": "2번",
        "보기2": "1번",
        "보기3": "4번",
        "보기4": "3번",
        "정답": "2번",
    }
    columns = {**COLUMNS, "answer_is": answer_is}
    (problem,) = read_source(written(tmp_path, [row]), "dev", columns=columns).problems
    assert said(problem) == [right]


FROM_ZERO_FORMS = [
    "{}. {}", "{}.{}", "{}) {}", "({}) {}", "[{}] {}", "<{}> {}", "{}번 {}", "{}번. {}", "{}: {}", "{} {}", "{}\t{}",
]  # fmt: skip


@pytest.mark.parametrize("form", FROM_ZERO_FORMS)
def test_choices_numbered_from_zero_are_never_read_one_too_low(form, tmp_path):
    choices = [form.format(n, text) for n, text in enumerate(FOUR)]
    for answers in ([1, 2, 3], [0, 1, 2, 3], ["1번", "2번"], [1, 2, 3, 4]):
        path = written(tmp_path, rows_of(answers, choices))
        with pytest.raises(KoalignError, match=r"choices are numbered from 0, .*answer_from: 0\}"):
            read_source(path, "dev")
    path = written(tmp_path, rows_of([0, 3, "1번"], choices))
    reading = read_source(path, "dev", answer_from=0)
    for problem, text in zip(reading.problems, ["신라", "발해", "고려"], strict=True):
        (right,) = said(problem)
        assert right == (form.format(FOUR.index(text), text) if form == "{} {}" else text)
    texts = rows_of([choices[2], "③", "C"], choices)
    for problem in read_source(written(tmp_path, texts), "dev").problems:
        assert problem.answers == ("3",), "no number that could count from 0 or 1"


def test_columns_numbered_from_zero_are_never_read_one_too_low(tmp_path):
    path = tmp_path / "문제.csv"
    for names in ("보기0,보기1,보기2,보기3", "0,1,2,3", "choice_0,choice_1,choice_2,choice_3"):
        head = f"문제,{names},정답\n"
        path.write_text(f"{head}나라는?,신라,고려,조선,발해,2\n", "utf-8")
        with pytest.raises(KoalignError, match="choices are numbered from 0, and 1 answers"):
            read_source(str(path), "dev")
        assert said(read_source(str(path), "dev", answer_from=0).problems[0]) == ["조선"]
        assert said(read_source(str(path), "dev", answer_from=1).problems[0]) == ["고려"]
        path.write_text(f"{head}나라는?,신라,고려,조선,발해,조선\n", "utf-8")
        assert said(read_source(str(path), "dev").problems[0]) == ["조선"]


@pytest.mark.parametrize(
    "choices",
    [
        ["0개", "1개", "2개", "3개"], ["0 명", "1 명", "2 명", "3 명"], ["0", "1", "2", "3"], ["0과 1", "1과 2", "2와 3"],
        ["0:4", "1:3", "2:2"], ["0 : 4", "1 : 3", "2 : 2"], ["0.5 m", "1.2 m", "2.7 m"], ["0 ~ 9세", "1 ~ 8세"],
    ],
)  # fmt: skip
def test_choices_that_are_numbers_themselves_count_nothing(choices, tmp_path):
    (problem,) = read_source(written(tmp_path, rows_of([1], choices)), "dev").problems
    assert (problem.choices, problem.answers) == (tuple(choices), ("1",))


def test_one_row_of_choices_numbered_from_zero_is_a_drop_and_has_no_gold_where_none_is_needed(
    tmp_path, capsys
):
    odd = [f"{n}. {text}" for n, text in enumerate(FOUR)]
    path = written(tmp_path, [*rows_of([1, 2, 3, 4]), *rows_of([1], odd)])
    (drop,) = read_source(path, "dev").drops
    assert (drop.reason, drop.detail) == ("answer_from_0_or_1", "answer: choice 1, or the next one")
    solved = read_source(path, "dev", needs_answers=False).problems
    assert [problem.answers for problem in solved] == [("1",), ("2",), ("3",), ("4",), ()]
    assert "left aside; answer_from: 0 or 1 reads them" in capsys.readouterr().err


@pytest.mark.parametrize("rows", [rows_of([1, 2, 3]), [{**asked(0, []), "answer": "1919년"}]])
def test_a_row_without_a_certain_gold_moves_no_other_rows_gold(rows, tmp_path):
    odd = [f"{n}. {text}" for n, text in enumerate(FOUR)]
    path = written(tmp_path, [*rows, *rows_of([1], odd)])
    *clear, unclear = read_source(path, "dev", needs_answers=False).problems
    assert [problem.answers for problem in clear] == [(str(row["answer"]),) for row in rows]
    assert unclear.answers == ()


def test_a_table_whose_gold_may_count_from_0_is_solved_without_its_gold(tmp_path, capsys):
    path = tmp_path / "문제.csv"
    path.write_text("문제,보기0,보기1,보기2,보기3,정답\n나라는?,신라,고려,조선,발해,2\n", "utf-8")
    (problem,) = read_source(str(path), "dev", needs_answers=False).problems
    assert (problem.choices, problem.answers) == (("신라", "고려", "조선", "발해"), ())
    assert "left aside; answer_from: 0 or 1 reads them" in capsys.readouterr().err


def test_wrong_choices_alone_are_no_problem_wherever_the_right_one_stands(tmp_path):
    for choices in (["정답", "오답1", "오답2"], ["오답1", "오답2", "정답"]):
        path = written(
            tmp_path,
            [{"문제": "?", "오답1": "가", "오답2": "나", "정답": gold} for gold in ("다", "")],
        )
        columns = {"question": "문제", "choices": choices, "answer": "정답"}
        reading = read_source(path, "dev", columns=columns, needs_answers=False)
        assert [said(problem) for problem in reading.problems] == [["다"]]
        assert [drop.reason for drop in reading.drops] == ["empty_choice"]


def test_marks_and_letters_show_their_own_number_where_answers_count_from_zero(tmp_path):
    rows = rows_of([0, "2", "③", "C", "조선", "0,2"])
    reading = read_source(written(tmp_path, rows), "dev", answer_from=0)
    texts = [said(problem) for problem in reading.problems]
    assert texts == [["신라"], *[["조선"]] * 4, ["신라", "조선"]]


def test_ten_choices_have_letters_to_j(tmp_path):
    choices = [f"{n}년" for n in range(1900, 1910)]
    rows = rows_of(["J", "(j)", "10", "⑩", "10번", "1909년"], choices)
    reading = read_source(written(tmp_path, rows), "dev")
    assert [problem.answers for problem in reading.problems] == [("10",)] * 6
