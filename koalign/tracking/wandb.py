"""wandb: an entry -> one run of W&B, live or offline, which a resumed stage goes on with."""

from __future__ import annotations

import importlib.util
import os
import shutil
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from koalign.config.sections import Tracking
from koalign.records import KoalignError
from koalign.text.visible import shown
from koalign.tracking.entries import Contents, Entry, Rows
from koalign.tracking.http import TrackerError, call, host_of

KEY, ADDRESS = "WANDB_API_KEY", "WANDB_BASE_URL"
CLOUD = "https://api.wandb.ai"
STEP = "trainer/step"
"""The axis of all curves: W&B's own steps count lines."""
PATIENCE = 30.0
"""Seconds that W&B may take for a beginning and for an end."""


class Wandb:
    """Writes the rows of an entry as numbered lines, so that W&B itself knows which it has.

    Online it says with which line to go on. An offline run cannot be asked, and is written anew from its
    first line: one folder, which `wandb sync` may send any number of times.
    """

    name = "wandb"

    def __init__(self, tracking: Tracking, folder: Path) -> None:
        self._tracking, self._folder = tracking, folder
        self._url = (os.environ.get(ADDRESS) or CLOUD).rstrip("/")
        if not importlib.util.find_spec("wandb"):
            raise KoalignError(
                f"tracking.wandb: {tracking.wandb}, and wandb is not installed; pip install "
                "wandb, or say off"
            )
        if tracking.wandb == "online" and not self._key:
            raise KoalignError(
                "tracking.wandb: online, and WANDB_API_KEY is not set; export it, run `wandb login`, or "
                "say offline"
            )
        place = host_of(self._url) if tracking.wandb == "online" else "offline"
        self.destination = f"wandb {place} {tracking.project}"
        self._run: Any = None
        self._open: Entry | None = None
        self._next = 0

    def check(self) -> None:
        """Raises KoalignError for a key that W&B refuses."""
        if self._tracking.wandb != "online":
            return
        basic = b64encode(f"api:{self._key}".encode()).decode()
        query = {"query": "query Viewer { viewer { id } }"}
        headers = {"Authorization": f"Basic {basic}"}
        said = call(self.name, "POST", f"{self._url}/graphql", headers, query).body
        data = said.get("data") if isinstance(said, dict) else None
        if not isinstance(data, dict) or not data.get("viewer"):
            raise KoalignError(f"wandb: {host_of(self._url)} does not know this WANDB_API_KEY")

    def send(self, entry: Entry, contents: Contents) -> bool:
        """The rows that W&B does not have yet; at the end tables and the summary. Whether that is all."""
        tables = contents.tables if entry.ended else {}
        config, adapter = contents.config, contents.adapter
        with _errors():
            if self._open is not entry:
                self._end()
                self._begin(entry, config, contents.run)
            for row in entry.rows[self._next :]:
                self._run.log({STEP: row.step, **row.values}, step=self._next)
                self._next += 1
            if entry.ended is None:
                return False
            if tables and self._next <= len(entry.rows):
                made = {name: _table(rows) for name, rows in tables.items()}
                self._run.log(made, step=len(entry.rows))
            self._run.summary.update({**entry.ended.values, **adapter})
            self._end()
        return True

    def close(self) -> None:
        """End the run that is open; of a stage that has not ended as one that failed."""
        with _errors():
            self._end()

    def _end(self) -> None:
        if self._run is None or self._open is None:
            return
        run, code = self._run, 0 if self._open.ended else 1
        self._run = self._open = None
        run.finish(exit_code=code)

    def _begin(self, entry: Entry, config: dict[str, Any], group: str) -> None:
        # Read at import: it would report errors of its own to its maker.
        os.environ["WANDB_ERROR_REPORTING"] = "false"
        import wandb

        key = str(entry.id(self._tracking))
        if self._tracking.wandb == "offline":
            for old in (self._folder / "wandb").glob(f"offline-run-*-{key}"):
                shutil.rmtree(old)
        # Else it links its log from the home folder, and a run folder has no links that lead out of it.
        own = str(self._folder.absolute() / "wandb" / "own")
        os.environ.update(WANDB_CACHE_DIR=own, WANDB_DATA_DIR=own)
        try:
            self._run = wandb.init(
                project=self._tracking.project,
                id=key,
                resume="allow",
                name=entry.name(self._tracking),
                group=group,
                job_type=entry.stage,
                config=config,
                dir=str(self._folder),
                mode=self._tracking.wandb,
                # W&B would ask git about the working directory, whose config may name commands, and send
                # paths and the command line.
                settings=wandb.Settings(
                    silent=True,
                    symlink=False,
                    disable_git=True,
                    console="off",
                    x_disable_meta=True,
                    x_disable_stats=True,
                    x_disable_machine_info=True,
                    x_save_requirements=False,
                    init_timeout=PATIENCE,
                    finish_timeout=PATIENCE,
                    finish_timeout_raises=True,
                ),
            )
        finally:
            for link in (self._folder / "wandb").glob("*/logs/debug-core.log"):
                link.unlink()
        self._open, self._next = entry, self._run.starting_step
        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP)

    @property
    def _key(self) -> str | None:
        """Of the environment, or that `wandb login` has left."""
        if key := os.environ.get(KEY):
            return key
        try:
            known = netrc().authenticators(urlsplit(self._url).hostname or "")
        except (OSError, NetrcParseError):
            return None
        return known[2] if known else None


@contextmanager
def _errors() -> Iterator[None]:
    """Whatever W&B raises as a TrackerError: its errors have no base of their own, and none ends a run."""
    try:
        yield
    except Exception as error:
        raise TrackerError(f"wandb: {shown(str(error))}") from None


def _table(rows: Rows) -> Any:
    import wandb

    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[row.get(name) for name in columns] for row in rows]
    return wandb.Table(columns=columns, data=cells, allow_mixed_types=True)
