"""Inputs that are written and folders that are moved while a command reads: refused, and never half of each."""

import json
import shutil
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.problems import problem

from koalign.answering.passages import PassageFinder
from koalign.config.files import load_config
from koalign.hashing import MANIFEST, PLAN
from koalign.jsonl import JsonlAppender, read_json, read_jsonl, write_json
from koalign.manifests import read_manifest, unchanged
from koalign.records import KoalignError, Problem
from koalign.retrieval.lexical import LexicalIndex
from koalign.stages import prepare
from koalign.tracking.events import EventLog


@pytest.fixture
def when_begun(monkeypatch):
    """Does something once: behind the hashes of the inputs, and before a stage reads them."""

    def hook(action):
        append = EventLog.append

        def appended(log, kind, *rest, **more):
            append(log, kind, *rest, **more)
            if kind == "begun":
                monkeypatch.setattr(EventLog, "append", append)
                action()

        monkeypatch.setattr(EventLog, "append", appended)

    return hook


def test_data_that_is_written_while_prepare_reads_it_makes_no_stage(scripted, when_begun):
    def write():
        with Path("train.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(problem(50), ensure_ascii=False) + "\n")

    when_begun(write)
    said = koalign("prepare", code=2).stderr
    assert "data.train.0: train.jsonl was written while `koalign prepare` read it" in said
    assert not (RUN / "prepare" / MANIFEST).exists()
    koalign("prepare", "--force", code=0)
    assert len(read_jsonl(RUN / "prepare" / "train.jsonl", Problem)) == 25


@pytest.mark.parametrize("removed", [False, True])
def test_a_run_that_is_moved_while_a_stage_is_made_is_not_taken_for_whole(
    scripted, monkeypatch, removed
):
    write_jsonl, moved = prepare.write_jsonl, Path("moved")

    def written(path, records):
        if path.name == "hints.jsonl":
            shutil.rmtree(RUN) if removed else RUN.rename(moved)
        return write_jsonl(path, records)

    monkeypatch.setattr(prepare, "write_jsonl", written)
    said = koalign("prepare", code=2).stderr
    assert "prepare: moved or removed while it was written" in said
    assert read_manifest(RUN / "prepare") is None
    assert not moved.exists() or not (moved / "prepare" / MANIFEST).exists()


@pytest.mark.parametrize("removed", [False, True])
def test_a_file_of_answers_that_is_moved_while_it_is_written_is_named(ran, monkeypatch, removed):
    answers, moved = Path("answers.jsonl"), Path("moved.jsonl")
    append = JsonlAppender.append

    def appended(file, records):
        append(file, records)
        if answers.exists():
            answers.unlink() if removed else answers.rename(moved)

    monkeypatch.setattr(JsonlAppender, "append", appended)
    said = koalign("solve", "test.jsonl", "-o", str(answers), code=2).stderr
    assert "answers.jsonl: moved or removed while it was written" in said
    if not removed:
        monkeypatch.setattr(JsonlAppender, "append", append)
        moved.rename(answers)
        koalign("solve", "test.jsonl", "-o", str(answers), code=0)
        assert len(answers.read_text("utf-8").splitlines()) == 16


def test_a_stage_that_is_made_again_between_two_files_of_it_is_refused(ran):
    with (
        pytest.raises(KoalignError, match="dpo: is made again while this command reads it"),
        unchanged(RUN, "sft", "dpo"),
    ):
        made = read_json(RUN / "dpo" / MANIFEST)
        made.pop("seal")
        write_json(RUN / "dpo" / MANIFEST, made | {"seconds": 99.0})
    with (
        pytest.raises(KoalignError, match="sft: is made again while this command reads it"),
        unchanged(RUN, "sft"),
    ):
        (RUN / "sft" / MANIFEST).unlink()


@pytest.fixture
def asked(request, folder):
    """A finder for a problem of the run and for another one."""
    pytest.importorskip("tantivy")
    shutil.copytree(request.getfixturevalue("retrieved"), folder, dirs_exist_ok=True)
    config = load_config([], ["solve.passages=2"])
    other = Problem(question="다른 사람이 사는 고을은?", choices=("가", "나"), answers=(1,))
    own = read_jsonl(RUN / "prepare" / "test.jsonl", Problem)[0]
    with PassageFinder(config, RUN) as finder:
        yield finder, own, other


def remake() -> None:
    """`koalign index --force` of other documents, as far as it goes before its manifest."""
    shutil.rmtree(RUN / "index")
    (RUN / "index").mkdir()
    (RUN / "index" / PLAN).write_text("{}", "utf-8")


def test_passages_of_an_index_that_is_made_again_stay_those_of_the_open_one(asked):
    finder, own, other = asked
    before = finder.open().passages(own), finder.passages(other)
    remake()
    assert (finder.passages(own), finder.passages(other)) == before


def test_an_index_that_is_made_again_is_not_searched_beside_passages_of_the_old(asked):
    finder, own, other = asked
    assert finder.passages(own)
    remake()
    with pytest.raises(KoalignError, match="index"):
        finder.passages(other)
    koalign("index", "--force", "-s", "corpus.characters=60", code=0)
    with pytest.raises(KoalignError, match="index: is made again while this command reads it"):
        finder.passages(other)


def test_an_index_that_is_made_again_while_it_is_opened_is_not_searched(asked, monkeypatch):
    finder, _, other = asked
    opened = LexicalIndex.__init__

    def then_remade(index, folder):
        opened(index, folder)
        chunks = RUN / "index" / "chunks.jsonl"
        lines = chunks.read_bytes().splitlines(keepends=True)
        remake()
        chunks.write_bytes(b"".join(reversed(lines)))

    monkeypatch.setattr(LexicalIndex, "__init__", then_remade)
    with pytest.raises(KoalignError, match="index: is made again while this command reads it"):
        finder.passages(other)


def test_comparing_a_run_that_is_evaluated_again_is_refused(ran, monkeypatch):
    import koalign.evaluation.comparability as comparability

    read = comparability.read_evaluation

    def then_remade(folder):
        evaluation = read(folder)
        (RUN / "evaluate" / MANIFEST).unlink(missing_ok=True)
        return evaluation

    monkeypatch.setattr(comparability, "read_evaluation", then_remade)
    assert "evaluate: is made again" in koalign("compare", str(RUN), code=2).stderr


def test_a_run_that_is_moved_between_two_stages_does_not_go_on_in_another_of_its_name(
    ran, monkeypatch
):
    end = EventLog.end

    def then_moved(log, made):
        end(log, made)
        if made.stage == "samples":
            shutil.copytree(RUN, "other")
            RUN.rename("moved")
            Path("other").rename(RUN)

    monkeypatch.setattr(EventLog, "end", then_moved)
    said = koalign("dpo-pairs", "--force", "-s", "sample.n=6", code=2).stderr
    assert f"{RUN}: moved or removed while it was written" in said
    for name in (MANIFEST, "pairs.jsonl"):
        assert (RUN / "pairs" / name).read_bytes() == Path("moved/pairs", name).read_bytes()
