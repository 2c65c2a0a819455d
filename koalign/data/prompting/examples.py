"""examples: problems -> what SFT learns: each with each of its targets, as token ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koalign.data.prompting.prompts import Renderer
from koalign.data.prompting.tokens import completion_ids, prompt_ids
from koalign.naming import counted
from koalign.records import KoalignError, Problem

Example = tuple[Problem, str]
"""A problem and a target of it."""


def teachable(renderer: Renderer, train: Sequence[Problem]) -> list[Problem]:
    """The problems that there is a target for. Raises KoalignError where there is none."""
    problems = [problem for problem in train if renderer.can_teach(problem)]
    if not problems:
        raise KoalignError(
            f"sft: template {renderer.template.name}, thinking {renderer.thinking}, teaches a rationale, "
            f"and none of {counted(len(train), 'training problem')} has one; run "
            "`koalign distill` first, or take another prompt.template"
        )
    return problems


def examples_of(renderer: Renderer, problems: Sequence[Problem]) -> list[Example]:
    """Each problem with each of its targets."""
    return [(problem, text) for problem in problems for text in renderer.targets(problem)]


def example_ids(
    renderer: Renderer, tokenizer: Any, examples: Sequence[Example]
) -> list[tuple[list[int], list[int]]]:
    """The token ids of the prompt and of the completion of each example."""
    prompts = [renderer.render(problem, "answer") for problem, _ in examples]
    completions = completion_ids(tokenizer, prompts, [text for _, text in examples])
    return list(zip(prompt_ids(tokenizer, prompts), completions, strict=True))
