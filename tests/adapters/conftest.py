"""A run of two rounds, made once and copied for each test."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def two_rounds_run(tmp_path_factory) -> Path:
    from support.adapter_folders import two_rounds

    return two_rounds(tmp_path_factory.mktemp("two-rounds"))


@pytest.fixture
def there(two_rounds_run, tmp_path, monkeypatch) -> Path:
    shutil.copytree(two_rounds_run, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
