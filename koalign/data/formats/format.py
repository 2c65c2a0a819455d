"""format: what a kind of exam file is: how it is known, and how a row of it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from koalign.data.formats.documents import Document, Row
from koalign.records import Drop, Problem, Ranking

Columns = Mapping[str, str | Sequence[str]]
"""A user's map: field of a Problem -> its column, for choices also a list of columns."""


def having(*columns: str, without: str = "") -> Callable[[Document], bool]:
    """Whether a document has all these columns, and not that one."""
    return lambda document: {*columns} <= document.columns and without not in document.columns


def flat(document: Document) -> Iterator[Row | Drop]:
    """The rows of a file that has one problem a row."""
    return document.rows()


@dataclass(frozen=True)
class Format:
    """How to know and how to read one kind of file."""

    name: str
    about: str
    """One phrase for the table of what can be read."""
    fits: Callable[[Document], bool]
    """Whether a document looks like it; the first format that says so takes it."""
    problem: Callable[[Row], Problem | Ranking]
    """A row read; raises Refused."""
    rows: Callable[[Document], Iterator[Row | Drop]] = flat
    """How a nested document falls into rows."""
