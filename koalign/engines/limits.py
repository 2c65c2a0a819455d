"""limits: the budget and the rate limits of a teacher -> whether and when the next call may be sent."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from koalign.config.teacher import Teacher


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
class Budget:
    """Tokens spent and reserved; money is computed from their sums, so that no rounding adds up."""

    section: Teacher
    spent: Tokens = field(default_factory=Tokens)
    reserved: Tokens = field(default_factory=Tokens)
    """The most that calls under way can cost."""

    def cost(self, tokens: Tokens) -> float:
        """In the user's currency."""
        prices = self.section.price_in, self.section.price_out
        return (tokens.prompt * prices[0] + tokens.completion * prices[1]) / 1e6

    def reserve(self, most: Tokens) -> bool:
        """Reserve the most that a call can use; False where that may pass `teacher.max_cost`."""
        cap = self.section.max_cost
        if cap is not None and self.cost(self.spent + self.reserved + most) > cap:
            return False
        self.reserved += most
        return True

    def settle(self, most: Tokens, used: Tokens) -> None:
        """Replace the reservation of a call by what it used."""
        self.reserved -= most
        self.spent += used


class RateLimiter:
    """Spaces requests evenly, so that no minute sees more than the limits allow."""

    def __init__(self, section: Teacher) -> None:
        self._section = section
        self._next = 0.0
        self.rests = 0
        """Retry-After headers so far; a call that waits for its turn takes a new one after each."""

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
        """Send nothing for so many seconds (Retry-After)."""
        self._next = max(self._next, time.monotonic() + seconds)
        self.rests += 1
