"""What a row holds beside a problem of a known format: choices, a split by yes and no, a bad completion."""

import json

import pytest

from koalign.data.formats.sources import read_source
from koalign.data.formats.split_names import split_in_cell
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml

CHOICES = ["한강", "금강", "섬진강"]


@pytest.fixture
def folder(tmp_path):
    """A folder whose name is not that of a split."""
    path = tmp_path / "files" / "here"
    path.mkdir(parents=True)
    return path


def written(path, rows):
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


BESIDE = {
    "alpaca": {"instruction": "긴 강은?", "input": "", "output": "2"},
    "koalpaca": {"instruction": "긴 강은?", "output": "2", "url": "x"},
    "trl-prompt-completion": {"prompt": "긴 강은?", "completion": "금강"},
    "trl-preference": {"prompt": "긴 강은?", "chosen": "한강", "rejected": "금강"},
    "messages": {"messages": [
        {"role": "user", "content": "긴 강은?"}, {"role": "assistant", "content": "한강"}]},
    "squad": {"context": "한강이 길다.", "question": "긴 강은?", "is_impossible": False,
              "answers": {"text": ["한강"], "answer_start": [0]}},
}  # fmt: skip


@pytest.mark.parametrize("name", ["choices", "options", "선택지", "보기"])
@pytest.mark.parametrize("shape", BESIDE)
def test_choices_beside_a_known_format_are_never_left_out(shape, name, folder):
    path = written(folder / "a.jsonl", [{**BESIDE[shape], name: CHOICES}] * 3)
    try:
        (record, *_) = read_source(path, "train").problems
        assert list(record.choices) == CHOICES
    except KoalignError as error:
        assert name in str(error)
    assert read_source(path, "train", format=shape).records  # where that is said


def test_choices_that_a_format_reads_elsewhere_too_are_not_in_its_way(folder):
    row = {
        "question": "긴 강은?",
        "A": "한강",
        "B": "금강",
        "C": "섬진강",
        "D": "만경강",
        "answer": 1,
    }
    path = written(folder / "a.jsonl", [{**row, "choices": [*CHOICES, "만경강"]}] * 2)
    assert read_source(path, "train").files == {path: "kmmlu"}
    path = written(folder / "a.jsonl", [{**row, "choices": []}] * 2)
    assert read_source(path, "train").files == {path: "kmmlu"}


@pytest.mark.parametrize("name", ["label", "kto_tag"])
@pytest.mark.parametrize(("bad", "good"), [(False, True), (0, 1), ("false", "true")])
@pytest.mark.parametrize("shape", ["messages", "sharegpt", "alpaca", "trl-prompt-completion"])
def test_a_completion_that_is_marked_bad_is_no_example(shape, bad, good, name, folder):
    turns = [{"from": "human", "value": "긴 강은?"}, {"from": "gpt", "value": "한강"}]
    row = BESIDE.get(shape, {"conversations": turns})
    path = written(folder / "a.jsonl", [{**row, name: good}, {**row, name: bad}])
    reading = read_source(path, "train")
    assert [drop.reason for drop in reading.drops] == ["labelled_bad"]
    assert len(reading.problems) == 1


def test_a_message_in_parts_is_read_where_all_of_them_are_texts(folder):
    def message(role, *parts):
        return {"role": role, "content": [*parts]}

    texts = [{"type": "text", "text": text} for text in ("긴 강은?", "한 단어로.", "한강")]
    image = {"type": "image_url", "image_url": {"url": "a.png"}}
    rows = [
        {"messages": [message("user", *texts[:2]), message("assistant", texts[2])]},
        {"messages": [message("user", texts[0], image), message("assistant", texts[2])]},
    ]
    reading = read_source(written(folder / "a.jsonl", rows), "train")
    assert [(p.question, p.answers) for p in reading.problems] == [
        ("긴 강은?\n한 단어로.", ("한강",))
    ]
    assert [drop.reason for drop in reading.drops] == ["wrong_type"]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("a.jsonl.gz", "unpack it first"),
        ("a.json.zst", "unpack it first"),
        ("a.ndjson", "name it .jsonl"),
    ],
)
def test_a_file_of_another_ending_is_refused_with_what_to_do(name, remedy, folder):
    with pytest.raises(KoalignError, match=remedy):
        read_source(written(folder / name, [{}]), "train")


def test_the_answer_of_the_bar_exam_is_called_gt(folder):
    row = {
        "question": "긴 강은?",
        **dict(zip("ABCDE", [*CHOICES, "만경강", "영산강"], strict=True)),
    }
    path = written(folder / "a.jsonl", [{**row, "gt": letter} for letter in "ABC"])
    assert [p.answers for p in read_source(path, "train").problems] == [("1",), ("2",), ("3",)]


def test_a_system_message_beside_a_preference_is_part_of_its_question(folder):
    path = written(folder / "a.jsonl", [{"system": "짧게 답하라.", **BESIDE["trl-preference"]}])
    (ranking,) = read_source(path, "train").rankings
    assert ranking.problem.question == "짧게 답하라.\n\n긴 강은?"


FLAGS = [
    ("is_test", True, "test"), ("is_test", False, "train"), ("isTest", "true", "test"), ("test", 1, "test"),
    ("is_train", True, "train"), ("is_train", False, "test"), ("평가여부", "Y", "test"),
    ("테스트 여부", "X", "train"), ("is_dev", True, "dev"), ("is_validation", "1", "dev"),
    ("is_valid", True, ""), ("test_score", 1, ""), ("구분", "평가", "test"), ("is_test", "dev", "dev"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "split"), FLAGS)
def test_a_column_of_yes_and_no_says_the_split_of_its_rows(name, value, split):
    assert split_in_cell(name, str(value)) == split


@pytest.mark.parametrize("first", [{}, {"source_url": "x"}])
@pytest.mark.parametrize("shape", ["native", "kmmlu", "columns"])
def test_rows_with_is_test_are_not_trained_on(shape, first, folder):
    row = {"question": "긴 강은?", "choices": CHOICES, "answer": 1}
    if shape == "kmmlu":
        row = {
            "question": "긴 강은?",
            **dict(zip("ABCD", [*CHOICES, "만경강"], strict=True)),
            "answer": 1,
        }
    if shape == "columns":
        row = {"문제": "긴 강은?", "선택지": CHOICES, "정답": 1}
    rows = [{**row, **first, "is_test": number > 1} for number in range(4)]
    path = written(folder / "a.jsonl", rows)
    with pytest.raises(KoalignError, match="of several splits: train: ") as refused:
        read_source(path, "train")
    said = str(refused.value).partition("train: ")[2].split(", test: ")
    for text, count in zip(said, (2, 2), strict=True):
        assert len(read_source(wanted="train", **parse_yaml(text, "error")).problems) == count
    path = written(folder / "a.jsonl", rows[2:])
    with pytest.raises(KoalignError, match="calls itself the test split"):
        read_source(path, "train")


def test_a_number_that_is_a_label_or_a_text_is_a_drop_where_answers_are_texts(folder):
    rows = [{"question": f"{n}?", "choices": CHOICES, "answer": CHOICES[n % 3]} for n in range(6)]
    rows.append({"question": "2 + 2는?", "choices": ["3", "4", "5", "6"], "answer": "4"})
    reading = read_source(written(folder / "a.jsonl", rows), "train")
    assert [drop.reason for drop in reading.drops] == ["answer_is_ambiguous"]
    rows = [{**rows[n], "answer": n % 3 + 1} for n in range(6)] + [rows[6]]
    assert read_source(written(folder / "a.jsonl", rows), "train").problems[6].answers == ("4",)


@pytest.mark.parametrize("name", ["reading", "facts", "사실관계", "url"])
def test_long_texts_that_a_known_format_does_not_read_are_said(name, folder):
    row = {"question": "긴 강은?", "options": CHOICES, "solution": "1", "category": "지리"}
    path = written(folder / "a.jsonl", [{**row, name: "세종은 집현전을 두었다. " * 9}] * 2)
    notes = read_source(path, "train").notes
    said = f"{name!r} holds texts, and format kmmlu-redux does not read it" in notes
    assert said == (name != "url")


def test_questions_on_a_text_that_no_row_has_are_said_in_json_too(folder):
    rows = [{"question": f"윗글의 {n}째 말은?", "choices": CHOICES, "answer": 1} for n in range(3)]
    notes = read_source(written(folder / "a.jsonl", rows), "train").notes
    assert any("questions that speak of a text, and have none: 3" in note for note in notes)


@pytest.mark.parametrize("marks", [(0, 1), ("0", "1"), (False, True)])
@pytest.mark.parametrize("name", ["label", "answer", "correct"])
def test_a_mark_for_each_choice_names_those_with_1(name, marks, folder):
    rows = [
        {"question": f"{n}?", "choices": CHOICES, name: [marks[i == n] for i in range(3)]}
        for n in range(3)
    ]
    problems = read_source(written(folder / "a.jsonl", rows), "train").problems
    assert [problem.answers for problem in problems] == [("1",), ("2",), ("3",)]


@pytest.mark.parametrize("name", ["answer_text", "gold_text", "정답내용"])
def test_a_text_of_another_choice_than_the_answer_of_a_known_format_is_asked_about(name, folder):
    choices = dict(zip("ABCD", [*CHOICES, "만경강"], strict=True))
    rows = [
        {"question": f"{n}?", **choices, "answer": n, name: [*choices.values()][n]}
        for n in (1, 2, 3)
    ]
    path = written(folder / "a.jsonl", rows)
    with pytest.raises(KoalignError, match="the first counting from 0") as refused:
        read_source(path, "train")
    source = parse_yaml(str(refused.value).rpartition("Say which is what: ")[2], "error")
    problems = read_source(wanted="train", **source).problems
    assert [problem.answers for problem in problems] == [("2",), ("3",), ("4",)]
    path = written(folder / "a.jsonl", [{**row, "answer": row["answer"] + 1} for row in rows])
    assert read_source(path, "train").files == {path: "kmmlu"}


def test_a_field_that_no_problem_has_is_not_used_and_said(folder):
    rows = [{"question": "강은?", "choices": CHOICES, "answer": 1, "url": "x", "label": "상"}] * 2
    reading = read_source(written(folder / "a.jsonl", rows), "train")
    assert [problem.answers for problem in reading.problems] == [("1",)] * 2
    assert any("not used: url, label" in note for note in reading.notes)


def test_of_a_folder_only_the_file_that_counts_from_0_is_to_be_read_so(folder):
    choices = ["한강", "금강", "섬진강", "만경강"]
    rows = [{"question": f"{n}?", "choices": choices, "answer": n % 3} for n in range(12)]
    written(folder / "b.jsonl", rows)
    written(folder / "a.jsonl", [{**row, "answer": row["answer"] + 2} for row in rows])
    with pytest.raises(
        KoalignError, match="with the other files as sources of their own"
    ) as refused:
        read_source(str(folder), "train")
    source = parse_yaml(str(refused.value).partition("Write ")[2].split(", with the")[0], "error")
    assert source == {"path": f"{folder}/b.jsonl", "answer_from": 0}
    assert {p.answers for p in read_source(wanted="train", **source).problems} == {*zip("123")}
    assert len(read_source(f"{folder}/a.jsonl", "train").problems) == 12


def test_a_problem_without_an_answer_in_sight_is_asked_for_one(folder):
    rows = [{"question": "강은?", "mc_answer": "한강", "comment": "x"}] * 2
    with pytest.raises(
        KoalignError, match=r"question: question, choices: \['\?'\], answer: '\?'|answer: '\?'"
    ):
        read_source(written(folder / "a.jsonl", rows), "train")


OWN = {"question": "강은?", "choices": CHOICES, "answer": 2}


@pytest.mark.parametrize(
    "own",
    [
        {"chapter": "1단원"}, {"turns": ["안녕", "그래"]}, {"bbox": [1, 2, 3, 4]}, {"id": {"year": 2020}},
        {"subject": {"main": "국어"}}, {"points": {"most": 3}}, {"explanation": {"steps": ["하나"]}},
        {"rationale": [[1, 2], [3, 4]]}, {"sources": "x"},
        {"coordinates": "[[127.001, 37.512], [127.002, 37.513], [127.003, 37.514], [127.004, 37.515], [127.0, 3]]"},
        {"solution_steps": "강의 길이를 재고 나서 둘을 견주어 보면 답이 나온다. 그래서 둘째 것을 고른다. " * 3},
    ],
)  # fmt: skip
def test_what_no_problem_has_costs_no_row_and_is_offered_as_no_passage(own, folder):
    rows = [OWN, {**OWN, **own}, {**OWN, **own}]  # also where the first rows have it not
    reading = read_source(written(folder / "a.jsonl", rows), "train")
    assert [problem.answers for problem in reading.problems] == [("2",)] * 3
    assert {(p.passage, p.rationale) for p in reading.problems} == {("", "")}
    assert any(f"not used: {name}" in note for note in reading.notes for name in own)
    assert not any("passage:" in note for note in reading.notes)


@pytest.mark.parametrize(
    "answer", ["한강", ["한강"], {"text": "한강", "evidence": "x"}, [{"text": "한강", "score": 1}]]
)
@pytest.mark.parametrize("own", [{}, {"chapter": "1"}])
def test_an_open_answer_may_be_a_list_or_an_object_with_one_text(answer, own, folder):
    path = written(folder / "a.jsonl", [{"question": "긴 강은?", "answer": answer, **own}])
    assert read_source(path, "train").problems[0].answers == ("한강",)


def test_a_kind_that_a_row_says_counts_beside_fields_of_its_own(folder):
    rows = [{"question": f"{n}?", "answer": "한강", "kind": "long", "chapter": n} for n in range(3)]
    assert {p.kind for p in read_source(written(folder / "a.jsonl", rows), "train").problems} == {
        "long"
    }


def test_two_lists_of_choices_that_differ_are_asked_about_and_a_box_is_none(folder):
    with pytest.raises(KoalignError, match="both 'choices' and 'options' look like the choices"):
        read_source(
            written(folder / "a.jsonl", [{**OWN, "options": ["가", "나", "다"]}] * 2), "train"
        )
    row = {"질문": "강은?", "선택지": CHOICES, "보기": ["ㄱ. 강", "ㄴ. 산"], "정답": 1}
    (problem,) = read_source(written(folder / "a.jsonl", [row]), "train").problems
    assert (problem.choices, problem.box) == (tuple(CHOICES), "ㄱ. 강\nㄴ. 산")
