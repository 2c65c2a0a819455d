"""Sources of prepare: folders of many formats, tables of any columns, and what their reading decided."""

import csv
import json
from pathlib import Path

import pytest
import yaml
from support.command import koalign
from support.prepared import prepare, report, rows
from support.problems import problem, write_lines

from koalign.hashing import hash_source


def csat_file(path: Path, numbers: range, encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "paragraph", "problems", "question_plus"])
        for n in numbers:
            one = problem(n)
            held = {"question": one["question"], "choices": one["choices"], "answer": one["answer"]}
            out.writerow([f"g-{n}", one["passage"], repr(held), ""])


def test_a_folder_of_six_formats_is_one_honest_report(scripted):
    folder = Path("mixed")
    csat_file(folder / "csat_train.csv", range(1000, 1010), "cp949")
    header = "question,answer,A,B,C,D,Category,Human Accuracy\n"
    (folder / "Law-train.csv").write_text(
        header + "".join(f"법 문제 {n}번은?,2,가{n},나{n},다{n},라{n},Law,0.0\n" for n in range(8)),
        "utf-8-sig",
    )
    squad = {"data": [{"title": "강", "paragraphs": [{"context": "한강은 서울을 흐른다.", "qas": [
        {"guid": "k-1", "question": "한강은 어디를 흐르는가?", "is_impossible": False, "question_type": 1,
         "answers": [{"text": "서울", "answer_start": 4}]},
        {"guid": "k-2", "question": "한강의 길이는?", "is_impossible": True, "question_type": 3, "answers": []},
    ]}]}]}  # fmt: skip
    (folder / "klue-mrc-v1.1_train.json").write_text(json.dumps(squad), encoding="utf-8")
    nikl = [
        {"id": "1", "input": {"category": "문화 지식", "domain": "예술", "question_type": "선다형", "topic_keyword": "탈춤",
         "question": "탈춤이 아닌 것은? \\n 1\\t봉산 2\\t강령 3\\t판소리 4\\t은율"}, "output": {"answer": "3"}},
        {"id": "2", "input": {"category": "문화 지식", "domain": "예술", "question_type": "단답형", "topic_keyword": "돌",
         "question": "첫 생일은?"}, "output": {"answer": "돌#첫돌"}},
    ]  # fmt: skip
    (folder / "korean_culture_qa_V1.0_train+.json").write_text(
        json.dumps(nikl, ensure_ascii=False), encoding="utf-8"
    )
    write_lines(
        folder / "koalpaca_train.jsonl",
        [{"instruction": "양파는 식물인가요?", "output": "뿌리입니다.", "url": "u"}],
    )
    (folder / "table_train.hwp").write_bytes(b"HWP")
    write_lines(folder / "dpo_train.jsonl", [{"prompt": "답은?", "chosen": "2", "rejected": "4"}])
    done = prepare("-s", "data.train=mixed")
    for known in (
        "csat (cp949)",
        "kmmlu (utf-8-sig)",
        "klue-mrc",
        "nikl-culture",
        "koalpaca",
        "trl-preference",
    ):
        assert known in done.stdout, done.stdout
    (source,) = [s for s in report()["sources"] if s["split"] == "train"]
    assert len(source["files"]) == 6 and source["rows"] == 24
    assert source["not_read"] == {"mixed/table_train.hwp": "koalign does not read .hwp"}
    assert "not read: mixed/table_train.hwp: koalign does not read .hwp" in done.stderr
    assert source["problems"] == 23 and source["rankings"] == 1


def test_columns_of_any_table_can_be_named(scripted):
    Path("own.csv").write_text(
        "문제,보기1,보기2,정답\n무엇인가?,가,나,B\n어느 것인가?,다,라,A\n", "utf-8"
    )
    columns = {
        "question": "문제", "choices": ["보기1", "보기2"], "answer": "정답", "answer_is": "letter",
    }  # fmt: skip
    config = yaml.safe_load(Path("koalign.yaml").read_text(encoding="utf-8"))
    config["data"] = {"train": [{"path": "own.csv", "columns": columns}]}
    Path("koalign.yaml").write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    koalign("prepare", code=0)
    assert sorted((p.question, p.answers) for p in rows("train")) == [
        ("무엇인가?", ("2",)),
        ("어느 것인가?", ("1",)),
    ]


def test_a_misspelt_column_is_refused_with_the_nearest_name(scripted):
    done = prepare("-s", "data.train={path: train.jsonl, columns: {qestion: question}}", code=2)
    assert "did you mean 'question'?" in done.stderr


def test_a_folder_that_lies_elsewhere_is_the_same_source(folder):
    for place in ("here", "there"):
        write_lines(folder / place / "exam" / "train.jsonl", [problem(1)])
    here, there = (hash_source(folder / place / "exam") for place in ("here", "there"))
    assert here == there
    moved = folder / "there" / "exam" / "train.jsonl"
    moved.rename(moved.with_name("test.jsonl"))
    assert hash_source(folder / "there" / "exam") != here


def test_what_the_reading_decided_is_one_line_each(scripted):
    for name, first in (("1.Training/문제", 0), ("2.Validation/문제", 9), ("testset", 18)):
        path = Path("exams", f"{name}.jsonl")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_lines(path, [problem(n) for n in range(first, first + 9)])
    more = [problem(30, answer="1, ③"), problem(31, choices=["가", "나", ""], answer=2)]
    points = ["첫째, 비용이 줄어든다.", "둘째, 시장이 넓어진다."]
    more.append({"question": "합병의 이점은?", "answers": points, "kind": "long"})
    write_lines(Path("exams/1.Training/더.jsonl"), more)
    lines = prepare("-s", "data={train: exams, dev: exams, test: exams}").stderr.splitlines()
    by_name = (
        "splits by name: train (exams/1.Training/더.jsonl, exams/1.Training/문제.jsonl), "
        "dev (exams/2.Validation/문제.jsonl), test (exams/testset.jsonl)"
    )
    assert [line for line in lines if by_name in line] == [
        f"data.{split}: exams: {by_name}" for split in ("train", "dev", "test")
    ]
    assert not [line for line in lines if "without a split in the name" in line]
    assert "data.train: exams: 2 problems with several right answers, each counts" in lines
    assert (
        "data.train: exams: problems: 1 of 2 choices, 10 of 4 choices, 1 long without choices"
        in lines
    )


def test_files_without_a_split_beside_those_with_one_are_named(scripted):
    for name, first in (("train", 0), ("최종", 9), ("모음", 18)):
        Path("exams").mkdir(exist_ok=True)
        write_lines(Path(f"exams/{name}.jsonl"), [problem(n) for n in range(first, first + 9)])
    lines = prepare("-s", "data={train: exams}").stderr.splitlines()
    assert (
        "data.train: exams: read too, without a split in the name: exams/모음.jsonl and 1 more file"
        in lines
    )


def test_the_table_of_splits_counts_problems_without_choices_too(scripted):
    short = {"question": "수도를 쓰시오.", "answer": "서울", "kind": "short"}
    write_lines(Path("train.jsonl"), [*map(problem, range(4)), short])
    done = prepare()
    assert (
        "data.train: train.jsonl: problems: 4 of 4 choices, 1 short without choices" in done.stderr
    )
    assert "4 of 4 choices, 1 short without choices" in " ".join(done.stdout.split())


def test_a_spreadsheet_is_no_binary(scripted):
    book = pytest.importorskip("openpyxl").Workbook()
    for row in (["문제", "보기1", "보기2", "정답"], ["가?", "나", "다", 1]):
        book.active.append(row)
    book.save("own.xlsx")
    assert "columns (xlsx)" in prepare("-s", "data.train=own.xlsx").stdout
