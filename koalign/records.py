"""records: the frozen nouns of koalign, and JSONL in and out with file:line in every error."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator


class KoalignError(Exception):
    """What the user can put right: the message names the place, what was found and what to do."""


class Record(BaseModel):
    """A frozen line of JSON: unknown fields are errors, and the text under a field documents it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def content_hash(*parts: Any) -> str:
    """The first 16 hex digits of the SHA-256 of the parts as canonical JSON."""
    text = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


class Problem(Record):
    """One exam problem. Its `id` is the hash of what a solver reads, so it survives any reordering."""

    question: str = Field(min_length=1)
    passage: str = ""
    box: str = ""
    """The <보기>, shown between the passage and the question."""
    choices: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    """Gold answers; of a choice problem the 1-based number as text. Empty: unknown."""
    kind: Literal["choice", "short", "long", "span"] = "choice"
    source: str = ""
    group: str = ""
    """Problems of one group (a shared passage) never stand in two splits."""
    split: str = ""

    @model_validator(mode="after")
    def _answers_are_among_the_choices(self) -> Problem:
        if self.kind == "choice":
            if len(self.choices) < 2:
                raise ValueError(
                    f"a choice problem needs at least 2 choices, found {len(self.choices)}"
                )
            numbers = [str(n) for n in range(1, len(self.choices) + 1)]
            for answer in self.answers:
                if answer not in numbers:
                    raise ValueError(
                        f"answer {answer!r} is outside the choices 1 to {len(self.choices)}"
                    )
        elif self.choices:
            raise ValueError(f"a problem of kind {self.kind!r} has no choices")
        return self

    @property
    def id(self) -> str:
        """Sixteen hex digits: the hash of question, passage, box, choices and kind."""
        return content_hash(self.question, self.passage, self.box, self.choices, self.kind)


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    text: str


class Prompt(Record):
    """What the model reads, rendered only in data/prompts.py."""

    problem_id: str
    purpose: Literal["answer", "abstraction"]
    messages: tuple[Message, ...]
    template: str


class Sample(Record):
    """A drawn completion as the engine returned it; what it means is computed elsewhere."""

    problem_id: str
    index: int
    """Number of this draw among the draws for the same request."""
    adapter: str
    """Id of the adapter that wrote it; empty for the bare base."""
    text: str
    token_ids: tuple[int, ...]
    logprob: float
    """Sum of the log-probabilities of the tokens, in nats, under the untempered model."""
    finish_reason: Literal["stop", "length"]
    permutation: tuple[int, ...] = ()
    """The order in which the choices were shown; empty: as they stand."""
    abstraction_id: str = ""
    """Id of the hint in the prompt; empty: none."""


class Verdict(Record):
    """What a pure function says of a completion."""

    answer: str | None
    correct: bool
    why: Literal["match", "mismatch", "no_answer", "ambiguous", "truncated", "no_gold"]


class PromptTokens(Record):
    """The prompt that samples were drawn from, exactly as the engine read it."""

    problem_id: str
    text: str
    token_ids: tuple[int, ...]


class Completion(Record):
    """One side of a pair."""

    text: str
    token_ids: tuple[int, ...]


class Pair(Record):
    """One prompt with a verified-right and a verified-wrong completion."""

    problem_id: str
    prompt: str
    """The rendered text of the prompt, for people."""
    prompt_ids: tuple[int, ...]
    chosen: Completion
    rejected: Completion
    reason: str
    """Why this rejected completion was chosen."""


class Hint(Record):
    """A candidate abstraction, before any screen."""

    problem_id: str
    text: str = Field(min_length=1)

    @property
    def id(self) -> str:
        """Sixteen hex digits: the hash of problem and text."""
        return content_hash(self.problem_id, self.text)


class Abstraction(Record):
    """A hint and what every screen said of it."""

    problem_id: str
    text: str
    base_rate: float | None
    """Share of right answers without the hint; none where a static screen ended the matter."""
    hinted_rate: float | None
    """Share of right answers with the hint, at the same budget."""
    verdicts: dict[str, str]
    """Screen name -> `pass` or the reason of the refusal."""
    kept: bool


class Base(Record):
    """Which base model a run stands on."""

    path: str
    """As the config names it."""
    weight_hash: str
    tokenizer_hash: str
    context: int
    """Tokens of prompt and completion together that the run may use."""

    @property
    def scripted(self) -> bool:
        """Whether canned text stands in for a model: nothing can be trained."""
        return self.weight_hash == "scripted"


class AdapterCard(Record):
    """What an adapter is and what it stands on; `koalign.json` in the adapter's folder."""

    name: str
    role: Literal["policy", "abstraction", "answer"]
    base: Base
    parents: tuple[str, ...]
    """Ids of the adapters that it contains: continued (DPO) or summed (the role adapters)."""
    rank: int
    template_hash: str
    data: dict[str, str]
    """Hashes of the files that it was trained on."""
    frozen_rank: int = 0
    """Of a masked stack: the leading rank that belongs to the parent and was not trained."""


class Solution(Record):
    """One line of what `koalign solve` writes."""

    id: str
    """Id of the problem."""
    abstraction: str
    """The hint that the answer was given with; empty: none."""
    answer: str | None
    """Of a choice problem the number of the choice; none: `why` says why."""
    text: str
    """The whole completion."""
    why: Literal["no_answer", "ambiguous", "truncated"] | None


class Prediction(Record):
    """One line of what `koalign evaluate` writes: a system's answer to a problem, graded."""

    system: str
    id: str
    answer: str | None
    gold: tuple[str, ...]
    correct: bool
    text: str
    why: str


class Drop(Record):
    """Something set aside, and why."""

    problem_id: str
    stage: str
    reason: str


R = TypeVar("R", bound=Record)


def read_jsonl(path: Path, record: type[R]) -> list[R]:
    """The records of a JSONL file; raises KoalignError naming file, line and field."""
    return [
        parse_record(record, value, f"{path}:{number}") for number, value in iter_json_lines(path)
    ]


def iter_json_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """(line number, JSON value) of each non-empty line; raises KoalignError with file:line."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise KoalignError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise KoalignError(f"{path}: is a folder, not a JSONL file") from None
    except UnicodeDecodeError as error:
        raise KoalignError(
            f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8"
        ) from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as error:
                raise KoalignError(
                    f"{path}:{number}: not a line of JSON ({error.msg} at column {error.colno})"
                ) from None


def parse_record(record: type[R], value: Any, place: str) -> R:
    """The record in a JSON value; raises KoalignError that names the place and the field."""
    try:
        return record.model_validate(value, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise KoalignError(f"{place}: {field + ': ' if field else ''}{message}") from None


def to_json_line(record: Record) -> str:
    """One line of JSON without the line end."""
    return json.dumps(record.model_dump(mode="json"), ensure_ascii=False)


def write_jsonl(path: Path, records: Iterable[Record]) -> int:
    """Write the records atomically and return how many there were."""
    lines = [to_json_line(record) + "\n" for record in records]
    write_atomically(path, "".join(lines))
    return len(lines)


def read_json(path: Path) -> Any:
    """The JSON value of a file that koalign wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a JSON value atomically, indented, Korean as Korean."""
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def write_atomically(path: Path, text: str) -> None:
    """Write UTF-8 text so that the file is either the old one or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


class JsonlAppender:
    """Appends records to a file a killed process may have left in the middle of a line.

    `done` holds what was whole on opening; a half-written last line is cut off.
    """

    def __init__(self, path: Path, record: type[Record]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        whole = path.read_bytes()
        whole = whole[: whole.rfind(b"\n") + 1]
        os.truncate(path, len(whole))
        self.done: list[Any] = read_jsonl(path, record)
        self._file = path.open("a", encoding="utf-8", newline="\n")

    def append(self, records: Sequence[Record]) -> None:
        """Write the records and hand them to the operating system before returning."""
        self._file.writelines(to_json_line(record) + "\n" for record in records)
        self._file.flush()

    def close(self) -> None:
        """Force what was written to the disk."""
        os.fsync(self._file.fileno())
        self._file.close()

    def __enter__(self) -> JsonlAppender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
