"""The hf engine at the shape of 0.6B: sampling and scoring."""

from __future__ import annotations

import random
from typing import Any

from against_trl import median_seconds, tokenizer
from shapes import Setting, config_of, random_base

from koalign.adapters.base import identify
from koalign.config.inputs import Model, Sampling
from koalign.engines.engine import Question, Request
from koalign.engines.hf import HfEngine

ROUNDS = 3
SAMPLES = 8
"""Of each prompt."""
TEMPERATURE = 0.1
"""Random weights give logits so even that at 0.8 every step would sort the whole vocabulary; a trained
model's next token is about as sure as theirs is at this temperature."""


def measure(row: str, setting: Setting) -> dict[str, Any]:
    """One row: "sampling, 64 at once", or "scoring, 512 prompts"."""
    what, count = row.split(", ")
    number = int(count.split()[0]) // (8 if setting.tiny else 1)
    config = config_of("0.6B", setting)
    base = random_base(config, setting)
    identity = identify(Model(path="builtin:tiny-ko"))
    engine = HfEngine(lambda: base, tokenizer(), identity, batch_size=number)
    rng = random.Random(0)

    def ids(length: int) -> tuple[int, ...]:
        return tuple(rng.randrange(10, config.vocab_size) for _ in range(length))

    if what == "sampling":
        return sampling(
            engine, [ids(16 if setting.tiny else 256) for _ in range(number // SAMPLES)]
        )
    shots = ids(32 if setting.tiny else 1024)
    own = 8 if setting.tiny else 128
    questions = [
        Question((*shots, *ids(own)), tuple((choice,) for choice in range(11, 16)))
        for _ in range(number)
    ]
    taken = median_seconds(lambda: list(engine.score(questions)), engine._model.device, ROUNDS)
    return {
        "seconds": taken,
        "prompts_per_second": number / taken,
        "prompt_tokens": len(questions[0].prompt_ids),
        "shared_tokens": len(shots),
        "shares_prefixes": engine._scorer._shares,
    }


def sampling(engine: HfEngine, prompts: list[tuple[int, ...]]) -> dict[str, Any]:
    """Tokens a second of whole calls, prefill included."""
    new = min(64, 4 * len(prompts[0]))
    section = Sampling(temperature=TEMPERATURE, top_p=0.95, max_tokens=new)
    requests = [Request(str(n), prompt, n=SAMPLES) for n, prompt in enumerate(prompts)]
    written: list[int] = []

    def generate() -> None:
        done = engine.generate(requests, section, seed=0)
        written.append(sum(len(sample.token_ids) for samples in done for sample in samples))

    taken = median_seconds(generate, engine._model.device, ROUNDS)
    return {
        "seconds": taken,
        "tokens_per_second": written[-1] / taken,
        "prompts": len(prompts),
        "prompt_tokens": len(prompts[0]),
        "new_tokens": written[-1],
    }
