"""plan: the estimate of a run as a table, as one JSON value, and as the line that `run` begins with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from koalign.planning.estimate import Estimate, StageEstimate
from koalign.planning.memory import GIB, Memory
from koalign.text.visible import say

TERMS = {
    "base": "weights of the base",
    "adapter": "adapter and optimizer",
    "checkpoints": "gradient checkpoints",
    "activations": "activations",
    "head": "LM head",
    "cache": "KV cache",
    "other": "KV cache of vLLM",
}
HEAD = ("stage", "GiB low", "expected", "high", "time", "tokens", "disk GB", "cost", "most of it")


def print_estimate(planned: Estimate, model: str, change: Sequence[str] | None) -> None:
    """The table, what binds, the smallest change that fits, and what was assumed."""
    card = planned.card
    say(
        f"{model}: {_parameters(planned.shape.parameters)} parameters, on {card.name} "
        f"({card.memory / GIB:.1f} GiB{' free' * card.cpu}), engine {planned.engine}"
    )
    rows = [HEAD, *(_row(stage) for stage in planned.stages), _total(planned)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
        say("  ".join([*cells, row[-1]]).rstrip())
    for line in verdict(planned, change):
        say(line)


def verdict(planned: Estimate, change: Sequence[str] | None) -> list[str]:
    """What binds, whether it fits, and what was assumed."""
    peak, lines = planned.peak, []
    if peak and peak.memory:
        longest = max(planned.left, key=lambda stage: stage.seconds)
        lines.append(
            f"memory: {peak.stage} binds, most of it {TERMS[peak.memory.largest]}; time: {longest.stage}"
        )
        share = f"{planned.share:.0%} of {planned.card.memory_of}"
        if planned.fits:
            lines.append(f"fits: {share}")
        elif change:
            lines.append(f"does not fit: {share}; with {_options(change)} it does")
        else:
            lines.append(f"does not fit: {share}; take a smaller model, or a larger card")
    passing = planned.passing
    if passing and passing.passing:
        lines.append(
            f"disk: {_gb(planned.disk)} GB stay; the checkpoints of {passing.stage} need "
            f"{_gb(passing.passing)} GB more until it is done"
        )
    if stale := [stage.stage for stage in planned.stages if stage.stale]:
        lines.append(
            f"stale: {', '.join(stale)}: made with other settings or inputs, or of what was; they count as "
            "to do, and `koalign run --force` makes them again"
        )
    return [*lines, *(f"assumed: {line}" for line in planned.assumed)]


def _options(change: Sequence[str]) -> str:
    return " ".join(f"-s {key}" for key in change)


def total_line(planned: Estimate, runs: int) -> str:
    """What `run` prints first; `runs` is the number of seeds."""
    peak = planned.peak
    memory = (
        f", at most {_gib(peak.memory.expected)} GiB ({peak.stage})" if peak and peak.memory else ""
    )
    money = f", cost {runs * planned.money:,.2f}" if planned.money else ""
    return (
        f"plan: {_hours(runs * planned.seconds)} on {planned.card.name}{memory}, "
        f"{planned.disk_needed(runs) / 1e9:.1f} GB of disk{money}; `koalign plan` says it by stage"
    )


def as_json(planned: Estimate, model: str, change: Sequence[str] | None) -> dict[str, Any]:
    """The estimate as one JSON value; memory in bytes, time in seconds."""
    return {
        "model": model,
        "parameters": planned.shape.parameters,
        "card": {"name": planned.card.name, "memory": planned.card.memory},
        "engine": planned.engine,
        "stages": [
            {
                "stage": stage.stage,
                "memory": _memory(stage.memory) if stage.memory else None,
                "seconds": round(stage.seconds, 1),
                "tokens": round(stage.tokens),
                "disk": round(stage.disk),
                "checkpoints": round(stage.passing),
                "cost": round(stage.money, 4),
                "calls": round(stage.calls),
                "done": stage.done,
                "stale": stage.stale,
                "measured": stage.measured,
            }
            for stage in planned.stages
        ],
        "seconds": round(planned.seconds, 1),
        "tokens": round(planned.tokens),
        "disk": round(planned.disk),
        "disk_needed": round(planned.disk_needed(1)),
        "cost": round(planned.money, 4),
        "share_of_card": round(planned.share, 4),
        "fits": planned.fits,
        "change": change,
        "assumed": planned.assumed,
    }


def _memory(memory: Memory) -> dict[str, Any]:
    terms = {name: round(getattr(memory, name)) for name in (*TERMS, "libraries")}
    bounds = {name: round(getattr(memory, name)) for name in ("low", "expected", "high")}
    return {**bounds, "terms": terms}


def _row(stage: StageEstimate) -> tuple[str, ...]:
    memory = stage.memory
    bounds = [_gib(b) for b in (memory.low, memory.expected, memory.high)] if memory else [""] * 3
    note = "done" if stage.done else TERMS[memory.largest] if memory else ""
    note += ", time as measured" if stage.measured else ""
    calls = f"{stage.calls:,.0f} calls" if stage.calls and not stage.done else ""
    notes = ", ".join(filter(None, ("stale" * stage.stale, note, calls)))
    return (
        stage.stage, *bounds, _hours(stage.seconds), f"{stage.tokens:,.0f}", _gb(stage.disk),
        f"{stage.money:,.2f}" if stage.money else "", notes,
    )  # fmt: skip


def _total(planned: Estimate) -> tuple[str, ...]:
    peak = planned.peak.memory if planned.peak else None
    bounds = [_gib(b) for b in (peak.low, peak.expected, peak.high)] if peak else [""] * 3
    money = f"{planned.money:,.2f}" if planned.money else ""
    return (
        "to do", *bounds, _hours(planned.seconds), f"{planned.tokens:,.0f}",
        _gb(planned.disk), money, "",
    )  # fmt: skip


def _gib(size: float) -> str:
    return f"{size / GIB:.1f}"


def _gb(size: float) -> str:
    return f"{size / 1e9:.2f}"


def _parameters(count: float) -> str:
    return f"{count / 1e9:.2f} B" if count >= 1e9 else f"{count / 1e6:.1f} M"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min"
