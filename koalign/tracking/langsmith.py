"""langsmith: a finished stage and its items -> runs of LangSmith, over its HTTP interface, by their ids."""

from __future__ import annotations

import os
from datetime import UTC
from typing import Any

from koalign.config.sections import Tracking
from koalign.tracking.entries import Contents, Entry, finite
from koalign.tracking.http import call, environment, host_of

KEY, ADDRESS, WORKSPACE = "LANGSMITH_API_KEY", "LANGSMITH_ENDPOINT", "LANGSMITH_WORKSPACE_ID"
CLOUD = "https://api.smith.langchain.com"


class Langsmith:
    """Posts a run for a stage and one below it for each item; 409 says that it is there, which is right.

    An id is made of the plan and, of an item, of what it holds: what has the same id is the same.
    """

    name = "langsmith"

    def __init__(self, tracking: Tracking) -> None:
        self._tracking = tracking
        key = environment(KEY, self.name)
        self._url = (os.environ.get(ADDRESS) or CLOUD).rstrip("/")
        workspace = os.environ.get(WORKSPACE)
        self._headers = {"x-api-key": key} | ({"X-Tenant-Id": workspace} if workspace else {})
        self.destination = f"langsmith {host_of(self._url)} {tracking.project}"
        self._posted: set[str] = set()
        """What need not be sent again where a later one fails."""

    def check(self) -> None:
        """Raises KoalignError for a key that is refused."""
        call(self.name, "GET", f"{self._url}/sessions?limit=1", self._headers)

    def send(self, entry: Entry, contents: Contents) -> bool:
        """All of a stage that has ended; whether it has."""
        if entry.ended is None:
            return False
        tables = contents.tables
        items = tables.pop("items", [])
        key = str(entry.id(self._tracking))
        order = f"{entry.began.astimezone(UTC):%Y%m%dT%H%M%S%fZ}{key}"
        shared = {
            "session_name": self._tracking.project,
            "trace_id": key,
            "start_time": entry.began.isoformat(),
            "end_time": entry.ended.time.isoformat(),
        }
        outputs = {"metrics": finite(entry.ended.values), "adapter": contents.adapter, **tables}
        metadata = {"group": contents.run, "stage": entry.stage, "plan": entry.plan}
        self._post({
            **shared, "id": key, "name": entry.name(self._tracking), "run_type": "chain",
            "inputs": contents.config, "outputs": outputs, "dotted_order": order,
            "extra": {"metadata": metadata},
        })  # fmt: skip
        for item in items:
            own = str(entry.part_id(self._tracking, item))
            asked = {name: item[name] for name in ("id", "key", "question") if item.get(name)}
            self._post({
                **shared, "id": own, "name": str(item["id"]), "run_type": "llm", "inputs": asked,
                "outputs": {k: v for k, v in item.items() if k not in asked}, "parent_run_id": key,
                "dotted_order": f"{order}.{order[: -len(key)]}{own}",
            })  # fmt: skip
        return True

    def close(self) -> None:
        """Nothing is held back."""

    def _post(self, run: dict[str, Any]) -> None:
        if run["id"] not in self._posted:
            call(self.name, "POST", f"{self._url}/runs", self._headers, run)
            self._posted.add(run["id"])
