"""koalign init --data: a koalign.yaml for a teacher's own file, which works as it is written."""

import json
from pathlib import Path

import pytest
import yaml
from support.command import koalign
from support.exam_files import FOUR

from koalign.config.files import load_config

HEADER = "번호,문제,보기1,보기2,보기3,보기4,정답"


def rows(count: int, first: int = 0) -> list[str]:
    return [f"{n},{n * 7919}번 나라는 어디인가?,{','.join(FOUR)},{n % 4 + 1}" for n in range(first, first + count)]  # fmt: skip


def write(name: str, lines: list[str], encoding: str = "utf-8") -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text("\n".join([*lines, ""]), encoding=encoding)


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "exam"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_koalign_yaml_is_filled_in_and_works(here):
    lines = ["2026학년도 문제은행", HEADER, *rows(40), "99,수도를 쓰시오.,,,,,서울"]
    write("문제.csv", lines, "cp949")
    said = koalign("init", "--data", "문제.csv", code=0)
    text = Path("koalign.yaml").read_text(encoding="utf-8")
    assert "41 problems: 40 of 4 choices, 1 short without choices" in text
    written = yaml.safe_load(text)
    (columns,) = [written["data"]["train"]["columns"]]
    choices = ["보기1", "보기2", "보기3", "보기4"]
    assert columns == {"question": "문제", "choices": choices, "answer": "정답", "key": "번호"}
    assert written["data"]["dev_share"] == 0.2 and "kind" not in written["data"]["train"]
    assert written["prompt"]["template"] == "quote-then-number"
    for missing in ("model.path", "data.test", "hints"):
        assert f"missing: {missing}" in said.stdout
    koalign("prepare", code=0)
    report = json.loads(Path("runs/default/prepare/report.json").read_text(encoding="utf-8"))
    splits = report["splits"]
    assert splits["train"]["problems"] + splits["dev"]["problems"] == 41
    assert splits["dev"]["problems"]


@pytest.mark.parametrize(
    ("right", "kind"), [("서울", "short"), ("두 나라의 국경이었던 강이다. " * 3, "long")]
)
def test_the_kind_of_problems_without_choices_is_written(here, right, kind):
    write("문제.csv", ["문제,정답", *(f"{n}번 곳은?,{right}" for n in range(5))])
    koalign("init", "--data", "문제.csv", code=0)
    written = yaml.safe_load(Path("koalign.yaml").read_text(encoding="utf-8"))
    assert written["data"]["train"]["kind"] == kind


def test_statements_to_judge_beside_short_answers_are_prepared_as_they_were_read(here):
    judged = [f"{n}번은 짝수이다.,{'XO'[n % 2 == 0]}" for n in range(8)]
    write("문제.csv", ["문제,정답", *judged, "수도는?,서울", "강은?,한강"])
    koalign("init", "--data", "문제.csv", code=0)
    assert "8 of 2 choices, 2 short" in Path("koalign.yaml").read_text(encoding="utf-8")
    assert "8 of 2 choices, 2 short" in koalign("prepare", code=0).stderr


def test_files_of_a_folder_that_are_not_read_are_said(here):
    write("자료/1반.csv", [HEADER, *rows(4)])
    write("자료/2반.csv", ["이름,점수", "민수,90"])
    said = koalign("init", "--data", "자료", code=0).stderr
    assert (
        "not read: 자료/2반.csv: does not look like any known format" in said
        and "1반.csv: does" not in said
    )


def test_the_splits_of_a_folder_and_of_a_column_are_kept_apart(here):
    write("자료/학습.csv", [HEADER, *rows(12)])
    write("자료/평가.csv", [HEADER, *rows(5, 100)])
    koalign("init", "a.yaml", "--data", "자료", code=0)
    data = load_config([Path("a.yaml")]).data
    assert [s.path for s in data.test] == ["자료"] and data.dev_share and not data.dev
    splits = ["train"] * 8 + ["dev"] * 4 + ["test"] * 3
    write("문제.csv", [f"{HEADER},split", *map(",".join, zip(rows(15), splits, strict=True))])
    koalign("init", "b.yaml", "--data", "문제.csv", code=0)
    data = load_config([Path("b.yaml")]).data
    assert [(s.path, s.split) for s in (*data.train, *data.dev, *data.test)] == [
        ("문제.csv", "train"), ("문제.csv", "dev"), ("문제.csv", "test"),
    ]  # fmt: skip
    koalign("prepare", "-c", "b.yaml", code=0)
    report = json.loads(Path("runs/default/prepare/report.json").read_text(encoding="utf-8"))
    assert [report["splits"][name]["problems"] for name in ("train", "dev", "test")] == [8, 4, 3]


def test_only_short_answers_are_bounded_to_few_tokens(here):
    write("문제.csv", [HEADER, *rows(15)])
    koalign("init", "a.yaml", "--data", "문제.csv", code=0)
    long = "채무불이행이 있으면 채권자는 손해배상을 청구하거나 계약을 해제할 수 있고, 상당한 기간을 정해야 한다."
    write(
        "질의.csv", ["질문,답변", *(f'계약 {n}은 어떻게 끝나는가?,"{n}: {long}"' for n in range(9))]
    )
    koalign("init", "b.yaml", "--data", "질의.csv", code=0)
    bounded = load_config([Path("a.yaml")])
    assert [bounded.sample.max_tokens, bounded.probe.max_tokens, bounded.solve.max_tokens] == [
        64
    ] * 3
    assert "max_tokens" not in Path("b.yaml").read_text("utf-8")


def test_a_source_keeps_its_columns_and_a_known_format_needs_none(here):
    write("a.csv", ["물음,가,나,답", "나라는?,신라,고려,0", "왕은?,세종,태조,1"])
    source = (
        "{path: a.csv, columns: {question: 물음, choices: [가, 나], answer: 답}, answer_from: 0}"
    )
    koalign("init", "a.yaml", "--data", source, code=0)
    (train,) = load_config([Path("a.yaml")]).data.train
    assert train.columns == {"question": "물음", "choices": ["가", "나"], "answer": "답"}
    assert train.answer_from == 0
    write("b.csv", ["question,answer,A,B,C,D", f"나라는?,3,{','.join(FOUR)}"])
    koalign("init", "b.yaml", "--data", "b.csv", code=0)
    assert load_config([Path("b.yaml")]).data.train[0].columns is None


@pytest.mark.parametrize(
    ("header", "said"),
    [("문제,발문,보기1,보기2,정답", "look like the question"), ("문제,비고,보기1,보기2,키", "no column looks like the answer")],
)  # fmt: skip
def test_where_the_columns_are_in_doubt_nothing_is_written(header, said, here):
    write("문제.csv", [header, "글이다,나라는?,신라,고려,1"])
    assert said in koalign("init", "--data", "문제.csv", code=2).stderr
    assert not Path("koalign.yaml").exists()


def test_nothing_is_written_over(here):
    write("문제.csv", [HEADER, *rows(3)])
    write("koalign.yaml", ["model: {path: mine}"])
    assert "is there already" in koalign("init", "--data", "문제.csv", code=2).stderr
    Path("link.yaml").symlink_to("nowhere.yaml")
    assert "is there already" in koalign("init", "link.yaml", code=2).stderr
    assert Path("link.yaml").is_symlink()


def test_a_test_split_that_cannot_be_read_is_no_missing_one(here):
    write("자료/학습.csv", [HEADER, *rows(20)])
    write("자료/평가.csv", ["문제,발문,보기1,보기2,정답", "가?,나?,다,라,1"])
    done = koalign("init", "--data", "자료", code=2)
    assert "평가.csv" in done.stderr and not Path("koalign.yaml").exists()


@pytest.mark.parametrize(
    "header", ["No,내용,가,나,다,라,키", "a,b,c,d,e,f,g", "가,나,다,라,마,바,사"]
)
def test_where_no_column_is_known_the_error_ends_in_a_source_to_complete(header, here):
    names = header.split(",")
    write("문제.csv", [header, *rows(12)])
    error = koalign("init", "--data", "문제.csv", code=2).stderr
    assert error.startswith("koalign: 문제.csv: does not look like any known format")
    assert error.count("문제.csv") == 2 and "for train" not in error and error.count("\n") == 1
    source = yaml.safe_load(error[error.index("{path: ") :])
    assert source["columns"]["question"] == source["columns"]["answer"] == "?"
    if "내용" in names:
        assert source["columns"]["choices"] == ["가", "나", "다", "라"]
    source["columns"] |= {"question": names[1], "choices": names[2:6], "answer": names[6]}
    koalign("init", "--data", yaml.safe_dump(source, default_flow_style=True), code=0)
    koalign("prepare", code=0)


def test_behind_a_cover_sheet_the_error_ends_in_a_source_that_init_takes(here):
    book = pytest.importorskip("openpyxl").Workbook()
    book.active.title = "표지"
    book.active.append(["제3회 대회"])
    sheet = book.create_sheet("문항")
    for line in (HEADER, *rows(3)):
        sheet.append(line.split(","))
    book.save("대회.xlsx")
    error = koalign("init", "--data", "대회.xlsx", code=2).stderr
    assert error.endswith("Write {path: 대회.xlsx, sheet: 문항}\n")
    koalign("init", "--data", error[error.index("{path: ") :].strip(), code=0)
    (train,) = load_config([Path("koalign.yaml")]).data.train
    assert train.sheet == "문항"


def test_rows_that_all_say_another_split_are_read_as_the_error_says(here):
    row = {"question": "긴 강은?", "choices": FOUR, "answer": 2, "split": "validation"}
    write("강.jsonl", [json.dumps({**row, "question": f"{n}?"}) for n in range(4)])
    error = koalign("init", "--data", "강.jsonl", code=2).stderr
    assert "its rows say dev; to use them for train write {path: " in error
    koalign("init", "--data", error.partition("write ")[2].strip(), code=0)
    assert "4 problems" in Path("koalign.yaml").read_text("utf-8")


def test_a_file_of_preferences_alone_is_refused_with_where_it_belongs(here):
    write("쌍.jsonl", [json.dumps({"question": "긴 강은?", "chosen": "한강", "rejected": "금강"})])
    error = koalign("init", "--data", "쌍.jsonl", code=2).stderr
    assert (
        "holds 1 ranking and no problem to train on; list it in data.train beside problems" in error
    )
