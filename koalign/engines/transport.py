"""transport: the HTTP client of openai -> one whose replies are bounded and come from the server named."""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from koalign.records import KoalignError

MOST_BYTES = 32 * 2**20
"""Of a body, unpacked. 100,000 tokens are less than a megabyte."""
ELSEWHERE = "koalign-elsewhere"
"""Our own header of a response: the server that it redirects to, which is not followed."""
HEADERS = {"Accept-Encoding": "gzip"}
"""Sent with each request: the one packing that is unpacked within bounds here."""
KOREAN = ("euc-kr", "cp949", "ks_c_5601-1987")
"""Charsets in which an error page is read; any other is read as UTF-8, as JSON is."""


def load_openai() -> Any:
    """The client's module; raises KoalignError where it is not installed."""
    try:
        import openai
    except ImportError:
        raise KoalignError(
            "an OpenAI-compatible server needs the openai client; pip install 'koalign[endpoint]'"
        ) from None
    return openai


def sync_client(timeout: float) -> Any:
    """An HTTP client for openai.OpenAI; a body is whole within `timeout` seconds, or cut."""
    return load_openai().DefaultHttpxClient(event_hooks={"response": [_guard(timeout)]})


def async_client(timeout: float) -> Any:
    """The same for openai.AsyncOpenAI."""
    guard = _guard(timeout)

    async def hook(response: Any) -> None:
        guard(response)

    return load_openai().DefaultAsyncHttpxClient(event_hooks={"response": [hook]})


def _guard(timeout: float) -> Callable[[Any], None]:
    """The hook that sees each response before its body is read and before a redirect is followed."""
    http = _http_module()

    class Bounded(http.SyncByteStream, http.AsyncByteStream):  # type: ignore[name-defined]
        """A body up to MOST_BYTES and one byte more, unpacked."""

        def __init__(self, stream: Any, packed: bool) -> None:
            self._stream, self._left = stream, MOST_BYTES + 1
            self._unpack = zlib.decompressobj(47) if packed else None
            self._end = time.monotonic() + timeout

        def __iter__(self) -> Iterator[bytes]:
            for chunk in self._stream:
                yield self._taken(chunk)
                if self._left <= 0:
                    return

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for chunk in self._stream:
                yield self._taken(chunk)
                if self._left <= 0:
                    return

        def _taken(self, chunk: bytes) -> bytes:
            if time.monotonic() > self._end:
                raise http.ReadTimeout(f"no whole reply in {timeout:g} s")
            if self._unpack:
                try:
                    chunk = self._unpack.decompress(chunk, self._left)
                except zlib.error:  # what came so far is no JSON
                    self._left, chunk = 0, b""
            chunk = chunk[: self._left]
            self._left -= len(chunk)
            return chunk

        def close(self) -> None:
            self._stream.close()

        async def aclose(self) -> None:
            await self._stream.aclose()

    def guard(response: Any) -> None:
        if response.has_redirect_location:
            try:
                target = response.url.join(response.headers["location"])
            except http.InvalidURL:
                target = None
            if target is None or not _same_server(response.url, target):
                name = target.netloc.decode("ascii") or target.scheme if target else "nowhere"
                response.headers[ELSEWHERE] = name
                del response.headers["location"]
        # Any codec of Python counts as a known charset there, and `hex` or `zlib` make no text.
        if (response.charset_encoding or "").lower() not in KOREAN:
            response.encoding = "utf-8"
        packing = response.headers.pop("content-encoding", "").strip().lower()
        response.stream = Bounded(response.stream, packing in ("gzip", "x-gzip", "deflate"))

    return guard


def _same_server(url: Any, target: Any) -> bool:
    if url.host != target.host:
        return False
    ports = {"http": 80, "https": 443}
    here, there = ((one.scheme, one.port or ports.get(one.scheme)) for one in (url, target))
    return here == there or (here, there) == (("http", 80), ("https", 443))


def _http_module() -> Any:
    """httpx, or what a newer openai has in its place."""
    return sys.modules[load_openai().DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]]
