"""Problems within other objects of JSON, several values in one file, and what a chat model prints around them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from koalign.data.formats.sources import read_source
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml

WATER = {"question": "물의 화학식은?", "choices": ["CO2", "NaCl", "H2O"], "answer": 3}
KING = {"question": "조선의 첫 왕은?", "choices": ["세종", "태조", "정조"], "answer": 2}
RIVER = {"question": "공주의 강은?", "choices": ["금강", "한강", "섬진강"], "answer": 1}
ALL = [WATER, KING, RIVER]
READ = [("물의 화학식은?", "H2O"), ("조선의 첫 왕은?", "태조"), ("공주의 강은?", "금강")]
TEXT = "세종은 백성이 쉽게 읽고 쓸 수 있는 글자를 만들고자 집현전의 학자들과 오래 연구하였다. " * 2
NAMES = ("question", "choices", "answer")


@pytest.fixture
def path(tmp_path):
    """A file in a folder whose name is not that of a split."""
    folder = tmp_path / "files" / "here"
    folder.mkdir(parents=True)
    return folder / "exam.json"


def problems_in(path, written, **options):
    path.write_text(written, encoding="utf-8")
    reading = read_source(str(path), "train", **options)
    assert [drop.detail for drop in reading.drops] == []
    return reading.problems


def said(problems):
    return [(p.question, *(p.choices[int(n) - 1] for n in p.answers)) for p in problems]


def section(text, *problems):
    return {"passage": text, "questions": [*problems]}


NESTED = {
    "a list in an object": {"title": "9월", "year": 2025, "questions": ALL},
    "an object in an object": {"data": {"title": "9월", "questions": ALL}},
    "sections": {"exam": "9월", "sections": [section("", *ALL[:2]), section("", RIVER)]},
    "a list of sections": [section("", *ALL[:2]), section("", RIVER)],
    "lists by subject": {"과학": [WATER], "사회": [KING, RIVER]},
    "sections by name": {"독서": {"문항": [WATER]}, "문학": {"문항": [KING, RIVER]}},
    "objects by id": {f"q{number}": row for number, row in enumerate(ALL)},
    "rows of the hub's viewer": {
        "features": [{"name": "question"}],
        "rows": [{"row_idx": number, "row": row} for number, row in enumerate(ALL)]},
    "another list beside": {"version": 1, "authors": ["김", "이"], "questions": ALL},
    "columns": {name: [row[name] for row in ALL] for name in NAMES},
    "columns by index": {name: {str(n): row[name] for n, row in enumerate(ALL)} for name in NAMES},
    "columns and rows": {
        "columns": [*NAMES], "index": [0, 1, 2], "data": [[row[name] for name in NAMES] for row in ALL]},
    "rows by index": {str(number): row for number, row in enumerate(ALL)},
    "a schema beside": {"schema": {"fields": [{"name": "question"}]}, "data": ALL},
    "four levels": {"시험": {"영역": [{"묶음": [{"문항": ALL[:1]}]}, {"묶음": [{"문항": ALL[1:]}]}]}},
}  # fmt: skip


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("shape", NESTED)
def test_problems_are_found_wherever_they_are_in_a_file(shape, indent, path):
    written = json.dumps(NESTED[shape], ensure_ascii=False, indent=indent)
    assert said(problems_in(path, written)) == READ


@pytest.mark.parametrize("name", ["passage", "지문", "context"])
def test_a_passage_around_problems_is_that_of_each(name, path):
    first, second = (
        {name: text, "questions": rows}
        for text, rows in [("한 글이다.", ALL[:2]), ("다른 글이다.", ALL[2:])]
    )
    for value in ([first, second], {"exam": {"sections": [first, second]}}):
        problems = problems_in(path, json.dumps(value))
        assert [problem.passage for problem in problems] == [
            "한 글이다.",
            "한 글이다.",
            "다른 글이다.",
        ]
        assert said(problems) == READ


def test_problems_in_the_rows_of_json_lines_and_parquet_are_read(path):
    rows = [{"doc_id": n, "doc": row, "acc": 1.0} for n, row in enumerate(ALL)]
    lines = path.with_suffix(".jsonl")
    assert said(problems_in(lines, "\n".join(map(json.dumps, rows)))) == READ
    pq.write_table(pa.Table.from_pylist(rows), path.with_suffix(".parquet"))
    assert said(read_source(str(path.with_suffix(".parquet")), "train").problems) == READ
    notes = read_source(str(lines), "train").notes
    assert any("the rows are in doc; not used: doc_id, acc" in note for note in notes)


def test_a_row_of_several_questions_on_one_article_is_as_many_problems(path):
    row = {"article": "글", "questions": [row["question"] for row in ALL],
           "options": [row["choices"] for row in ALL], "answers": ["C", "B", "A"]}  # fmt: skip
    problems = problems_in(path.with_suffix(".jsonl"), json.dumps(row) + "\n")
    assert said(problems) == READ
    assert {problem.passage for problem in problems} == {"글"}


BESIDE = {
    "passages by other ids": {"passages": {"p1": TEXT}, "questions": [{"passage_id": "p2", **WATER}]},
    "a text in sentences": {"sents": ["세종이 글자를 만들었다.", "백성이 쉽게 익히게 하였다."] * 4, "questions": ALL},
    "a list of passages": {"passages": [{"id": 1, "text": TEXT}], "questions": ALL},
    "a text of another name": {"reading": TEXT, "questions": ALL},
    "a text around some": {"sections": [{"본문글": TEXT, "questions": ALL[:1]}, {"questions": ALL[1:]}]},
    "a key of answers": {"answer_key": {"1": 3, "2": 2}, "questions": ALL},
    "a list of answers": {"정답": [3, 2, 1], "questions": ALL},
}  # fmt: skip


@pytest.mark.parametrize("shape", BESIDE)
def test_texts_and_answers_beside_the_problems_are_never_left_out(shape, path):
    with pytest.raises(KoalignError, match=r"beside them '.*', which belongs to some of them; put"):
        problems_in(path, json.dumps(BESIDE[shape], ensure_ascii=False))


def test_parts_with_passages_of_their_own_are_never_given_those_of_another(path):
    parts = [
        {"passages": {"p1": text}, "questions": [{"passage_id": "p1", **row}]}
        for text, row in (("첫 글", WATER), ("둘째 글", KING))
    ]
    with pytest.raises(KoalignError):
        problems_in(path, json.dumps({"sections": parts}))


def test_a_passage_called_0_and_one_beside_a_row_without_an_id_are_put_in(path):
    rows = [{"passage_id": 0, **WATER}, KING]
    problems = problems_in(path, json.dumps({"passages": {"0": "짧은 글"}, "questions": rows}))
    assert [problem.passage for problem in problems] == ["짧은 글", ""]


IDS = [{"passage_id": name, **row} for name, row in zip(["p1", "p2", "p1"], ALL, strict=True)]
LISTED = [{"id": "p2", "text": "둘"}, {"id": "p1", "title": "하나", "text": TEXT}]


@pytest.mark.parametrize("passages", [{"p1": TEXT, "p2": "둘"}, LISTED])
def test_passages_beside_the_problems_are_put_into_those_that_name_their_ids(passages, path):
    written = json.dumps({"passages": passages, "questions": IDS}, ensure_ascii=False)
    problems = problems_in(path, written)
    assert said(problems) == READ
    assert [problem.passage for problem in problems] == [TEXT, "둘", TEXT]
    assert any(
        "'passages' whose id it names" in note for note in read_source(str(path), "train").notes
    )


@pytest.mark.parametrize(
    ("key", "passages", "own"),
    [
        ("passages", [{"id": "p1", "text": "짧은 글"}], "passage"),
        ("passages", {"p1": "짧은 글"}, "passage_id"),
        ("지문", [{"지문번호": "p1", "내용": "짧은 글"}], "지문번호"),
    ],
)
def test_short_passages_are_put_in_too_and_a_problem_may_name_none(key, passages, own, path):
    rows = [{own: "p1", **WATER}, {own: None, **KING}, RIVER]
    problems = problems_in(path, json.dumps({key: passages, "order": ["p1"], "questions": rows}))
    assert said(problems) == READ
    assert [problem.passage for problem in problems] == ["짧은 글", "", ""]


def test_what_is_left_out_around_problems_is_said(path):
    problems_in(path, json.dumps({"title": "9월", "source": TEXT, "exam": {"questions": ALL}}))
    notes = read_source(str(path), "train").notes
    assert "the rows are in exam.questions[]; not used: title, source" in notes


def test_a_problem_with_problems_in_it_is_one_too_and_a_sentence_above_problems_is_none(path):
    both = {**WATER, "passage": "물은 H2O이다.", "followups": [KING, {"more": [RIVER]}]}
    problems = problems_in(path, json.dumps({"questions": [both]}))
    assert said(problems) == READ
    assert {problem.passage for problem in problems} == {"물은 H2O이다."}
    value = {"sets": [{"question": "다음 물음에 답하시오.", "items": ALL}]}
    assert said(problems_in(path, json.dumps(value))) == READ


def test_splits_that_are_keys_are_those_of_their_problems(path):
    with pytest.raises(KoalignError, match="of several splits: train: ") as refused:
        problems_in(path, json.dumps({"train": ALL[:2], "test": ALL[2:]}))
    train = parse_yaml(str(refused.value).partition("train: ")[2].split(", test: ")[0], "error")
    assert said(read_source(wanted="train", **train).problems) == READ[:2]
    with pytest.raises(KoalignError, match="calls itself the test split"):
        problems_in(path, json.dumps({"test": {"questions": ALL}}))


PRETTY = [json.dumps(row, ensure_ascii=False, indent=2) for row in ALL]
ROW = [json.dumps(row, ensure_ascii=False) for row in ALL]
TEXTS = {
    "objects over several lines": "\n".join(PRETTY),
    "objects with commas": ",\n".join(PRETTY),
    "lines that end in commas": ",\n".join(ROW) + ",\n",
    "two lists": f"[{ROW[0]}]\n[{ROW[1]}, {ROW[2]}]\n",
    "a block": f"물론입니다!\n\n```json\n[{','.join(PRETTY)}]\n```\n\n더 필요하시면 말씀해 주세요.",
    "a block without a name": f"```\n[{','.join(ROW)}]\n```",
    "two blocks": f"```json\n[{ROW[0]}]\n```\n이어서:\n```json\n[{ROW[1]},{ROW[2]}]\n```\n",
    "a block of an object": f'```json\n{{"questions": [{",".join(ROW)}]}}\n```',
    "a block of lines": "```jsonl\n" + "\n".join(ROW) + "\n```",
    "one object": None,
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
@pytest.mark.parametrize("shape", [shape for shape in TEXTS if TEXTS[shape]])
def test_values_of_json_that_follow_each_other_are_all_read(shape, suffix, path):
    assert said(problems_in(path.with_suffix(suffix), TEXTS[shape])) == READ


def test_a_folder_of_a_problem_a_file_is_read(path):
    for number, row in enumerate(ALL):
        (path.parent / f"q{number}.json").write_text(
            json.dumps({"id": number, **row}, indent=number)
        )
    assert said(read_source(str(path.parent), "train").problems) == READ


def test_a_broken_line_among_json_lines_still_costs_no_other(path):
    path = path.with_suffix(".jsonl")
    path.write_text("\n".join([ROW[0], '{"question": "잘린', ROW[2]]), encoding="utf-8")
    reading = read_source(str(path), "train")
    assert (len(reading.problems), len(reading.drops)) == (2, 1)
    path.write_text("\n".join(['{"question": "잘린', ROW[1], ROW[2]]), encoding="utf-8")
    assert len(read_source(str(path), "train").problems) == 2


def test_a_list_that_is_cut_off_is_no_list_in_a_block_either(path):
    for written in (f"```json\n[{ROW[0]}, {ROW[1][:20]}", f"[{ROW[0]}, {ROW[1][:20]}"):
        with pytest.raises(KoalignError, match="not JSON"):
            problems_in(path, written)
