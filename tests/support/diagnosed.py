"""diagnosed: two models that a script plays, and a diagnosis of the second against the first."""

from pathlib import Path

import yaml

from koalign.adapters.card import AdapterCard
from koalign.adapters.cards import base_of, write_card
from koalign.config.engine import Engine
from koalign.config.inputs import Sampling
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.engines.scripted import SCRIPTED_BASE, ScriptedEngine
from koalign.records import Problem
from koalign.stages.diagnose import diagnose

RENDERER = Renderer(load_template("reasoning"))
SAMPLING = Sampling(temperature=0.8, max_tokens=300)
LESSON = "차근차근 살펴보면 글의 흐름에서 이 사람이 어디에 사는지 알 수 있다."
CHOICES = ("서울 시청", "부산 항구", "대구 시장", "광주 공원")


def made(number: int, side: str) -> Problem:
    return Problem(
        question=f"{side} {number:02}번 사람이 사는 곳은?",
        passage=f"{number:02}번째 마을의 기록이다.",
        choices=CHOICES,
        answers=(str(number % 4 + 1),),
        rationale=f"{LESSON} {number:02}번 사람의 일이다.",
    )


TRAIN = [made(n, "배운") for n in range(30)]
HELD_OUT = [made(n, "새로운") for n in range(20)]


def adapter_in(folder: Path, **data: str) -> Path:
    card = AdapterCard(
        name="sft", role="policy", origin="trained", base=base_of(SCRIPTED_BASE), parents=(),
        rank=1, template_hash=RENDERER.hash, data=data, koalign=None,
    )  # fmt: skip
    write_card(folder / "adapter", card)
    return folder / "adapter"


def engine_in(folder: Path) -> ScriptedEngine:
    """A base that always answers the second choice by what it says; a system that learned by heart."""
    learned = [
        {"adapter": "sft", "contains": [p.question], "texts": [f"{LESSON}\n\n정답: {p.answers[0]}"]}
        for p in TRAIN
    ]
    by_content = [
        {
            "contains": [f"\n{n}. 부산 항구"],
            "texts": [
                f"기록에 나온 말을 그대로 따라가 보면 부산이다.\n\n정답: {n}",
                "아무 말이나 한다.",  # never greedily
            ],
        }
        for n in range(1, 5)
    ]
    parrot = f"{LESSON} 따라서 3번이 정답이다.\n\n정답: 1"
    script = [*learned, {"adapter": "sft", "texts": [parrot]}, *by_content]
    path = folder / "script.yaml"
    path.write_text(yaml.safe_dump(script, allow_unicode=True), encoding="utf-8")
    return ScriptedEngine(Engine(backend="scripted", script=str(path)), SCRIPTED_BASE)


def run(folder: Path, out: str = "out", **changes) -> dict:
    adapter = adapter_in(folder)
    arguments = {"trained": TRAIN, "held_out": HELD_OUT, **changes}
    return diagnose(
        arguments.pop("sampling", SAMPLING), arguments.pop("engine", None) or engine_in(folder),
        arguments.pop("renderer", RENDERER), arguments.pop("trained"), arguments.pop("held_out"),
        adapter, folder / out, **arguments,
    )  # fmt: skip


def sign(report: dict, key: str) -> dict:
    return next(sign for sign in report["signs"] if sign["key"] == key)
