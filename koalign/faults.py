"""faults: an exception that the machine caused -> one line: disk, permissions or memory, and the remedy."""

from __future__ import annotations

import errno
import os
import re

REMEDIES = {
    errno.ENOSPC: "free some space; the same command goes on from here",
    errno.EDQUOT: "free some space; the same command goes on from here",
    errno.EFBIG: "the file system or a limit of the shell (ulimit -f) takes no larger file",
    errno.EROFS: "take a folder that can be written",
    errno.EACCES: "change its permissions, or take another folder",
    errno.EPERM: "change its permissions, or take another folder",
    errno.EMFILE: "raise the number of open files (ulimit -n)",
    errno.EIO: "check the disk; the same command goes on from here",
    errno.ELOOP: "it is a link that leads to itself; remove it",
    errno.EISDIR: "a file belongs there; move the folder away",
    errno.ENOTDIR: "a folder belongs there; move the file away",
}
MEMORY = re.compile(
    r"CUDA out of memory|can't allocate memory|not enough memory|failed to map segment", re.I
)
"""What torch says where memory is short: on a GPU, on a CPU, and while it is imported."""
MORE_MEMORY = (
    "out of memory; lower training.row_tokens, probe.batch_size or engine.batch_size, which change no "
    "result; the same command goes on from here"
)
OS_ERROR = re.compile(r"os error (\d+)")
"""In the errors of safetensors and tokenizers, which are written in Rust."""
LINKS = re.compile(r"Symlink loop from ")
"""What pathlib says in a RuntimeError of a link that leads to itself."""
TORCH_WRITER = re.compile(r"PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+")
"""What torch says where less was written than it gave, without the reason."""


def machine_fault(error: BaseException) -> str | None:
    """What to tell the user; none where the machine is not at fault."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError):
        return _of_number(error.errno, str(error.filename or ""), error.strerror or text)
    if isinstance(error, MemoryError) or MEMORY.search(text):
        return MORE_MEMORY
    if number := OS_ERROR.search(text):
        return _of_number(int(number[1]), "", os.strerror(int(number[1])))
    if LINKS.match(text):
        return f"{text}; remove that link"
    if TORCH_WRITER.search(text):
        return _of_number(errno.ENOSPC, "", "a checkpoint cannot be written: is the disk full?")
    return None


def _of_number(number: int | None, place: str, reason: str) -> str:
    parts = [part for part in (place, reason) if part]
    remedy = REMEDIES.get(number) if number is not None else None
    return ": ".join(parts) + (f"; {remedy}" if remedy else "")
