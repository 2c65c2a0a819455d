"""The open-book subject in a run: its records are shown, commentary is not, and uplift finds what was planted."""

import json
from pathlib import Path

import pytest
import yaml
from support.command import RUN, koalign
from support.open_book import document_of, documents, look_up, village_of

from koalign.jsonl import read_json, read_jsonl
from koalign.records import Problem
from koalign.retrieval.records import Passage, ScreenedPassage

pytest.importorskip("tantivy")
SETTINGS = (
    "-s", "data={train: builtin:open-book/questions, dev: builtin:open-book/questions, "
    "test: builtin:open-book/questions, hints: null}",
    "-s", "corpus.sources=builtin:open-book/documents",
)  # fmt: skip
ASKED = 24
"""Training questions that a policy is asked: the first of the run."""
LIMITS = (
    "-s", f"sft.limit={ASKED}", "-s", f"sample.limit={ASKED}", "-s", f"passages.limit={3 * ASKED}",
    "-s", "controls=off", "-s", "passages.false_discovery_rate=0.0001",
)  # fmt: skip


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """A folder after `retrieve`, by the two keys that the documentation names."""
    folder = tmp_path_factory.mktemp("open-book")
    (folder / "script.yaml").write_text("- {texts: ['정답: 1']}\n", "utf-8")
    config = {
        "model": {"path": "none"},
        "engine": {"backend": "scripted", "script": "script.yaml"},
        "sample": {"n": 8, "permutations": 1},
        "pairs": {"guess_level": None},
        "passages": {"permutations": 1},
    }
    (folder / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    koalign("index", *SETTINGS, cwd=folder, code=0)
    koalign("retrieve", *SETTINGS, cwd=folder, code=0)
    return folder


def prepared(folder: Path, split: str) -> list[Problem]:
    return read_jsonl(folder / RUN / f"prepare/{split}.jsonl", Problem)


def passages(folder: Path) -> dict[str, list[Passage]]:
    found: dict[str, list[Passage]] = {}
    for one in read_jsonl(folder / RUN / "retrieve/passages.jsonl", Passage):
        found.setdefault(one.problem_id, []).append(one)
    return found


def test_no_question_is_dropped_as_a_leak_or_a_duplicate(book):
    assert [len(prepared(book, split)) for split in ("train", "dev", "test")] == [500, 100, 300]


def test_every_held_out_question_is_shown_the_record_that_answers_it(book):
    """What the leak screen must not drop: the facts that questions were written from."""
    found = passages(book)
    for problem in prepared(book, "dev") + prepared(book, "test"):
        shown = [p.chunk.text for p in found[problem.id][:3]]
        assert document_of(problem, "records") in shown


def test_commentary_is_shown_to_nobody_and_all_of_it_is_counted(book):
    """What the leak screen must drop: questions of dev and test, and the numbers of answers."""
    shown = {p.chunk.document.rpartition(":")[0] for own in passages(book).values() for p in own}
    folder = "builtin:open-book/documents"
    assert shown == {f"{folder}/{kind}.jsonl" for kind in ("records", "notices", "rumours")}
    report = read_json(book / RUN / "retrieve/report.json")
    assert report["leaking_chunks"] == sum("기출" in t for t in documents("commentary").values())
    lines = (book / RUN / "retrieve/dropped.jsonl").read_text("utf-8").splitlines()
    reasons = {json.loads(line)["reason"] for line in lines}
    assert reasons == {"holds_an_evaluated_question", "states_an_answer"}


def script(problems: list[Problem]) -> list[dict]:
    """A policy that is right half the time, and with a document of the village answers as that says."""
    entries = []
    for problem in problems:
        for kind in ("records", "rumours"):
            text = document_of(problem, kind)
            if number := look_up(problem, text):
                said = f"고른 답: {problem.choices[number - 1]}\n정답: {number}"
                entries.append({"contains": [problem.question, text], "texts": [said]})
        said = [f"고른 답: {c}\n정답: {n}" for n, c in enumerate(problem.choices, start=1)]
        right = said[int(problem.answers[0]) - 1]
        entries.append({"contains": [problem.question], "texts": [*said, right, right]})
    return [*entries, {"texts": ["모른다."]}]


def test_uplift_calls_exactly_the_records_gold_and_exactly_the_rumours_poison(book):
    asked = prepared(book, "train")[:ASKED]
    (book / "script.yaml").write_text(yaml.safe_dump(script(asked), allow_unicode=True), "utf-8")
    koalign("run", *SETTINGS, *LIMITS, cwd=book, code=0)
    by_id = {problem.id: problem for problem in asked}
    found: dict[str, set[str]] = {"gold": set(), "poison": set()}
    planted: dict[str, set[str]] = {"gold": set(), "poison": set()}
    for one in read_jsonl(book / RUN / "passages/passages.jsonl", ScreenedPassage):
        problem, text = by_id[one.passage.problem_id], one.passage.chunk.text
        key = f"{village_of(problem)}: {problem.question} {text}"
        if one.verdict in found:
            found[one.verdict].add(key)
        if text == document_of(problem, "records"):
            planted["gold"].add(key)
        if text == document_of(problem, "rumours"):
            planted["poison"].add(key)
    assert found == planted
    assert len(planted["gold"]) == ASKED and planted["poison"]
