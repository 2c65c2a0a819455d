"""records: what a corpus is cut into, and what is found in it for a problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from koalign.records import Count, Hint, Record, content_hash

Verdict = Literal["gold", "distractor", "poison", "unclear"]
"""What a passage does to the answers to its problem: a replicated gain, none, a replicated loss; a gain or
loss that did not replicate."""


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

    @property
    def hint(self) -> Hint:
        """As it stands in a prompt, in the place of a hint: the title before the text."""
        text = f"{self.chunk.title}: {self.chunk.text}" if self.chunk.title else self.chunk.text
        return Hint(problem_id=self.problem_id, text=text)


class ScreenedPassage(Record):
    """A passage of a training problem, and what it did to the policy's answers."""

    passage: Passage
    verdict: Verdict
    counts: dict[str, Count]
    """bare, hinted; and replication_bare, replication where it was sampled again -> right answers."""
