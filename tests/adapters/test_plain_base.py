"""A base without a chat template goes through the chain with `model.chat_template: plain`."""

import shutil
from pathlib import Path

import pytest
from support.command import koalign
from support.lora_folders import TINY
from transformers import AutoTokenizer

from koalign.adapters.base import load_tokenizer
from koalign.adapters.cards import read_card
from koalign.config.inputs import Model

pytestmark = pytest.mark.slow
QUICK = [
    "engine.backend=hf", "prompt.template=direct", "probe.problems=0", "sft.limit=32", "sft.epochs=1",
    "sft.rank=4", "solve.max_tokens=8", "solve.bare=2", "solve.hints=0",
]  # fmt: skip


def test_a_base_without_a_chat_template_is_trained_measured_and_handed_on(tmp_path: Path):
    base = tmp_path / "base"
    shutil.copytree(TINY, base, ignore=shutil.ignore_patterns("chat_template.jinja"))
    bare = [part for value in [f"model.path={base}", *QUICK] for part in ("-s", value)]
    plain = [*bare, "-s", "model.chat_template=plain"]
    refused = koalign("sft", *bare, cwd=tmp_path, code=2).stderr
    assert "no chat template; set model.chat_template: plain" in refused
    koalign("sft", "--force", *plain, cwd=tmp_path, code=0)
    koalign("benchmark", "direct", "--limit", "4", *plain, cwd=tmp_path, code=0)
    koalign(
        "benchmark",
        "direct",
        "--mode",
        "choice",
        "--limit",
        "4",
        "--adapters",
        "base",
        *plain,
        cwd=tmp_path,
        code=0,
    )
    koalign("solve", "--adapters", "sft", "-o", "answers.jsonl", *plain, cwd=tmp_path, code=0)
    koalign("adapters", "export", "sft", "-o", "out", cwd=tmp_path, code=0)
    out = tmp_path / "out"
    assert read_card(out).base.chat_template == "plain"
    assert "- chat template: `plain, koalign's own`" in (out / "README.md").read_text("utf-8")
    chat = [{"role": "user", "content": "가장 알맞은 것은?"}]
    ours = load_tokenizer(Model(path=str(base), chat_template="plain"))
    assert AutoTokenizer.from_pretrained(out).apply_chat_template(chat) == ours.apply_chat_template(
        chat
    )
    koalign("adapters", "verify", "out", cwd=tmp_path, code=0)
    own = koalign(
        "benchmark", "direct", "--adapters", "out", "--out", "x", *bare, cwd=tmp_path, code=2
    )
    assert "made with another tokenizer or chat template" in own.stderr
    assert "model.chat_template: plain" in own.stderr
