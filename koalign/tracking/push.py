"""push: the events of a run -> the trackers that its config names, as often as one likes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from koalign.config.sections import Tracking
from koalign.jsonl import read_json, write_json
from koalign.locking import locked
from koalign.records import KoalignError
from koalign.text.visible import say
from koalign.tracking.entries import Contents, Entries, Entry
from koalign.tracking.http import PATIENCE, TrackerError, within
from koalign.tracking.langsmith import Langsmith
from koalign.tracking.trackio import Trackio
from koalign.tracking.wandb import Wandb

FOLDER = "tracking"
"""Below the run: what trackers keep here."""
PUSHED = "pushed.json"
"""Tracker -> ids of the stages that it has whole. Without it all are sent again, to the same end."""
NAMES = ("wandb", "trackio", "langsmith")


class Tracker(Protocol):
    """Takes entries; to send one again, or from another folder, makes no second."""

    @property
    def name(self) -> str: ...

    @property
    def destination(self) -> str:
        """Where it sends to, as `pushed.json` names it."""

    def check(self) -> None:
        """Raises KoalignError or TrackerError where it would not be let in."""

    def send(self, entry: Entry, contents: Contents) -> bool:
        """Send what is new; whether the stage has ended and all of it is there."""

    def close(self) -> None:
        """Finish what is open."""


def names_of(tracking: Tracking) -> list[str]:
    """The trackers that a config names."""
    on = {"wandb": tracking.wandb != "off", "trackio": tracking.trackio}
    return [name for name in NAMES if (on | {"langsmith": tracking.langsmith})[name]]


def trackers_of(tracking: Tracking, folder: Path) -> list[Tracker]:
    """The same as objects. Raises KoalignError where a key or an address is not set."""
    made: dict[str, Callable[[], Tracker]] = {
        "wandb": lambda: Wandb(tracking, folder),
        "trackio": lambda: Trackio(tracking),
        "langsmith": lambda: Langsmith(tracking),
    }
    return [made[name]() for name in names_of(tracking)]


def refuse_unready(tracking: Tracking) -> None:
    """Raises KoalignError, within seconds, for a tracker that has no key, refuses it or does not answer."""
    for tracker in trackers_of(tracking, Path()):
        try:
            # A name server that does not answer has limits of its own.
            within(PATIENCE, tracker.name, tracker.check)
        except (KoalignError, TrackerError) as error:
            raise KoalignError(
                f"tracking.{error}; set it right, or leave it off: `koalign track push` sends the run later"
            ) from None


class Pusher:
    """Sends a run to trackers, each as far as it is not there."""

    def __init__(self, run_dir: Path, tracking: Tracking) -> None:
        self._folder = run_dir / FOLDER
        self._tracking = tracking
        self.entries = Entries(run_dir)
        self.trackers = trackers_of(tracking, self._folder)
        self._whole = _read_pushed(self._folder / PUSHED)
        self._sent: dict[tuple[str, str], tuple[int, bool]] = {}

    def push(self, tracker: Tracker) -> int:
        """Send what a tracker lacks; the number of stages that it lacked something of.

        Raises TrackerError and KoalignError as the tracker does; KoalignError too, behind all others, for a
        stage that is being made again or has changed.
        """
        sent, changing = 0, []
        for entry in self.entries.read():
            key = str(entry.id(self._tracking))
            state = len(entry.rows), entry.ended is not None
            whole = self._whole.setdefault(tracker.destination, [])
            if key in whole or self._sent.get((tracker.destination, key)) == state:
                continue
            contents = self.entries.contents(entry)
            try:
                contents.refuse_changing()
            except KoalignError as error:
                changing.append(str(error))
                continue
            if contents.is_gone:
                say(
                    f"{tracker.name}: {entry.stage}: its folder is gone or of other settings by now; it is "
                    "sent without settings and tables",
                    err=True,
                )
            if tracker.send(entry, contents):
                whole.append(key)
                write_json(self._folder / PUSHED, self._whole)
            self._sent[tracker.destination, key] = state
            sent += 1
        if changing:
            raise KoalignError(f"{tracker.name}: {'; '.join(changing)}")
        return sent


@contextmanager
def pusher(run_dir: Path, tracking: Tracking, *, wait: bool = False) -> Iterator[Pusher]:
    """The only one at work on a run. Raises KoalignError where another is, or `wait`s for it."""
    with locked(run_dir / FOLDER, wait=wait):
        yield Pusher(run_dir, tracking)


def _read_pushed(path: Path) -> dict[str, list[str]]:
    """Damaged it says nothing, and all is sent again."""
    try:
        value = read_json(path)
    except (KoalignError, OSError):
        return {}
    if not isinstance(value, dict):
        return {}
    return {
        place: [key for key in keys if isinstance(key, str)]
        for place, keys in value.items()
        if isinstance(keys, Sequence)
    }
