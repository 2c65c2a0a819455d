"""The results of the GPU check as one table."""

from __future__ import annotations

from typing import Any

HEAD = (
    "what", "koalign", "against", "times faster", "tokens/s", "share of peak", "memory, GB", "notes",
)  # fmt: skip


def markdown(report: dict[str, Any]) -> str:
    """One line a row; a row that failed shows its error."""
    packages = ", ".join(f"{name} {version}" for name, version in report["packages"].items())
    lines = [
        f"{report['card']}, driver {report['driver']}, {packages}, {report['date']}",
        "",
    ]
    if report["dry_run"]:
        lines += ["A dry run: tiny shapes or no GPU. The figures mean nothing.", ""]
    lines += [line(HEAD), line(["---"] * len(HEAD))]
    lines += [line(cells(row)) for row in report["rows"]]
    return "\n".join(lines) + "\n"


def line(values: Any) -> str:
    """A line of a markdown table."""
    return "| " + " | ".join(str(value).replace("|", "/") for value in values) + " |"


def cells(row: dict[str, Any]) -> list[str]:
    """The cells of a row under HEAD."""
    what = row["row"]
    if "error" in row:
        return [what, "", "", "", "", "", "", row["error"][:200]]
    if "losses" in row:
        return [what, *step_cells(row)]
    if "launches" in row:
        return [what, *attention_cells(row)]
    if "passed" in row:
        odd = [f"{row[kind]} {kind}" for kind in ("failed", "errors", "skipped") if row[kind]]
        note = " / ".join(row["last_lines"][-2:]) if row["exit_code"] else ""
        return [what, ", ".join([f"{row['passed']} passed", *odd]), "", "", "", "", "", note]
    if "tokens_per_second" in row:
        note = (
            f"{row['prompts']} prompts of {row['prompt_tokens']} tokens, "
            f"{row['new_tokens']:,} tokens written"
        )
        rate = f"{row['tokens_per_second']:,.0f} written"
        return [what, f"{row['seconds']:.2f} s", "", "", rate, "", "", note]
    note = f"{row['prompt_tokens']} tokens each, {row['shared_tokens']} of them shared"
    if not row["shares_prefixes"]:
        note += ", computed one at a time"
    rate = f"{row['prompts_per_second']:,.0f} prompts/s"
    return [what, f"{row['seconds']:.2f} s", "", "", rate, "", "", note]


def step_cells(row: dict[str, Any]) -> list[str]:
    """A training step against TRL's; of both sides: koalign's first, TRL's in brackets."""
    seconds, (low, high) = row["seconds"], row["ratio_range"]
    loss, other = row["losses"]["koalign"], row["losses"]["trl"]
    rates = {side: row["tokens"] / taken for side, taken in seconds.items()}
    share, memory = row["share_of_peak"], row["memory_gb"]
    notes = [
        f"loss {loss:.3f}, differs by {abs(loss - other):.0e}",
        f"rows of {', '.join(map(str, row['rows']))}",
    ]
    if row["checkpointing"]:
        notes.append("gradient checkpointing")
    return [
        f"{seconds['koalign']:.3f} s",
        f"TRL {seconds['trl']:.3f} s",
        f"{row['ratio']:.2f} ({low:.2f} to {high:.2f})",
        f"{rates['koalign']:,.0f} ({rates['trl']:,.0f})",
        f"{share['koalign']:.1%} ({share['trl']:.1%})" if share else "",
        f"{memory['koalign']:.1f} ({memory['trl']:.1f})" if memory else "",
        "; ".join(notes),
    ]


def attention_cells(row: dict[str, Any]) -> list[str]:
    """Attention of a layer against plain causal attention."""
    taken, launches = row["milliseconds"], row["launches"]
    others = [f"{name} {taken[name]:.2f} ms" for name in taken if name != "groups"]
    notes = ["launches: " + ", ".join(f"{name} {count}" for name, count in launches.items())]
    if row["why_not_one_call"]:
        notes.append("not in one call: " + row["why_not_one_call"])
    return [
        f"{taken['groups']:.2f} ms",
        ", ".join(others),
        f"{taken['causal'] / taken['groups']:.2f}",
        "", "", "",
        "; ".join(notes),
    ]  # fmt: skip
