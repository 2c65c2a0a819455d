"""calls: what a teacher or a judge is asked in a run -> tokens, money, and the time that limits take."""

from __future__ import annotations

import math
from dataclasses import dataclass

from koalign.config.teacher import Judge, Teacher
from koalign.planning.counts import VERDICT_TOKENS, Counts

JUDGED = 0.5
"""Share of the comparisons that give a pair: a guess."""
JUDGE_PROMPT = 300
"""Tokens of a judge's prompt without question and answers."""


@dataclass(frozen=True)
class Calls:
    """Calls to a server. Tokens are means of a call."""

    section: Teacher
    calls: float
    prompt_tokens: float
    reply_tokens: float

    @property
    def tokens(self) -> float:
        return self.calls * (self.prompt_tokens + self.reply_tokens)

    @property
    def money(self) -> float:
        section = self.section
        each = section.price_in * self.prompt_tokens + section.price_out * self.reply_tokens
        return self.calls * each / 1e6

    @property
    def seconds(self) -> float:
        """What the limits of the config take; how fast the server is, nobody knows."""
        section = self.section
        requests = section.requests_per_minute or math.inf
        tokens = section.tokens_per_minute or math.inf
        most = self.prompt_tokens + section.max_tokens
        return 60 * self.calls * max(1 / requests, most / tokens)


def judge_calls(section: Judge, comparisons: float, counts: Counts) -> Calls | None:
    """Both orders of each comparison; the tokens of a long problem are those with its gold answer."""
    if not comparisons:
        return None
    read = counts.prompt_tokens + 2 * counts.long_tokens + JUDGE_PROMPT
    return Calls(section, 2 * comparisons, read, min(VERDICT_TOKENS, section.max_tokens))
