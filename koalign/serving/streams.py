"""streams: a hint and a reply -> one JSON answer, or server-sent events as OpenAI's clients read them."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from koalign.serving.asking import Hint, Part, Reply
from koalign.serving.errors import FAULTS, api_error
from koalign.text.visible import escaped_json

KEEP_ALIVE = 15.0
"""Seconds of silence after which a stream gets a comment, so that no proxy closes it."""
T = TypeVar("T")


@dataclass(frozen=True)
class Shape:
    """What all chunks of one answer share."""

    model: str
    kind: Literal["chat", "text"]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, reply: Reply, notes: Mapping[str, Any]) -> dict[str, Any]:
        """The answer that is not streamed."""
        message = {"role": "assistant", "content": reply.text, **_reasoning(reply.hint)}
        choice = {"text": reply.text} if self.kind == "text" else {"message": message}
        return {
            **self._head("chat.completion", "text_completion"),
            "choices": [_choice(choice, reply.finish_reason)],
            "usage": usage(reply),
            "koalign": dict(notes),
        }

    def chunk(self, part: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
        """One event of a stream; `part`: the text, or the delta of a message."""
        choice = dict(part) if self.kind == "text" else {"delta": dict(part)}
        head = self._head("chat.completion.chunk", "text_completion")
        return {**head, "choices": [_choice(choice, finish)]}

    def last(self, reply: Reply) -> dict[str, Any]:
        """The event with the usage and without choices."""
        head = self._head("chat.completion.chunk", "text_completion")
        return {**head, "choices": [], "usage": usage(reply)}

    def _head(self, chat: str, text: str) -> dict[str, Any]:
        prefix, kind = ("chatcmpl", chat) if self.kind == "chat" else ("cmpl", text)
        name = f"{prefix}-{self.id}"
        return {"id": name, "object": kind, "created": self.created, "model": self.model}


def usage(reply: Reply) -> dict[str, Any]:
    """Tokens of all prompts and of all that was written, hints and votes too."""
    cost = reply.tokens
    return {
        "prompt_tokens": cost.prompt,
        "completion_tokens": cost.generated,
        "total_tokens": cost.prompt + cost.generated,
        "completion_tokens_details": {"reasoning_tokens": cost.hints},
    }


def _choice(content: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, **content, "finish_reason": finish, "logprobs": None}


def _reasoning(hint: str) -> dict[str, str]:
    """Under both names: open-webui reads the second only."""
    return {"reasoning": hint, "reasoning_content": hint} if hint else {}


async def events(
    shape: Shape,
    parts: AsyncIterator[Part],
    notes: Callable[[Reply], Mapping[str, Any]],
    failed: Callable[[int], None],
    *,
    with_usage: bool,
) -> AsyncGenerator[str]:
    """The role, the hint, the text in pieces, the end, on wish the usage, [DONE]; an error ends it.

    `failed` is told the status that the error would have had before the first event.
    """
    hinted, sent = False, 0
    key = "content" if shape.kind == "chat" else "text"
    if shape.kind == "chat":
        yield _event(shape.chunk({"role": "assistant", "content": ""}))
    try:
        async for part in with_comments(parts):
            if part is None:
                yield ": still at work\n\n"
            elif isinstance(part, Hint):
                hinted = True
                yield _event(shape.chunk(_reasoning(part.text)))
            elif isinstance(part, str):
                sent += len(part)
                yield _event(shape.chunk({key: part}))
            else:
                if part.hint and not hinted and shape.kind == "chat":
                    yield _event(shape.chunk(_reasoning(part.hint)))
                if rest := part.text[sent:]:
                    yield _event(shape.chunk({key: rest}))
                end = shape.chunk({} if shape.kind == "chat" else {"text": ""}, part.finish_reason)
                yield _event({**end, "koalign": dict(notes(part))})
                if with_usage:
                    yield _event(shape.last(part))
        yield "data: [DONE]\n\n"
    except FAULTS as error:
        told = api_error(error)
        failed(told.status)
        yield _event(told.body)


def _event(value: Mapping[str, Any]) -> str:
    """Readers of lines, as httpx and Python's, end one at U+2028 and U+0085, too: they are escaped."""
    return f"data: {escaped_json(json.dumps(value, ensure_ascii=False))}\n\n"


async def with_comments(parts: AsyncIterator[T], seconds: float = 0) -> AsyncIterator[T | None]:
    """The parts, and None after each time of silence; closed, it ends the work on the next part."""
    following = asyncio.ensure_future(_next(parts))
    try:
        while True:
            await asyncio.wait([following], timeout=seconds or KEEP_ALIVE)
            if not following.done():
                yield None
                continue
            try:
                yield following.result()
            except StopAsyncIteration:
                return
            following = asyncio.ensure_future(_next(parts))
    finally:
        following.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration, *FAULTS):
            await following


async def _next(parts: AsyncIterator[T]) -> T:
    return await anext(parts)


async def until_closed(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of the work, which ends where the client goes; raises ClientDisconnect then."""
    task = asyncio.ensure_future(work)
    closed = asyncio.ensure_future(_closed(request))
    try:
        await asyncio.wait([task, closed], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        task.cancel()
        closed.cancel()
        await asyncio.gather(task, closed, return_exceptions=True)


async def _closed(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class EventStream(StreamingResponse):
    """A stream of events, after which `leave` is called, however it ends."""

    media_type = "text/event-stream"

    def __init__(
        self,
        content: AsyncGenerator[str],
        headers: Mapping[str, str],
        leave: Callable[[bool], None],
    ) -> None:
        """`leave` is told whether the stream came to its end."""
        super().__init__(content, headers={"Cache-Control": "no-store", **headers})
        self._events, self._leave = content, leave

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; the work ends where the client goes."""
        ended = False

        async def watched(message: Any) -> None:
            nonlocal ended
            await send(message)
            ended = message["type"] == "http.response.body" and not message.get("more_body")

        try:
            await super().__call__(scope, receive, watched)
        finally:
            self._leave(ended)
            await self._events.aclose()
