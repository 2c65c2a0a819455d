"""A process that speaks /v1/completions as vLLM does, told `--host` and `--port`.

It writes 할말 and a letter every 20 ms, without end. With `--whole-looking` a stream that breaks off looks
like one that is whole: its end is the end of the connection.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LETTERS = "할말 가나다라마바사아자차카타파하"


def choice(text: str, finish: str | None) -> dict[str, Any]:
    ids = list(text.encode())
    logprobs = {"token_logprobs": [-0.1] * len(ids)}
    return {"text": text, "token_ids": ids, "logprobs": logprobs, "finish_reason": finish}


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._begin(200, "text/plain", 0)

    def do_POST(self) -> None:
        assert self.headers["Authorization"] == f"Bearer {os.environ['VLLM_API_KEY']}"
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
        data = f"data: {json.dumps({'choices': [part]})}\n\n".encode()
        if self.protocol_version == "HTTP/1.1":
            data = f"{len(data):x}\r\n".encode() + data + b"\r\n"
        self.wfile.write(data)
        self.wfile.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--whole-looking", action="store_true")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    Handler.protocol_version = "HTTP/1.0" if options.whole_looking else "HTTP/1.1"
    server = ThreadingHTTPServer((options.host, options.port), Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
