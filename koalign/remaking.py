"""remaking: a whole stage that --force makes anew -> set aside, and back where nothing was made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from koalign.guard import LeakError
from koalign.hashing import BEFORE, MANIFEST, PLAN, WORK, hash_path
from koalign.jsonl import read_record
from koalign.manifests import Manifest
from koalign.plans import is_stage, names_in, void_plan


def clear(folder: Path, keeps: Sequence[str] = ()) -> None:
    """Leave the kept files and a void plan, as a kill does; what a whole stage held is set aside."""
    before = folder / WORK / BEFORE
    whole = is_stage(folder) and (folder / MANIFEST).exists()
    if whole:
        shutil.rmtree(folder / WORK, ignore_errors=True)
        before.mkdir(parents=True)
        shutil.copyfile(folder / PLAN, before / PLAN)
    void_plan(folder)
    for path in sorted(folder.iterdir(), key=lambda path: path.name != MANIFEST):
        if path.name not in {*keeps, PLAN, *([WORK] if whole else [])}:
            if whole:
                path.rename(before / path.name)
            else:
                _remove(path)


@contextmanager
def restored(folder: Path, keeps: Sequence[str]) -> Iterator[None]:
    """Where the body ends in an error and made nothing, the stage that was set aside is there again.

    Not where it would learn from held-out problems: what stood there has learned from them.
    """
    try:
        yield
    except LeakError:
        raise
    except BaseException:
        before = folder / WORK / BEFORE
        if (before / MANIFEST).exists() and names_in(folder) <= {PLAN, *keeps}:
            made = read_record(before / MANIFEST, Manifest).outputs
            kept = [name for name in keeps if (folder / name).exists()]
            if all(made.get(name) == hash_path(folder / name) for name in kept):
                _put_back(before, folder, keeps)
        raise


def _put_back(before: Path, folder: Path, keeps: Sequence[str]) -> None:
    void_plan(folder)
    for path in folder.iterdir():
        if path.name not in {*keeps, PLAN, WORK}:
            _remove(path)
    last = (MANIFEST, PLAN)
    outputs = [path.name for path in before.iterdir() if path.name not in last]
    for name in (*outputs, *last):
        (before / name).replace(folder / name)
    shutil.rmtree(folder / WORK)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
