"""records: what a corpus is cut into, and what is found in it for a problem."""

from __future__ import annotations

from dataclasses import dataclass

from koalign.records import Record, content_hash


@dataclass(frozen=True)
class Document:
    """One text of a corpus, as it was read."""

    name: str
    """Its file, with the number of its row or the id of its page where a file holds several; unique."""
    title: str
    text: str
    source: str
    """The path of its source, as the config names it."""
    licence: str
    """Empty: unknown."""


class Chunk(Record):
    """Whole sentences of a document, in a row."""

    document: str
    title: str
    source: str
    licence: str
    start: int
    """Where the text begins in that of the document, in characters."""
    end: int
    text: str

    @property
    def id(self) -> str:
        """Sixteen hex digits: the hash of the document's name, the place and the text."""
        return content_hash(self.document, self.start, self.text)


class Passage(Record):
    """A chunk that was found for a problem."""

    problem_id: str
    rank: int
    """From 1, among those kept for the problem."""
    score: float
    """Sum of 1 / (60 + rank) over the queries that found it; comparable within a problem alone."""
    query: str
    """The query that ranked it best: stem, choice 1, …, box."""
    chunk_id: str
    chunk: Chunk
