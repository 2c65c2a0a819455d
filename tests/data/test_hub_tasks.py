"""Benchmarks in the shape that they have on the hub: what is asked, the choices and the right one."""

import pytest
from support.exam_files import FOUR
from support.read_rows import dropped, only, read_as, reading_of

BELEBELE = {
    "link": "https://example.org", "question_number": 1, "flores_passage": "강이 흐른다.", "question": "무엇이 흐르는가?",
    **{f"mc_answer{n}": text for n, text in enumerate(FOUR, start=1)}, "correct_answer_num": "3", "dialect": "kor_Hang",
    "ds": "2023-05-03",
}  # fmt: skip
NLI = {"premise": "비가 온다.", "hypothesis": "땅이 젖는다."}
TOPIC = {"guid": "ynat-v1_dev_00000", "title": "배가 강을 건너다", "url": "", "date": ""}


def test_belebele_has_its_passage_and_counts_from_one():
    problem = only(reading_of([BELEBELE], name="kor_Hang.jsonl"))
    assert (problem.passage, problem.choices, problem.answers) == (
        "강이 흐른다.",
        tuple(FOUR),
        ("3",),
    )


def test_hellaswag_counts_from_zero_whatever_the_type_of_its_labels():
    rows = [{"ctx": "배가 떠난다.", "endings": FOUR, "label": label} for label in ("0", 3, "")]
    first, last, hidden = read_as("hellaswag", "a.jsonl", rows).problems
    assert (first.answers, last.answers, hidden.answers) == (("1",), ("4",), ())
    assert (first.passage, first.choices) == ("배가 떠난다.", tuple(FOUR))


@pytest.mark.parametrize(
    ("row", "labels"),
    [({"ctx": "배가 떠난다.", "endings": FOUR}, (1, 2, 3)), (NLI, (0, 1))],
    ids=["endings from one", "two relations"],
)
def test_labels_that_may_count_otherwise_are_asked_about(row, labels):
    reading = reading_of([{**row, "label": n} for n in labels * 4], name="a.jsonl")
    assert not reading.files and "columns cannot be guessed" in reading.not_read["a.jsonl"]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (("premise", "hypothesis", "label"), (0, 1, 2)),
        (("premise", "hypothesis", "label"), ("0", "1", "2")),
        (("premise", "hypothesis", "gold_label"), ("entailment", "neutral", "contradiction")),
        (("sentence1", "sentence2", "gold_label"), ("entailment", "neutral", "contradiction")),
    ],
)
def test_kornli_and_klue_nli_ask_for_the_relation_of_two_sentences(names, labels):
    rows = [
        dict(zip(names, ("비가 온다.", "땅이 젖는다.", label), strict=True)) for label in labels
    ]
    reading = read_as("nli", "a.jsonl", rows)
    assert [problem.answers for problem in reading.problems] == [("1",), ("2",), ("3",)]
    assert reading.problems[0].choices == ("함의", "중립", "모순")
    assert reading.problems[0].passage == "전제: 비가 온다.\n가설: 땅이 젖는다."
    assert any("함의, 중립 and 모순" in note for note in reading.notes)


def test_klue_ynat_asks_for_the_topic_of_a_title():
    rows = [{**TOPIC, "label": label} for label in (0, "스포츠", 6)]
    problems = read_as("ynat", "a.jsonl", rows).problems
    assert [problem.answers for problem in problems] == [("1",), ("6",), ("7",)]
    assert problems[0].passage == "배가 강을 건너다"


def test_kocommongen_shows_its_words_and_counts_from_one():
    row = {"concept_set": "배#강#가다", **dict(zip("1234", FOUR, strict=True)), "gold": 4}
    problem = only(read_as("ko-commongen", "a.jsonl", [row]))
    assert (problem.passage, problem.choices, problem.answers) == (
        "배, 강, 가다",
        tuple(FOUR),
        ("4",),
    )


@pytest.mark.parametrize("write", [dict, str])
def test_the_right_choice_of_truthfulqa_does_not_come_first_in_every_row(write):
    targets = [{"choices": [*FOUR[n:], *FOUR[:n]], "labels": [1, 0, 0, 0]} for n in range(4)]
    rows = [{"question": f"{n}?", "mc1_targets": write(one)} for n, one in enumerate(targets)]
    problems = read_as("truthfulqa", "a.jsonl", rows).problems
    assert [p.choices[int(p.answers[0]) - 1] for p in problems] == FOUR
    assert {p.choices for p in problems} == {tuple(sorted(FOUR))}
    two = {"question": "?", "mc1_targets": {"choices": FOUR, "labels": [1, 1, 0, 0]}}
    assert dropped(reading_of([two], "truthfulqa")).reason == "not_one_right"


def test_a_task_of_kobest_with_a_column_more_is_still_it():
    endings = {f"ending_{n}": text for n, text in enumerate(FOUR, start=1)}
    problem = only(
        read_as("kobest", "a.jsonl", {"idx": 7, "context": "공을 던진다.", **endings, "label": 0})
    )
    assert (problem.subject, problem.answers) == ("hellaswag", ("1",))


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("IFEval", {"key": 1, "prompt": "쓰시오.", "instruction_id_list": ["x"], "kwargs": [{}]}),
        ("LogicKor", {"id": 1, "category": "추론", "questions": ["가?", "나?"], "references": [None, None]}),
        ("MT-Bench", {"question_id": 1, "category": "추론", "turns": ["가?", "나?"], "reference": []}),
    ],
)  # fmt: skip
def test_benchmarks_without_right_answers_are_called_so(name, row):
    (why,) = reading_of([row], name="a.jsonl").not_read.values()
    assert why.startswith(
        f"looks like {name}, which has no right answers to train on or to grade by"
    )
