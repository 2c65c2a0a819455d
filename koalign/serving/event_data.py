"""event_data: a streamed reply -> the data of its events."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx


async def event_data(reply: httpx.Response) -> AsyncIterator[bytes]:
    """The data of each line of server-sent events that has some; one without its end is left out.

    A line ends at a line feed alone. Those of httpx end at U+2028 and U+0085, too, which JSON may hold.
    """
    pending = bytearray()
    async for chunk in reply.aiter_bytes():
        pending += chunk
        if b"\n" not in chunk:
            continue
        *lines, pending = pending.split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield bytes(line[5:].strip())
