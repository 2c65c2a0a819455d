"""renderer: the prompt section of the config and the run's shots -> the one Renderer of a stage."""

from __future__ import annotations

from pathlib import Path

from koalign.config.inputs import Prompt
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.jsonl import read_jsonl
from koalign.records import Problem

REASONING = "reasoning"
"""Template of the control of this name."""


def open_renderer(prompt: Prompt, shots: Path | None = None) -> Renderer:
    """The renderer, its shots read from prepare/shots.jsonl."""
    pool = read_jsonl(shots, Problem) if shots and prompt.shots else []
    return Renderer(load_template(prompt.template), prompt.thinking, prompt.shots, tuple(pool))


def reasoning_prompt(prompt: Prompt) -> Prompt:
    """The prompts of the control `reasoning`: they ask for the steps before the answer.

    Without shots, which would need reasonings to show.
    """
    return prompt.model_copy(update={"template": REASONING, "shots": 0})
