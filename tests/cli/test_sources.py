"""Data on a command line: a path, or a source with its columns as it stands under `data`."""

import json

import pytest
from support.command import koalign
from support.exam_files import FOUR

CHOICES = ",".join(FOUR)
GUESSED = "번호,문제,보기1,보기2,보기3,보기4,정답"
OTHER = "번호,내용,가,나,다,라,키"
COLUMNS = (
    "columns: {key: 번호, question: 내용, choices: [가, 나, 다, 라], answer: 키, answer_from: 0}"
)


def write(name: str, header: str, first: int = 1) -> None:
    rows = [f"문-{n},{n}번 나라는?,{CHOICES},{n % 3 + first}" for n in range(4)]
    with open(name, "w", encoding="cp949") as file:
        file.write("\n".join([header, *rows, ""]))


def lines(path: str) -> list[dict]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.mark.parametrize(
    ("header", "first", "source"),
    [
        (GUESSED, 1, "시험지.csv"),
        (OTHER, 0, f"{{path: 시험지.csv, {COLUMNS}}}"),
        (GUESSED, 0, "{path: 시험지.csv, answer_from: 0}"),
    ],
)
def test_solve_and_benchmark_take_a_file_or_a_source(ran, header, first, source):
    write("시험지.csv", header, first)
    koalign("solve", source, "-o", "answers.jsonl", code=0)
    answered = [line["problem"] for line in lines("answers.jsonl")]
    assert [problem["key"] for problem in answered] == ["문-0", "문-1", "문-2", "문-3"]
    assert [problem["answers"] for problem in answered] == [[1], [2], [3], [1]]
    done = koalign("benchmark", "quote-then-number", "--data", source, "--out", "results", code=0)
    assert ("columns guessed" in done.stderr) == ("columns" not in source)
    results = json.loads((ran / "results" / "results.json").read_text(encoding="utf-8"))
    assert results["n"] == 4 and list(results["data"]) == ["시험지.csv"]


def test_the_source_that_an_error_ends_in_works_on_the_command_line(ran):
    write("시험지.csv", "번호,문제,보기1,보기2,보기3,보기5,정답")
    error = koalign("solve", "시험지.csv", "-o", "answers.jsonl", code=2).stderr
    source = error[error.index("{path: ") :].strip()
    koalign("solve", source, "-o", "answers.jsonl", code=0)
    assert len(lines("answers.jsonl")) == 4


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "{path: a.csv, colums: {}}",
            "colums: Extra inputs are not permitted (known: path, format",
        ),
        ("{columns: {question: 문제}}", "path: Field required"),
        ("{path: a.csv", "not YAML"),
        ("{path: a.csv, answer_from: 2}", "answer_from: Input should be 0 or 1"),
    ],
)
def test_a_source_that_is_none_is_one_line(ran, source, said):
    error = koalign("solve", source, "-o", "answers.jsonl", code=2).stderr
    assert said in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("header", "source"),
    [
        ("번호,문제,보기1,보기2,보기3,보기4,정답,응답", "답안지.csv"),
        (f"{OTHER},쓴 것", f"{{path: 답안지.csv, {COLUMNS[:-1]}, text: 쓴 것}}}}".replace(", answer_from: 0", "")),
    ],
)  # fmt: skip
def test_grade_reads_a_table_with_a_column_of_completions(folder, header, source):
    texts = ["정답은 3번입니다.", "모르겠다", "정답: ①"]
    rows = [f"문-{n},{n}번 나라는?,{CHOICES},3,{text}" for n, text in enumerate(texts)]
    (folder / "답안지.csv").write_text("\n".join([header, *rows]), encoding="utf-8-sig")
    koalign("grade", source, "-o", "graded.jsonl", code=0)
    graded = lines("graded.jsonl")
    assert [(line["key"], line["answer"], line["correct"]) for line in graded] == [
        ("문-0", "3", True),
        ("문-1", None, False),
        ("문-2", "1", False),
    ]


@pytest.mark.parametrize(
    "name", ["학생답", "학생 답", "응답", "제출답", "답안", "prediction", "Response"]
)
def test_grade_knows_the_column_of_completions_and_says_where_a_row_cannot_be_read(folder, name):
    rows = [f"문-{n},{n}번 나라는?,{CHOICES},3,{text}" for n, text in enumerate(("3", "④", "3번"))]
    rows += [f"문-3,,{CHOICES},3,3", f"문-4,4번 나라는?,{CHOICES},7,3", ",,,,,,,"]
    (folder / "답안지.csv").write_text("\n".join([f"{GUESSED},{name}", *rows, ""]), "utf-8")
    done = koalign("grade", "답안지.csv", "-o", "graded.jsonl", code=0)
    graded = lines("graded.jsonl")
    assert [line["why"] for line in graded] == [
        "match", "mismatch", "match", "unreadable", "unreadable"
    ]  # fmt: skip
    assert [line["key"] for line in graded] == [f"문-{n}" for n in range(5)]
    assert graded[3]["detail"] == "답안지.csv:5: no_question: '문제' is empty"
    assert graded[4]["detail"].startswith("답안지.csv:6: answer_outside_choices: ")
    assert (
        "2 of 3 right (match 2, mismatch 1); not graded: unreadable 2, the first: 답안지.csv:5: no_question"
        in done.stderr
    )


@pytest.mark.parametrize("header", [GUESSED, "question,A,B,C,D,answer"])
def test_grade_fills_in_all_columns_but_the_one_that_it_does_not_know(folder, header):
    known = header.split(",")
    question = known.index("문제" if "문제" in known else "question")
    row = ["문-1", "나라는?", *FOUR, "3"][1 - question :]
    text = "\n".join([f"{header},쓴 것", ",".join([*row, "③"]), ""])
    (folder / "답안지.csv").write_text(text, "utf-8")
    error = koalign("grade", "답안지.csv", code=2).stderr
    assert "no column holds the completions to grade; name it as `text`: {path: " in error
    assert error[error.index("{path: ") :].count("?") == 1, error
    source = error[error.index("{path: ") :].strip().replace("'?'", "쓴 것")
    koalign("grade", source, "-o", "graded.jsonl", code=0)
    assert [line["why"] for line in lines("graded.jsonl")] == ["match"]
