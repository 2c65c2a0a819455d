"""Answers without choices: short or long by the length of a file's answers, unless it is said."""

import json

import pytest

from koalign.data.formats.sources import read_source
from koalign.grading.grade import grade

LONG = "주식교환은 두 회사의 주주가 주식을 바꾸어 한 회사가 다른 회사를 완전히 지배하게 되는 절차를 말한다."


def read(tmp_path, answers, name="문답.jsonl", **settings):
    tmp_path = tmp_path / "자료"  # pytest's own folder is named after a test
    tmp_path.mkdir()
    rows = [
        {"question": f"{n}번 질문은?", "answers": [a] if isinstance(a, str) else a}
        for n, a in enumerate(answers)
    ]
    if name.endswith(".csv"):
        lines = ["질문,답", *(f"{n}번 질문은?,{a}" for n, a in enumerate(answers))]
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
        settings["columns"] = {"question": "질문", "answer": "답"}
    else:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        (tmp_path / name).write_text("\n".join(lines), encoding="utf-8")
    return read_source(str(tmp_path / name), "train", **settings)


@pytest.mark.parametrize("name", ["문답.jsonl", "문답.csv"])
@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ([LONG] * 3, "long"),
        ([LONG, LONG, "예"], "long"),
        (["가" * 40] * 2, "short"),
        (["가" * 41] * 2, "long"),
    ],
)
def test_a_file_is_of_the_kind_that_its_median_answer_has(tmp_path, name, answers, kind):
    reading = read(tmp_path, answers, name)
    assert {problem.kind for problem in reading.problems} == {kind}
    assert any(f"so they are {kind}" in note for note in reading.notes)


def test_a_text_among_short_answers_is_long_and_no_list_of_right_ones(tmp_path, capsys):
    text = (
        "전 민족이 참여한 독립운동으로, 대한민국 임시 정부 수립의 계기가 되었고 뜻을 널리 알렸다."
    )
    many = "#".join(
        ["서울특별시", "서울", "한양", "한성", "경성부", "남경", "위례성", "서라벌", "서울시"]
    )
    answers = ["세종", "이순신", text, many]
    kinds = [problem.kind for problem in read(tmp_path, answers, "문답.jsonl").problems]
    assert kinds == ["short", "short", "long", "short"]
    said = capsys.readouterr().err
    assert (
        "1 of more than 40 are long: measured by ROUGE-L" in said and "may hold several" not in said
    )


@pytest.mark.parametrize("name", ["문답.jsonl", "문답.csv"])
@pytest.mark.parametrize(
    ("answers", "choices"),
    [
        (["X", "O", "O"], ("O", "X")), (["o", "X"], ("O", "X")), (["거짓", "참"], ("참", "거짓")),
        (["TRUE", "FALSE"], ("true", "false")), (["아니요", "예", "예"], ("예", "아니요")),
        (["네", "아니오"], ("네", "아니오")), (["그렇지 않다", "그렇다"], ("그렇다", "그렇지 않다")),
    ],
)  # fmt: skip
def test_statements_to_judge_have_the_two_answers_as_choices(
    tmp_path, capsys, name, answers, choices
):
    problems = read(tmp_path, answers, name).problems
    assert {(problem.kind, problem.choices) for problem in problems} == {("choice", choices)}
    right = [problem.choices[int(problem.answers[0]) - 1].lower() for problem in problems]
    assert right == [answer.lower() for answer in answers]
    assert f"answers without choices are {choices[0]} or {choices[1]}" in capsys.readouterr().err


@pytest.mark.parametrize(("asks", "answer"), [("문장", "참/거짓"), ("진술", "정오")])
def test_a_table_of_statements_is_read_by_its_names(tmp_path, asks, answer):
    path = tmp_path / "자료" / "판단.csv"
    path.parent.mkdir()
    path.write_text(f"{asks},{answer}\n물은 언다.,참\n돌은 녹는다.,거짓\n", encoding="utf-8")
    problems = read_source(str(path), "train").problems
    assert [(problem.question, *problem.answers) for problem in problems] == [
        ("물은 언다.", "1"),
        ("돌은 녹는다.", "2"),
    ]


@pytest.mark.parametrize("answers", [["O", "O"], ["O", "X", "A", "B", "AB"], ["O", ["O", "X"]]])
def test_answers_that_are_seldom_one_of_two_get_no_choices(tmp_path, answers):
    assert {problem.choices for problem in read(tmp_path, answers).problems} == {()}


@pytest.mark.parametrize("yes", ["○", "◯", "ㅇ", "Ｏ", "o", "O (맞음)", "O."])
@pytest.mark.parametrize("no", ["×", "Ｘ", "x", "X(틀림)"])
def test_every_circle_is_an_o_and_every_cross_an_x(tmp_path, yes, no):
    problems = read(tmp_path, ["O", yes, no, "X"]).problems
    assert [(*problem.choices, *problem.answers) for problem in problems] == [
        ("O", "X", "1"), ("O", "X", "1"), ("O", "X", "2"), ("O", "X", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    ["X (고래는 포유류이다.)", "X, 고래는 포유류이다.", "X - 고래는 포유류이다.", "X. 고래는 포유류이다.",
     "×\n고래는 포유류이다.", "X → 고래는 포유류이다."],
)  # fmt: skip
def test_what_stands_beside_a_judgement_explains_it(tmp_path, answer):
    first, second, _ = read(tmp_path, [answer, "O (맞음)", "X(틀림)"]).problems
    assert (first.choices, first.answers, first.rationale.rstrip(".")) == (
        ("O", "X"), ("2",), "고래는 포유류이다",
    )  # fmt: skip
    assert (second.answers, second.rationale) == (("1",), "")


def test_statements_to_judge_beside_a_few_short_answers_have_choices_alone(tmp_path, capsys):
    problems = read(tmp_path, ["O", "X", "O", "서울", "철#Fe"]).problems
    assert [len(problem.choices) for problem in problems] == [2, 2, 2, 0, 0]
    assert [problem.answers for problem in problems[3:]] == [("서울",), ("철", "Fe")]
    assert "are O or X: 3 of 5 problems" in capsys.readouterr().err


def test_the_source_may_say_that_statements_to_judge_are_short(tmp_path):
    problems = read(tmp_path, ["O", "X"], kind="short").problems
    assert [(problem.kind, problem.choices) for problem in problems] == [("short", ())] * 2


def test_true_and_false_of_json_are_answers_to_statements(tmp_path):
    path = tmp_path / "문제" / "참.json"
    path.parent.mkdir()
    rows = [{"question": f"{n}은 짝수이다.", "answer": n % 2 == 0} for n in (1, 2)]
    path.write_text(json.dumps(rows), encoding="utf-8")
    problems = read_source(str(path), "train").problems
    assert [(problem.choices, problem.answers) for problem in problems] == [
        (("true", "false"), ("2",)), (("true", "false"), ("1",)),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["short", "long", "span"])
def test_the_source_may_say_the_kind(tmp_path, kind):
    assert {p.kind for p in read(tmp_path, [LONG, "예"], kind=kind).problems} == {kind}


def test_a_row_that_says_its_kind_keeps_it(tmp_path):
    rows = [
        {"question": "무엇인가?", "answers": ["세종"], "kind": "span"},
        {"question": "왜 그런가?", "answers": [LONG]},
        {"question": "어느 것인가?", "choices": ["가", "나"], "answer": 1},
        {"question": "어떠한가?"},
    ]
    path = tmp_path / "자료" / "문답.jsonl"
    path.parent.mkdir()
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    kinds = [p.kind for p in read_source(str(path), "train").problems]
    assert kinds == ["span", "long", "choice", "long"]


def test_without_answers_nothing_is_guessed(tmp_path):
    reading = read(tmp_path, [[], []])
    assert {p.kind for p in reading.problems} == {"short"}
    assert not any("so they are" in note for note in reading.notes)


@pytest.mark.parametrize("name", ["문답.jsonl", "문답.csv"])
@pytest.mark.parametrize("kind", [None, "short"])
def test_a_short_answer_with_a_number_sign_is_two_and_each_is_right(tmp_path, name, kind):
    reading = read(tmp_path, ["서울#서울특별시", "C#", "부산"], name, kind=kind)
    answers = [problem.answers for problem in reading.problems]
    assert answers == [("서울", "서울특별시"), ("C#",), ("부산",)]
    assert all(grade(reading.problems[0], f"정답: {text}").correct for text in answers[0])


def test_in_a_long_answer_a_number_sign_is_a_letter(tmp_path):
    (problem,) = read(tmp_path, [f"# 제목 {LONG}"]).problems
    assert problem.answers == (f"# 제목 {LONG}",)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (
            ["서울 / 서울특별시", "부산"],
            "1 short answer such as '서울 / 서울특별시' may hold several",
        ),
        (["H2O, 물", "365일 또는 365"], "2 short answers such as 'H2O, 물' may hold several"),
        (["apple; Apple"], "write 'apple#Apple'"),
        (["서울#서울특별시", "1,000", "1/2", "그것은 또는", "세종대왕(세종)"], None),
        ([f"{LONG}, 또는 {LONG}"], None),
    ],
)
def test_short_answers_that_may_be_several_are_said(tmp_path, answers, told):
    reading = read(tmp_path, answers, kind=None)
    notes = [note for note in reading.notes if "may hold several" in note]
    assert len(notes) == (told is not None) and (told is None or told in notes[0])
