"""An app without a socket: a reply comes in parts, and its work ends where nobody reads on."""

import asyncio

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import StreamingResponse

from koalign.serving.in_process import InProcess


def asked(app, read) -> list[str]:
    """What `read` makes of the response of an app, and what the app noted."""
    notes: list[str] = []

    async def main() -> None:
        transport = InProcess(app(notes))
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as http:
            await read(http, notes)

    asyncio.run(asyncio.wait_for(main(), 20))
    return notes


def in_parts(notes: list[str]):
    async def parts(body: bytes):
        try:
            yield b"first " + body
            while "read" not in notes:
                await asyncio.sleep(0)
            yield b" second"
        except asyncio.CancelledError:
            notes.append("ended")
            raise

    async def app(scope, receive, send) -> None:
        body = await Request(scope, receive).body()
        await StreamingResponse(parts(body))(scope, receive, send)

    return app


def test_the_first_part_is_read_before_the_second_is_written():
    async def read(http, notes) -> None:
        async with http.stream("POST", "/", content="가".encode()) as reply:
            parts = reply.aiter_text()
            assert await anext(parts) == "first 가"
            notes.append("read")
            assert [part async for part in parts] == [" second"]

    assert asked(in_parts, read) == ["read"]


def test_a_response_that_is_not_read_to_its_end_ends_the_work():
    async def read(http, notes) -> None:
        async with http.stream("POST", "/", content="x") as reply:
            await anext(reply.aiter_text())

    assert asked(in_parts, read) == ["ended"]


def test_a_request_that_is_cancelled_before_its_reply_ends_the_work():
    def app_of(notes):
        async def app(scope, receive, send) -> None:
            notes.append("begun")
            try:
                await asyncio.Future()
            finally:
                notes.append("ended")

        return app

    async def read(http, notes) -> None:
        asking = asyncio.ensure_future(http.get("/"))
        while not notes:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        await asyncio.sleep(0)
        assert notes == ["begun", "ended"]  # now, and not when the loop is closed

    asked(app_of, read)


def test_what_the_app_raises_is_raised_before_a_reply_and_within_one():
    def app_of(notes):
        async def app(scope, receive, send) -> None:
            if scope["path"] == "/late":
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
            raise LookupError("a slip")

        return app

    async def read(http, notes) -> None:
        for path in ("/early", "/late"):
            with pytest.raises(LookupError, match="a slip"):
                await http.get(path)

    asked(app_of, read)
