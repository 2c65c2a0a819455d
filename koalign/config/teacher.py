"""teacher: the settings of servers that are asked for hints and rationales, and for verdicts: the judge."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from koalign.config.inputs import Section, refuse_secrets

_ENVIRONMENT_NAME = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
_OWN_KEYS = frozenset(
    {"model", "messages", "temperature", "top_p", "max_tokens", "max_completion_tokens", "seed"}
)
_ONE_WHOLE_ANSWER = frozenset({"n", "stream", "stream_options"})


class Teacher(Section):
    """A server that speaks OpenAI's chat completions, asked for hints and rationales."""

    model_config = ConfigDict(hide_input_in_errors=True)
    same_result: ClassVar[frozenset[str]] = frozenset(
        {
            "url", "key_env", "concurrency", "requests_per_minute", "tokens_per_minute", "timeout",
            "tries", "price_in", "price_out", "max_cost", "max_failures", "max_tokens_key",
        }
    )  # fmt: skip
    name: ClassVar[str] = "teacher"
    """Of the section, for messages."""

    url: str | None = None
    """Where it is, such as `http://127.0.0.1:8000/v1`; null: no teacher. A `model` of the same name at
    another address is the same teacher."""
    model: str | None = None
    """Its name there; null: the one model that it serves."""
    key_env: str = "OPENAI_API_KEY"
    """Name of the environment variable that holds the key; the key itself is written nowhere."""
    temperature: float | None = Field(default=0.7, ge=0)
    """null: not sent, for a model that takes none."""
    top_p: float | None = Field(default=0.95, gt=0, le=1)
    """null: not sent."""
    max_tokens: int = Field(default=1024, ge=1)
    """Longest reply, in tokens, with what a thinking model thinks; a longer one is marked as cut."""
    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls that; OpenAI's own thinking models know only the second."""
    seed: int | None = 0
    """A seed made of it goes with each call; null: none, for a server that refuses the key."""
    extra: dict[str, Any] = Field(default={})
    """More keys of the request as this server knows them, such as
    `{chat_template_kwargs: {enable_thinking: false}}` for Qwen3 on vLLM."""
    concurrency: int = Field(default=8, ge=1)
    """Calls under way together."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Most requests sent in a minute, evenly spaced; null: no limit."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    """Most tokens in a minute, each request counted at the most that it can be; null: no limit."""
    timeout: float = Field(default=120, gt=0)
    """Seconds in which one reply must be there whole."""
    tries: int = Field(default=5, ge=1)
    """How often one call is sent at most; only what may pass is tried again."""
    max_failures: int = Field(default=20, ge=1)
    """Stop when so many calls fail one after the other."""
    price_in: float = Field(default=0, ge=0)
    """What a million prompt tokens cost, in your currency."""
    price_out: float = Field(default=0, ge=0)
    """What a million tokens of replies cost."""
    max_cost: float | None = Field(default=None, gt=0)
    """The most that one stage may spend, with what its log has spent; null: no limit. A call goes out only
    if its most still fits; of calls under way at a kill nobody knows the cost."""

    @property
    def no_part(self) -> frozenset[str]:
        """Without a name the model is what the address serves."""
        return self.same_result if self.model else self.same_result - {"url"}

    @field_validator("url")
    @classmethod
    def _an_address_without_secrets(cls, url: str | None) -> str | None:
        if url is None:
            return None
        refuse_secrets(url, f"the environment variable that {cls.name}.key_env names")
        if "#" in url:
            raise ValueError(
                f"an address here has nothing after `#`; the model is {cls.name}.model"
            )
        return url.rstrip("/")

    @field_validator("key_env")
    @classmethod
    def _a_name_and_not_the_key(cls, name: str) -> str:
        if not _ENVIRONMENT_NAME.fullmatch(name):
            raise ValueError(
                "is the NAME of an environment variable, in capitals such as OPENAI_API_KEY, and never "
                "the key itself; if that was a key, it now stands in a file or in your shell's history"
            )
        return name

    @model_validator(mode="after")
    def _the_pieces_fit(self) -> Teacher:
        if twice := sorted(_OWN_KEYS & set(self.extra)):
            raise ValueError(f"extra: {twice[0]} has a key of its own, not here")
        try:
            json.dumps(self.extra, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, TypeError) as error:
            raise ValueError(f"extra: cannot be sent as JSON ({error})") from None
        if odd := sorted(_ONE_WHOLE_ANSWER & set(self.extra)):
            raise ValueError(f"extra: {odd[0]} cannot be set; a call asks for one whole reply")
        if self.max_cost is not None and not (self.price_in and self.price_out):
            raise ValueError("max_cost cannot be kept without price_in and price_out")
        return self


class Judge(Teacher):
    """A server of the same kind, asked which of two long answers is better, once in each order."""

    name: ClassVar[str] = "judge"

    url: str | None = None
    """Where it is; null: no judge. Its verdicts on samples become pairs, and those on the answers of two
    steps a win rate."""
    temperature: float | None = Field(default=0, ge=0)
    """null: not sent, for a model that takes none."""
