"""A teacher that answers from the prompt over real HTTP, and a folder for it to teach in."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import yaml

from koalign.cli.app import app
from koalign.data.formats.sources import read_source
from koalign.jsonl import read_jsonl
from koalign.records import Drop, Problem
from support.command import RUN
from support.faulty_server import Body, Server, faulty_server
from support.problems import CITIES, problem, write_lines

PROBLEMS = 24
NAMES = "강고구기나노누니다도두디라로루리마모무미바보부비"
SAID = ("하였다", "적혀 있다", "쓰여 있다", "나온다")
ASKED = re.compile(r"(\d+)번 사람이 사는 곳은\?")


class Teacher(NamedTuple):
    url: str
    prompts: list[str]
    """What it was asked."""


@contextmanager
def serving(answer: Callable[[str, int], str]) -> Iterator[Teacher]:
    """A teacher that answers from the prompt and from how often it was asked it before.

    An empty text is no reply.
    """
    prompts: list[str] = []

    def text(body: Body) -> str:
        prompt = body["messages"][-1]["content"]
        with server.lock:
            before = prompts.count(prompt)
            prompts.append(prompt)
        return answer(prompt, before)

    server = Server(text=text)
    with faulty_server(server):
        yield Teacher(server.url, prompts)


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
    rows = [problem(n, key=f"q-{n}", rationale=f"{n}{said}") for n in range(PROBLEMS)]
    write_lines(scripted / "train.jsonl", rows)
    config["prompt"] = {"template": "reasoning"}
    config["data"].pop("hints")
    config["teacher"] = {"model": "big-teacher", "concurrency": 1, "price_in": 1, "price_out": 10}
    (scripted / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    return scripted


def run(*arguments: str) -> None:
    app(list(arguments), standalone_mode=False)


def distill(
    teacher: Teacher, *settings: str, out: str = "made.jsonl", force: bool = False
) -> list[Problem]:
    given = [f"teacher.url={teacher.url}", *settings]
    options = [word for one in given for word in ("-s", one)] + ["--force"] * force
    run("distill", "-o", out, *options)
    return read_source(out, "train").problems


def report() -> dict:
    return json.loads((RUN / "distill/report.json").read_text("utf-8"))


def reasons() -> Counter:
    return Counter(drop.reason for drop in read_jsonl(RUN / "distill/dropped.jsonl", Drop))


ALONE = "distill.own_per_teacher=0"
