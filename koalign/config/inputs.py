"""config_inputs: the sections that say what a run stands on: model, data, prompts, sampling, teacher."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from koalign.records import FreeKind

LARGEST = 2**53
"""Up to it every reader of JSON keeps a whole number, and torch multiplies sizes without overflow."""


class Section(BaseModel):
    """A frozen group of keys; an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    same_result: ClassVar[frozenset[str]] = frozenset()
    """Keys that change how fast or how safely a result is made, and not what it is."""

    @field_validator("*", mode="before")
    @classmethod
    def _value_for_a_machine(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[info.field_name or ""]
        if isinstance(value, bool) and bool not in (field.annotation, *get_args(field.annotation)):
            raise ValueError("neither true nor false; null is no value")
        if isinstance(value, int) and abs(value) > LARGEST:
            raise ValueError("no number above 2^53")
        if isinstance(value, str) and not value.strip() and field.default != "":
            raise ValueError("an empty text; null is no value")
        return value

    @property
    def result(self) -> Section:
        """The section as the result depends on it."""
        return self

    @property
    def no_part(self) -> frozenset[str]:
        """The keys that play no part in the result, as the others stand."""
        return self.same_result


def refuse_secrets(url: str, place: str) -> None:
    """Raises ValueError for what is no plain http address, and for one that may hold a secret.

    A fragment names a model. `place`: where secrets belong.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no address; write http://HOST:PORT/v1") from None
    if parts.scheme not in ("http", "https") or not host or not url.startswith(parts.scheme):
        raise ValueError("is no http:// or https:// address; write http://HOST:PORT/v1")
    if "@" in parts.netloc or "?" in url:
        raise ValueError(
            "an address here has no user, no password and nothing after `?`: secrets belong into "
            + place
        )
    if re.search(r"[\s\x00-\x1f\x7f\\]", parts.netloc + parts.path) or not url.isprintable():
        raise ValueError("an address has no blanks or control characters")


Dtype = Literal["auto", "float32", "bfloat16", "float16"]


class Model(Section):
    model_config = ConfigDict(hide_input_in_errors=True)
    same_result: ClassVar[frozenset[str]] = frozenset({"bnb_4bit_quant_storage"})

    path: str
    """Folder or hub id of the base model; `builtin:tiny-ko` is the one that ships with koalign."""
    dtype: Dtype = "auto"
    """Precision of the base; auto: bfloat16 on a GPU that has it, float16 with loss scaling on one that
    has fast float16 alone (T4, V100), float32 elsewhere and for Gemma, which overflows float16."""
    load_in_4bit: bool = False
    """Hold the base in NF4 (bitsandbytes) while training; adapters stay in float32."""
    bnb_4bit_compute_dtype: Dtype = "auto"
    """Precision of products with 4-bit weights; auto: as `dtype`."""
    bnb_4bit_use_double_quant: bool = True
    """Quantise the scales of the 4-bit weights too: 0.4 bits a parameter less (QLoRA, arXiv 2305.14314)."""
    bnb_4bit_quant_storage: Literal["uint8", "float16", "bfloat16", "float32"] = "uint8"
    """What 4-bit weights are stored as; other values are for sharding (FSDP) and change no result."""
    max_length: int | None = Field(default=None, ge=16)
    """Tokens of prompt and completion together; null: the context of the model."""
    chat_template: Literal["plain"] | None = None
    """plain: turns are lines of text and an answer ends with eos, for a base that has no chat template;
    null: the template in the model's folder."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model."""

    @field_validator("path")
    @classmethod
    def _an_address_without_secrets(cls, path: str) -> str:
        if "://" in path:
            refuse_secrets(path, "the environment variable OPENAI_API_KEY")
        return path

    @model_validator(mode="after")
    def _keys_of_four_bits(self) -> Model:
        fields = type(self).model_fields
        names = [name for name in fields if name.startswith("bnb_4bit_")]
        changed = [name for name in names if getattr(self, name) != fields[name].default]
        if changed and not self.load_in_4bit:
            raise ValueError(f"{changed[0]} is for load_in_4bit: true, and would be ignored")
        return self


class Source(Section):
    """One place that problems are read from; where only a path is needed, the path alone will do."""

    path: str
    """File, folder or zip; `hf://owner/name[@revision][:config][/split]`; `builtin:` ships with koalign."""
    format: str | None = None
    """Name of a format; null: each file as the first format that it looks like."""
    split: Literal["train", "dev", "test"] | None = None
    """Which split of the source is meant; null: the one that it is listed under; other files
    of a folder and rows that call themselves another are left out and listed."""
    columns: dict[str, str | list[str] | int] | None = None
    """For any other table: field of a problem -> its column (`data/formats/generic.py`)."""
    answer_from: Literal[0, 1] | None = None
    """The number of the first choice in the answers; null: 1, and a source that seems to count from 0
    stops."""
    sheet: str | None = None
    """Of an .xlsx file; null: the first that holds anything."""
    kind: FreeKind | None = None
    """What the problems without choices are, where a row says no `kind`: short (an exact answer), long (a
    text, measured by ROUGE-L) or span; null: long where the median answer of a file has over 40 letters."""
    redistribute: bool | None = Field(default=None, exclude_if=lambda value: value is None)
    """false: `koalign board --export` omits its texts; null: so for AI Hub, NIKL, ETRI, KMMLU, KICE."""

    @property
    def options(self) -> dict[str, Any]:
        """How it is read, as `read_source` takes it."""
        return self.model_dump(exclude={"path", "redistribute"})

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return () if value is None else [value] if isinstance(value, str | dict) else value


Sources = Annotated[tuple[Source, ...], BeforeValidator(_listed)]


class Data(Section):
    same_result: ClassVar[frozenset[str]] = frozenset({"memory_mb"})

    train: Sources = Field(min_length=1)
    """Problems with answers, and rankings: a path, or a list of `{path, format, split}`."""
    dev: Sources = ()
    """Problems for choices made while building; never the test split."""
    test: Sources = ()
    """Held-out problems: `solve` without a file, and `evaluate`."""
    hints: str | None = None
    """JSONL of candidate hints for training problems (problem_id, text), from a teacher."""
    dev_share: float = Field(default=0, ge=0, lt=1)
    """Share of the training problems to hold out as dev where `dev` is empty, whole passages at a time."""
    seed: int = Field(default=0, ge=0)
    """Of the hold-out of dev and the order of the training problems; the other `seed` changes neither."""
    near_duplicates: float = Field(default=0.9, gt=0, le=1)
    """Training problems this alike (Jaccard of character 5-grams) are one; the first is kept."""
    leaks: Literal["stop", "drop"] = "stop"
    """What to do where something trained on stands in dev or test: stop, or drop it from training."""
    leak_overlap: float = Field(default=0.8, gt=0, le=1)
    """Share of common character 13-grams from which on two problems are one."""
    memory_mb: int = Field(default=2048, ge=64)
    """Megabytes that `prepare` holds to find duplicates and leaks; more waits in temporary files."""


class Prompt(Section):
    template: str = "quote-then-number"
    """What the model is asked and taught: the name of one of koalign's templates, or the path of a
    YAML file of your own."""
    thinking: Literal["off", "on", "auto"] = "off"
    """Whether a model that can think does so before it answers, in training as at inference; auto: as
    its chat template has it."""
    shots: int = Field(default=0, ge=0)
    """Answered problems shown before each question."""
    shots_from: Literal["train", "dev"] = "train"
    """Split that they are taken from; never test."""

    @property
    def read(self) -> list[str]:
        """The keys that play a part."""
        keys = ["template", "thinking", "shots", *(["shots_from"] if self.shots else [])]
        return [f"prompt.{key}" for key in keys]


LEAST_ROOM = 16
"""Tokens that a prompt must leave for a completion, where `max_tokens` is null: a stated choice."""


class Sampling(Section):
    temperature: float = Field(default=0.8, ge=0)
    """0: greedy."""
    top_p: float = Field(default=0.95, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest completion, in tokens; a longer one is marked as cut by `finish_reason: length`. null: 1,024,
    or what a prompt leaves of the context where that is less."""
    most_if_null: ClassVar[int] = 1024

    @property
    def greedy(self) -> Self:
        """The same at temperature 0."""
        return self.model_copy(update={"temperature": 0.0, "top_p": 1.0})

    @property
    def most_tokens(self) -> int:
        """Of a completion, where its prompt leaves that much of the context."""
        return self.max_tokens or self.most_if_null

    @property
    def least_room(self) -> int:
        """Tokens that a prompt must leave of the context: all of a `max_tokens` that is set."""
        return self.max_tokens or LEAST_ROOM


class Candidates(Sampling):
    """Who writes hints for the training problems."""

    source: Literal["file", "policy", "base", "teacher", "none"] = "file"
    """file: `data.hints`; policy: the DPO policy, as this section samples; base: the model before SFT,
    since a policy of short answers writes no text; teacher: as `teacher` does. These three are shown
    the gold answer, and what they give away is screened out. none, or file without `data.hints`: the
    chain of `run` ends with DPO."""
    temperature: float = Field(default=0.7, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    """Longest hint of the policy, in tokens; a longer one is no candidate. null: 512, or what a prompt
    leaves of the context where that is less."""
    most_if_null: ClassVar[int] = 512
    per_problem: int = Field(default=4, ge=1)
    """Hints asked for each problem that the policy does not always solve."""
    own_answers: int = Field(default=3, ge=0)
    """Of the policy's own answers to it, right and wrong, the writer is shown so many."""
    limit: int | None = Field(default=None, ge=1)
    """Ask for the first so many of these problems only; null: for all."""

    @property
    def read(self) -> list[str]:
        """The keys that play a part with this source."""
        asked = ["per_problem", "own_answers", "limit"]
        drawn = ["temperature", "top_p", "max_tokens", *asked]
        keys = {"file": [], "none": [], "teacher": asked, "policy": drawn, "base": drawn}
        return [f"candidates.{key}" for key in ("source", *keys[self.source])]
