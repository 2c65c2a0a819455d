"""comparing: two answers to a problem -> the calls to a judge, one in each order, and their outcome."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import jinja2

from koalign.data.prompting.prompts import TEMPLATES
from koalign.grading.visible import after_thoughts, visible_text
from koalign.mining.distilling.teacher_calls import Call, Reply
from koalign.records import Message, Problem, content_hash

TEMPLATE = TEMPLATES / "judge.jinja"
Outcome = Literal[
    "first", "second", "tie", "position_inconsistent", "unreadable_verdict", "no_reply"
]
"""The better answer; neither, in both orders; or why there is no verdict. position_inconsistent: the
verdicts of the two orders differ."""

_NAME_IN_BRACKETS = re.compile(r"[<\[](?=[^\s<>\[\]]+[>\]])")
_VERDICT = re.compile(r"\[\[ ?([ABC]) ?\]\]")
_LAST_LINE = re.compile(rf"(?:[^\W\d_]{{1,12}} ?){{0,3}}:? ?{_VERDICT.pattern}\.?")


@dataclass(frozen=True)
class Comparison:
    """Two answers to a problem."""

    problem: Problem
    first: str
    second: str


def compared_text(completion: str) -> str:
    """What follows the last thought of a completion; empty while a thought has not ended."""
    return (after_thoughts(completion) or "").strip()


def calls_of(comparison: Comparison) -> tuple[Call, Call]:
    """The comparison as it stands and with its answers swapped (MT-Bench, arXiv 2306.05685)."""
    return (
        _call(comparison.problem, comparison.first, comparison.second),
        _call(comparison.problem, comparison.second, comparison.first),
    )


def outcome_of(replies: Sequence[Reply | None]) -> Outcome:
    """What the replies to both calls of a comparison agree on."""
    if None in replies:
        return "no_reply"
    letters = [verdict_in(reply) for reply in replies if reply]
    if None in letters:
        return "unreadable_verdict"
    outcomes: dict[tuple[str | None, ...], Outcome] = {
        ("A", "B"): "first",
        ("B", "A"): "second",
        ("C", "C"): "tie",
    }
    return outcomes.get(tuple(letters), "position_inconsistent")


def verdict_in(reply: Reply) -> str | None:
    """`A`, `B` or `C` (equal) of a reply that ends with this verdict alone and states no other."""
    lines = (visible_text(reply.text) or "").strip().splitlines()
    if reply.finish_reason != "stop" or not lines:
        return None
    last = _LAST_LINE.fullmatch(lines[-1].strip())
    stated = set(_VERDICT.findall("\n".join(lines)))
    return last[1] if last and len(stated) == 1 else None


def _call(problem: Problem, first: str, second: str) -> Call:
    shown = {
        "passage": problem.passage,
        "box": problem.box,
        "question": problem.question,
        "gold": problem.answers[0] if problem.answers else "",
        "first": first,
        "second": second,
    }
    # No text can hold the hash of itself, so none can close its own part.
    mark = content_hash("judge", shown)
    text = _template().render(mark=mark, **{name: _defused(text) for name, text in shown.items()})
    message = Message(role="user", text=text.strip())
    return Call(problem_id=problem.id, messages=(message,), purpose="judge")


def _defused(text: str) -> str:
    """Text without control tokens of any model and without verdicts: `< |im_end|>`, `[[ A]]`."""
    return _NAME_IN_BRACKETS.sub(lambda bracket: f"{bracket[0]} ", text)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
