"""A real HTTP server on 127.0.0.1 that speaks OpenAI's chat completions and misbehaves on demand.

What it answers depends on the request alone, so that two askings can be compared. As a process of its
own, `python faulty_server.py LOG SECONDS`, it outlives the asker that is killed.
"""

from __future__ import annotations

import email.utils
import gzip
import hashlib
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Body = dict[str, Any]


@dataclass
class Arrival:
    """One request as the server saw it."""

    at: float
    body: Body
    headers: dict[str, str]

    @property
    def asked(self) -> str:
        return self.body["messages"][-1]["content"]


@dataclass
class Server:
    """What the server is to do, and what it saw."""

    fault: Callable[[Body, int], str | None] = lambda body, time: None
    """(request, how often it came before) -> the name of a fault of `FAULTS`, or none."""
    text: Callable[[Body], str] = lambda body: answer_to(body)
    usage: bool = True
    seconds: float = 0.0
    """How long each answer takes."""
    models: tuple[str, ...] | None = ("teacher-1",)
    """None: it has no list of them."""
    log: Path | None = None
    """Where each answered request is noted, for a server in a process of its own."""
    arrivals: list[Arrival] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def count(self, asked: str) -> int:
        """How often a text was sent."""
        return sum(arrival.asked == asked for arrival in self.arrivals)


def answer_to(body: Body) -> str:
    """A text that only the request decides."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
    return f"답 {digest}: {body['messages'][-1]['content']}"


def completion(body: Body, text: str, counted: bool = True, **changes: Any) -> Body:
    made = {
        "id": "c", "object": "chat.completion", "created": 0, "model": f"{body['model']}-0613",
        "choices": [{
            "index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text},
        }],
    }  # fmt: skip
    if counted:
        words = len(text.split())
        counts = ("prompt_tokens", 10), ("completion_tokens", words), ("total_tokens", 10 + words)
        made["usage"] = dict(counts)
    return {**made, **changes}


class Handler(BaseHTTPRequestHandler):
    """Answers with a completion, or with the fault that the server was told."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        if self.server.told.models is None:
            self.reply(404, "<html>없는 페이지</html>", "text/html; charset=utf-8")
            return
        served = [{"id": name, "object": "model"} for name in self.server.told.models]
        self.reply(200, json.dumps({"object": "list", "data": served}))

    def do_POST(self) -> None:
        told = self.server.told
        length = int(self.headers["Content-Length"])
        data = self.rfile.read(length)
        if len(data) < length:  # the asker was killed in the middle of it
            self.close_connection = True
            return
        body = json.loads(data)
        asked = json.dumps(body, sort_keys=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        with told.lock:
            time_before = told.seen[asked]
            told.seen[asked] += 1
            told.under_way += 1
            told.most_under_way = max(told.most_under_way, told.under_way)
            told.arrivals.append(Arrival(time.monotonic(), body, headers))
        try:
            time.sleep(told.seconds)
            fault = told.fault(body, time_before)
            if fault is None:
                self.reply(200, json.dumps(completion(body, told.text(body), told.usage)))
                if told.log:
                    with told.lock, told.log.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(body["messages"][-1]["content"]) + "\n")
            else:
                name, _, detail = fault.partition(":")
                FAULTS[name](self, body, detail)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the asker gave up
        finally:
            with told.lock:
                told.under_way -= 1

    def reply(self, status: int, text: str, kind: str = "application/json", **more: str) -> None:
        self.wfile.write(self._begin(status, text, kind, **more))

    def _begin(self, status: int, text: str, kind: str = "application/json", **more: str) -> bytes:
        """Send the headers; the body is left to send."""
        data = text.encode("utf-8", "surrogatepass")
        self.send_response(status)
        headers = {"Content_Type": kind, "Content_Length": str(len(data)), **more}
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        return data

    def cut(self, body: Body, _: str) -> None:
        """Half of the body, then the connection is closed."""
        data = self._begin(200, json.dumps(completion(body, "가" * 200)))
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True

    def hang_up(self, body: Body, _: str) -> None:
        """Not a byte, and the connection is closed."""
        self.close_connection = True

    def trickle(self, body: Body, seconds: str) -> None:
        """A byte now and then, without end in time: never silent and never whole."""
        data = self._begin(200, json.dumps(completion(body, "느리다 " * 50)))
        until = time.monotonic() + float(seconds)
        for byte in data:
            if time.monotonic() > until:
                break
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(0.02)
        self.close_connection = True

    def silent(self, body: Body, seconds: str) -> None:
        time.sleep(float(seconds))
        self.close_connection = True

    def status(self, body: Body, detail: str) -> None:
        """`status:429`, with a Retry-After `status:429:2` or as a date `status:429:+2`; echoes the key."""
        number, _, after = detail.partition(":")
        if after.startswith("+"):
            after = email.utils.formatdate(time.time() + float(after), usegmt=True)
        error = {"message": f"no: {self.headers['Authorization']}\nsecond line", "code": None}
        more = {"Retry_After": after} if after else {}
        self.reply(int(number), json.dumps({"error": error}), **more)

    def refuse(self, body: Body, keys: str) -> None:
        """`refuse:seed,top_p`: an error that names the first of the keys in the request."""
        for key in keys.split(","):
            if key in body:
                said = {"message": f"Unsupported parameter: '{key}' is not supported", "param": key}
                self.reply(400, json.dumps({"error": said}))
                return
        self.reply(200, json.dumps(completion(body, answer_to(body))))

    def quota(self, body: Body, _: str) -> None:
        said = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
        self.reply(429, json.dumps(said))

    def raw(self, body: Body, text: str) -> None:
        """A body as it stands."""
        self.reply(200, text)

    def html(self, body: Body, _: str) -> None:
        self.reply(200, "<html>로그인하십시오</html>", "text/html; charset=utf-8")

    def plain(self, body: Body, _: str) -> None:
        """A good completion under a wrong content type."""
        self.reply(200, json.dumps(completion(body, answer_to(body))), "text/plain")

    def with_(self, body: Body, changes: str) -> None:
        """A completion with other keys: `with_:{"choices": []}`."""
        self.reply(200, json.dumps(completion(body, answer_to(body), **json.loads(changes))))

    def choice(self, body: Body, changes: str) -> None:
        """A completion whose choice has other keys."""
        made = completion(body, answer_to(body))
        made["choices"][0].update(json.loads(changes))
        self.reply(200, json.dumps(made))

    def send_on(self, body: Body, target: str) -> None:
        """A redirect that keeps the request, body and all; with no target to itself, once."""
        once = self.server.told.seen[json.dumps(body, sort_keys=True)] > 1
        if target or not once:
            self.reply(307, "", Location=target or self.path)
        else:
            self.reply(200, json.dumps(completion(body, answer_to(body))))

    def flood(self, body: Body, megabytes: str) -> None:
        """A body of so many megabytes without a length."""
        self.send_response(200)
        self.end_headers()
        for _ in range(int(megabytes)):
            self.wfile.write(b"1" * 2**20)
        self.close_connection = True

    def packed(self, body: Body, megabytes: str) -> None:
        """A body packed with gzip, of so many megabytes of blanks; with none a good completion."""
        text = (
            " " * (int(megabytes) * 2**20) if megabytes else json.dumps(completion(body, "정답: 3"))
        )
        data = gzip.compress(text.encode(), 9)
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def echo(self, body: Body, _: str) -> None:
        """A reply that says the key."""
        text = f"그대의 열쇠는 {self.headers['Authorization']}"
        self.reply(200, json.dumps(completion(body, text)))


FAULTS: dict[str, Callable[[Handler, Body, str], None]] = {
    name: member
    for name, member in vars(Handler).items()
    if callable(member) and not name.startswith(("do_", "_", "reply", "log_message"))
}


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    told: Server

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An asker that is gone is nothing to report."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def faulty_server(told: Server) -> Iterator[Server]:
    """Runs the server; its address is in `url`."""
    with _Http(("127.0.0.1", 0), Handler) as http:
        http.told = told
        told.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield told
        finally:
            http.shutdown()
            thread.join()


if __name__ == "__main__":
    noted, pace = Path(sys.argv[1]), float(sys.argv[2])
    with faulty_server(Server(log=noted, seconds=pace)) as running:
        print(running.url, flush=True)
        sys.stdin.read()  # until the parent closes it
