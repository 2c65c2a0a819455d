"""koalign solve: rows in and lines out, one for each; and what it refuses."""

import json
import re
from pathlib import Path

import pytest
from support.command import koalign
from support.problems import problem, write_lines

from koalign.data.formats.sources import read_rows
from koalign.evaluation.solving.solutions import Solution
from koalign.jsonl import read_jsonl


def test_the_command_streams_refuses_to_overwrite_and_says_what_it_spent(scripted):
    assert koalign("sft").returncode == 0
    said = ["solve", "--adapters", "sft,sft", "test.jsonl", "-o", "o.jsonl"]
    done = koalign(*said)
    assert done.returncode == 0, done.stderr
    assert (
        "16 problems, 16 answered, 16 with a hint; accuracy 25.0 % (4 of 16); agreement"
        in done.stdout
    )
    assert "tokens generated per problem (hints" in done.stdout
    lines = read_jsonl(Path("o.jsonl"), Solution)
    assert len(lines) == 16 and {sum(one.votes.values()) for one in lines} == {8}
    assert not list(Path("runs/default/solving").iterdir())
    before = Path("o.jsonl").read_bytes()
    again = koalign(*said)
    assert again.returncode == 2 and "o.jsonl is there already" in again.stderr
    assert Path("o.jsonl").read_bytes() == before
    forced = koalign(*said, "--force", "--budget", "3")
    assert forced.returncode == 0, forced.stderr
    assert {sum(one.votes.values()) for one in read_jsonl(Path("o.jsonl"), Solution)} == {3}


def test_rows_that_cannot_be_asked_leave_the_others_answered_and_every_row_has_its_line(scripted):
    assert koalign("sft").returncode == 0
    rows = [{**problem(n), "key": f"q-{n}"} for n in range(4)]
    rows[1] = {"key": "q-1", "choices": ["가", "나"], "answer": 1}
    rows[3] |= {"choices": [f"{n}번째 고을" for n in range(1, 13)]}
    rows += [{**rows[0], "key": "again"}, {**problem(5), "passage": "글" * 90_000}]
    write_lines(Path("mine.jsonl"), rows)
    with Path("mine.jsonl").open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    command = ["solve", "--adapters", "sft,sft", "mine.jsonl", "-o", "o.jsonl"]
    done = koalign(*command)
    assert done.returncode == 1 and "rows not asked: 4 of 7" in done.stderr, done.stderr
    assert "mine.jsonl:2: no_question" in done.stderr
    assert "7 problems, 3 answered (unreadable 2, not asked 2)" in done.stdout
    assert "accuracy" in done.stdout
    lines = read_jsonl(Path("o.jsonl"), Solution)
    assert [one.key for one in lines] == ["q-0", "q-1", "q-2", "q-3", "again", "", ""]
    assert [one.why for one in lines] == [
        None, "unreadable", None, "not_asked", None, "not_asked", "unreadable"
    ]  # fmt: skip
    assert lines[0].answer and (lines[4].answer, lines[4].text) == (lines[0].answer, lines[0].text)
    assert all(one.detail for one in lines if not one.asked)
    graded = koalign("grade", "o.jsonl")
    assert graded.returncode == 0, graded.stderr
    verdicts = [json.loads(line) for line in graded.stdout.splitlines()]
    assert [verdict["key"] for verdict in verdicts] == [one.key for one in lines]
    assert [verdict["answer"] for verdict in verdicts] == [one.answer for one in lines]
    assert [verdict["detail"] for verdict in verdicts] == [one.detail for one in lines]
    counted = re.search(
        r"accuracy .* % \((\d of 3); not graded: not asked 2, unreadable 2\)", done.stdout
    )
    assert counted, done.stdout
    assert graded.stderr.startswith(f"{counted[1]} right (")
    assert (
        "); not graded: not_asked 2, unreadable 2, the first: mine.jsonl:2: no_q" in graded.stderr
    )


@pytest.mark.parametrize(
    ("answers", "read"),
    [
        ([1, 9, "모름", 2, ""], ["1", "", "", "2", ""]),
        ([0, 0, 0, 0, 0], [""] * 5),
        ([0, 1, 2, 0, 1], ["1", "2", "3", "1", "2"]),
    ],
)
def test_a_row_whose_answer_key_alone_is_broken_can_be_asked(folder, answers, read):
    write_lines(folder / "a.jsonl", [problem(n, answer=a) for n, a in enumerate(answers)])
    rows = read_rows(str(folder / "a.jsonl"))
    assert ["".join(row.answers) for row in rows] == read


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--budget", "0"], "--budget"),
        (["--greedy", "--budget", "4"], "--greedy is a budget of 1"),
        (["--report"], "name two --adapters"),
        (["-s", "solve.bare=0", "-s", "solve.hints=0"], "nothing would answer"),
        (["--adapters", "sft,sft,base"], "3 steps"),
        (["-s", "solve.max_tokens=9999999"], "do not fit the context"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_leaves_no_file(scripted, words, told):
    assert koalign("sft").returncode == 0
    one = () if "--adapters" in words else ("--adapters", "sft")
    done = koalign("solve", *one, "test.jsonl", "-o", "o.jsonl", *words)
    assert done.returncode == 2 and told in done.stderr
    assert "Traceback" not in done.stderr and not Path("o.jsonl").exists()


def test_an_id_of_several_problems_is_said(folder, capsys):
    rows = [{**problem(n), "key": key} for n, key in enumerate(["1", "2", "1"])]
    write_lines(Path("mine.jsonl"), [*rows, rows[0]])
    read_rows("mine.jsonl")
    assert "mine.jsonl: the id 1 is of several problems" in capsys.readouterr().err
    write_lines(Path("mine.jsonl"), [*rows[:2], rows[0]])
    read_rows("mine.jsonl")
    assert "of several problems" not in capsys.readouterr().err


def test_a_report_needs_answers(scripted):
    assert koalign("sft").returncode == 0
    rows = [{k: v for k, v in problem(n).items() if k != "answer"} for n in range(3)]
    write_lines(Path("mine.jsonl"), rows)
    done = koalign("solve", "--adapters", "sft,sft", "mine.jsonl", "-o", "o.jsonl", "--report")
    assert done.returncode == 2 and "3 of 3 problems have no answer" in done.stderr


def test_other_answers_keep_no_report_of_those_before(ran):
    asked = ("solve", "test.jsonl", "--adapters", "dpo", "-o", "o.jsonl")
    Path("o.report.json").write_text("{}", "utf-8")
    done = koalign(*asked)
    assert done.returncode == 2 and "o.report.json is there already" in done.stderr
    koalign(*asked, "--force", code=0)
    assert Path("o.jsonl").exists() and not Path("o.report.json").exists()


@pytest.mark.slow
def test_a_report_is_written_beside_the_answers_and_by_evaluate(ran):
    done = koalign("solve", "test.jsonl", "-o", "o.jsonl", "--report")
    assert done.returncode == 0, done.stderr
    beside = json.loads(Path("o.report.json").read_text(encoding="utf-8"))
    evaluated = Path("runs/default/evaluate/solving.json").read_text(encoding="utf-8")
    assert beside == json.loads(evaluated)
    assert beside["sentence"] in done.stdout
