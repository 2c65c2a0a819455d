"""plans: what a stage is about to do, on disk before it begins; a folder with an equal plan may be used."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from koalign.hashing import PLAN
from koalign.jsonl import read_record, write_json
from koalign.records import KoalignError, Record, content_hash

MOST = 4
"""Changed settings that a message lists."""


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


def other_plan(folder: Path, plan: Plan, inputs: Mapping[str, Path]) -> str | None:
    """Why a folder was not made by this plan, and how to go on with it, in words; none if it was.

    `inputs`: name of each input of the plan -> its path.
    """
    try:
        made = read_record(folder / PLAN, Plan)
    except KoalignError:
        state = "damaged" if (folder / PLAN).exists() else "missing"
        return f"a plan that cannot be read ({PLAN} is {state})"
    return None if made == plan else _difference(made, plan, inputs)


def _difference(made: Plan, plan: Plan, inputs: Mapping[str, Path]) -> str:
    """What differs between two plans: the settings, else an input, else the template or koalign itself."""
    # judge.url turns a judge on, and an address is no part of a plan.
    if "judge" in made.config.keys() - plan.config.keys():
        return "a judge, and there is none now; set judge.url as it was"
    if "judge" in plan.config.keys() - made.config.keys():
        return (
            "no judge, and there is one now; repeat -s judge.url=null, or put it into koalign.yaml"
        )
    old, new = _flat(made.config), _flat(plan.config)
    # A key that is null in one plan and missing in the other is of another version of koalign.
    changed = [key for key in {**new, **old} if old.get(key) != new.get(key)]
    if changed:
        told = [
            f"{key} = {old.get(key)!r}, and it is now {new.get(key)!r}" for key in changed[:MOST]
        ]
        more = f"; and {len(changed) - MOST} more" if changed[MOST:] else ""
        again = [f"-s {_setting(key, old[key])}" for key in changed[:MOST] if key in old]
        which = "them" if again[1:] else "it"
        remedy = f"; repeat {' '.join(again)}, or put {which} into koalign.yaml" if again else ""
        return "; ".join(told) + more + remedy
    for name, path in inputs.items():
        if name not in made.inputs:
            return f"no {name} ({path}), which this command has"
        if made.inputs[name] != plan.inputs[name]:
            return f"another {name}: {path} has changed since"
    for name in made.inputs:
        if name not in plan.inputs:
            return f"{name}, which this command does not have"
    if made.template != plan.template:
        return (
            f"another prompt template ({made.template}, now {plan.template}); set prompt.template and "
            "prompt.thinking as they were, or put back the template file"
        )
    return "another version of koalign"


def _setting(key: str, value: Any) -> str:
    """`key=value` as a shell takes it."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return shlex.quote(f"{key}={text.removesuffix('...' + chr(10)).strip()}")


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix[:-1]: [*map(_plain, value)] if isinstance(value, list) else value}
    return {k: v for key, item in value.items() for k, v in _flat(item, f"{prefix}{key}.").items()}


def _plain(value: Any) -> Any:
    """A source as its file says it: the path alone where that is all."""
    said = {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
    return said["path"] if isinstance(said, dict) and list(said) == ["path"] else said
