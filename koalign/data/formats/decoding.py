"""decoding: a text file -> how it was written, or the byte that is wrong."""

from __future__ import annotations

import codecs

from koalign.data.formats.streams import BLOCK, Data, opened
from koalign.records import KoalignError

_BEGINNING = 1000
"""Bytes in which zeros are counted."""
_KINDS = {
    b"PK\x03\x04": "an .xlsx or .zip file; name it so",
    b"\xd0\xcf\x11\xe0": "an old or encrypted Excel file; save it as .xlsx without a password",
    b"PAR1": "a .parquet file; name it so",
    b"\x1f\x8b": "packed with gzip; unpack it",
    b"%PDF": "a PDF; save its table as .xlsx or .csv",
}
"""How files begin that are no text, and what helps."""


def encoding_of(data: Data, name: str) -> str:
    """UTF-8 with or without BOM (utf-8-sig, utf-8), UTF-16 with one (utf-16), else strict cp949.

    Raises KoalignError naming the byte that is none of them.

    A file that begins with whole Hangul of UTF-8 is broken UTF-8 and never tried as cp949: Korean in UTF-8
    decodes as cp949 too, to nonsense. Characters of two bytes say nothing: `회` and `표` of cp949 are some.
    """
    with opened(data) as file:
        beginning = file.read(_BEGINNING)
    if beginning.startswith(b"version https://git-lfs"):
        raise KoalignError(f"{name}: a Git LFS pointer and not the file; run `git lfs pull` there")
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        if wrong := _first_error(data, "utf-16"):
            raise KoalignError(f"{name}: byte {wrong[0]} is not UTF-16, and the file says so")
        return "utf-16"
    for start, kind in _KINDS.items():
        if beginning.startswith(start):
            raise KoalignError(f"{name}: no text; by its content it is {kind}")
    if 5 * beginning.count(0) > len(beginning):
        raise KoalignError(
            f"{name}: holds zero bytes, as UTF-16 without a byte order mark does; save the file as UTF-8, "
            "or remove it if it is no text"
        )
    wrong = _first_error(data, "utf-8")
    if wrong is None:
        return "utf-8-sig" if beginning.startswith(codecs.BOM_UTF8) else "utf-8"
    problem = f"{name}: byte {wrong[0]} (0x{wrong[1]:02x}) is not UTF-8"
    if _holds_hangul(data, wrong[0]):
        raise KoalignError(f"{problem}, the text before it is; mend that place")
    if other := _first_error(data, "cp949"):
        raise KoalignError(
            f"{problem}, and byte {other[0]} (0x{other[1]:02x}) is not cp949 either; "
            "save the file as UTF-8, or remove it if it is no text"
        )
    return "cp949"


def _first_error(data: Data, encoding: str) -> tuple[int, int] | None:
    """The place and the value of the first byte that is wrong in an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    read = 0
    with opened(data) as file:
        while True:
            block = file.read(BLOCK)
            begun = decoder.getstate()[0]  # of a character that the block before cuts
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return read - len(begun) + error.start, (begun + block)[error.start]
            if not block:
                return None
            read += len(block)


def _holds_hangul(data: Data, size: int) -> bool:
    """Whether one of so many bytes of UTF-8 at the beginning begins a character of three, as Hangul has."""
    with opened(data) as file:
        while size and (block := file.read(min(size, BLOCK))):
            if max(block) >= 0xE0:
                return True
            size -= len(block)
    return False
