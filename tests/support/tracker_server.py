"""A real HTTP server on 127.0.0.1 that keeps what trackers are sent by id, and misbehaves on demand."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY, TOKEN = "lsv2-a-key-of-langsmith", "a-write-token-of-trackio"


@dataclass
class TrackerServer:
    """Runs of LangSmith and lines of trackio, each once, as theirs keep them."""

    fault: Callable[[str, int], int | float | None] = lambda path, number: None
    """(path, number of the request from 1) -> a status, or seconds to be silent as a float."""
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    url: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which koalign finds it."""
        return {
            "LANGSMITH_ENDPOINT": self.url, "LANGSMITH_API_KEY": KEY,
            "TRACKIO_SERVER_URL": f"{self.url}/?write_token={TOKEN}",
            "WANDB_BASE_URL": self.url, "WANDB_API_KEY": "w" * 40,
        }  # fmt: skip

    def answer(self, method: str, path: str, headers: Any, body: Any) -> tuple[int, Any]:
        if path.startswith("/api/"):
            if headers["x-trackio-write-token"] != TOKEN:
                return 200, {"data": {"allowed": False}}
            if path == "/api/get_run_mutation_status":
                return 200, {"data": {"allowed": True}}
            for line in body["kwargs"]["logs"]:
                self.lines.setdefault(line["log_id"], line)
            return 200, {"data": None}
        if path == "/graphql":
            return 200, {"data": {"viewer": None}}
        if headers["x-api-key"] != KEY:
            return 401, {"detail": "Invalid token"}
        if path == "/runs" and method == "POST":
            if body["id"] in self.runs:
                return 409, {"detail": "Conflict"}
            self.runs[body["id"]] = body
            return 202, {"message": "queued"}
        return 200, []


@contextmanager
def tracker_server(**settings: Any) -> Iterator[TrackerServer]:
    """The server, until the body ends."""
    state, lock, over = TrackerServer(**settings), threading.Lock(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            with lock:
                state.statuses.append(0)
                number = len(state.statuses)
            fault = state.fault(path, number)
            if isinstance(fault, float):
                until = time.monotonic() + fault
                while time.monotonic() < until and not over.wait(0.05):
                    pass
                fault = None
            with lock:
                body = json.loads(data) if data else None
                status, said = (
                    (fault, {"detail": "fault"})
                    if fault
                    else state.answer(self.command, path, self.headers, body)
                )
                state.statuses[number - 1] = status
            answer = json.dumps(said).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except OSError:  # the asker did not wait
                return

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield state
    finally:
        over.set()
        server.shutdown()
        server.server_close()
