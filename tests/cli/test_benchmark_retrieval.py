"""koalign benchmark retrieval: recall and MRR on known passages, and what it does not take."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from support.command import koalign
from support.problems import write_lines

from koalign.jsonl import read_json
from koalign.records import KoalignError, Problem, content_hash
from koalign.retrieval.lexical import Hit
from koalign.retrieval.measures import Model, Searched, retrieval_figures, search_passages, weigh

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
    assert results["R@1"]["low"] == results["MRR"]["low"] < 0.7  # three questions prove little


def test_rows_that_ask_nothing_about_a_passage_are_counted(folder):
    rows = [
        reading(*both).model_dump() for both in zip(QUESTIONS, [*PASSAGES[:2], ""], strict=True)
    ]
    write_lines(folder / "mixed.jsonl", [row | {"answers": ["가"]} for row in rows])
    done = koalign("benchmark", "retrieval", "--data", "mixed.jsonl", code=0)
    assert "mixed.jsonl: 1 of 3 rows ask nothing about a passage" in done.stderr
    assert "2 questions on 2 passages" in " ".join(done.stdout.split())


def test_the_rank_of_a_passage_is_that_of_its_best_chunk():
    problems = [reading("거북선이 앞장선 싸움은?", PASSAGES[1]), reading("xyz", PASSAGES[0])]
    searched = search_passages([*problems, reading("?", PASSAGES[2])], 20, 0)
    assert searched.ranks(0)[:2] == [1, 0]
    assert len(searched.passage_of) == 6


def letters(texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of how often a text has each of a few letters."""
    counts = np.array([[text.count(letter) + 0.01 for letter in "왕북거"] for text in texts])
    return (counts / np.linalg.norm(counts, axis=1, keepdims=True)).astype(np.float32)


def test_weight_1_ranks_by_meaning_alone_and_0_by_letters_alone():
    problems = [reading("왕왕왕 거북선이 앞장섰다", PASSAGES[0]), reading("?", PASSAGES[1])]
    searched = search_passages(problems, 400, 0, Model(letters, letters))
    assert searched.ranks(0)[0] == 2
    assert searched.ranks(1)[0] == 1


def halves() -> tuple[list[Problem], list[bool]]:
    """Twenty problems on a passage each, and which of them a weight is chosen on."""
    problems = [reading(f"{n}?", f"{n}번 글이다.") for n in range(20)]
    return problems, [int(content_hash(p.passage), 16) % 2 == 0 for p in problems]


def test_a_weight_is_chosen_on_one_half_and_measured_on_the_other():
    problems, first = halves()
    right = [[Hit(n, 1.0)] for n in range(20)]
    wrong = [[Hit((n + 1) % 20, 1.0)] for n in range(20)]
    lexical = [w if is_first else r for r, w, is_first in zip(right, wrong, first, strict=True)]
    dense = [r if is_first else w for r, w, is_first in zip(right, wrong, first, strict=True)]
    searched = Searched(lexical, dense, list(range(20)), list(range(20)))
    weighing = weigh(problems, searched, [0.0, 1.0])
    assert (weighing.chosen, weighing.chosen_on) == (1.0, sum(first))
    assert weighing.figures[1.0].mrr.value == 0
    assert weighing.figures[0.0].questions == 20 - sum(first)
    assert weighing.gain.value == -1 and weighing.gain.high > weighing.gain.low == -1


def test_of_equal_weights_the_smallest_is_chosen():
    problems, _ = halves()
    found = [[Hit(n, 1.0)] for n in range(20)]
    searched = Searched(found, found, list(range(20)), list(range(20)))
    assert weigh(problems, searched, [0.0, 0.3, 1.0]).chosen == 0


def test_one_passage_is_too_few_to_choose_by():
    searched = Searched([[]], [[]], [0], [0])
    with pytest.raises(KoalignError, match="too few passages to choose"):
        weigh([reading("?", "글")], searched, [0.0])


def test_figures_count_each_question_once():
    problems = [reading(f"{n}?", PASSAGES[n % 3]) for n in range(4)]
    figures = retrieval_figures(problems, [1, 2, 0, 20], 6)
    assert [figures.recall[cut].value for cut in (1, 5, 20)] == [0.25, 0.5, 0.75]
    assert figures.mrr.value == pytest.approx((1 + 1 / 2 + 1 / 20) / 4)
    assert (figures.passages, figures.questions) == (3, 4)


@pytest.mark.parametrize(("rank", "low", "high"), [(1, 0.51, 1), (0, 0, 0.49), (2, None, None)])
def test_equal_ranks_of_four_questions_leave_the_mrr_open(rank, low, high):
    figures = retrieval_figures([reading("?", f"{n}번 글이다.") for n in range(4)], [rank] * 4, 4)
    shown = [end if end is None else round(end, 2) for end in (figures.mrr.low, figures.mrr.high)]
    assert shown == [low, high]


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


def test_an_evaluation_of_a_model_is_not_replaced_by_one_of_retrieval(squad):
    Path("out").mkdir()
    for name in ("predictions.jsonl", "results.json"):
        Path("out", name).write_text("mine", "utf-8")
    command = ("benchmark", "retrieval", "--data", "reading.json", "--out", "out", "--force")
    assert "--out out: the evaluation of a model is there" in koalign(*command, code=2).stderr
    assert Path("out/results.json").read_text("utf-8") == "mine"
