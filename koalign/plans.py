"""plans: what a stage is about to do, on disk before it begins; a folder with an equal plan may be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from koalign.jsonl import read_record, write_json
from koalign.records import KoalignError, Record, content_hash

PLAN = "plan.json"


class Plan(Record):
    """What a stage is about to do; two equal plans have the same result."""

    stage: str
    version: int
    template: str
    config: dict[str, Any]
    inputs: dict[str, str]

    @property
    def fingerprint(self) -> str:
        return content_hash(self.model_dump(mode="json"))


def write_plan(folder: Path, plan: Plan) -> None:
    """The plan of what is in the folder from now on."""
    write_json(folder / PLAN, plan.model_dump(mode="json"))


def void_plan(folder: Path) -> None:
    """Before a folder is cleared: no plan equals this one, so a kill leaves nothing to go on from."""
    write_json(folder / PLAN, {})


def other_plan(folder: Path, plan: Plan) -> str | None:
    """Why a folder was not made by this plan, in words; none if it was."""
    try:
        made = read_record(folder / PLAN, Plan)
    except KoalignError:
        return f"a plan that cannot be read ({PLAN} is damaged)"
    return None if made == plan else _difference(made, plan)


def _difference(made: Plan, plan: Plan) -> str:
    """The first setting or input in which two plans differ, in words."""
    old, new = _flat(made.model_dump(mode="json")), _flat(plan.model_dump(mode="json"))
    key = next((k for k in [*new, *old] if old.get(k) != new.get(k)), None)
    if key is None:  # one of them lacks a key that is null in the other
        return "another version of koalign"
    what, _, name = key.partition(".")
    if what == "config":
        return f"{name} = {old.get(key)!r}, and it is now {new.get(key)!r}"
    if what == "inputs":
        return f"another {name}"
    return f"another {what} ({old.get(key)!r}, now {new.get(key)!r})"


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix[:-1]: value}
    return {k: v for key, item in value.items() for k, v in _flat(item, f"{prefix}{key}.").items()}
