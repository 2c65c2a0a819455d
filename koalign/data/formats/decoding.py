"""decoding: the bytes of a text file -> its text and how it was written, or the byte that is wrong."""

from __future__ import annotations

import codecs

from koalign.records import KoalignError

_BEGINNING = 1000
"""Bytes in which zeros are counted."""


def decode(data: bytes, name: str) -> tuple[str, str]:
    """Text and encoding: UTF-8 with or without BOM, UTF-16 with one, else strict cp949.

    Raises KoalignError naming the byte that is none of them.

    A file whose beginning holds whole UTF-8 characters is broken UTF-8 and never tried as cp949:
    Korean in UTF-8 decodes as cp949 too, to nonsense.
    """
    if data.startswith(b"version https://git-lfs"):
        raise KoalignError(f"{name}: a Git LFS pointer and not the file; run `git lfs pull` there")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16"), "utf-16"
        except UnicodeDecodeError as error:
            raise KoalignError(
                f"{name}: byte {error.start} is not UTF-16, and the file says so"
            ) from None
    if 5 * data[:_BEGINNING].count(0) > len(data[:_BEGINNING]):
        raise KoalignError(
            f"{name}: holds zero bytes, as UTF-16 without a byte order mark does; save the file as UTF-8"
        )
    mark = b"\xef\xbb\xbf"
    try:
        return data.decode("utf-8-sig"), "utf-8-sig" if data.startswith(mark) else "utf-8"
    except UnicodeDecodeError as error:
        start = error.start + (len(mark) if data.startswith(mark) else 0)
    problem = f"{name}: byte {start} (0x{data[start]:02x}) is not UTF-8"
    if not data[:start].isascii():
        raise KoalignError(f"{problem}, the text before it is; mend that place")
    try:
        return data.decode("cp949"), "cp949"
    except UnicodeDecodeError as error:
        raise KoalignError(
            f"{problem}, and byte {error.start} (0x{data[error.start]:02x}) is not cp949 either; "
            "save the file as UTF-8"
        ) from None
