"""Answers and choices that count from 0: told once and read right, never one choice too low."""

import pytest
from support.answer_keys import COLUMNS, KEYED, korean, rows_of, said, written
from support.exam_files import FIVE, FOUR, ExamFile, asked

from koalign.config.inputs import Source
from koalign.data.formats.format import Columns
from koalign.data.formats.reading import Reading
from koalign.data.formats.sources import read_source
from koalign.records import KoalignError


@pytest.mark.parametrize("name", KEYED)
def test_a_file_that_counts_from_zero_stops_and_is_read_right_when_told(name, tmp_path):
    file, row = KEYED[name]
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
        with pytest.raises(KoalignError, match=r"choices are numbered from 0, .* 1 answers"):
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


def test_marks_and_letters_show_their_own_number_where_answers_count_from_zero(tmp_path):
    rows = rows_of([0, "2", "③", "C", "조선", "0,2"])
    reading = read_source(written(tmp_path, rows), "dev", answer_from=0)
    texts = [said(problem) for problem in reading.problems]
    assert texts == [["신라"], *[["조선"]] * 4, ["신라", "조선"]]


@pytest.mark.parametrize(
    "name", ["answerIndex", "정답인덱스", "정답번호(0-3)", "정답 [0~3]", "정답(0부터)"]
)
def test_answers_that_are_called_an_index_are_asked_about_without_a_0_among_them(name, tmp_path):
    rows = [{"문제": "수도는?", "선택지": ["부산", "서울", "대구", "인천"], name: 1}]
    path = written(tmp_path, rows)
    with pytest.raises(KoalignError, match=r"are called an index.*answer_from: 0\}"):
        read_source(path, "dev")
    (problem,) = read_source(path, "dev", answer_from=0).problems
    assert said(problem) == ["서울"]
