"""Gold answers in every way that Korean files write them: the right choice, or a drop, never the next choice."""

from pathlib import Path

import pytest
from support.answer_keys import COLUMNS, KEYED, korean, rows_of, said, written
from support.exam_files import ExamFile, asked

from koalign.data.formats.reading import Reading
from koalign.data.formats.sources import read_source

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
    "3명", "ㄷ", "전부", True, {"answer": 3},
]  # fmt: skip
SHAPES = {"native": KEYED["native"], "kmmlu in JSON lines": KEYED["kmmlu in JSON lines"],
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


def test_ten_choices_have_letters_to_j(tmp_path):
    choices = [f"{n}년" for n in range(1900, 1910)]
    rows = rows_of(["J", "(j)", "10", "⑩", "10번", "1909년"], choices)
    reading = read_source(written(tmp_path, rows), "dev")
    assert [problem.answers for problem in reading.problems] == [("10",)] * 6
