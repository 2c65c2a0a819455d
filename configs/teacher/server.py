"""A teacher for the example: an OpenAI-compatible server that answers by a rule instead of a model.

It follows the sentences of the passage from the person of the question, and writes each step.

    python configs/teacher/server.py
"""

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RELATION = "(?:스승|선배|상사|은인|후원자|조카)"
FACTS = (
    rf"(?P<x>\w\w)의 {RELATION}\w (?P<y>\w\w)이다",
    rf"(?P<y>\w\w)\w (?P<x>\w\w)의 {RELATION}이다",
    rf"(?P<x>\w\w)에게는 {RELATION} (?P<y>\w\w)\w 있다",
)


def hint_for(prompt: str) -> str:
    leads = {fact["x"]: fact["y"] for form in FACTS for fact in re.finditer(form, prompt)}
    asked = re.search(rf"(\w\w)((?:의 {RELATION})+)[^\n]*\?", prompt)
    if not asked:
        return "지문을 천천히 읽는다."
    person, steps = asked[1], []
    for relation in re.findall(RELATION, asked[2]):
        steps.append(f"{person}의 {relation}: {leads[person]}.")
        person = leads[person]
    return " ".join(["먼저", *steps, f"이제 {person}에 관한 문장을 본다."])


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
