"""in_process: an app in this process -> an HTTP transport whose replies come in parts.

httpx.ASGITransport hands a reply over when it is whole, so that a stream would come at its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
from starlette.types import ASGIApp


class InProcess(httpx.AsyncBaseTransport):
    """Asks an app without a socket; a closed response or a cancelled request ends the work."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See httpx; raises what the app raises before its reply begins."""
        asked = [{"type": "http.request", "body": await request.aread(), "more_body": False}]
        sent: asyncio.Queue[Any] = asyncio.Queue()

        async def receive() -> Any:
            if asked:
                return asked.pop()
            return await asyncio.Future()  # the client goes only by a cancellation

        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": request.url.scheme,
            "path": request.url.path,
            "query_string": request.url.query,
            "headers": [(name.lower(), value) for name, value in request.headers.raw],
            "client": None,
        }
        work = asyncio.ensure_future(self._app(scope, receive, sent.put))
        work.add_done_callback(lambda _: sent.put_nowait(None))
        try:
            begun = await sent.get()
            if begun is None:
                work.result()
                raise RuntimeError("the app has sent no reply")
        except BaseException:
            work.cancel()
            raise
        return httpx.Response(
            begun["status"], headers=begun["headers"], stream=_Parts(work, sent), request=request
        )


class _Parts(httpx.AsyncByteStream):
    def __init__(self, work: asyncio.Future[None], sent: asyncio.Queue[Any]) -> None:
        self._work, self._sent = work, sent

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._sent.get()) is not None:
            yield message.get("body", b"")
        if not self._work.cancelled():
            self._work.result()

    async def aclose(self) -> None:
        self._work.cancel()
        await asyncio.gather(self._work, return_exceptions=True)
