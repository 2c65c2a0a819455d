"""load: requests under way -> a place for one more, or a 429 that says when to come back."""

from __future__ import annotations

import time

from koalign.serving.errors import ApiError

MOST = 256
"""Requests under way together."""
LONGEST_REST = 60
"""Seconds that a client is told to wait at most."""


class Load:
    """The requests under way, and how long the last ones took."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.active = 0
        self._seconds = 1.0
        """Of a request, the later ones counting more."""

    def enter(self) -> Place:
        """A place, to be left once; raises ApiError where all are taken."""
        if self.active >= self._most:
            rest = min(LONGEST_REST, max(1, round(self._seconds)))
            raise ApiError(
                429,
                f"{self.active} requests are under way, and no more are taken; come back in {rest} s",
                code="queue_full",
                headers={"Retry-After": str(rest)},
            )
        self.active += 1
        return Place(self)

    def leave(self, seconds: float) -> None:
        """One is done."""
        self.active -= 1
        self._seconds += 0.1 * (seconds - self._seconds)


class Place:
    """The place of one request."""

    def __init__(self, load: Load) -> None:
        self._load, self._started, self.left = load, time.monotonic(), False

    def leave(self) -> float:
        """Leave it once; returns the seconds that it was taken."""
        seconds = time.monotonic() - self._started
        self.left = True
        self._load.leave(seconds)
        return seconds
