"""files: a path -> every file below it that koalign reads, out of folders and zips."""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePath, PurePosixPath

from koalign.data.formats.streams import Data
from koalign.jsonl import on_disk
from koalign.records import KoalignError
from koalign.text.korean import composed
from koalign.text.visible import shown

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xlsx")
_UTF8_NAME = 0x800
"""The bit of a zip's member that says that its name is in UTF-8."""
MOST_BYTES = 2**32
"""Of one file, and of all that a zip holds."""
MOST_FILES = 50_000
"""Files and folders below one: more is a disk, and not data. A data set in shards has some thousands."""
UNPACKED, RATIO, LEVELS = 2**26, 100, 3
"""A zip or a Parquet file holds at most so many bytes, or so many times its own size; zips within zips."""
TOO_LARGE = "what it holds is too large for its size"
PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def contents(path: Path) -> Iterator[tuple[str, str, Data]]:
    """(path for people, the part of it that may name a split, what it holds) of each file.

    What is in a zip is unpacked into memory; other files stay where they lie. A folder's files come in
    order of their names; hidden ones (`.ipynb_checkpoints`, `__MACOSX/._a.json`) are left out. Of a path
    from the root only the last parts may name a split: in `/home/kim/dev/exam`, dev says where things lie
    and not what they are. Names come in NFC. Raises KoalignError for a path that is not there, and for a
    file or a zip that cannot be read.
    """
    path = on_disk(path)
    if path.is_dir():
        _refuse_revisions(path)
        for file in _below(path):
            inside = file.relative_to(path)
            if _is_read(inside):
                yield from _in_file(file, _written(path, 1) / inside)
    elif not path.exists():
        raise KoalignError(f"{path}: no such file")
    else:
        yield from _in_file(path, _written(path, 1 if _is_zip(path) else 2))


def most_unpacked(size: int) -> int:
    """How many bytes may come out of a packed file of so many."""
    return min(MOST_BYTES, max(UNPACKED, RATIO * size))


def of_other_kinds(path: Path) -> dict[str, str]:
    """The files of a folder that koalign cannot read, hidden ones aside, each with the reason."""
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
    paths: list[Path] = []
    seen: set[str] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        folders[:] = [] if real in seen else [name for name in folders if name[0] != "."]
        if real not in seen:
            paths += [Path(here, name) for name in files if not name.startswith((".", "~$"))]
        seen.add(real)
        if len(paths) + len(seen) > MOST_FILES:
            raise KoalignError(
                f"{folder}: more than {MOST_FILES:,} files and folders; name the folder of the data"
            )
    return sorted(paths)


def _refuse_revisions(folder: Path) -> None:
    """Raises KoalignError for a data set in the hub's cache of which several revisions would be read."""
    revisions = sorted(path.name for path in folder.glob("snapshots/*") if path.is_dir())
    if len(revisions) > 1 and (folder / "blobs").is_dir():
        raise KoalignError(
            f"{folder}: holds {len(revisions)} revisions of a data set; name one: "
            f"{folder / 'snapshots' / revisions[-1]}"
        )


def _readable(path: Path) -> str:
    """The name of a file, in which one unpacked in another encoding may have halves of characters."""
    name = str(path).encode("utf-8", "backslashreplace").decode("utf-8")
    return composed(name)


def _in_file(path: Path, known_as: PurePath) -> Iterator[tuple[str, str, Data]]:
    name, known = _readable(path), composed(str(known_as))
    try:
        file = _readable_file(path)
        if not _is_zip(file):
            yield name, known, file
            return
        room = _Room(most_unpacked(file.stat().st_size))
        for inside, data in _in_zip(file, room, LEVELS):
            yield f"{name}/{inside}", f"{known}/{inside}", data
    except OSError as error:
        raise KoalignError(f"{name}: cannot be read ({error.strerror or error})") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        # RuntimeError: a password, or a packing that Python does not know; ValueError: broken offsets.
        raise KoalignError(f"{name}: not a zip that can be read ({shown(str(error))})") from None


def _readable_file(path: Path) -> Path:
    """The path; raises OSError for what cannot be read, and a device or a pipe, which may have no end."""
    if path.exists() and not path.is_file():
        raise OSError("no plain file")
    if path.stat().st_size > MOST_BYTES:
        raise OSError(f"larger than {MOST_BYTES / 2**30:g} GiB")
    path.open("rb").close()
    return path


@dataclass
class _Room:
    """What may still be unpacked of a zip."""

    left: int

    def take(self, member: zipfile.ZipInfo) -> int:
        """The size of a member; raises BadZipFile where there is no room for it."""
        if member.compress_type not in PACKINGS:
            raise zipfile.BadZipFile(f"{member.filename}: packed otherwise than by deflate")
        self.left -= member.file_size
        if self.left < 0:
            raise zipfile.BadZipFile(TOO_LARGE)
        return member.file_size


def _in_zip(file: Path | io.BytesIO, room: _Room, levels: int) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of every file in a zip and in the zips in it; two of one name are two."""
    if not levels:
        raise zipfile.BadZipFile(f"more than {LEVELS} zips within each other")
    with zipfile.ZipFile(file) as archive:
        for member in sorted(archive.infolist(), key=_member_name):
            path = PurePosixPath(_member_name(member).lstrip("/"))
            hidden = any(part[0] == "." and part != ".." for part in path.parts)
            if hidden or not _is_known(path) or member.is_dir():
                continue
            size = room.take(member)
            with archive.open(member) as packed:
                data = packed.read(size + 1)  # and no more, whatever is packed
            if _is_zip(path):
                for inside, content in _in_zip(io.BytesIO(data), room, levels - 1):
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
