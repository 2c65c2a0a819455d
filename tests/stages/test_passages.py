"""koalign passages: with a script in which only one passage answers, exactly it is gold."""

import shutil
from pathlib import Path
from random import Random

import pytest
from support.command import RUN, koalign
from support.kills import kill_when, lines_in

from koalign.jsonl import read_json, read_jsonl
from koalign.records import Problem
from koalign.reports.passages import conclusion
from koalign.retrieval.records import Passage, ScreenedPassage

pytest.importorskip("tantivy")


def test_exactly_the_passage_that_answers_is_gold_and_the_planted_one_poison(corpus):
    done = koalign("run", "-s", "controls=off", code=0)
    found = read_jsonl(corpus / RUN / "passages/passages.jsonl", ScreenedPassage)
    train = read_jsonl(corpus / RUN / "prepare/train.jsonl", Problem)
    questions = {problem.id: problem.question for problem in train}
    kinds: dict[str, set[str]] = {}
    for judged in found:
        person, _, kind = Path(judged.passage.chunk.document).stem.partition("-")
        if person in questions[judged.passage.problem_id]:
            kinds.setdefault(kind, set()).add(judged.verdict)
        else:
            assert judged.verdict in ("distractor", "unclear"), person
    assert kinds["기록"] == {"gold"}
    assert kinds["소문"] == {"poison"}
    assert "gold" not in kinds.get("여담", ())
    report = read_json(corpus / RUN / "passages/report.json")
    assert report["subjects"]["all"]["gold"]["value"] == 1.0
    assert set(report["subjects"]) == {"all", "인물", "고을"}
    assert "first passage" in done.stdout


def test_the_table_says_what_retrieval_does_to_each_subject(corpus):
    for command in ("sft", "dpo-pairs", "dpo", "index", "retrieve"):
        koalign(command, code=0)
    done = koalign("passages", code=0)
    assert all(word in done.stdout for word in ("first passage", "고을", "인물"))
    report = read_json(corpus / RUN / "passages/report.json")
    assert conclusion(report["subjects"]["all"]).split(";")[0] in done.stdout


def test_without_a_policy_or_passages_the_command_names_what_makes_them(corpus):
    assert "run `koalign prepare` first" in koalign("passages", code=2).stderr
    koalign("sft", code=0)
    koalign("dpo-pairs", code=0)
    koalign("dpo", code=0)
    assert "run `koalign retrieve` first" in koalign("passages", code=2).stderr


@pytest.mark.parametrize("total", [2, 3])
def test_passages_are_screened_in_parts_as_without_also_by_a_shard_without_a_batch(corpus, total):
    for command in ("sft", "dpo-pairs", "dpo", "index", "retrieve", "passages"):
        koalign(command, code=0)
    made = corpus / RUN / "passages"

    def files() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in made.glob("[!m]*.json*")}

    whole = files()
    assert {"report.json", "passages.jsonl", "bare.jsonl", "replication.jsonl"} <= whole.keys()
    shutil.rmtree(made)
    said, passes = "", 0
    while "all parts are drawn and merged" not in said:
        parts = [f"{n}/{total}" for n in range(1, total + 1)]
        said = "".join(koalign("passages", "--shard", part, code=0).stdout for part in parts)
        passes += 1
        assert passes < 6
    assert passes > 1 and files() == whole


@pytest.mark.slow
def test_passages_killed_at_random_moments_end_in_the_same_bytes(corpus):
    for command in ("sft", "dpo-pairs", "dpo", "index", "retrieve"):
        koalign(command, code=0)
    many = ("n=100", "bare_n=100", "replication_n=200")
    command = ["passages", *(part for one in many for part in ("-s", f"passages.{one}"))]
    folder = corpus / RUN / "passages"
    koalign(*command, code=0)
    whole = {path.name: path.read_bytes() for path in outputs(folder)}
    assert whole.keys() >= {"bare.jsonl", "hinted.jsonl", "replication.jsonl", "report.json"}
    shutil.rmtree(folder)
    drawn = lines_in(f"{RUN}/passages/*.jsonl")
    lines = sum(written.count(b"\n") for written in whole.values())
    for at in sorted(Random(0).sample(range(lines), 3)):
        kill_when(command, corpus, lambda at=at: drawn(corpus) > at)
        assert not (folder / "manifest.json").exists()
    koalign(*command, code=0)
    assert {path.name: path.read_bytes() for path in outputs(folder)} == whole


def outputs(folder: Path) -> list[Path]:
    """What the stage wrote, without the files that hold times."""
    return [path for path in folder.iterdir() if path.name not in ("manifest.json", "plan.json")]


def test_problems_with_passages_that_are_not_asked_are_counted(corpus):
    for command in ("sft", "dpo-pairs", "dpo", "index", "retrieve"):
        koalign(command, code=0)
    done = koalign("passages", "-s", "passages.limit=1", code=0)
    train = {problem.id for problem in read_jsonl(RUN / "prepare" / "train.jsonl", Problem)}
    found = {p.problem_id for p in read_jsonl(RUN / "retrieve" / "passages.jsonl", Passage)}
    assert "problems 1, passages 1" in done.stdout
    assert f"not_asked {len(found & train) - 1}" in done.stdout
