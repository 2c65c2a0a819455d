"""exam_correct_hints: the built-in exam -> how often a model is right with correct hints and without.

Answers the test split greedily, by number of hops. A correct hint walks the steps of its own problem in
a wording of hints.jsonl and does not tell the answer. `--adapter` takes the folder of an adapter.

    python scripts/exam_correct_hints.py
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from make_exam import SEED, make_exam
from world import HINT_FORMS

from koalign.config.files import load_config
from koalign.config.inputs import Sampling
from koalign.config.sections import ASSETS
from koalign.data.prompting.prompts import Renderer
from koalign.engines.drawing import requests_for
from koalign.engines.engine import Engine, batches
from koalign.engines.opening import describe_base, open_engine
from koalign.evaluation.stats.intervals import wilson_interval
from koalign.grading.grade import grade
from koalign.records import Problem
from koalign.renderer import open_renderer

GREEDY = Sampling(temperature=0, top_p=1, max_tokens=24)


def verdicts(
    engine: Engine,
    renderer: Renderer,
    adapter: Path | None,
    problems: Sequence[Problem],
    hints: Sequence[str],
) -> list[bool]:
    """Whether the answer to each problem is right; an empty hint is none."""
    prompts = [
        renderer.render(problem, "answer", hint=hint)
        for problem, hint in zip(problems, hints, strict=True)
    ]
    drawn = [
        samples
        for batch in batches(engine, requests_for(engine, prompts, adapter))
        for samples in engine.generate(batch, GREEDY, seed=0)
    ]
    return [
        grade(problem, sample.text, sample.finish_reason).correct
        for problem, (sample,) in zip(problems, drawn, strict=True)
    ]


def main() -> None:
    """Print a row without hints and one with."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adapter", type=Path, default=None)
    args = parser.parse_args()
    items = next(items for split, items, _ in make_exam(SEED) if split == "test")
    rng = random.Random(0)
    problems = [item.problem for item in items]
    correct = [item.world.hint(item.path, HINT_FORMS, rng) for item in items]
    config = load_config([ASSETS / "example.yaml"])
    base, _ = describe_base(config.engine, config.model)
    renderer = open_renderer(config.prompt)
    with open_engine(config.engine, config.model, base, [args.adapter]) as engine:
        for name, hints in (("no hint", [""] * len(items)), ("correct hints", correct)):
            right = verdicts(engine, renderer, args.adapter, problems, hints)
            by_hops = defaultdict(list)
            for item, verdict in zip(items, right, strict=True):
                by_hops[len(item.path) - 1].append(verdict)
            low, high = wilson_interval(sum(right), len(right))
            cells = ", ".join(f"{n}: {sum(v) / len(v):.1%}" for n, v in sorted(by_hops.items()))
            share = sum(right) / len(right)
            print(f"{name}: {share:.1%} ({low:.1%} to {high:.1%}); by hops {cells}")


if __name__ == "__main__":
    main()
