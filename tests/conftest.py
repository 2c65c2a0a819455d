"""Shared fixtures: small problem files, a script that plays a model, and the koalign command."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from support.command import koalign
from support.documents import with_passages
from support.project import set_up

os.environ.setdefault("HF_HUB_OFFLINE", "1")
settings.register_profile("all", max_examples=50, deadline=None, database=None, derandomize=True)
settings.register_profile("fast", settings.get_profile("all"), max_examples=10)
EXAMPLES = "KOALIGN_RANDOM_EXAMPLES"
FAST = "not slow"
WHOLE_FILE = r"^pytestmark = \[?\s*pytest\.mark\.(slow|gpu)(?=[],]|$)"
"""No condition behind the mark: a file that may hold a fast test is collected."""


def pytest_configure(config: pytest.Config) -> None:
    """`make fast` tries ten inputs of a property, `make test` fifty, the same in each run; `make random` new ones.

    A build is then red by its change and not by chance.
    """
    settings.load_profile("fast" if config.option.markexpr == FAST else "all")
    if examples := os.environ.get(EXAMPLES):
        settings.register_profile(
            "random", settings.get_profile("all"), derandomize=False, max_examples=int(examples)
        )
        settings.load_profile("random")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Left out, not skipped: GPU tests where there is none, and slow files where slow tests are not run.

    What is not collected does not import torch, which costs each worker ten seconds or more.
    """
    if collection_path.suffix != ".py":
        return None
    mark = re.search(WHOLE_FILE, collection_path.read_text("utf-8"), re.M)
    if not mark:
        return None
    if FAST in config.option.markexpr:
        return True
    import torch

    return (mark[1] == "gpu" and not torch.cuda.is_available()) or None


LONGEST = [
    f"test_{name}.py"
    for name in [
        "readme",
        "kill",
        "hint_training",
        "lm_eval_agreement",
        "engines",
        "process_stops",
        "processes",
        "probe",
        "endpoint",
        "guarded_training",
        "masked_stack",
        "benchmark",
    ]
]
"""Files in the order of what they take, the longest first: minutes each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin first, so that two workers end together."""
    items.sort(
        key=lambda item: (
            LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)
        )
    )


@pytest.fixture(scope="session", autouse=True)
def no_fsync() -> Iterator[None]:
    """No test cuts the power; a killed process loses nothing that the system has."""
    with mock.patch.object(os, "fsync"):
        yield


@pytest.fixture(scope="session", autouse=True)
def no_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's list of allowed servers is left alone: `allow` of `support.servers` writes another."""
    home = str(tmp_path_factory.mktemp("config"))
    with mock.patch.dict(os.environ, {"XDG_CONFIG_HOME": home}):
        yield


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    """Of the built-in base."""
    from support.training import MODEL

    from koalign.adapters.base import load_tokenizer

    return load_tokenizer(MODEL)


@pytest.fixture(scope="session")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of rank 8 on the built-in base to train on top of; a test that changes it changes a copy."""
    from support.training import trained_adapter

    return trained_adapter(tmp_path_factory.mktemp("sft") / "adapter", rank=8, seed=3)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests of a file, because some thousand folders take longer to make than to read."""
    return tmp_path_factory.mktemp("corrupt")


@pytest.fixture
def scripted(folder: Path) -> Path:
    """A folder with a koalign.yaml, forty problems, hints, and a script instead of a model.

    The script answers alone at random; with the hint that names the place it is always right.
    """
    return set_up(folder)


@pytest.fixture(scope="session")
def scripted_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = set_up(tmp_path_factory.mktemp("scripted"))
    done = koalign("run", cwd=made)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="session")
def retrieved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose run has a policy, an index and passages; its tests need tantivy."""
    return with_passages(tmp_path_factory.mktemp("retrieved"))


@pytest.fixture
def ran(folder: Path, scripted_run: Path) -> Path:
    """As `scripted`, after `koalign run`."""
    shutil.copytree(scripted_run, folder, dirs_exist_ok=True)
    return folder
