"""trl_export: the training sets of a run -> a folder for TRL: rows, settings, files for accelerate."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from koalign.adapters.base import load_tokenizer
from koalign.config.inputs import Model
from koalign.config.sections import ASSETS, Config, resolve_path
from koalign.config.training import Optimization
from koalign.data.prompting.examples import example_ids, examples_of, teachable
from koalign.guard import within_context
from koalign.jsonl import read_json, read_jsonl, read_record, write_atomically
from koalign.locking import begun
from koalign.manifests import output_of, read_manifest, refuse_remade
from koalign.records import Base, KoalignError, Pair, Problem
from koalign.renderer import open_renderer
from koalign.training.scoring import IGNORED

ROWS, SETTINGS, POLICY = "train.jsonl", "trl.yaml", "policy"
BF16 = "mixed_precision: bf16"
"""The line of accelerate's files that says the precision."""
SFT_SIDES, DPO_SIDES = ("completion",), ("chosen", "rejected")
AUTO_EPOCHS = 2
"""In place of `sft.epochs: auto`: TRL has no probe that would end the training."""
PRECISIONS = {
    "auto": ("bfloat16", "bf16"),
    "bfloat16": ("bfloat16", "bf16"),
    "float16": ("float16", "fp16"),
    "float32": ("float32", "no"),
}
"""`model.dtype` -> TRL's `dtype` and accelerate's `mixed_precision`; the machine that trains is not this
one, so auto is what a GPU since Ampere has."""
Ids = Sequence[int]
README = """# For TRL 1.16

Run these in this folder. One of the files of accelerate/ says on how many GPUs and how; `--num_processes 4`
behind a command changes the number. A step then takes so many times the rows: lower
`gradient_accumulation_steps` of trl.yaml to keep it.

## SFT

    trl sft --config sft/trl.yaml --accelerate_config accelerate/one_gpu.yaml
    trl sft --config sft/trl.yaml --accelerate_config accelerate/multi_gpu.yaml
    trl sft --config sft/trl.yaml --accelerate_config accelerate/fsdp2.yaml
    trl sft --config sft/trl.yaml --accelerate_config accelerate/zero3_offload.yaml
"""
README_DPO = """
## DPO

The policy that the pairs were drawn from, merged into its base, is where DPO begins and its reference:

    koalign adapters export {sft} --merge -o policy
    trl dpo --config dpo/trl.yaml --accelerate_config accelerate/fsdp2.yaml
"""


@dataclass(frozen=True)
class Exported:
    """What was written of one training."""

    rows: int
    other_ids: list[int]
    """The numbers of the rows that TRL reads as other token ids than koalign trains on."""


def export_trl(config: Config, run_dir: Path, out: Path) -> tuple[dict[str, Exported], list[str]]:
    """Write the run's training sets for TRL: `sft`, and `dpo` where the run has pairs; and the sources.

    Raises KoalignError if `out` is there, where the run has no prepared data, for a scripted base, and for
    a precision that TRL cannot be told.
    """
    _, mixed_precision = _precision(config.model)
    made = {stage: read_manifest(run_dir / stage) for stage in ("prepare", "pairs")}
    base = read_record(output_of(run_dir, "prepare/base.json", "export"), Base)
    if base.scripted:
        raise KoalignError("export: a scripted engine has no tokenizer; name a base in model.path")
    train = read_jsonl(output_of(run_dir, "prepare/train.jsonl", "export"), Problem)
    report = read_json(output_of(run_dir, "prepare/report.json", "export"))
    renderer = open_renderer(config.prompt, output_of(run_dir, "prepare/shots.jsonl", "export"))
    tokenizer = load_tokenizer(config.model)
    examples = examples_of(renderer, teachable(renderer, train)[: config.sft.limit])
    with begun(out) as new:
        rows = example_ids(renderer, tokenizer, examples)
        taught = [problem for problem, _ in examples]
        kept = within_context(rows, taught, base, config.training.too_long, new / "sft")
        sft = [rows[number] for number in kept]
        settings = sft_settings(config, tokenizer, tokenizer.convert_ids_to_tokens(sft[0][1][-1]))
        sets = {"sft": _write_set(new / "sft", tokenizer, SFT_SIDES, sft, settings)}
        if sets["sft"].other_ids:
            _write_ids(new / "sft", sft)
        readme, pairs = README, []
        if made["pairs"] is not None:
            pairs = read_jsonl(output_of(run_dir, "pairs/pairs.jsonl", "export"), Pair)
        if pairs:
            sides = [(p.prompt_ids, p.chosen.token_ids, p.rejected.token_ids) for p in pairs]
            sets["dpo"] = _write_set(new / "dpo", tokenizer, DPO_SIDES, sides, dpo_settings(config))
            readme += README_DPO.format(
                sft=shlex.quote(str((run_dir / "sft" / "adapter").resolve()))
            )
        shutil.copytree(ASSETS / "accelerate", new / "accelerate")
        for path in (new / "accelerate").iterdir():
            text = path.read_text(encoding="utf-8")
            write_atomically(path, text.replace(BF16, f'mixed_precision: "{mixed_precision}"'))
        write_atomically(new / "README.md", readme)
        for stage, before in made.items():
            refuse_remade(run_dir / stage, before)
    return sets, [source["path"] for source in report["sources"] if source["split"] == "train"]


def not_exported(config: Config) -> list[str]:
    """What the config asks for and TRL is not told, in words."""
    notes = []
    if config.sft.epochs == "auto":
        notes.append(
            f"sft.epochs auto: TRL has no probe that ends a training, and trains {AUTO_EPOCHS}"
        )
    if config.probe.problems:
        notes.append("probe.problems: TRL keeps the last checkpoint, and not the best by a probe")
    if config.dpo.rounds > 1:
        notes.append(f"dpo.rounds: {config.dpo.rounds}, and the pairs are those of the first round")
    return notes


def _write_set(
    folder: Path,
    tokenizer: Any,
    sides: Sequence[str],
    rows: Sequence[Sequence[Ids]],
    settings: Mapping[str, Any],
) -> Exported:
    """Write the rows of one training as text in TRL's columns, and TRL's settings.

    A row is the token ids of the prompt and of each side. TRL reads a row as other ids where no text has
    these ids, and where it would end a side with another token.
    """
    texts = [row_text(tokenizer, prompt, own) for prompt, *own in rows]
    lines = [
        json.dumps(dict(zip(("prompt", *sides), text, strict=True)), ensure_ascii=False) + "\n"
        for text in texts
    ]
    write_atomically(folder / ROWS, "".join(lines))
    write_atomically(folder / SETTINGS, yaml.safe_dump(dict(settings), sort_keys=False))
    end = settings.get("eos_token") or tokenizer.eos_token
    other = [
        number
        for number, (text, row) in enumerate(zip(texts, rows, strict=True))
        if trl_ids(tokenizer, text, end) != [list(ids) for ids in row]
    ]
    return Exported(len(rows), other)


def _write_ids(folder: Path, rows: Sequence[tuple[Ids, Ids]]) -> None:
    """Write the rows of SFT as token ids, which TRL takes as they are."""
    lines = [
        json.dumps({"input_ids": [*p, *c], "labels": [IGNORED] * len(p) + list(c)}) + "\n"
        for p, c in rows
    ]
    write_atomically(folder / ROWS, "".join(lines))


def row_text(tokenizer: Any, prompt: Ids, sides: Sequence[Ids]) -> tuple[str, ...]:
    """The text of a prompt and of each side as it goes on from it, control tokens as text.

    Without what the tokenizer itself puts in front of every text: BOS, a space.
    """

    def decode(ids: Ids) -> str:
        return tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    text = decode(prompt)
    wholes = [decode([*prompt, *side]).removeprefix(text) for side in sides]
    front = decode(tokenizer(".")["input_ids"]).removesuffix(".")
    return (text.removeprefix(front), *wholes)


def trl_ids(tokenizer: Any, text: Sequence[str], end: str) -> list[list[int]]:
    """The ids of prompt and sides as TRL 1.16 makes them (`_prepare_dataset` of its trainers)."""
    prompt, *sides = text
    ids = tokenizer(prompt)["input_ids"]
    wholes = [
        tokenizer(prompt + s if s.endswith(end) else prompt + s + end)["input_ids"] for s in sides
    ]
    length = min(_common(ids, whole) for whole in wholes)
    return [ids[:length], *(whole[length:] for whole in wholes)]


def _common(ids: Ids, others: Ids) -> int:
    pairs = enumerate(zip(ids, others, strict=False))
    return next((n for n, (one, other) in pairs if one != other), min(len(ids), len(others)))


def sft_settings(config: Config, tokenizer: Any, end: str) -> dict[str, Any]:
    """The section `sft` as `trl sft --config` reads it; `end` is the last token of a completion."""
    path = resolve_path(config.model.path)
    return {
        "model_name_or_path": str(Path(path).resolve()) if Path(path).is_dir() else path,
        **_settings(config, config.sft, "sft"),
        **({} if end == tokenizer.eos_token else {"eos_token": end}),
        "completion_only_loss": True,
    }


def dpo_settings(config: Config) -> dict[str, Any]:
    """The section `dpo` as `trl dpo --config` reads it: a new adapter on the policy merged into its base.

    With an adapter TRL's reference is the model without it, so the policy before DPO, as koalign's is.
    """
    dpo = config.dpo
    losses = {dpo.loss: 1.0} | ({"sft": dpo.sft_weight} if dpo.sft_weight else {})
    return {
        "model_name_or_path": POLICY,
        **_settings(config, dpo, "dpo"),
        "beta": dpo.beta,
        "loss_type": list(losses),
        "loss_weights": list(losses.values()),
        "label_smoothing": dpo.label_smoothing,
        **({} if dpo.ld_alpha is None else {"ld_alpha": dpo.ld_alpha}),
    }


def _precision(model: Model) -> tuple[str, str]:
    """TRL's `dtype` and accelerate's `mixed_precision`.

    Raises KoalignError where 4-bit weights are multiplied in another precision: TRL has one for both.
    """
    dtype, mixed_precision = PRECISIONS[model.dtype]
    compute = model.bnb_4bit_compute_dtype
    if compute not in ("auto", dtype):
        raise KoalignError(
            f"model.bnb_4bit_compute_dtype: {compute}, and TRL computes with 4-bit weights in model.dtype, "
            f"{dtype}; export with -s model.dtype={compute} -s model.bnb_4bit_compute_dtype=auto"
        )
    return dtype, mixed_precision


def _settings(config: Config, section: Optimization, name: str) -> dict[str, Any]:
    epochs = AUTO_EPOCHS if section.epochs == "auto" else section.epochs
    model = config.model
    dtype, mixed_precision = _precision(model)
    quantized = {
        "load_in_4bit": True,
        "use_bnb_nested_quant": model.bnb_4bit_use_double_quant,
        "bnb_4bit_quant_storage": dtype,  # FSDP shards no integers, and one dtype
    }
    return {
        "dtype": dtype,
        # TRL computes in bfloat16 where neither is set.
        "bf16": mixed_precision == "bf16",
        "fp16": mixed_precision == "fp16",
        "trust_remote_code": model.trust_remote_code,
        **(quantized if model.load_in_4bit else {}),
        "use_peft": True,
        "lora_r": config.sft.rank,
        "lora_alpha": config.sft.alpha,
        "lora_dropout": 0.0,
        "lora_target_modules": ["all-linear"],
        "datasets": [{"path": "json", "data_files": f"{name}/{ROWS}"}],
        "output_dir": f"{name}/output",
        "max_length": None,
        "learning_rate": section.learning_rate,
        "num_train_epochs": epochs,
        "per_device_train_batch_size": section.batch_size,
        "gradient_accumulation_steps": section.gradient_accumulation_steps,
        "lr_scheduler_type": "cosine",
        "warmup_steps": section.warmup_ratio,  # transformers 5 reads below 1 as a share
        "max_grad_norm": section.max_grad_norm,
        "weight_decay": 0.0,
        "gradient_checkpointing": section.gradient_checkpointing,
        "save_steps": section.save_steps,
        "logging_steps": 1,
        "report_to": "none",
        "seed": config.seed,
    }
