"""How far rounded weights move a base from itself, in the figures that `koalign dpo` reports.

Completions are drawn in float32; the training side is float32, the engine's side rounded in PyTorch.

.venv/bin/python benchmarks/rounding.py FOLDER [--completions 32] [--tokens 48] [--json]
"""

import argparse
import copy
import json
from collections.abc import Callable
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit, quantize_4bit
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, AutoTokenizer

from koalign.config.sections import resolve_path
from koalign.data.formats.sources import read_source
from koalign.mining.pairs.importance import Importance, importance_of

FP8 = torch.float8_e4m3fn
Ids = list[int]


def fp8(values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Rounded as `scale` times an 8-bit number."""
    scale = scale.clamp_min(1e-12) / torch.finfo(FP8).max
    return (values / scale).to(FP8).float() * scale


def nf4(weight: torch.Tensor) -> torch.Tensor:
    return dequantize_4bit(*quantize_4bit(weight, quant_type="nf4"))


def linears(model: Any) -> list[torch.nn.Linear]:
    """The layers that engines quantize: all but the LM head."""
    return [
        module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and "lm_head" not in name
    ]


def round_weights(model: Any, by: Callable[[torch.Tensor], torch.Tensor]) -> None:
    for module in linears(model):
        module.weight.data = by(module.weight.data)


def round_activations(model: Any) -> None:
    for module in linears(model):
        module.register_forward_pre_hook(
            lambda _, given: fp8(given[0], given[0].abs().amax(-1, keepdim=True))
        )


def fp8_weights(model: Any) -> None:
    round_weights(model, lambda weight: fp8(weight, weight.abs().max()))


def fp8_both(model: Any) -> None:
    fp8_weights(model)
    round_activations(model)


ENGINES: dict[str, Callable[[Any], Any]] = {
    "bfloat16": lambda model: model.to(torch.bfloat16),
    "fp8 weights, a scale a layer": fp8_weights,
    "fp8 weights and activations": fp8_both,
    "NF4 weights": lambda model: round_weights(model, nf4),
}


def drawn(model: Any, tokenizer: Any, number: int, tokens: int) -> list[tuple[Ids, Ids]]:
    """Prompts of the built-in exam with a completion each, at temperature 1."""
    torch.manual_seed(0)
    rows = []
    for problem in list(read_source(resolve_path("builtin:exam/csat"), "dev").problems)[:number]:
        text = f"{problem.passage}\n{problem.question}\n정답과 그 이유:"
        prompt = tokenizer(text, return_tensors="pt")
        ids = model.generate(**prompt, do_sample=True, top_k=0, max_new_tokens=tokens)[0].tolist()
        length = prompt["input_ids"].shape[1]
        rows.append((ids[:length], ids[length:]))
    return rows


def sums(model: Any, rows: list[tuple[Ids, Ids]]) -> list[float]:
    """Log-probability of each completion."""
    found = []
    for prompt, completion in rows:
        ids = torch.tensor([prompt + completion])
        logits = model(input_ids=ids, logits_to_keep=len(completion) + 1).logits[0, :-1]
        places = torch.tensor(completion)[:, None]
        found.append(logits.float().log_softmax(-1).gather(-1, places).sum().item())
    return found


@torch.inference_mode()
def measured(folder: str, number: int, tokens: int) -> dict[str, Importance]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    rows = drawn(model, tokenizer, number, tokens)
    trained = sums(model, rows)
    figures = {}
    for name, change in ENGINES.items():
        engine = copy.deepcopy(model)
        change(engine)
        pairs = zip(trained, sums(engine, rows), rows, strict=True)
        figures[name] = importance_of(
            {n: (own - theirs, len(row[1])) for n, (own, theirs, row) in enumerate(pairs)}
        )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="a base with safetensors weights")
    parser.add_argument("--completions", type=int, default=32)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = measured(given.folder, given.completions, given.tokens)
    if given.json:
        print(json.dumps({name: figure.model_dump() for name, figure in figures.items()}))
        return
    table = Table("engine", "difference", "largest ratio", "effective share")
    for name, figure in figures.items():
        share = f"{100 * figure.effective_share:.0f} %"
        table.add_row(name, f"{figure.difference:.2f}", f"{figure.largest_ratio:.2f}", share)
    Console().print(table)


if __name__ == "__main__":
    main()
