"""Hashes of large files are remembered, and no other content ever has a remembered one."""

import mmap
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from koalign import hashing
from koalign.hashing import hash_path


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file that counts as large, and a home folder for what is remembered."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(hashing, "LARGE", 1)
    hashing._memory.cache_clear()
    path = tmp_path / "weights"
    path.write_bytes(b"a" * mmap.PAGESIZE)
    yield path
    hashing._memory.cache_clear()


def test_a_hash_of_a_file_at_rest_is_computed_once(large, monkeypatch):
    monkeypatch.setattr(hashing, "AT_REST_NS", 0)
    first = hash_path(large)
    monkeypatch.setattr(hashing, "_sha256", lambda _: pytest.fail("is computed again"))
    assert hash_path(large) == first
    hashing._memory.cache_clear()  # as in the next command
    assert hash_path(large) == first


def test_a_store_through_an_open_map_that_leaves_the_times_has_another_hash(large):
    with large.open("r+b") as file, mmap.mmap(file.fileno(), 0) as stored:
        stored[0] = ord("b")
        first, before = hash_path(large), os.stat(large)
        stored[1] = ord("b")
        after = os.stat(large)
        assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
        assert hash_path(large) != first


def test_a_file_of_the_same_size_whose_time_is_put_back_has_another_hash(large, monkeypatch):
    monkeypatch.setattr(hashing, "AT_REST_NS", 0)
    first, before = hash_path(large), os.stat(large)
    time.sleep(0.02)  # the next tick of the clock
    large.write_bytes(b"b" * mmap.PAGESIZE)
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert os.stat(large).st_ino == before.st_ino
    assert hash_path(large) != first
