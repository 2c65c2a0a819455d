"""Results name a problem by its own id and its text beside koalign's hash."""

import csv
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.problems import problem, write_lines

from koalign.evaluation.compared import Flip
from koalign.jsonl import iter_json_lines, read_json
from koalign.reports.comparison import _flip_row


@pytest.fixture
def evaluated(ran) -> Path:
    """An evaluation of sixteen dev problems that have ids of their own."""
    rows = [problem(n, key=f"q-{n}", split="dev") for n in range(200, 216)]
    write_lines(Path("keyed.jsonl"), rows)
    koalign(
        "benchmark", "direct", "--data", "keyed.jsonl", "--split", "dev", "--adapters", "base",
        "--out", "made", code=0,
    )  # fmt: skip
    return Path("made")


def test_predictions_and_their_table_hold_key_and_question(evaluated):
    lines = [value for _, value in iter_json_lines(evaluated / "predictions.jsonl")]
    assert [line["key"] for line in lines] == [f"q-{n}" for n in range(200, 216)]
    assert lines[0]["question"] == "200번 사람이 사는 곳은?"
    with (evaluated / "predictions.csv").open(encoding="utf-8-sig", newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["id"], first["key"], first["question"]) == (
        lines[0]["id"], "q-200", lines[0]["question"]
    )  # fmt: skip


def test_mined_mistakes_hold_key_and_question(evaluated):
    done = koalign("mine", "made", "-o", "mined.jsonl", "--problems", "keyed.jsonl", code=0)
    clusters = read_json(Path("mined.clusters.json"))["clusters"]
    assert {m["key"][:2] for cluster in clusters for m in cluster["mistakes"]} == {"q-"}
    medoid = clusters[0]["medoid"]
    assert f"{medoid['key']}: " in done.stdout


def test_a_flip_is_shown_with_all_three():
    flip = Flip(
        a="a", b="b", id="0f3a", key="q-7", question="수도는?", subject="", flip="won", answer_a="1",
        answer_b=None, gold=("1",), score_a=1.0, score_b=0.0,
    )  # fmt: skip
    assert _flip_row(flip)[0] == "q-7: 수도는? (0f3a)"


def test_what_is_dropped_keeps_its_own_id(scripted):
    rows = [*(problem(n, key=f"q-{n}") for n in range(12)), {"key": "q-13", "question": "?"}]
    rows.append({**problem(3), "key": "again"})
    write_lines(
        Path("train.jsonl"), [*rows, {"id": "q-14", "question": "", "choices": ["가", "나"]}]
    )
    done = koalign("prepare", "-s", "data.hints=null", code=0)
    drops = [value for _, value in iter_json_lines(RUN / "prepare" / "dropped.jsonl")]
    assert {drop["key"] for drop in drops} >= {"again", "q-14"}
    reasons = {drop["reason"] for drop in drops}
    for first in (next(drop for drop in drops if drop["reason"] == reason) for reason in reasons):
        place = f"{first['reason']}, the first: {first['place']}, "
        assert place in done.stdout, "a person finds the row without opening a file"
