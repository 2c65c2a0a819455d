"""Files in a shape of their own that can be read in one way only: UTF-16, `sep=;`, lists inside objects."""

import codecs
import json
from pathlib import Path

import pytest

from koalign.data.formats import files
from koalign.data.formats.decoding import encoding_of
from koalign.data.formats.sources import read_source
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml

WATER = {"question": "물은?", "choices": ["CO2", "NaCl", "H2O"], "answer": 3}
KING = {"question": "왕은?", "choices": ["세종", "태조", "정조"], "answer": 1}
TABLE = "문제,보기1,보기2,보기3,정답\n물은?,CO2,NaCl,H2O,3\n왕은?,세종,태조,정조,1\n"


@pytest.fixture
def tmp_path(tmp_path):
    """A folder whose name is not that of a split."""
    folder = tmp_path / "files" / "here"
    folder.mkdir(parents=True)
    return folder


def answers_in(path: Path, data: bytes | str, **options) -> list[tuple[str, tuple[str, ...]]]:
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8"))
    problems = read_source(str(path), "train", **options).problems
    assert all(problem.kind == "choice" for problem in problems)
    return [(problem.question, problem.answers) for problem in problems]


READ = [("물은?", ("3",)), ("왕은?", ("1",))]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("le.csv", TABLE.encode("utf-16")),
        ("be.csv", codecs.BOM_UTF16_BE + TABLE.encode("utf-16-be")),
        ("sep.csv", "sep=;\r\n" + TABLE.replace(",", ";")),
        ("quoted.csv", '"sep=;"\n' + TABLE.replace(",", ";")),
        ("list.jsonl", json.dumps([WATER, KING])),
        ("lines.jsonl", json.dumps([WATER, KING], indent=1)),
        ("data.json", json.dumps({"version": 1, "data": [WATER, KING]})),
        ("data.jsonl", json.dumps({"data": [WATER, KING]})),
        ("table.csv", TABLE.replace("보기1,보기2,보기3", "㉠,㉡,㉢")),
        (
            "letters.csv",
            TABLE.replace("보기1,보기2,보기3", "(가),(나),(다)"),
        ),
    ],
)
def test_a_file_that_can_be_read_in_one_way_is(tmp_path, name, data):
    assert answers_in(tmp_path / name, data) == READ


def test_the_choices_of_arc_stand_under_labels_that_count_up(tmp_path):
    rows = [
        {"id": "a", "question": "물은?", "choices": {"text": ["CO2", "NaCl", "H2O"], "label": [*"ABC"]}, "answerKey": "C"},
        {"id": "b", "question": "왕은?", "choices": {"text": ["세종", "태조"], "label": ["1", "2"]}, "answerKey": "1"},
    ]  # fmt: skip
    assert answers_in(tmp_path / "arc.json", json.dumps(rows)) == READ
    assert answers_in(tmp_path / "d.json", json.dumps([
        {"question": "물은?", "choices": {"A": "CO2", "B": "NaCl", "C": "H2O"}, "answer": "C"},
        {**KING, "answer": "A"},
    ])) == READ  # fmt: skip
    rows[0] |= {"choices": {"text": ["CO2", "NaCl", "H2O"], "label": [*"BCA"]}, "answerKey": "A"}
    assert answers_in(tmp_path / "shuffled.json", json.dumps(rows)) == READ


def test_a_korean_label_is_a_key_where_choices_carry_such_labels(tmp_path):
    labelled = [{**WATER, "choices": ["(가) CO2", "(나) NaCl", "(다) H2O"], "answer": "다"}, KING]
    assert answers_in(tmp_path / "a.json", json.dumps(labelled)) == READ
    (tmp_path / "b.json").write_text(
        json.dumps([{**WATER, "answer": "다"}, KING]), encoding="utf-8"
    )
    (drop,) = read_source(str(tmp_path / "b.json"), "train").drops
    assert drop.detail == "answer: '다'; write 3 if that is the choice"
    with pytest.raises(
        KoalignError, match="'정답' holds '㉢', which names none of the choices; write 3 if"
    ):
        answers_in(
            tmp_path / "c.csv",
            TABLE.replace("O,3", "O,㉢").replace("조,1", "조,㉠"),
        )


@pytest.mark.parametrize(
    ("name", "data", "remedy"),
    [
        ("cut.csv", TABLE.encode("utf-16")[:-1], "is not UTF-16, and the file says so"),
        ("plain.csv", TABLE.encode("utf-16-le"), "save the file as UTF-8"),
        ("ascii.csv", "q,a\nwater,1\n".encode("utf-16-le"), "save the file as UTF-8"),
        (
            "two.json",
            json.dumps({"train": [WATER], "test": [KING]}),
            "its rows are of several splits: train: {path: ",
        ),
        (
            "other.jsonl",
            json.dumps({"weather": WATER["choices"]}, indent=1),
            "one object with weather",
        ),
    ],
)
def test_what_cannot_be_read_safely_is_named(tmp_path, name, data, remedy):
    with pytest.raises(KoalignError, match=remedy) as refused:
        answers_in(tmp_path / name, data)
    assert "\n" not in str(refused.value) and name in str(refused.value)


def test_a_column_that_repeats_the_question_with_tags_is_no_passage(tmp_path):
    asked = [
        f"{n}번 글을 읽고 물음에 답하시오. 세종이 만든 글자의 이름과 그 까닭을 자료에서 찾아 쓰시오. "
        * 2
        for n in range(3)
    ]
    rows = [
        {"prompt_html": f"<p>{text}</p>", "prompt_text": text, "answer": "훈민정음"}
        for text in asked
    ]
    path = tmp_path / "문제.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    problems = read_source(str(path), "train").problems
    assert {(problem.question, problem.passage) for problem in problems} == {
        (text, "") for text in asked
    }


def test_a_text_with_a_zero_byte_is_not_taken_for_cp949():
    with pytest.raises(KoalignError, match="zero bytes"):
        encoding_of("a\0b\0".encode("ascii"), "a.csv")


def test_a_merge_key_of_yaml_is_refused_by_its_name():
    with pytest.raises(KoalignError, match=r"a:2: not YAML: `<<` is not read; write its keys out"):
        parse_yaml("x: &x {a: 1}\ny: {<<: *x}", "a")


def test_a_folder_of_too_many_files_is_refused_before_any_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "MOST_FILES", 5)
    for number in range(6):
        (tmp_path / f"{number}.txt").touch()
    with pytest.raises(
        KoalignError, match="more than 5 files and folders; name the folder of the data"
    ):
        read_source(str(tmp_path), "train")
