"""hashing: files and folders -> hashes of their content; those of large files are remembered."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from koalign.data.formats.files import contents
from koalign.data.formats.streams import BLOCK, Data, opened
from koalign.jsonl import read_json, write_json
from koalign.locking import refuse_pipe
from koalign.records import KoalignError, content_hash
from koalign.retrieval.documents import corpus_files

PLAN = "plan.json"
MANIFEST = "manifest.json"
WORK = "unfinished"
"""Sub-folder of a stage for what only its own continuation needs; not an output."""
BACKEND = "backend"
"""File in it: what `engine.backend: auto` stood for when the folder was begun."""
BEFORE = "before"
"""Folder in it: the whole stage that stood there, until --force has made it again."""
LARGE = 1 << 26
"""Bytes from which a hash is remembered: to read them again takes long."""
AT_REST_NS = 60 * 10**9
"""For so long nobody may have changed a file before its hash is remembered. Another write within a tick of
the clock, or through a map in memory (mmap) until the kernel has written its pages, leaves the times as
they are; Linux writes pages within about half a minute."""
MOST = 1000
"""Large files that are remembered."""
MODELS = ("model.path", "engine.vllm.weights", "corpus.embedding")
"""Config keys that name a model: a folder, or what has none, such as a hub id."""
_OF_A_MODEL = {".safetensors", ".json", ".jinja", ".model", ".txt", ".py"}
MEMORY = Path(".cache/koalign/hashes.json")
"""Below the home folder: nothing in a copied run can say what a file holds."""


def hash_path(path: Path) -> str:
    """SHA-256 (16 hex digits) of a file's bytes, or of the names and bytes below a folder.

    Of a folder what koalign reads: a `README.md` may be written on. Raises KoalignError for a pipe.
    """
    refuse_pipe(path)
    if path.is_dir():
        return content_hash(hash_files(path))
    return remembered(path, "sha256", lambda: _sha256(path)[:16])


def hash_source(path: Path) -> str:
    """SHA-256 (16 hex digits) of a file's bytes, or of all that koalign reads below a folder.

    The names of files count as far as they may name a split, and not where the folder lies.
    """
    if not path.is_dir():
        return hash_path(path)
    return content_hash([(name, _sha256(data)) for _, name, data in contents(path)])


def hash_corpus(path: Path) -> str:
    """SHA-256 (16 hex digits) of a file's bytes, or of the names and bytes of a corpus' files."""
    if not path.is_dir():
        return hash_path(path)
    return content_hash(
        [(file.relative_to(path).as_posix(), hash_path(file)) for file in corpus_files(path)]
    )


def hash_model(folder: Path) -> str:
    """Hash (16 hex digits) of what a model is loaded from: weights, settings, tokenizer and its own code.

    Folders within are others' files, such as the same weights in another format.
    """
    files = (path for path in folder.iterdir() if path.suffix in _OF_A_MODEL and path.is_file())
    return content_hash({path.name: hash_path(path) for path in files})


def hashes_of(inputs: Mapping[str, Path]) -> dict[str, str]:
    """The hash of each input of a stage: `stage/file` of a run, or a config key that names others."""
    hashes: dict[str, str] = {}
    for name, path in inputs.items():
        if "/" in name:
            hashes[name] = hash_path(path)
        elif name in MODELS:
            hashes[name] = hash_model(path)
        else:
            hashes[name] = hash_corpus(path) if name.startswith("corpus.") else hash_source(path)
    return hashes


def hash_files(folder: Path) -> dict[str, str]:
    """The hash of each file of a stage or below one, by its path in the folder.

    A page for people may be written on and makes nothing stale. A part is of a file that is being written.
    """
    ours = {PLAN, MANIFEST}
    return {
        path.relative_to(folder).as_posix(): hash_path(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name != "README.md"
        and path.suffix != ".part"
        and path.relative_to(folder).parts[0] != WORK
        and path.relative_to(folder).as_posix() not in ours
    }


def remembered(path: Path, what: str, compute: Callable[[], str]) -> str:
    """What was computed of a file; of a large one as it was the last time, if nobody wrote to it since.

    That is so while its device, inode, size and times are the same, and it was at rest when it was read.
    """
    stat = path.stat()
    if stat.st_size < LARGE or time.time_ns() - stat.st_ctime_ns < AT_REST_NS:
        return compute()
    state = stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
    key = " ".join([what, *map(str, state)])
    known = _memory()
    if key not in known:
        known[key] = compute()
        _keep(known)
    return known[key]


def _sha256(data: Data) -> str:
    digest = hashlib.sha256()
    with opened(data) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


@cache
def _memory() -> dict[str, str]:
    try:
        known = read_json(Path.home() / MEMORY)
    except (KoalignError, OSError, RuntimeError):  # none yet, damaged, or no home
        return {}
    return known if isinstance(known, dict) else {}


def _keep(known: dict[str, str]) -> None:
    try:
        path = Path.home() / MEMORY
        write_json(path, dict(list(known.items())[-MOST:]))
    except (OSError, RuntimeError):  # the next command computes it again
        return
