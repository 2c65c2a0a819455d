"""trackio: entries -> a trackio server, over its HTTP interface; what it knows by id it ignores."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from koalign.config.sections import Tracking
from koalign.records import KoalignError
from koalign.tracking.entries import Contents, Entry, finite
from koalign.tracking.http import call, environment, host_of, said_by

ADDRESS = "TRACKIO_SERVER_URL"
BATCH = 500
"""Lines of a request."""


class Trackio:
    """Sends rows as `trackio.log` does; each has a `log_id`, of which the server keeps one line."""

    name = "trackio"

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        address = environment(ADDRESS, self.name)
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https"):
            raise KoalignError(
                f"tracking.trackio: {ADDRESS} is no http address; take that of `trackio show`"
            )
        self._url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._headers = {"x-trackio-write-token": parse_qs(parts.query).get("write_token", [""])[0]}
        self.destination = f"trackio {host_of(address)} {tracking.project}"
        self._sent: dict[str, int] = {}

    def check(self) -> None:
        """Raises KoalignError for a token that may not write."""
        may = self._call("get_run_mutation_status", {})
        if not isinstance(may, dict) or not may.get("allowed"):
            raise KoalignError(
                f"trackio: {host_of(self._url)} refuses the write_token of {ADDRESS}; take the address "
                "that `trackio show` prints"
            )

    def send(self, entry: Entry, contents: Contents) -> bool:
        """The rows that this process has not sent yet, and at the end tables; whether that is all."""
        key = str(entry.id(self._tracking))
        start = self._sent.get(key, 0)
        rows: list[tuple[str, int, dict[str, Any]]] = [
            (" ".join(map(str, row.key)), row.step or 0, dict(finite(row.values)))
            for row in entry.rows[start:]
        ]
        if entry.ended:
            last = max((row.step or 0 for row in entry.rows), default=0)
            tables = {
                name: {"_type": "trackio.table", "_value": table}
                for name, table in contents.tables.items()
            }
            rows.append(("ended", last, {**finite(entry.ended.values), **tables}))
        for first in range(0, len(rows), BATCH):
            logs = [self._line(entry, *row) for row in rows[first : first + BATCH]]
            logs[0]["config"] = {**contents.config, "group": contents.run, **contents.adapter}
            self._call("bulk_log", {"logs": logs, "hf_token": None})
        self._sent[key] = len(entry.rows)
        return entry.ended is not None

    def close(self) -> None:
        """Nothing is held back."""

    def _line(self, entry: Entry, name: str, step: int, values: dict[str, Any]) -> dict[str, Any]:
        tracking = self._tracking
        return {
            "project": tracking.project,
            "run": entry.name(tracking),
            "run_id": str(entry.id(tracking)),
            "metrics": values,
            "step": step,
            "log_id": str(entry.part_id(tracking, name)),
        }

    def _call(self, api: str, arguments: dict[str, Any]) -> Any:
        body = {"args": [], "kwargs": arguments}
        reply = call(self.name, "POST", f"{self._url}/api/{api}", self._headers, body)
        host, said = host_of(self._url), reply.body if isinstance(reply.body, dict) else {}
        if said.get("error"):
            raise KoalignError(f"trackio: {host}: {said_by(said['error'], self._headers)}")
        if "data" not in said:
            raise KoalignError(f"trackio: {host} answers otherwise than trackio; check {ADDRESS}")
        return said["data"]
