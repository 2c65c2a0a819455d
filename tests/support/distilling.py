"""A teacher that answers from the prompt over real HTTP, and a folder for it to teach in."""

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from koalign.cli.app import app
from koalign.data.formats.sources import read_source
from koalign.jsonl import read_jsonl
from koalign.records import Drop, Problem
from support.command import RUN
from support.problems import CITIES, problem, write_lines

PROBLEMS = 24
NAMES = "강고구기나노누니다도두디라로루리마모무미바보부비"
SAID = ("하였다", "적혀 있다", "쓰여 있다", "나온다")
ASKED = re.compile(r"(\d+)번 사람이 사는 곳은\?")


@dataclass
class Teacher:
    """A server of chat completions that answers from the prompt, and remembers what it was asked."""

    answer: Callable[[str, int], str]
    """(prompt, how often it was asked before) -> text; an empty one is refused with status 400."""
    prompts: list[str] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reply(self, request: dict) -> tuple[int, dict]:
        prompt = request["messages"][-1]["content"]
        with self.lock:
            before = self.prompts.count(prompt)
            self.prompts.append(prompt)
        text = self.answer(prompt, before)
        if not text:
            return 400, {"error": {"message": "not this one"}}
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": "stop",
        }
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        return 200, {
            "id": "x", "object": "chat.completion", "created": 0, "model": "big-teacher",
            "choices": [choice], "usage": usage,
        }  # fmt: skip


@contextmanager
def serving(answer: Callable[[str, int], str]) -> Iterator[Teacher]:
    teacher = Teacher(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, value = teacher.reply(json.loads(body))
            said = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    teacher.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield teacher
    finally:
        server.shutdown()
        server.server_close()


def number_in(prompt: str) -> int:
    return int(ASKED.findall(prompt)[-1])


def solution(number: int, draw: int = 0) -> str:
    city = CITIES[number % 4]
    # Numbers would look like those of choices, which a judge sees in another order.
    return f"선생: {NAMES[number]} 씨는 {city}에 산다고 {SAID[draw]}.\n\n정답: {city}"


def right(prompt: str, draw: int) -> str:
    return solution(number_in(prompt), draw)


def with_a_policy_that_reasons(scripted: Path) -> Path:
    """The scripted folder with a policy that reasons: of five texts to a problem four are right."""
    rules = []
    for number in range(PROBLEMS):
        city, other = CITIES[number % 4], CITIES[(number + 1) % 4]
        name = NAMES[number]
        texts = [f"{name} 씨를 본다. {city}에 산다고 {said}.\n\n정답: {city}" for said in SAID]
        texts.append(f"{name} 씨를 본다. {other}에 산다고 하였다.\n\n정답: {other}")
        rules.append({"contains": [f"문제: {number}번 사람"], "texts": texts})
    rules.append({"texts": ["모르겠다."]})
    (scripted / "script.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True), "utf-8")
    config = yaml.safe_load((scripted / "koalign.yaml").read_text("utf-8"))
    # By this template a problem without a rationale is none to learn from.
    said = "번 사람의 해설이다. 기록을 본다."
    rows = [problem(n, rationale=f"{n}{said}") for n in range(PROBLEMS)]
    write_lines(scripted / "train.jsonl", rows)
    config["prompt"] = {"template": "reasoning"}
    config["data"].pop("hints")
    config["teacher"] = {"model": "big-teacher", "concurrency": 1, "price_in": 1, "price_out": 10}
    (scripted / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    return scripted


def run(*arguments: str) -> None:
    app(list(arguments), standalone_mode=False)


def distill(teacher: Teacher, *settings: str, out: str = "made.jsonl") -> list[Problem]:
    given = [f"teacher.url={teacher.url}", *settings]
    run("distill", "-o", out, *(word for one in given for word in ("-s", one)))
    return read_source(out, "train").problems


def report() -> dict:
    return json.loads((RUN / "distill/report.json").read_text("utf-8"))


def reasons() -> Counter:
    return Counter(drop.reason for drop in read_jsonl(RUN / "distill/dropped.jsonl", Drop))


ALONE = "distill.own_per_teacher=0"
