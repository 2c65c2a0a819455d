"""Folders in which stages are tested."""

from pathlib import Path

import pytest
from support.corpora import with_a_corpus
from support.distilling import with_a_policy_that_reasons
from support.judging import with_long_answers


@pytest.fixture
def ready(scripted: Path) -> Path:
    """As `scripted`, with a policy that writes a reasoning before its answer."""
    return with_a_policy_that_reasons(scripted)


@pytest.fixture
def corpus(scripted: Path) -> Path:
    """As `scripted`, with documents that answer, mislead or do neither."""
    return with_a_corpus(scripted)


@pytest.fixture
def questions(scripted: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `scripted`, on questions with long answers, with a model that writes answers of four grades."""
    return with_long_answers(scripted, monkeypatch)
