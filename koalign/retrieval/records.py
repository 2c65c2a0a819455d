"""records: what a corpus is cut into, and what is found in it for a problem."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

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

    @property
    def indexed(self) -> str:
        """What an index holds of it: the title counts as text."""
        return f"{self.title}\n{self.text}"


class Passage(Record):
    """A chunk that was found for a problem."""

    problem_id: str
    rank: int
    """From 1, among those kept for the problem."""
    score: float
    """Sum of weight / (60 + rank) over the queries and indexes that found it; comparable within a problem
    alone."""
    query: str
    """The query that ranked it best: stem, choice 1, …, box; or written, by an adapter."""
    written: str = Field(default="", exclude_if=lambda value: not value)
    """The text of that query, where an adapter wrote it."""
    chunk_id: str
    chunk: Chunk

    @property
    def hint(self) -> Hint:
        """As it stands in a prompt alone."""
        return Hint(problem_id=self.problem_id, text=passages_text([self]))


def passages_text(passages: Sequence[Passage]) -> str:
    """Passages as they stand in a prompt, in the place of a hint: the title before the text, a blank line
    between two. None: the empty text, with which the prompt is the bare one."""
    texts = (
        f"{chunk.title}: {chunk.text}" if chunk.title else chunk.text
        for chunk in (passage.chunk for passage in passages)
    )
    return "\n\n".join(texts)


class Retrieved(Record):
    """All that was found for a problem: what a killed process goes on from."""

    problem_id: str
    passages: tuple[Passage, ...]
    refused: tuple[tuple[str, str], ...]
    """Reason and id of the chunks that ranked among the kept and may not be shown."""


class ScreenedPassage(Record):
    """A passage of a training problem, and what it did to the policy's answers."""

    passage: Passage
    verdict: Verdict
    counts: dict[str, Count]
    """bare, hinted; and replication_bare, replication where it was sampled again -> right answers."""


def gold_chunks(screened: Iterable[ScreenedPassage]) -> dict[str, set[str]]:
    """Problem id -> ids of its gold chunks."""
    gold: dict[str, set[str]] = {}
    for one in screened:
        if one.verdict == "gold":
            gold.setdefault(one.passage.problem_id, set()).add(one.passage.chunk_id)
    return gold
