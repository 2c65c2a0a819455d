"""A server on 127.0.0.1 that answers every request with the same bytes, whatever they are."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

JSON = ("Content-Type: application/json",)


@dataclass
class RawServer:
    url: str = ""
    answer: bytes = b""
    pause: float = 0.0
    """Seconds between two bytes; 0: all at once."""
    requests: int = 0


def http(status: object, body: object = b"", headers: tuple[str, ...] = JSON, length: object = None) -> bytes:  # fmt: skip
    """A response; a body that is no bytes goes as JSON. `length`: of Content-Length, where it is not right."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    lines = [f"HTTP/1.1 {status} X", *headers, f"Content-Length: {len(data) if length is None else length}"]  # fmt: skip
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + data


@contextmanager
def raw_server() -> Iterator[RawServer]:
    """Runs the server, until the body ends."""
    server, over = RawServer(), threading.Event()
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    server.url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(5)
            head, _, rest = connection.recv(1 << 16).partition(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.I)
            while length and len(rest) < int(length[1]):
                rest += connection.recv(1 << 16)
            server.requests += 1
            answer = server.answer
            for start in range(0, len(answer), 1 if server.pause else len(answer) or 1):
                connection.sendall(answer[start : start + 1] if server.pause else answer)
                if over.wait(server.pause):
                    return
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=listening.accept()[:1], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield server
    finally:
        over.set()
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
