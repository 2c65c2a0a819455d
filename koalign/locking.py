"""locking: folders and files for one process at a time, and no link that leads out of a run."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from koalign.records import KoalignError

BUSY = (errno.EWOULDBLOCK, errno.EACCES)
"""What flock says where another process holds the lock; any other error is of the file system."""
LOCK = ".lock"
TRIES = 10
"""To make a folder that other processes remove."""


@contextmanager
def locked(run_dir: Path, *, shared: bool = False, wait: bool = False) -> Iterator[None]:
    """Hold the run folder; a second process is refused, and a killed one holds it no longer.

    `shared`: beside others that share it. `wait`: until it is free, and not refused. A run folder that was
    made for this and stayed empty is removed.

    Raises KoalignError too for a folder that cannot be written or locked, and for a link in it that leads
    out of the run: a copied run must not make koalign write over other files.
    """
    if run_dir.exists() and not run_dir.is_dir():
        raise KoalignError(f"--run-dir: {run_dir} is a file, not a folder")
    new = [path for path in (run_dir, *run_dir.parents) if not path.exists()]
    while True:
        try:
            lock = _lock_file(run_dir)
        except OSError as error:
            raise KoalignError(f"{run_dir}: cannot be written ({error.strerror})") from None
        try:
            if _is_locked(run_dir, lock, shared=shared, wait=wait):
                try:
                    yield
                finally:
                    _remove_unused(new, lock)
                return
        finally:
            os.close(lock)


def _remove_unused(new: Sequence[Path], lock: int) -> None:
    """Remove folders, the innermost first, where nothing but the lock is in them and nobody shares it."""
    with suppress(OSError):  # another process holds it, or has written there
        if new and os.listdir(new[0]) == [LOCK]:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            (new[0] / LOCK).unlink()
            for folder in new:
                folder.rmdir()


def _lock_file(run_dir: Path) -> int:
    """The lock of a folder, which is made where it is not there."""
    tries = 0
    while True:
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            refuse_links(run_dir)
            return os.open(run_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        except FileNotFoundError:  # a process whose work is done has removed the folder meanwhile
            tries += 1
            if tries == TRIES:
                raise


def _is_locked(run_dir: Path, lock: int, *, shared: bool, wait: bool) -> bool:
    """Lock the open file; False where that is no longer the lock of the folder."""
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(lock, kind if wait else kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in BUSY:
            raise KoalignError(
                f"{run_dir}: another koalign is at work in this run folder"
            ) from None
        raise KoalignError(
            f"{run_dir}: this file system cannot lock files ({error.strerror}); "
            "take a --run-dir on a local disk"
        ) from None
    return os.fstat(lock).st_nlink > 0


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder that a user names for an output; made where it is not there, and no file is left in it.

    Raises KoalignError for one that another process holds. A file system that locks no folders, such as
    NFS, holds nothing.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # renamed by the process that had it
            continue
        try:
            if not try_lock(lock):
                raise KoalignError(f"{folder}: another koalign is at work there")
            if is_named(lock, folder):
                yield
                return
        finally:
            os.close(lock)


@contextmanager
def begun(out: Path) -> Iterator[Path]:
    """An empty folder beside `out` to fill, which takes its name in the end.

    Raises KoalignError if `out` is there, and where another process is making it.
    """
    refuse_folder(out)
    new = out.with_name(out.name + ".part")
    with alone(new):
        refuse_folder(out)  # another process has made it meanwhile
        empty(new)
        yield new
        new.rename(out)


def refuse_folder(out: Path) -> None:
    """Raises KoalignError for a folder that is there."""
    if out.exists():
        raise KoalignError(
            f"{out} is there already, and nothing is written over; take another name"
        )


def empty(folder: Path) -> None:
    """Remove what a killed process has left in a folder; raises KoalignError for a link to another."""
    if folder.is_symlink():
        raise KoalignError(
            f"{folder}: a link to {os.readlink(folder)}; remove it, or take another name"
        )
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def discard(folder: Path) -> None:
    """Remove a folder under another name: a kill leaves no half of it under its own."""
    shutil.rmtree(aside(folder))


def aside(folder: Path) -> Path:
    """Give a folder that is to be removed the other name; returns it."""
    other = doomed(folder)
    shutil.rmtree(other, ignore_errors=True)
    return folder.rename(other)


def doomed(folder: Path) -> Path:
    """The name of a folder while it is removed."""
    return folder.with_name(f".{folder.name}.part")


def try_lock(file: int, *, without: bool = True) -> bool:
    """Lock an open file until it is closed; False: another process has.

    `without`: what is returned where the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return without and error.errno not in BUSY
    return True


def is_named(file: int, path: Path) -> bool:
    """Whether an open file or folder is the one of that name now."""
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def refuse_renamed(file: int, path: Path) -> None:
    """Raises KoalignError where an open file is no longer the one of that name."""
    if not is_named(file, path):
        raise KoalignError(
            f"{path}: moved or removed while it was written; put it back and repeat the command"
        )


@contextmanager
def held(folder: Path) -> Iterator[int]:
    """A folder that is open: as long as it is, no new one gets its number, though it be removed."""
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield file
    finally:
        os.close(file)


def refuse_moved(folder: Path, began: int) -> None:
    """Raises KoalignError where a folder is no longer the open one in which the work began.

    What was written after that is in a new folder of the old name.
    """
    if not is_named(began, folder):
        raise KoalignError(
            f"{folder}: moved or removed while it was written; what stands there now is not whole: remove "
            "it, and put the folder back"
        )


def refuse_links(folder: Path) -> None:
    """Raises KoalignError for a link below a folder that leads out of it, and for a pipe or a device."""
    inside = folder.resolve()
    for here, folders, files in os.walk(folder):
        for path in (Path(here, name) for name in (*folders, *files)):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(inside):
                raise KoalignError(
                    f"{path}: a link to {os.readlink(path)}, which is outside {folder}; "
                    "put the file itself there, or remove the link"
                )
            refuse_pipe(path)


def refuse_pipe(path: Path) -> None:
    """Raises KoalignError for a pipe or a device, which may never end."""
    try:
        mode = path.stat().st_mode
    except OSError:  # not there, or gone meanwhile
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise KoalignError(f"{path}: no plain file; put the file itself there")
