"""Adapter folders for the tests: plain PEFT folders, and runs as their stages leave them."""

from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from typer.testing import CliRunner

from koalign.adapters.base import load_base
from koalign.adapters.card import AdapterCard
from koalign.adapters.cards import base_of, part, write_card
from koalign.adapters.names import find_adapters
from koalign.cli.app import app
from koalign.hashing import hash_path
from koalign.jsonl import write_json
from koalign.manifests import ROUND, Manifest
from koalign.records import KoalignError
from support.training import MODEL, base_of_tests

RUN = Path("run")


def plain(
    folder: Path, *, base: Any = None, named: str = "owner/base", seed: int = 0, **settings: Any
) -> Path:
    """What PEFT's save_pretrained leaves of a LoRA that changes what is written; no card, no page."""
    base = load_base(MODEL, quantized=False) if base is None else base
    options = {
        "r": 4, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM", **settings,
    }  # fmt: skip
    torch.manual_seed(seed)
    policy = get_peft_model(base, LoraConfig(**options))
    for name, parameter in policy.named_parameters():
        if "lora_B" in name or "lora_embedding_" in name:
            parameter.data.normal_(0, 0.05)
    policy.peft_config["default"].base_model_name_or_path = named
    policy.save_pretrained(folder, save_embedding_layers=False)
    policy.unload()
    (folder / "README.md").unlink(missing_ok=True)
    return folder


def made(run: Path, stage: str, *parents: Path, seed: int = 0, **changes: Any) -> Path:
    """The adapter of a finished stage of a run on the tiny base, with the manifest that proves it."""
    folder = plain(run / stage / "adapter", named=MODEL.path, seed=seed)
    name = stage.rpartition("/")[2].partition(ROUND)[0]
    write_card(folder, card(name, [part(parent) for parent in parents], **changes))
    finished(run, stage)
    finished(run, "prepare")
    return folder


def card(name: str, parents: Sequence[Any] = (), **changes: Any) -> AdapterCard:
    facts = {
        "name": name, "role": "policy", "origin": "trained", "base": base_of(base_of_tests()),
        "parents": tuple(parents), "rank": 4, "template_hash": "0" * 16, "data": {"train.jsonl": "1" * 16},
        "koalign": "0", **changes,
    }  # fmt: skip
    return AdapterCard(**facts)


def finished(run: Path, stage: str) -> None:
    folder = run / stage
    files = [p for p in folder.rglob("*") if p.is_file()]
    outputs = {p.relative_to(folder).as_posix(): hash_path(p) for p in files}
    manifest = Manifest(
        stage=stage, fingerprint="", template="", outputs=outputs, counts={}, metrics={}, koalign="0",
        git=None, packages={}, seconds=0, peak_memory_mb=0,
    )  # fmt: skip
    write_json(folder / "manifest.json", manifest.model_dump(mode="json"))


def two_rounds(home: Path) -> Path:
    """A run of two rounds with folds of mine, a sum, and an adapter of one's own in its folder."""
    with chdir(home):
        sft = made(RUN, "sft")
        dpo = made(RUN, "dpo", sft, seed=1)
        again = made(RUN, "dpo-2", dpo, seed=2)
        made(RUN, "abstraction", again, seed=3, role="abstraction", rank=4, frozen_rank=3)
        made(RUN, "answer", again, seed=4, role="answer")
        made(RUN, "mine/2-folds/sft-1", seed=5)
        plain(RUN / "own", named=MODEL.path, seed=6)
        plain(RUN / "sft" / "unfinished" / "checkpoint-3", seed=7)
        find_adapters(f"dpo+{RUN / 'own'}", RUN, 2)
    return home


def said(*arguments: str) -> str:
    """What `koalign adapters` prints, in this process; raises what it raises."""
    result = CliRunner().invoke(app, ["adapters", *arguments], env={"COLUMNS": "160"})
    if isinstance(result.exception, KoalignError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def drawn(nodes) -> dict:
    return {node.adapter.path.as_posix(): drawn(node.children) for node in nodes}


def everything(folder: Path) -> dict[str, str]:
    return {str(p): hash_path(p) for p in sorted(folder.rglob("*")) if p.is_file()}
