"""A process that speaks /v1/completions as vLLM does, told `--uds SOCKET`.

It writes 할말 and a letter every 20 ms, without end.

--whole-looking: a stream that breaks off looks like one that is whole, its end is the end of the connection.
--deaf N: the first N questions after its health are taken and not answered.
--hasty: a connection is closed when its second request arrives.
--engine: it has a process of its own, whose number it writes, and which does not end with it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer
from threading import Thread
from typing import Any

from koalign.serving.child import end_with_stdin

LETTERS = "할말 가나다라마\u2028바사아자차카타파하"


def choice(text: str, finish: str | None) -> dict[str, Any]:
    ids = list(text.encode())
    logprobs = {"token_logprobs": [-0.1] * len(ids)}
    return {"text": text, "token_ids": ids, "logprobs": logprobs, "finish_reason": finish}


class Handler(BaseHTTPRequestHandler):
    deaf = 0
    hasty = False
    requests = 0

    def log_message(self, *_: Any) -> None:
        pass

    def parse_request(self) -> bool:
        self.requests += 1
        parsed = super().parse_request()
        if self.hasty and self.requests > 1:
            self.close_connection = True
            return False
        return parsed

    def do_GET(self) -> None:
        if Handler.deaf:
            Handler.deaf -= 1
            time.sleep(3600)
        self._begin(200, "text/plain", 0)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not body.get("stream"):
            whole = json.dumps({"choices": [choice("실마리", "stop")]}).encode()
            time.sleep(0.3)
            self._begin(200, "application/json", len(whole))
            self.wfile.write(whole)
            return
        self._begin(200, "text/event-stream", None)
        number = 0
        while True:
            self._chunk(choice(LETTERS[number % len(LETTERS)], None))
            number += 1
            time.sleep(0.02)

    def _begin(self, status: int, kind: str, length: int | None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        elif self.protocol_version == "HTTP/1.1":
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, part: dict[str, Any]) -> None:
        data = f"data: {json.dumps({'choices': [part]}, ensure_ascii=False)}\n\n".encode()
        if self.protocol_version == "HTTP/1.1":
            data = f"{len(data):x}\r\n".encode() + data + b"\r\n"
        self.wfile.write(data)
        self.wfile.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--whole-looking", action="store_true")
    parser.add_argument("--deaf", type=int, default=0)
    parser.add_argument("--hasty", action="store_true")
    parser.add_argument("--engine", action="store_true")
    parser.add_argument("--uds", required=True)
    options = parser.parse_args()
    Thread(target=end_with_stdin, daemon=True).start()
    Handler.protocol_version = "HTTP/1.0" if options.whole_looking else "HTTP/1.1"
    Handler.deaf, Handler.hasty = options.deaf, options.hasty
    if options.engine:
        print(subprocess.Popen(["sleep", "3600"]).pid, flush=True)
    server = ThreadingUnixStreamServer(options.uds, Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
