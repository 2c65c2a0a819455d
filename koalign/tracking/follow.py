"""follow: a process of its own that sends the events of a run while they are written.

So a tracker that hangs, fails or eats memory never stops or slows what it tells of.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from koalign.config.sections import Tracking
from koalign.records import KoalignError
from koalign.text.visible import say
from koalign.tracking.events import EventLog
from koalign.tracking.http import TrackerError
from koalign.tracking.push import Pusher, names_of, pusher, refuse_unready

LOOK_S = 2.0
"""Seconds between looks at the events."""
AGAIN_S = 30.0
"""Seconds until a tracker that failed is tried again."""
GRACE_S = 120.0
"""Seconds that a command waits at its end for what is still to be sent."""


@contextmanager
def followed(tracking: Tracking, run_dir: Path) -> Iterator[None]:
    """Send the events of a run while the body writes them.

    Raises KoalignError before the body where a tracker would not be let in; what fails later is a warning.
    """
    names = names_of(tracking)
    if not names:
        yield
        return
    refuse_unready(tracking)
    # A session of its own: Ctrl-C is for the run, whose end closes the pipe, and so does a kill.
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, str(run_dir), tracking.model_dump_json()],
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert process.stdin
        with suppress(OSError):  # it may have ended by itself
            process.stdin.write(b"\n")  # a forked process may hold the pipe open
            process.stdin.close()
        try:
            failed = process.wait(GRACE_S) != 0
        except subprocess.TimeoutExpired:
            process.kill()
            failed = True
        if failed:
            say(
                f"{', '.join(names)}: not all of the run was sent; `koalign track push {run_dir}` sends "
                "the rest",
                err=True,
            )


def main(run_dir: Path, tracking: Tracking) -> int:
    """Follow until the other end of stdin is closed; 1 where something was not sent."""
    with pusher(run_dir, tracking, wait=True) as sender:
        follower = Follower(sender, EventLog(run_dir))
        over = False
        while not over:
            over = bool(select.select([sys.stdin], [], [], LOOK_S)[0])
            follower.look(last=over)
        return int(bool(follower.failing))


class Follower:
    """Sends what is new, and says once of each tracker that it fails."""

    def __init__(self, sender: Pusher, events: EventLog) -> None:
        self._sender, self._events = sender, events
        self._again: dict[str, float] = {}
        """Tracker -> when it is tried again."""
        self._told: set[str] = set()
        self.failing: set[str] = set()

    def look(self, *, last: bool) -> None:
        """Send to each tracker; to one that failed after a while, and at the last look."""
        for tracker in self._sender.trackers:
            if not last and time.monotonic() < self._again.get(tracker.name, 0.0):
                continue
            try:
                self._sender.push(tracker)
                if last:
                    tracker.close()
                self.failing.discard(tracker.name)
            except (TrackerError, KoalignError, OSError) as error:
                self.failing.add(tracker.name)
                self._again[tracker.name] = time.monotonic() + AGAIN_S
                self._tell(tracker.name, str(error))

    def _tell(self, name: str, why: str) -> None:
        if name in self._told:
            return
        self._told.add(name)
        say(f"warning: {why}; the run goes on, and {name} is tried again", err=True)
        try:
            self._events.append("warning", "", text=why)
        except OSError:  # a full disk, which the run itself says
            return


if __name__ == "__main__":
    os.set_blocking(sys.stdin.fileno(), True)
    sys.exit(main(Path(sys.argv[1]), Tracking.model_validate_json(sys.argv[2])))
