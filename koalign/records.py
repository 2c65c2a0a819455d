"""records: the frozen nouns of koalign, each named by its content where it has a name."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    computed_field,
    field_serializer,
    field_validator,
    model_validator,
)

from koalign.naming import named

Why = Literal["match", "mismatch", "no_answer", "ambiguous", "truncated", "no_gold"]
"""Why a completion is right, or not."""

_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
FreeKind = Literal["short", "long", "span"]
"""Kinds of problems without choices."""


class KoalignError(Exception):
    """What the user can put right: the message names the place, what was found and what to do."""


class Record(BaseModel):
    """A frozen line of JSON: unknown fields are errors, and the text under a field documents it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def content_hash(*parts: Any) -> str:
    """The first 16 hex digits of the SHA-256 of the parts as canonical JSON."""
    return hashlib.sha256(_CANONICAL.encode(parts).encode("utf-8")).hexdigest()[:16]


class Rationale(Record):
    """Why an answer is right, as a model explained it whose answer a rule has verified."""

    text: str = Field(min_length=1)
    """Without the lines that state the answer."""
    by: Literal["own", "teacher", "rationalized"]
    """The policy of a run; a teacher; a teacher that was told the answer."""
    model: str = ""
    """The teacher's name, or the id of the policy's adapter."""


class Problem(Record):
    """One exam problem. Its `id` is the hash of what a solver reads, so it survives any reordering."""

    question: str = Field(min_length=1)
    passage: str = ""
    box: str = ""
    """The <보기>, shown between the passage and the question."""
    choices: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    """Gold answers, any of them right; of a choice problem the 1-based number, in JSON as a number.
    Empty: unknown."""
    kind: Literal["choice", "short", "long", "span"] = "choice"
    source: str = ""
    """The data set that it comes from."""
    group: str = ""
    """Problems of one group (a shared passage) never stand in two splits."""
    split: str = ""
    key: str = ""
    """What its source calls it, for submissions and for finding it again."""
    subject: str = ""
    """What its source files it under; figures per subject are grouped by it."""
    points: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """What a right answer earns, where the exam says so."""
    rationale: str = ""
    """Why the answer is right, as its source explains it."""
    rationales: tuple[Rationale, ...] = ()
    """The same by models; where there are any, each of them is taught, and `rationale` is not."""

    @field_validator("answers", mode="before")
    @classmethod
    def _numbers_are_text(cls, answers: Any) -> Any:
        if not isinstance(answers, list | tuple):
            return answers
        return tuple(
            str(a) if isinstance(a, int) and not isinstance(a, bool) else a for a in answers
        )

    @field_serializer("answers", when_used="json")
    def _choice_numbers_are_numbers(self, answers: tuple[str, ...]) -> list[int | str]:
        return [int(answer) if self.kind == "choice" else answer for answer in answers]

    @model_validator(mode="wrap")
    @classmethod
    def _a_given_id_is_the_hash(cls, value: Any, build: Any) -> Problem:
        if not isinstance(value, dict) or "id" not in value:
            return build(value)
        problem = build({name: item for name, item in value.items() if name != "id"})
        if value["id"] != problem.id:
            raise ValueError(
                f"id {value['id']!r} is not the hash of this problem ({problem.id}); leave `id` out"
            )
        return problem

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
                        f"answer {answer[:60]!r} is outside the choices 1 to {len(self.choices)}"
                    )
        elif self.choices:
            raise ValueError(f"a problem of kind {self.kind!r} has no choices")
        return self

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own way; mypy issue 14461
    @property
    def id(self) -> str:
        """Sixteen hex digits: the hash of question, passage, box, choices and kind."""
        return content_hash(self.question, self.passage, self.box, self.choices, self.kind)

    @property
    def name(self) -> str:
        """Key, question and id, for people."""
        return named(self.id, self.question, self.key)

    @property
    def cluster(self) -> str:
        """The group of its source, else its own id; `clusters_of` joins those that share a passage."""
        return f"{self.source}/{self.group}" if self.group else self.id


class Ranking(Record):
    """Completions of one problem in somebody's order of preference; no rule has verified them."""

    problem: Problem
    texts: tuple[str, ...] = Field(min_length=2)
    """The best first."""


class Message(Record):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    text: str


class Prompt(Record):
    """What the model reads, rendered only in data/prompting/prompts.py."""

    problem_id: str
    purpose: Literal["answer", "abstraction"]
    messages: tuple[Message, ...]
    """An optional system text, then user and assistant in turns; the last is the user's."""
    template: str
    chat: bool = True
    """Whether it goes through the model's chat template."""
    delimiter: str = ""
    """Without chat: what stands between prompt and completion."""
    separator: str = ""
    """Without chat: what stands between shots."""
    thinking: Literal["off", "on", "auto"] = "off"


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
    why: Why


class PromptTokens(Record):
    """The prompt that samples were drawn from, exactly as the engine read it."""

    problem_id: str
    text: str
    token_ids: tuple[int, ...]
    permutation: tuple[int, ...] = ()
    """The order in which the choices are shown; empty: as they stand."""


class Completion(Record):
    """One side of a pair."""

    text: str
    token_ids: tuple[int, ...]


class Pair(Record):
    """One prompt with a verified-right and a verified-wrong completion, or a preferred and another."""

    problem_id: str
    prompt: str
    """The rendered text of the prompt, for people."""
    prompt_ids: tuple[int, ...]
    chosen: Completion
    rejected: Completion
    reason: str
    """Why this rejected completion was chosen: hard or random; ranked (an annotator's ranking that the
    rule confirms); native (an annotator's ranking alone); judged (a judge's verdict, alike in both
    orders)."""
    permutation: tuple[int, ...] = ()
    """The order in which the prompt shows the choices; empty: as they stand."""


Logps = tuple[list[float], list[float]]
"""Log-probabilities, in nats, of the tokens of a pair's chosen and rejected side."""


class Hint(Record):
    """A candidate abstraction, before any screen."""

    problem_id: str
    text: str = Field(min_length=1)

    @property
    def id(self) -> str:
        """Sixteen hex digits: the hash of problem and text."""
        return content_hash(self.problem_id, self.text)


class Count(Record):
    """How many of so many answers were right."""

    right: int = Field(ge=0)
    n: int = Field(ge=1)

    @property
    def rate(self) -> float:
        return self.right / self.n


class Abstraction(Record):
    """A hint and what every screen said of it."""

    problem_id: str
    text: str = Field(min_length=1)
    counts: dict[str, Count]
    """What a screen counted -> right answers; nothing where it was not asked so far."""
    score: float | None = None
    """Its uplift on the replication draws, which ranks the kept hints of a problem; none: not kept."""
    verdicts: dict[str, str]
    """Screen name -> `pass` or the reason of the refusal, in the order in which they were asked."""
    kept: bool

    @property
    def id(self) -> str:
        """The id of the hint."""
        return Hint(problem_id=self.problem_id, text=self.text).id


class Base(Record):
    """Which base model a run stands on."""

    path: str
    """As the config names it."""
    weight_hash: str
    tokenizer_hash: str
    context: int
    """Tokens of prompt and completion together that the run may use."""
    chat_template: Literal["plain"] | None = None
    """As the config names it."""

    @property
    def scripted(self) -> bool:
        """Whether canned text stands in for a model: nothing can be trained."""
        return self.weight_hash == "scripted"


class Drop(Record):
    """Something set aside, and why."""

    stage: str
    reason: str
    """One of few words, to be counted."""
    problem_id: str = ""
    """Empty: it did not become a problem."""
    key: str = ""
    """What its source calls it."""
    place: str = ""
    """File and line or row."""
    detail: str = ""
    """What was found there."""


def count_reasons(drops: Iterable[Drop], prefix: str = "") -> dict[str, int]:
    """Reason, after the prefix -> number of drops, in the order of the reasons."""
    return {f"{prefix}{r}": n for r, n in sorted(Counter(drop.reason for drop in drops).items())}
