"""koalign benchmark retrieval: recall and MRR on known passages, and what it does not take."""

import json
from pathlib import Path

import pytest
from support.command import koalign

from koalign.jsonl import read_json
from koalign.records import Problem
from koalign.retrieval.measures import find_ranks, retrieval_figures

pytest.importorskip("tantivy")
PASSAGES = [
    "세종대왕은 집현전을 세웠다. 학자들이 모여 책을 썼다.",
    "이순신은 한산도에서 이겼다. 거북선이 앞장섰다.",
    "정약용은 수원 화성을 설계하였다. 거중기를 썼다.",
]
QUESTIONS = ["집현전을 세운 왕은?", "거북선이 앞장선 싸움은?", "거중기를 쓴 사람은?"]


def reading(question: str, passage: str) -> Problem:
    return Problem(question=question, passage=passage, kind="span", answers=("",))


@pytest.fixture
def squad(folder: Path) -> Path:
    """A file in the shape of KorQuAD 1.0."""
    paragraphs = [
        {"context": text, "qas": [{"id": f"1-{n}-0", "question": asked, "answers": [{"text": text[:3], "answer_start": 0}]}]}
        for n, (text, asked) in enumerate(zip(PASSAGES, QUESTIONS, strict=True))
    ]  # fmt: skip
    data = {"version": "x", "data": [{"title": "글", "paragraphs": paragraphs}]}
    (folder / "reading.json").write_text(json.dumps(data, ensure_ascii=False), "utf-8")
    return folder


def test_recall_and_mrr_of_known_passages_are_printed_and_written(squad):
    done = koalign("benchmark", "retrieval", "--data", "reading.json", "-o", "out", code=0)
    assert "3 questions on 3 passages" in " ".join(done.stdout.split())
    results = read_json(squad / "out/results.json")
    assert {name: results[name]["value"] for name in ("R@1", "R@20", "MRR")} == {
        "R@1": 1.0, "R@20": 1.0, "MRR": 1.0
    }  # fmt: skip
    assert results["R@1"]["low"] < 0.7  # three questions prove little


def test_the_rank_of_a_passage_is_that_of_its_best_chunk():
    problems = [reading("거북선이 앞장선 싸움은?", PASSAGES[1]), reading("xyz", PASSAGES[0])]
    ranks, chunks = find_ranks([*problems, reading("?", PASSAGES[2])], 20, 0)
    assert ranks[:2] == [1, 0]
    assert chunks == 6


def test_figures_count_each_question_once():
    problems = [reading(f"{n}?", PASSAGES[n % 3]) for n in range(4)]
    figures = retrieval_figures(problems, [1, 2, 0, 20], 6)
    assert [figures.recall[cut].value for cut in (1, 5, 20)] == [0.25, 0.5, 0.75]
    assert figures.mrr.value == pytest.approx((1 + 1 / 2 + 1 / 20) / 4)
    assert (figures.passages, figures.questions) == (3, 4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "benchmark retrieval needs --data"),
        (["--data", "reading.json", "--samples", "3"], "so --samples says nothing to it"),
        (["--data", "train.jsonl"], "no problem has a passage"),
        (["--data", "none.json"], "none.json: no such file"),
    ],
)
def test_what_it_cannot_measure_is_refused(scripted, arguments, says):
    row = {"question": "가?", "choices": ["나", "다"], "answer": 1}
    (scripted / "train.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    (scripted / "reading.json").write_text("{}", "utf-8")
    assert says in koalign("benchmark", "retrieval", *arguments, code=2).stderr
