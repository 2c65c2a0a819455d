"""Choices and answers that are objects, in JSON and Parquet: read as what they say, or refused by name."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from koalign.data.formats.sources import read_source
from koalign.jsonl import write_jsonl
from koalign.records import KoalignError, Problem
from koalign.yaml_text import parse_yaml

TEXTS = [["CO2", "NaCl", "H2O"], ["세종", "태조", "정조"], ["금강", "한강", "섬진강"]]
QUESTIONS = ["물의 화학식은?", "조선의 첫 왕은?", "공주를 지나는 강은?"]
RIGHT = [2, 1, 0]
READ = [("물의 화학식은?", "H2O"), ("조선의 첫 왕은?", "태조"), ("공주를 지나는 강은?", "금강")]


@pytest.fixture
def path(tmp_path):
    """A file in a folder whose name is not that of a split."""
    folder = tmp_path / "files" / "here"
    folder.mkdir(parents=True)
    return folder / "exam.jsonl"


def golds(path, rows, **options):
    path.write_text(
        "\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8"
    )
    return said(read_source(str(path), "train", **options))


def said(reading):
    assert [drop.detail for drop in reading.drops] == []
    return [
        (problem.question, *(problem.choices[int(n) - 1] for n in problem.answers))
        for problem in reading.problems
    ]


def rows_of(row):
    return [row(*values) for values in zip(QUESTIONS, TEXTS, RIGHT, strict=True)]


def objects(texts, *names):
    """Objects of a label and a text."""
    return [dict(zip(names, pair, strict=True)) for pair in zip("ABC", texts, strict=True)]


CHOICES = {
    "marked": lambda q, t, n: {"question": q, "choices": [
        {"label": "ABC"[i], "text": text, "is_correct": i == n} for i, text in enumerate(t)]},
    "marked with 0 and 1": lambda q, t, n: {"문제": q, "선택지": [
        {"내용": text, "정답": int(i == n)} for i, text in enumerate(t)]},
    "only the right one marked": lambda q, t, n: {"question": q, "options": [
        {"content": text, **({"correct": True} if i == n else {})} for i, text in enumerate(t)]},
    "points above 0": lambda q, t, n: {"questiontext": q, "answers": [
        {"text": text, "fraction": "100" if i == n else "-33.33333"} for i, text in enumerate(t)]},
    "weights": lambda q, t, n: {"question_text": q, "answers": [
        {"answer_text": text, "answer_weight": 100 * (i == n)} for i, text in enumerate(t)]},
    "a mark and points": lambda q, t, n: {"question": q, "choices": [
        {"text": text, "is_correct": i == n, "score": 2 * (i == n)} for i, text in enumerate(t)]},
    "a part of the points": lambda q, t, n: {"question": q, "answers": [
        {"text": text, "fraction": (100, 50, 0)[(i - n) % 3]} for i, text in enumerate(t)]},
    "answers that hold the wrong ones": lambda q, t, n: {"question": q, "answers": [
        {"text": text, "isCorrect": i == n} for i, text in enumerate(t)]},
    "numbered": lambda q, t, n: {"question": q, "answer": n + 1, "choices": [
        {"id": i, "text": text} for i, text in enumerate(t, start=1)]},
    "numbered from 0": lambda q, t, n: {"question": q, "answer": n, "choices": [
        {"id": i, "text": text} for i, text in enumerate(t)]},
    "Korean names": lambda q, t, n: {"문제": q, "정답": n + 1, "보기": [
        {"번호": i, "내용": text} for i, text in enumerate(t, start=1)]},
    "key and value": lambda q, t, n: {
        "question": q, "options": objects(t, "key", "value"), "answer": "ABC"[n]},
    "out of order": lambda q, t, n: {
        "question": q, "choices": objects(t, "label", "text")[::-1], "answer": "ABC"[n]},
    "a list of options by any name": lambda q, t, n: {"question": q, "correctAnswer": t[n], "quizOptionList": [
        {"optionText": text, "optionOrder": i, "isCorrect": i == n} for i, text in enumerate(t)]},
    "marked under a name of no choices": lambda q, t, n: {"question": q, "items": [
        {"text": text, "correct": i == n} for i, text in enumerate(t)]},
    "ids of options": lambda q, t, n: {"question": q, "answer": {"correct_option_id": f"o{n}"}, "options": [
        {"option_id": f"o{i}", "option_text": text} for i, text in enumerate(t)]},
    "one key each": lambda q, t, n: {
        "question": q, "options": [{"ABC"[i]: text} for i, text in enumerate(t)], "answer": "ABC"[n]},
    "pairs": lambda q, t, n: {
        "question": q, "choices": [["ABC"[i], text] for i, text in enumerate(t)], "answer": "ABC"[n]},
    "two lists": lambda q, t, n: {
        "question": q, "choices": {"label": [*"ABC"], "text": t}, "answer": "ABC"[n]},
    "two lists out of order": lambda q, t, n: {
        "question": q, "choices": {"label": [*"BCA"], "text": t}, "answerKey": "BCA"[n]},
    "letters": lambda q, t, n: {
        "question": q, "choices": dict(zip("abc", t, strict=True)), "answer": "ABC"[n]},
    "marks": lambda q, t, n: {
        "question": q, "choices": dict(zip("①②③", t, strict=True)), "answer": "①②③"[n]},
    "Hangul": lambda q, t, n: {
        "질문": q, "선택지": dict(zip("가나다", t, strict=True)), "정답": "가나다"[n]},
    "names of options": lambda q, t, n: {
        "question": q, "options": {f"option_{i + 1}": text for i, text in enumerate(t)},
        "correct_option": f"option_{n + 1}"},
    "in the question": lambda q, t, n: {
        "question": {"stem": q, "choices": objects(t, "label", "text")}, "answerKey": "ABC"[n]},
    "numpy": lambda q, t, n: {
        "question": q, "choices": "[" + "\n ".join(map(repr, t)) + "]", "answer": n + 1},
    "array in an object": lambda q, t, n: {
        "question": q, "answerKey": "ABC"[n],
        "choices": f"{{'text': array({t!r}, dtype=object), 'label': array(['A', 'B', 'C'])}}"},
    "array": lambda q, t, n: {
        "question": q, "choices": f"array({t!r}, dtype=object)", "answer": n + 1},
}  # fmt: skip


@pytest.mark.parametrize("shape", CHOICES)
def test_choices_as_objects_are_read_with_the_answer_that_they_name(shape, path):
    assert golds(path, rows_of(CHOICES[shape])) == READ


ANSWERS = {
    "number and text": lambda t, n: {"index": n + 1, "text": t[n]},
    "number from 0 and text": lambda t, n: {"index": n, "text": t[n]},
    "letter and text": lambda t, n: {"label": "ABC"[n], "text": t[n]},
    "letter": lambda t, n: {"label": "ABC"[n]},
    "number": lambda t, n: {"number": n + 1, "explanation": "까닭"},
    "number in Korean": lambda t, n: {"번호": n + 1},
    "list of a letter": lambda t, n: ["ABC"[n]],
    "list of a number": lambda t, n: [n + 1],
    "list of a text": lambda t, n: [t[n]],
    "list of an object": lambda t, n: [{"text": t[n]}],
}


@pytest.mark.parametrize("shape", ANSWERS)
@pytest.mark.parametrize("names", [("question", "choices", "answer"), ("문제", "선택지", "정답")])
def test_an_answer_that_is_an_object_or_a_list_names_its_choice(shape, names, path):
    rows = rows_of(lambda q, t, n: dict(zip(names, [q, t, ANSWERS[shape](t, n)], strict=True)))
    assert golds(path, rows) == READ


def test_an_index_in_an_object_is_asked_about_where_nothing_says_from_which_number_it_counts(path):
    rows = rows_of(lambda q, t, n: {
        "question": q, "choices": ["그 밖", *t], "answer": {"correct_index": n + 1}})  # fmt: skip
    with pytest.raises(KoalignError, match="the answers are called an index") as refused:
        golds(path, rows)
    source = parse_yaml(str(refused.value).partition("Write ")[2].partition(" where")[0], "error")
    assert said(read_source(wanted="train", **source)) == READ


def test_several_right_choices_are_all_right_however_they_are_named(path):
    marked = [{"text": text, "correct": text != "가"} for text in "가나다"]
    rows = [
        {"question": "표시?", "choices": marked},
        {"question": "번호?", "choices": [*"가나다"], "answer": [2, 3]},
        {"question": "글?", "choices": [*"가나다"], "answer": ["나", "다"]},
        {"question": "이름?", "choices": {"A": "가", "B": "나", "C": "다"}, "answer": ["B", "C"]},
    ]
    assert [gold for _, *gold in golds(path, rows)] == [["나", "다"]] * 4


def test_a_mark_against_the_answer_of_its_row_is_a_drop_and_one_with_it_is_not(path):
    def row(answer):
        return {
            "question": f"물은? {answer}",
            "answer": answer,
            "choices": [{"text": text, "correct": text == "H2O"} for text in TEXTS[0]],
        }

    assert golds(path, [row(3), row("C"), row("H2O")]) == [
        (f"물은? {answer}", "H2O") for answer in (3, "C", "H2O")
    ]
    path.write_text(f"{json.dumps(row(3))}\n{json.dumps(row(1))}", encoding="utf-8")
    (drop,) = read_source(str(path), "train").drops
    assert (drop.reason, drop.detail) == ("two_answers", "answer: 1, and C is marked right")


@pytest.mark.parametrize("name", ["distractors", "incorrect_answers", "wrong_answers", "오답"])
def test_a_list_of_wrong_answers_and_the_right_one_are_the_choices(name, path):
    rows = rows_of(lambda q, t, n: {
        "question": q, "correct_answer": t[n], name: [text for text in t if text != t[n]]})  # fmt: skip
    assert golds(path, rows) == READ
    assert sorted(read_source(str(path), "train").problems[0].choices) == sorted(TEXTS[0])


def test_objects_of_which_no_part_is_the_text_are_refused(path):
    rows = rows_of(lambda q, t, n: {
        "question": q, "answer": n + 1, "choices": [{"en": text, "ko": text} for text in t]})  # fmt: skip
    with pytest.raises(KoalignError, match="choices"):
        golds(path, rows)


@pytest.mark.parametrize(
    "choices",
    [
        pa.array([objects(t, "label", "text") for t in TEXTS]),
        pa.array([{"label": [*"ABC"], "text": t} for t in TEXTS]),
        pa.array([[*zip("ABC", t, strict=True)] for t in TEXTS], pa.map_(pa.string(), pa.string())),
        pa.array(TEXTS),
    ],
)
def test_nested_columns_of_parquet_are_read_as_those_of_json(choices, path):
    answers = pa.array(["ABC"[n] for n in RIGHT]).dictionary_encode()
    table = pa.table({"question": QUESTIONS, "choices": choices, "answer": answers})
    pq.write_table(table, path.with_suffix(".parquet"))
    assert said(read_source(str(path.with_suffix(".parquet")), "train")) == READ


def test_a_passage_of_several_texts_is_one_and_a_list_of_statements_is_the_box(path):
    rows = [
        {"context": ["첫 문단", "둘째 문단"], "question": "뜻은?", "choices": ["가", "나"], "answer": 1},
        {"지문": {"text": "글"}, "문제": "뜻은?", "보기": ["ㄱ. 하나", "ㄴ. 둘"], "선택지": ["ㄱ", "ㄴ"], "정답": 2},
    ]  # fmt: skip
    assert golds(path, rows[:1]) == [("뜻은?", "가")]
    assert read_source(str(path), "train").problems[0].passage == "첫 문단\n둘째 문단"
    del rows[1]["지문"]
    marked = {"보기": {"ㄱ": "하나", "ㄴ": "둘"}, "선택지": {"1": "ㄱ", "2": "ㄴ"}}
    for changed in ({}, marked, marked | {"선택지": ["ㄱ", "ㄴ"]}):
        assert golds(path, [rows[1] | changed]) == [("뜻은?", "ㄴ")]
        assert read_source(str(path), "train").problems[0].box == "ㄱ. 하나\nㄴ. 둘"


def test_an_answer_from_0_beside_its_text_is_asked_about_with_the_source_that_reads_it(path):
    rows = rows_of(lambda q, t, n: {
        "question": q, "choices": [*t, "없음"], "answer": n, "answer_text": t[n]})[:2]  # fmt: skip
    with pytest.raises(KoalignError, match="the first counting from 0") as refused:
        golds(path, rows)
    source = parse_yaml(str(refused.value).rpartition("Say which is what: ")[2], "error")
    assert said(read_source(wanted="train", **source)) == READ[:2]


def test_what_koalign_wrote_itself_is_read_again(tmp_path):
    problem = Problem(question="수도는?", choices=("서울", "부산"), answers=("1",))
    write_jsonl(tmp_path / "own.jsonl", [problem])
    (read,) = read_source(str(tmp_path / "own.jsonl"), "test").problems
    assert (read.choices, read.answers) == (problem.choices, problem.answers)
