"""Sampling n completions of a prompt: the hf engine, which computes the prompt once, against
transformers.generate with num_return_sequences, which computes it n times.

The same prompts, sampling parameters and rows at once; seconds for a completion, interleaved.

    .venv/bin/python benchmarks/shared_prompt.py [--json]
"""

import argparse
import json
import time
from dataclasses import replace

import torch
from rich.console import Console
from rich.table import Table
from transformers import GenerationConfig

from koalign.adapters.base import identify, load_base, load_tokenizer
from koalign.config.inputs import Model, Sampling
from koalign.config.sections import ASSETS
from koalign.data.formats.sources import read_source
from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.data.prompting.tokens import prompt_ids
from koalign.engines.engine import Request
from koalign.engines.hf import HfEngine

MODEL = Model(path="builtin:tiny-ko")
SAMPLING = Sampling(temperature=1.0, top_p=1.0, max_tokens=16)
ROWS = 256


def plain(model, tokenizer, requests: list[Request], n: int) -> int:
    batch = tokenizer.pad(
        {"input_ids": [list(r.prompt_ids) for r in requests]},
        padding_side="left",
        return_tensors="pt",
    )
    generation = GenerationConfig(
        do_sample=True, temperature=1.0, top_p=1.0, top_k=0, num_return_sequences=n,
        max_new_tokens=SAMPLING.max_tokens, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    with torch.inference_mode():
        return len(model.generate(**batch, generation_config=generation))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    tokenizer, model = load_tokenizer(MODEL), load_base(MODEL, quantized=False).eval()
    problems = read_source(str(ASSETS / "exam"), "dev").problems
    renderer = Renderer(load_template(DEFAULT))
    prompts = [renderer.render(problem, "answer") for problem in problems]
    asked = [
        Request(prompt.problem_id, tuple(ids))
        for prompt, ids in zip(prompts, prompt_ids(tokenizer, prompts), strict=True)
    ]
    results = {}
    loaded = load_base(MODEL, quantized=False).eval()
    with HfEngine(lambda: loaded, tokenizer, identify(MODEL), ROWS) as engine:
        for n in (1, 4, 16):
            some = [replace(request, n=n) for request in asked[: ROWS // n]]
            times: dict[str, list[float]] = {"koalign": [], "transformers": []}
            for round_number in range(args.rounds + 1):
                started = time.perf_counter()
                engine.generate(some, SAMPLING, seed=round_number)
                middle = time.perf_counter()
                plain(model, tokenizer, some, n)
                if round_number:  # the first round warms up
                    times["koalign"].append(middle - started)
                    times["transformers"].append(time.perf_counter() - middle)
            ratios = sorted(
                b / a for a, b in zip(times["koalign"], times["transformers"], strict=True)
            )
            results[f"n={n}"] = {
                "koalign_ms": 1000 * min(times["koalign"]) / ROWS,
                "transformers_ms": 1000 * min(times["transformers"]) / ROWS,
                "ratio_median": ratios[len(ratios) // 2],
                "ratio_low": ratios[0],
                "ratio_high": ratios[-1],
            }
    if args.json:
        print(json.dumps(results))
        return
    table = Table(
        "samples a prompt", "koalign, ms a sample", "transformers, ms a sample", "times faster"
    )
    for name, row in results.items():
        table.add_row(
            name,
            f"{row['koalign_ms']:.2f}",
            f"{row['transformers_ms']:.2f}",
            f"{row['ratio_median']:.2f} ({row['ratio_low']:.2f} to {row['ratio_high']:.2f})",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
