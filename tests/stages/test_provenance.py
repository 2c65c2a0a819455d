"""Where a result comes from: koalign's own commit, without a look into the user's folder."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.command import RUN, koalign

from koalign.jsonl import read_json
from koalign.provenance import git_commit


def git(*words: str) -> str:
    done = subprocess.run(["git", *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(folder: Path) -> Path:
    """A repository of one commit in the working directory."""
    git("init", "-q")
    Path("a.txt").write_text("가", encoding="utf-8")
    git("add", "a.txt")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "a")
    return folder


def test_no_command_that_a_strangers_repository_names_is_run(repository, scripted):
    for key in ("core.fsmonitor", "core.pager", "diff.external"):
        git("config", key, f"sh -c 'touch {repository}/ran'")
    koalign("sft", code=0)
    assert not Path("ran").exists()


def test_the_manifest_never_holds_the_commit_of_the_users_folder(repository, scripted):
    koalign("sft", code=0)
    commit = read_json(RUN / "sft" / "manifest.json")["git"]
    assert commit == git_commit() != git("describe", "--always")


def test_the_commit_of_a_checkout_says_whether_it_was_changed(repository):
    assert git_commit(repository) == git("describe", "--always")
    Path("a.txt").write_text("나", encoding="utf-8")
    assert git_commit(repository) == git("describe", "--always") + "-dirty"


def test_an_installed_koalign_has_no_commit_whatever_folder_it_is_below(repository):
    below = repository / "lib"
    below.mkdir()
    assert git_commit(below) is None
    shutil.rmtree(repository / ".git")
    assert git_commit(repository) is None
