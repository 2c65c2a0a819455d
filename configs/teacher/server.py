"""A teacher for the example: an OpenAI-compatible server that answers by a rule instead of a model.

It quotes the sentence of the passage that holds the relation asked for.

    python configs/teacher/server.py
"""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RELATIONS = "스승|선배|상사|은인|후원자|조카"


def hint_for(prompt: str) -> str:
    asked = re.findall(rf"의 ({RELATIONS})[^\n]*\?", prompt)
    facts = re.findall(rf"[^.\n①-⑩]*(?:{RELATIONS})[^.\n]*이다\.|[^.\n①-⑩]*있다\.", prompt)
    fact = next((fact.strip() for fact in facts if asked and asked[-1] in fact), "")
    return f"먼저 {fact} 이제 그 사람을 찾는다." if fact else "지문을 천천히 읽는다."


class Teacher(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = hint_for(request["messages"][-1]["content"])
        message = {"role": "assistant", "content": text}
        self.reply(
            {
                "id": "1",
                "object": "chat.completion",
                "created": 0,
                "model": request["model"],
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 400, "completion_tokens": 20, "total_tokens": 420},
            }
        )

    def do_GET(self) -> None:
        self.reply({"object": "list", "data": [{"id": "rule", "object": "model"}]})

    def reply(self, value: dict) -> None:
        body = json.dumps(value, ensure_ascii=False).encode("utf-8")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: koalign logs every call."""


ThreadingHTTPServer(("127.0.0.1", 8399), Teacher).serve_forever()
