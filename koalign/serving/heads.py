"""heads: bytes of a connection -> requests, or an error: a head that never ends, or no HTTP at all."""

from __future__ import annotations

import asyncio
import json
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from koalign.serving.errors import ApiError

HEAD_SECONDS = 60
"""Seconds in which the head of a request must be whole, from its first byte or the connection on."""


class Heads(H11Protocol):
    """HTTP/1.1 as uvicorn reads it by h11, which ends a head of more than 64 KiB.

    httptools, which uvicorn prefers, keeps headers without end.
    """

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the first head."""
        super().connection_made(cast(asyncio.Transport, transport))
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head; of a body the app itself waits."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """As every other error is sent."""
        self._refuse(ApiError(400, "this is no HTTP request; ask http:// and not https://"))

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._limit is None:
            error = ApiError(408, f"the head of the request was not whole after {HEAD_SECONDS} s")
            self._limit = self.loop.call_later(HEAD_SECONDS, self._refuse, error)

    def _stop(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _refuse(self, error: ApiError) -> None:
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            body = json.dumps(error.body).encode()
            headers = [
                ("Content-Type", "application/json"), ("Content-Length", f"{len(body)}"),
                ("Connection", "close"),
            ]  # fmt: skip
            head = h11.Response(status_code=error.status, headers=headers)
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if self.cycle is not None:  # the app has the head of a request whose body is no HTTP
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.close()
