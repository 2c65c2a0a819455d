"""bodies: JSON of a request -> checked fields; whatever is wrong is an ApiError that names the field."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from starlette.requests import Request

from koalign.jsonl import field_errors
from koalign.records import Message
from koalign.serving.errors import ApiError
from koalign.text.visible import shown, visible

MOST_BYTES = 2**20
"""Of a body: a passage of an exam has some ten thousand characters."""
BODY_SECONDS = 60
"""In which a body must be whole."""
LEAST_TEMPERATURE = 0.01
"""vLLM's; logits over less are more than a float holds."""
MOST_STOPS = 16
MOST_LISTED = 20
"""Unknown fields that an answer lists."""
NEUTRAL: dict[str, Any] = {
    "tools": (None, []),
    "tool_choice": (None, "none", "auto"),
    "functions": (None, []),
    "function_call": (None, "none", "auto"),
    "response_format": (None, {"type": "text"}),
    "logprobs": (None, False, 0),
    "top_logprobs": (None, 0),
    "modalities": (None, ["text"]),
    "audio": (None,),
    "echo": (None, False),
    "suffix": (None, ""),
    "best_of": (None, 1),
    "n": (None, 1),
}
"""Keys that change what comes back -> the values with which they do not; others are refused."""

Role = Literal["system", "developer", "user", "assistant"]
B = TypeVar("B", bound=BaseModel)


class Strict(BaseModel):
    """A value of another type is refused: `max_tokens: true` is no 1."""

    model_config = ConfigDict(frozen=True, strict=True)


class Part(Strict):
    """A part of a message."""

    type: Literal["text"]
    text: str


def _parts(content: Any) -> Any:
    """A text as its one part."""
    if not isinstance(content, str | list):
        raise ValueError("a text, or a list of text parts, is expected")
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


class ChatMessage(Strict):
    role: Role
    content: Annotated[list[Part], BeforeValidator(_parts), Field(min_length=1)]
    tool_calls: list[Any] | None = Field(default=None, max_length=0)
    """No model of a run calls tools, and an answer to a call cannot be read without it."""

    @property
    def turn(self) -> Message:
        """As the renderer takes it."""
        text = "".join(part.text for part in self.content)
        return Message(role="system" if self.role == "developer" else self.role, text=text)


class StreamOptions(Strict):
    include_usage: bool = False


class Body(Strict):
    """The fields of OpenAI that are heeded. Others are ignored, and the answer lists them."""

    model_config = ConfigDict(extra="allow")
    sampling: ClassVar[tuple[str, ...]] = ("temperature", "top_p", "stop")
    """What the models with a budget of their own do not take from a request."""

    model: str
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    stop: str | list[str] | None = None

    @field_validator("temperature")
    @classmethod
    def _warm_or_greedy(cls, temperature: float | None) -> float | None:
        if temperature and temperature < LEAST_TEMPERATURE:
            raise ValueError(f"0 is greedy, and {LEAST_TEMPERATURE} the least above it")
        return temperature

    @field_validator("stop")
    @classmethod
    def _few_stops(cls, stop: str | list[str] | None) -> str | list[str] | None:
        stops = [stop] if isinstance(stop, str) else stop or []
        if not all(stops):
            raise ValueError("an empty text would stop everything")
        if len(stops) > MOST_STOPS:
            raise ValueError(f"{len(stops):,} texts, and {MOST_STOPS} are the most")
        return stop

    @property
    def most_tokens(self) -> int | None:
        """Of the completion."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts before which a completion ends."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage

    def ignored(self, *, fixed: bool) -> list[str]:
        """Fields that have no effect; `fixed`: the model has its own sampling."""
        given = [name for name in self.sampling if fixed and getattr(self, name) is not None]
        others = {name: value for name, value in (self.model_extra or {}).items() if value}
        unknown = [name for name in sorted(others) if name not in NEUTRAL]
        return [*given, *(shown(visible(name))[:40] for name in unknown[:MOST_LISTED])]


class ChatBody(Body):
    messages: list[ChatMessage] = Field(min_length=1)


class CompletionBody(Body):
    prompt: str | list[str]

    @property
    def text(self) -> str:
        """The one prompt; raises ApiError for several, and for one without a text."""
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        if len(prompts) != 1:
            raise ApiError(400, f"prompt: {len(prompts)} texts; send one a request", param="prompt")
        if not prompts[0]:
            raise ApiError(400, "prompt: is empty; a model goes on with a text", param="prompt")
        return prompts[0]


class SolveBody(Strict):
    """A problem, and who is to solve it."""

    model_config = ConfigDict(extra="allow")

    model: str = "koalign"
    seed: int | None = None

    @property
    def problem(self) -> dict[str, Any]:
        """The fields of the problem."""
        return self.model_extra or {}


async def read_body(request: Request, body: type[B]) -> B:
    """The body of a request; raises ApiError for what is no JSON, too large or of another shape."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind.lower() != "application/json":
        raise ApiError(415, "send JSON, with the header Content-Type: application/json")
    data = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                data += chunk
                if len(data) > MOST_BYTES:
                    raise ApiError(413, f"the body is larger than {MOST_BYTES:,} bytes")
    except TimeoutError:
        raise ApiError(408, f"the body was not whole after {BODY_SECONDS} s") from None
    try:
        made = body.model_validate_json(bytes(data))
    except ValidationError as error:
        first = field_errors(error)[0]
        if first.type == "json_invalid":
            raise ApiError(400, f"the body is not JSON: {shown(first.message)}") from None
        name = first.field.partition(".")[0] or None
        place = f"{shown(first.field)}: " if first.field else ""
        raise ApiError(400, f"{place}{shown(first.message)}", param=name) from None
    for name, neutral in NEUTRAL.items():
        if (value := (made.model_extra or {}).get(name)) not in neutral:
            found = shown(str(value))[:80]
            raise ApiError(400, f"{name}: {found} is not supported here; leave it out", param=name)
    return made
