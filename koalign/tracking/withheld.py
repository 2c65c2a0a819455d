"""withheld: what a run was made of, and licences -> the texts that are not passed on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from koalign.data.formats.sources import WITHHELD
from koalign.hashing import PLAN
from koalign.jsonl import read_json
from koalign.records import KoalignError

FREE = re.compile(r"\s*(cc[ -]?(0|by)|creative commons|public domain|kogl|공공누리)", re.IGNORECASE)
"""How a licence begins that lets a text be passed on whole; all others, and unknown ones, do not."""


def withheld_splits(run: Path) -> set[str]:
    """The splits of a run with a source that is marked, or whose format may not be passed on.

    All where nothing says what the run was made of.
    """
    plan = _read_object(run / "prepare" / PLAN)
    report = _read_object(run / "prepare" / "report.json")
    data = plan.get("config", {}).get("data", {})
    sources = report.get("sources")
    if not data or not sources:
        return {"train", "dev", "test"}
    marked = set()
    for source in sources:
        own = [s for s in data.get(source["split"]) or () if s.get("path") == source["path"]]
        said = next((s["redistribute"] for s in own if s.get("redistribute") is not None), None)
        built_in = str(source["path"]).startswith("builtin:")
        formats = set() if built_in else {file["format"] for file in source.get("files", ())}
        if said is False or (said is None and formats & WITHHELD):
            marked.add(source["split"])
    return marked | ({"dev"} if "train" in marked else set())


def may_be_passed_on(licence: str) -> bool:
    """Whether a text of a corpus may be, by the licence that its source names."""
    return FREE.match(licence) is not None


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except (KoalignError, OSError):
        return {}
    return value if isinstance(value, dict) else {}
