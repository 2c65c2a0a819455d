"""files: a path -> the bytes of every file below it that koalign reads, out of folders and zips."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path, PurePath, PurePosixPath

from koalign.jsonl import on_disk
from koalign.records import KoalignError
from koalign.text.korean import composed

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xlsx")
_UTF8_NAME = 0x800
"""The bit of a zip's member that says that its name is in UTF-8."""


def contents(path: Path) -> Iterator[tuple[str, str, bytes]]:
    """(path for people, the part of it that may name a split, bytes) of each file.

    A folder's files come in order of their names; hidden ones (`.ipynb_checkpoints`,
    `__MACOSX/._a.json`) are left out. Of a path from the root only the last parts may name a split:
    in `/home/kim/dev/exam`, dev says where things lie and not what they are. Raises KoalignError for
    a path that is not there, and for a file or a zip that cannot be read. Names come in NFC.
    """
    path = on_disk(path)
    if path.is_dir():
        for file in _below(path):
            inside = file.relative_to(path)
            if _is_read(inside):
                yield from _in_file(file, _written(path, 1) / inside)
    elif not path.exists():
        raise KoalignError(f"{path}: no such file")
    else:
        yield from _in_file(path, _written(path, 1 if _is_zip(path) else 2))


def of_other_kinds(path: Path) -> dict[str, str]:
    """The files of a folder that koalign cannot read, hidden ones aside, each with the reason."""
    path = on_disk(path)
    return {
        _readable(file): "needs openpyxl: pip install 'koalign[xlsx]'"
        if file.suffix.lower() == ".xlsx"
        else f"koalign does not read {file.suffix or 'files without an ending'}"
        for file in (_below(path) if path.is_dir() else ())
        if not _is_read(file)
    }


def _below(folder: Path) -> list[Path]:
    """The files below a folder in order, without hidden ones and Excel's locks.

    Links to folders are followed, once each.
    """
    paths, seen = [], set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        folders[:] = [] if real in seen else [name for name in folders if name[0] != "."]
        if real not in seen:
            paths += [Path(here, name) for name in files if not name.startswith((".", "~$"))]
        seen.add(real)
    return sorted(paths)


def _readable(path: Path) -> str:
    """The name of a file, in which one unpacked in another encoding may have halves of characters."""
    name = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return composed(name)


def _in_file(path: Path, known_as: PurePath) -> Iterator[tuple[str, str, bytes]]:
    name, known = _readable(path), composed(str(known_as))
    try:
        if _is_zip(path):
            for inside, data in _in_zip(path):
                yield f"{name}/{inside}", f"{known}/{inside}", data
        else:
            yield name, known, path.read_bytes()
    except OSError as error:
        raise KoalignError(f"{name}: cannot be read ({error.strerror or error})") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise KoalignError(f"{name}: not a zip that can be read ({str(error)[:200]})") from None


def _in_zip(file: Path | io.BytesIO) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of every file in a zip and in the zips in it; two of one name are two."""
    with zipfile.ZipFile(file) as archive:
        for member in sorted(archive.infolist(), key=_member_name):
            path = PurePosixPath(_member_name(member).lstrip("/"))
            hidden = any(part[0] == "." and part != ".." for part in path.parts)
            if hidden or not _is_known(path) or member.is_dir():
                continue
            data = archive.read(member)
            if _is_zip(path):
                for inside, content in _in_zip(io.BytesIO(data)):
                    yield f"{path}/{inside}", content
            else:
                yield str(path), data


def _member_name(member: zipfile.ZipInfo) -> str:
    """The name of a zip's member in NFC; of one that does not say UTF-8, UTF-8 or cp949 if it can be."""
    name = member.filename
    if not name.isascii() and not member.flag_bits & _UTF8_NAME:
        name = _decoded(name.encode("cp437"), name)
    return composed(name)


def _decoded(data: bytes, otherwise: str) -> str:
    for encoding in ("utf-8", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return otherwise


def _written(path: Path, parts: int) -> PurePath:
    """A path as the user wrote it, and the last parts of one from the root."""
    return PurePath(*path.parts[-parts:]) if path.is_absolute() else path


def _is_read(path: PurePath) -> bool:
    """Whether a file of a folder is read: an .xlsx without openpyxl is not, and spoils no others."""
    return _is_known(path) and (path.suffix.lower() != ".xlsx" or find_spec("openpyxl") is not None)


def _is_known(path: PurePath) -> bool:
    return path.suffix.lower() in SUFFIXES or _is_zip(path)


def _is_zip(path: PurePath) -> bool:
    return path.suffix.lower() == ".zip"
