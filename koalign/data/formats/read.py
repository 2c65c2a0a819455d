"""read: exam files -> Problems, Rankings and Drops, one file a family; rows in = what comes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

from pydantic import ValidationError

from koalign.data.formats.documents import Document, Row, drop, shown
from koalign.data.formats.fields import ZERO, Refused
from koalign.data.formats.format import Columns, Format
from koalign.records import Drop, KoalignError, Problem, Ranking, content_hash
from koalign.text.korean import fold

MANY_ZEROS = 9
"""More answers 0 than so many times those of the last choice: the answers count from 0. Where they count
from 1, 0 stands for no answer, and the last choice is right in a fourth of the rows. A rule of thumb."""
OTHER_SPLIT = "its name says"
"""How the reason begins for which a file of another split was left out."""


@dataclass
class Reading:
    """What came out of some documents."""

    records: list[Problem | Ranking | Drop] = field(default_factory=list)
    """What became of each row, in the order of the files; rows of another split aside."""
    files: dict[str, str] = field(default_factory=dict)
    """Document -> the format that it was read as."""
    encodings: dict[str, str] = field(default_factory=dict)
    """Document -> how its text was written."""
    not_read: dict[str, str] = field(default_factory=dict)
    """Document -> why it was left out."""
    splits: dict[str, str] = field(default_factory=dict)
    """Document -> the split that its name says, of those left out too."""
    from_zero: dict[str, int] = field(default_factory=dict)
    """Document whose answers seem to count from 0 -> rows with the answer 0."""

    @property
    def problems(self) -> list[Problem]:
        """The rows that are problems."""
        return [record for record in self.records if isinstance(record, Problem)]

    @property
    def rankings(self) -> list[Ranking]:
        """The rows that rank completions."""
        return [record for record in self.records if isinstance(record, Ranking)]

    @property
    def drops(self) -> list[Drop]:
        """The rows that cannot be read."""
        return [record for record in self.records if isinstance(record, Drop)]

    @property
    def rows(self) -> int:
        """Rows of the documents, but for those that say another split."""
        return len(self.records)


def read(
    documents: Iterable[Document],
    format: str | None = None,
    *,
    split: str | None = None,
    columns: Columns | None = None,
    answer_from: int | None = None,
) -> Reading:
    """Read documents as the named format, or each as the first format that it looks like.

    `answer_from` is the number of the first choice, by default 1.

    With `split`, rows and files that call themselves another split are left out and listed, as are files
    that look like no format. Text is in NFC. Raises KoalignError for an unknown format.
    """
    from koalign.data.formats.families import FORMATS
    from koalign.data.formats.generic import mapped

    known = {candidate.name: candidate for candidate in FORMATS}
    if format is not None and format not in known:
        raise KoalignError(f"format {format!r} is not known; known are {', '.join(known)}")
    if columns is not None and format is not None:
        raise KoalignError(f"format {format!r} and columns: say one of them")
    candidates = [mapped(columns)] if columns is not None else list(FORMATS)
    if format is not None:
        candidates = [known[format]]
    if answer_from is None and columns is not None and "answer_from" in columns:
        answer_from = int(columns["answer_from"] == 1)
    reading = Reading()
    for document in documents:
        if document.split:
            reading.splits[document.name] = document.split
        if split and document.split not in ("", split):
            reading.not_read[document.name] = f"{OTHER_SPLIT} {document.split}"
            continue
        fitting = next((candidate for candidate in candidates if candidate.fits(document)), None)
        if fitting is None:
            keys = ", ".join(sorted(document.columns)[:12]) or "no rows of named fields"
            wanted = candidates[0].name if len(candidates) == 1 else "any known format"
            reading.not_read[document.name] = f"does not look like {wanted} (found: {shown(keys)})"
            continue
        reading.files[document.name] = fitting.name
        reading.encodings[document.name] = document.encoding
        _read_rows(document, fitting, split, answer_from, reading)
    return reading


def _read_rows(
    document: Document, format: Format, split: str | None, answer_from: int | None, into: Reading
) -> None:
    other_splits = 0
    before = len(into.records)
    for row in format.rows(document):
        if answer_from == 0 and isinstance(row, Row):
            row = replace(row, answer_from=0)
        record = row if isinstance(row, Drop) else _read_row(row, format)
        problem = record.problem if isinstance(record, Ranking) else record
        if split and isinstance(problem, Problem) and problem.split not in ("", split):
            other_splits += 1
        else:
            into.records.append(record)
    if other_splits:
        into.not_read[document.name] = f"{other_splits} rows say another split"
    read_now = into.records[before:]
    zeros = sum(isinstance(record, Drop) and record.reason == ZERO for record in read_now)
    last = sum(
        isinstance(record, Problem)
        and record.kind == "choice"
        and str(len(record.choices)) in record.answers
        for record in read_now
    )
    if answer_from is None and zeros > MANY_ZEROS * last:
        into.from_zero[document.name] = zeros


def _read_row(row: Row, format: Format) -> Problem | Ranking | Drop:
    try:
        record = format.problem(row)
    except Refused as refused:
        return drop(row.place, refused.reason, refused.detail, _key_of(row))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        detail = f"{name}: {first['msg'].removeprefix('Value error, ')}"
        return drop(row.place, "invalid", detail, _key_of(row))
    if isinstance(record, Ranking):
        return record.model_copy(update={"problem": _named(record.problem, format, row)})
    return _named(record, format, row)


def _key_of(row: Row) -> str:
    """What a row that cannot be read calls itself."""
    name = row.fields.get("key") or row.fields.get("id")
    return shown(str(name)) if isinstance(name, str | int) else ""


def _named(problem: Problem, format: Format, row: Row) -> Problem:
    """The problem with the source, split and group that its place tells; one passage is one group."""
    group = _group_of(problem.passage) if problem.passage else ""
    return problem.model_copy(
        update={
            "source": problem.source or format.name,
            "split": problem.split or row.split,
            "group": problem.group or group,
        }
    )


@lru_cache(maxsize=64)  # the questions on a long passage stand one after the other
def _group_of(passage: str) -> str:
    return content_hash(fold(passage))
