"""guards: a request -> the app, or a refusal: no token, a foreign Host, a body that is too large."""

from __future__ import annotations

import hmac
import os
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from koalign.records import KoalignError
from koalign.serving.bodies import MOST_BYTES
from koalign.serving.errors import ApiError

LOCAL = ("127.0.0.1", "localhost", "::1")
OPEN = ("/health",)
"""Routes that need no token."""


def is_local(host: str) -> bool:
    """Whether only this machine reaches a server there."""
    return host in LOCAL


def read_token(host: str, name: str | None) -> str | None:
    """The token in the environment variable `name`; none where none is named.

    Raises KoalignError where it is not set or short, and where a host that others reach has none.
    """
    if name is None:
        if is_local(host):
            return None
        raise KoalignError(
            f"--host {host}: others reach it; name the environment variable that holds a token with "
            "--token-env, or take 127.0.0.1 (and `ssh -L` from elsewhere)"
        )
    token = os.environ.get(name, "").strip()
    if len(token) < 16 or not (token.isascii() and token.isprintable()):
        raise KoalignError(
            f"--token-env {name[:40]}: holds no token of 16 printable characters or more; "
            f"export {name[:40]}=$(openssl rand -hex 16)"
        )
    return token


class Guard:
    """ASGI middleware: a token where one is set, else a Host of this machine, against DNS rebinding."""

    def __init__(self, app: ASGIApp, token: str | None, open_routes: Collection[str] = OPEN):
        self._app, self._token, self._open = app, token, open_routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._refusal(scope)):
            response = JSONResponse(error.body, error.status, error.headers)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            return ApiError(413, f"the body is larger than {MOST_BYTES:,} bytes")
        if self._token is None:
            host = headers.get("host", "").rpartition("]")[0].lstrip("[")
            host = host or headers.get("host", "").partition(":")[0]
            if not is_local(host.lower()):
                return ApiError(403, "this server is for this machine: ask it as 127.0.0.1")
        elif scope["path"] not in self._open:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            same = hmac.compare_digest(given.strip().encode(), self._token.encode())
            if scheme.lower() != "bearer" or not same:
                return ApiError(
                    401, "no valid token: send Authorization: Bearer TOKEN",
                    code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"},
                )  # fmt: skip
        return None
