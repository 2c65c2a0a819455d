"""passages: the report of what passages do -> a table a subject, and what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koalign.evaluation.stats.wording import hundredths, in_words, points
from koalign.reports.views import print_lines, print_table, with_interval

HEAD = (
    "subject", "problems", "bare, %", "first passage, points", "chosen passage, points", "gold, %",
    "poison, %",
)  # fmt: skip


def print_passages(report: Mapping[str, Any]) -> None:
    """Whether passages help the policy with training problems, for all of them and per subject."""
    rows = [
        (
            name,
            own["problems"],
            hundredths(own["bare"]),
            *(
                with_interval(own[key]["value"], own[key]["low"], own[key]["high"], show)
                for key, show in (
                    ("first_gain", points), ("chosen_gain", points),
                    ("gold", hundredths), ("poison", hundredths),
                )
            ),
        )
        for name, own in report["subjects"].items()
    ]  # fmt: skip
    print_table(HEAD, rows, "passages", "gold, poison: share of the problems with such a passage")
    print_lines(f"{source}: {in_words(own)}" for source, own in report["sources"].items())
    tokens = report["prompt_tokens"]
    if tokens["bare"]:
        print_lines(
            [
                f"tokens of a prompt: {tokens['bare']:,.0f} bare, {tokens['hinted']:,.0f} with a passage"
            ]
        )
    print_lines([conclusion(report["subjects"]["all"])])


def conclusion(all_: Mapping[str, Any]) -> str:
    """What retrieval does to this policy as it is, in a sentence.

    No gain is claimed for it: the longer prompt has no control at equal tokens here.
    """
    first, chosen = all_["first_gain"], all_["chosen_gain"]
    if first["low"] is not None and first["low"] > 0:
        return (
            "the first passage helps this policy with training problems; more votes for the same tokens, "
            "or another problem's passage, may do as much"
        )
    if first["high"] is not None and first["high"] < 0:
        said = "the first passage harms this policy"
    else:
        said = "no gain of the first passage is proven"
    if chosen["low"] is not None and chosen["low"] > 0:
        return f"{said}; choosing among passages could gain {points(chosen['value'])} points"
    return f"{said}; no gain of choosing among passages is proven"
