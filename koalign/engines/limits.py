"""limits: what was spent and sent -> whether and when the next call may go out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from koalign.config.inputs import Teacher


@dataclass(frozen=True)
class Tokens:
    """A number of prompt tokens and one of completion tokens."""

    prompt: int = 0
    completion: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt + other.prompt, self.completion + other.completion)

    def __sub__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt - other.prompt, self.completion - other.completion)


NOTHING = Tokens()


@dataclass
class Purse:
    """Whole tokens spent and promised, so that no rounding adds up; money is computed from their sum."""

    section: Teacher
    spent: Tokens = field(default_factory=Tokens)
    promised: Tokens = field(default_factory=Tokens)
    """The most that calls under way can cost."""

    def cost(self, tokens: Tokens) -> float:
        """In the user's currency."""
        prices = self.section.price_in, self.section.price_out
        return (tokens.prompt * prices[0] + tokens.completion * prices[1]) / 1e6

    def promise(self, most: Tokens) -> bool:
        """Set the most that a call can cost aside, if that still fits below `teacher.max_cost`."""
        cap = self.section.max_cost
        if cap is not None and self.cost(self.spent + self.promised + most) > cap:
            return False
        self.promised += most
        return True

    def settle(self, most: Tokens, used: Tokens) -> None:
        """What was set aside for a call becomes what it used."""
        self.promised -= most
        self.spent += used


class Pace:
    """Spaces requests evenly, so that no minute sees more than the limits allow."""

    def __init__(self, section: Teacher) -> None:
        self._section = section
        self._next = 0.0
        self.rests = 0
        """How often the server asked for a rest; who waits for a turn then takes another one."""

    def wait(self, tokens: int) -> float:
        """Seconds to wait before sending a request that is at most so many tokens; takes that place.

        As servers count: the longest reply is counted whole (OpenAI, guide to rate limits).
        """
        now = time.monotonic()
        turn = max(now, self._next)
        per_request, per_token = self._section.requests_per_minute, self._section.tokens_per_minute
        step = max(
            60 / per_request if per_request else 0, 60 * tokens / per_token if per_token else 0
        )
        self._next = turn + step
        return turn - now

    def rest(self, seconds: float) -> None:
        """Send nothing for so long: the server asked for it."""
        self._next = max(self._next, time.monotonic() + seconds)
        self.rests += 1
