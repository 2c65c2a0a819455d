"""A run folder that somebody else copied here writes nothing outside of itself."""

import errno
import fcntl
import os
from pathlib import Path

import pytest
from support.command import RUN, koalign

from koalign.jsonl import write_atomically


@pytest.fixture
def outside(tmp_path_factory) -> Path:
    """A folder of somebody's files."""
    folder = tmp_path_factory.mktemp("outside")
    for name in ("a.txt", "checkpoint-1"):
        (folder / name).write_text("mine", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "target"),
    [
        (".lock", "a.txt"), ("sft/plan.json.part", "a.txt"), ("sft/manifest.json", "a.txt"),
        ("sft/unfinished", "."), ("sft/adapter/koalign.json", "a.txt"), ("dpo", "."),
        (".lock", "new.txt"), ("sft/plan.json.part", "new.txt"), ("prepare/train.jsonl", "a.txt"),
        ("seed-1", "."),
    ],
)  # fmt: skip
def test_a_link_out_of_the_run_is_refused_and_its_target_stays(scripted, outside, name, target):
    koalign("sft", code=0)
    link = RUN / name
    if link.is_file():
        link.unlink()
    link.symlink_to(os.path.relpath(outside / target, link.parent))
    before = {path: path.read_bytes() for path in outside.iterdir()}
    for command in (["sft", "--force"], ["run"], ["run", "--seeds", "2"]):
        refused = koalign(*command, code=2).stderr
        assert "link to" in refused and refused.count("\n") == 1
    assert {path: path.read_bytes() for path in outside.iterdir()} == before


@pytest.mark.parametrize("name", ["events.jsonl", "sft/manifest.json"])
def test_a_pipe_in_a_run_is_one_line_that_names_it(scripted, name):
    koalign("sft", code=0)
    (RUN / name).unlink()
    os.mkfifo(RUN / name)
    refused = koalign("dpo-pairs", code=2).stderr
    assert f"{RUN / name}: no plain file" in refused and refused.count("\n") == 1


def test_an_evaluation_goes_through_no_link_out_of_the_run(scripted, outside):
    koalign("sft", code=0)
    (RUN / "evaluations").symlink_to(outside)
    refused = koalign("benchmark", "direct", "--mode", "generate", code=2).stderr
    assert "a link to" in refused and sorted(p.name for p in outside.iterdir()) == [
        "a.txt",
        "checkpoint-1",
    ]


def test_an_adapter_of_a_copied_run_is_not_read_through_a_link(scripted, outside):
    koalign("sft", code=0)
    card = RUN / "sft/adapter/koalign.json"
    (outside / "koalign.json").write_bytes(card.read_bytes())
    card.unlink()
    card.symlink_to(outside / "koalign.json")
    for command in (
        ["adapters", "show", "sft"],
        ["solve", "test.jsonl", "-o", "a.jsonl", "--adapters", "sft"],
    ):
        assert "a link to" in koalign(*command, code=2).stderr


def test_a_run_behind_a_link_and_links_inside_of_it_are_fine(scripted, outside):
    Path("runs").symlink_to(outside)
    koalign("sft", code=0)
    (RUN / "sft" / "latest").symlink_to("adapter")
    koalign("dpo-pairs", code=0)


def test_the_part_of_a_file_is_never_written_through_a_link(tmp_path, outside):
    (tmp_path / "x.json.part").symlink_to(outside / "a.txt")
    write_atomically(tmp_path / "x.json", "new")
    assert (tmp_path / "x.json").read_text() == "new"
    assert (outside / "a.txt").read_text() == "mine"


def test_a_file_system_without_locks_is_no_second_koalign(scripted, monkeypatch):
    def no_lock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_lock)
    refused = koalign("sft", code=2).stderr
    assert "cannot lock files (No locks available)" in refused and "another" not in refused


@pytest.mark.parametrize("place", ["/proc/run", "koalign.yaml/run"])
def test_a_run_dir_that_cannot_be_made_is_one_line(scripted, place):
    refused = koalign("sft", "--run-dir", place, code=2).stderr
    assert "cannot be written" in refused and refused.count("\n") == 1
