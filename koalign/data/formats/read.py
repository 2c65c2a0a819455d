"""read: exam files -> Problems, Rankings and Drops, one file a family; rows in = what comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from pydantic import ValidationError

from koalign.data.formats.documents import Document, Row, drop, shown
from koalign.data.formats.fields import Refused
from koalign.data.formats.format import Columns, Format
from koalign.data.text.korean import fold
from koalign.records import Drop, KoalignError, Problem, Ranking, content_hash

OTHER_SPLIT = "its name says"
"""How the reason begins for which a file of another split was left out."""


@dataclass
class Reading:
    """What came out of some documents: `rows` is the sum of the three lists."""

    rows: int = 0
    problems: list[Problem] = field(default_factory=list)
    rankings: list[Ranking] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    """Document -> the format that it was read as."""
    encodings: dict[str, str] = field(default_factory=dict)
    """Document -> how its text was written."""
    not_read: dict[str, str] = field(default_factory=dict)
    """Document -> why it was left out."""


def read(
    documents: Iterable[Document],
    format: str | None = None,
    *,
    split: str | None = None,
    columns: Columns | None = None,
) -> Reading:
    """Read documents as the named format, or each as the first format that it looks like.

    With `split`, rows and files that call themselves another split are left out and listed, as are files
    that look like no format. Text is in NFC. Raises KoalignError for an unknown format.
    """
    from koalign.data.formats.families import FORMATS
    from koalign.data.formats.generic import mapped

    known = {one.name: one for one in FORMATS}
    if format is not None and format not in known:
        raise KoalignError(f"format {format!r} is not known; known are {', '.join(known)}")
    if columns is not None and format is not None:
        raise KoalignError(f"format {format!r} and columns: say one of them")
    if columns is not None:
        candidates: list[Format] = [mapped(columns)]
    else:
        candidates = [known[format]] if format else list(FORMATS)
    reading = Reading()
    for document in documents:
        if split and document.split not in ("", split):
            reading.not_read[document.name] = f"{OTHER_SPLIT} {document.split}"
            continue
        fitting = next((one for one in candidates if one.fits(document)), None)
        if fitting is None:
            found = ", ".join(sorted(document.columns)[:12]) or "no rows of named fields"
            wanted = candidates[0].name if len(candidates) == 1 else "any known format"
            reading.not_read[document.name] = f"does not look like {wanted} (found: {shown(found)})"
            continue
        reading.files[document.name] = fitting.name
        reading.encodings[document.name] = document.encoding
        _read_rows(document, fitting, split, reading)
    return reading


def _read_rows(document: Document, format: Format, split: str | None, into: Reading) -> None:
    other_splits = 0
    for row in format.rows(document):
        if isinstance(row, Drop):
            into.rows += 1
            into.drops.append(row)
            continue
        try:
            read = format.problem(row)
        except Refused as refused:
            reason, detail = refused.reason, refused.detail
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            reason, detail = "invalid", f"{name}: {first['msg'].removeprefix('Value error, ')}"
        else:
            problem = read.problem if isinstance(read, Ranking) else read
            if split and problem.split not in ("", split):
                other_splits += 1
                continue
            into.rows += 1
            named = _named(problem, format, row)
            if isinstance(read, Ranking):
                into.rankings.append(read.model_copy(update={"problem": named}))
            else:
                into.problems.append(named)
            continue
        into.rows += 1
        into.drops.append(drop(row.place, reason, detail))
    if other_splits:
        into.not_read[document.name] = f"{other_splits} rows say another split"


def _named(problem: Problem, format: Format, row: Row) -> Problem:
    """The problem with what its place says of it; those on one passage are one group."""
    return problem.model_copy(
        update={
            "source": problem.source or format.name,
            "split": problem.split or row.split,
            "group": problem.group or (_group_of(problem.passage) if problem.passage else ""),
        }
    )


@lru_cache(maxsize=64)  # the questions on a long passage stand one after the other
def _group_of(passage: str) -> str:
    return content_hash(fold(passage))
