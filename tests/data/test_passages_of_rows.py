"""The passage of a row in JSON: in some rows only, of several texts, of a group, in another file."""

import json

import pytest

from koalign.data.formats.sources import read_source
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


OWN = {"question": "강은?", "choices": CHOICES, "answer": 2}


@pytest.mark.parametrize(
    "context", ["강이 흐른다.", ["강이", "흐른다."], {"title": "강", "body": "강이 흐른다."}]
)
@pytest.mark.parametrize("name", ["context", "passage", "지문"])
def test_the_passage_of_some_rows_is_read_in_these(name, context, folder):
    reading = read_source(
        written(folder / "a.jsonl", [OWN, *[{**OWN, name: context}] * 2]), "train"
    )
    assert [p.passage.replace("\n", " ") for p in reading.problems] == ["", *["강이 흐른다."] * 2]


def test_a_passage_of_several_texts_is_asked_about(folder):
    rows = [{**OWN, "passage": {"first": "가", "second": "나"}}] * 2
    with pytest.raises(KoalignError, match="'passage' holds objects or lists"):
        read_source(written(folder / "a.jsonl", rows), "train")


def test_a_list_of_long_texts_is_asked_about_and_the_line_reads_it(folder):
    rows = [
        {
            **OWN,
            "found": [
                "강은 산에서 나와 너른 들을 지나 바다로 흐르며 사람들이 배를 띄우고 산다. " * 3,
                "끝.",
            ],
        }
    ] * 2
    with pytest.raises(KoalignError, match=r"'found' holds .* may be a passage") as refused:
        read_source(written(folder / "a.jsonl", rows), "train")
    source = parse_yaml(str(refused.value).rpartition("Say which is what: ")[2], "error")
    assert all(p.passage.endswith("\n끝.") for p in read_source(wanted="train", **source).problems)


def test_the_passage_of_a_group_that_its_first_row_holds_is_read_in_each(folder):
    texts = ["강이 흐른다.", "", "산이 높다.", ""]
    rows = [
        {**OWN, "question": f"{n}?", "group": n // 2, "passage": t} for n, t in enumerate(texts)
    ]
    reading = read_source(written(folder / "a.jsonl", rows), "train")
    assert [p.passage for p in reading.problems] == [texts[0]] * 2 + [texts[2]] * 2
    apart = [{**row, "group": n} for n, row in enumerate(rows)]
    for own in ({}, {"chapter": 1}):
        reading = read_source(
            written(folder / "a.jsonl", [{**row, **own} for row in apart]), "train"
        )
        assert [(p.passage, p.group) for p in reading.problems] == [
            *zip(texts, "0123", strict=True)
        ]


def test_a_problem_of_koalign_whose_question_speaks_of_a_text_above_is_asked_about(folder):
    rows = [{**OWN, "passage": "강이 흐른다."}, {**OWN, "question": "윗글의 강은?", "passage": ""}]
    with pytest.raises(
        KoalignError, match="speak of a text, and whose passage is empty"
    ) as refused:
        read_source(written(folder / "a.jsonl", rows), "train")
    source = parse_yaml(
        str(refused.value).partition("Write ")[2].partition(" in its place")[0], "error"
    )
    assert [p.passage for p in read_source(wanted="train", **source).problems] == [
        "강이 흐른다."
    ] * 2


@pytest.mark.parametrize("name", ["passage_id", "지문번호", "지문"])
def test_an_id_of_a_passage_that_stands_elsewhere_is_asked_about(name, folder):
    rows = [{**OWN, "question": f"{n}?", name: n // 2 + 1} for n in range(4)]
    with pytest.raises(
        KoalignError, match=f"{name}' holds '1', which stands for a passage"
    ) as refused:
        read_source(written(folder / "a.jsonl", rows), "train")
    source = parse_yaml(
        str(refused.value).partition("or write ")[2].partition(" in its place")[0], "error"
    )
    assert len(read_source(wanted="train", **source).problems) == 4
