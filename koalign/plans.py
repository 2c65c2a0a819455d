"""plans: what a stage is about to do, on disk before it begins; a folder with an equal plan may be used."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

from koalign.config.engine import Engine
from koalign.config.sections import Config, resolve_path
from koalign.hashing import BACKEND, BEFORE, MODELS, PLAN, WORK, hashes_of
from koalign.jsonl import read_json, read_record, write_atomically, write_json
from koalign.parts import parts_of, shard_of
from koalign.records import KoalignError, Record, content_hash
from koalign.text.visible import say
from koalign.yaml_text import in_yaml, parse_yaml

MOST = 4
"""Changed settings that a message lists."""
LONGEST = 80
"""Letters of a setting that a message writes out."""
OTHER_VERSION = "another version of koalign"
HUB = "hf://"
BASE = "model.path"
PREPARE = "prepare"


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


def outside_of(name: str, config: Config) -> dict[str, Path]:
    """The files that a config key names, each by its name as an input.

    Raises KoalignError for one that is not there; what is on the hub, or at an address, has none.
    """
    value: Any = config
    for key in name.split("."):
        value = getattr(value, key)
    if value is None:
        return {}
    if name in MODELS:
        folder = Path(resolve_path(value))
        return {name: folder} if folder.is_dir() else {}
    if isinstance(value, str):
        return {name: _outside(name, value)}
    return {
        f"{name}.{number}": _outside(name, source.path)
        for number, source in enumerate(value)
        if not source.path.startswith(HUB)
    }


def _outside(name: str, value: str) -> Path:
    path = Path(resolve_path(value))
    if not path.exists():
        raise KoalignError(f"{name}: {path}: no such file")
    return path


def refuse_other_base(run_dir: Path, config: Config) -> None:
    """Raises KoalignError where the base is another model by now than a run was prepared with.

    Its adapters are of that one. What is on the hub has no file to tell by.
    """
    prepared = run_dir / PREPARE
    try:
        made = read_record(prepared / PLAN, Plan).inputs.get(BASE)
    except KoalignError:  # told where a stage needs it
        return
    now = hashes_of(outside_of(BASE, config)).get(BASE)
    if None not in (made, now) and made != now:
        raise KoalignError(
            f"{BASE}: {config.model.path} is another model by now than {run_dir} was made with, in its "
            "weights, settings or tokenizer; put it back, or take another --run-dir"
        )


def is_blank(out: Path, keeps: Sequence[str] = ()) -> bool:
    """Whether a folder holds nothing to go on from: no output yet, or logs alone that outlive a stage."""
    held = names_in(out)
    return held <= {PLAN, f"{PLAN}.part"} or held <= {f"{PLAN}.part", *keeps}


def names_in(out: Path) -> set[str]:
    """The files that were written there, but for those of shards and of the stage before."""
    files = (path for path in out.rglob("*") if path.is_file() and path.stat().st_size)
    aside = out / WORK / BEFORE
    own = (p for p in files if aside not in p.parents and not any(map(shard_of, p.parents)))
    return {path.name for path in own} - {BACKEND}


def begun_with(config: Config, folder: Path, anew: str = "--force") -> Config:
    """The config, with the engine that began a folder where `engine.backend: auto` is another by now.

    Half of its samples by one engine and half by another would be of neither. Raises KoalignError where it
    is not installed any more, with what begins the folder `anew`.
    """
    engine, path = vars(config).get("engine"), folder / WORK / BACKEND
    if not isinstance(engine, Engine) or vars(engine).get("backend") != "auto":
        return config  # a stage that samples nothing sees none, or a key of it
    begun = path.exists() and bool(parts_of(folder) or not is_blank(folder))
    backend = path.read_text("utf-8") if begun else engine.opened
    if backend == engine.opened:
        write_atomically(path, backend)
        return config
    if backend == "vllm":
        raise KoalignError(
            f"{folder} was begun with vllm, which is not installed any more; pip install 'koalign[vllm]', "
            f"or {anew} to begin again"
        )
    say(
        f"engine: {backend}, with which {folder} was begun; auto is {engine.opened} by now",
        err=True,
    )
    return config.model_copy(update={"engine": engine.model_copy(update={"backend": backend})})


def void_plan(folder: Path) -> None:
    """Before a folder is cleared: no plan equals this one, so a kill leaves nothing to go on from."""
    write_json(folder / PLAN, {})


def is_stage(folder: Path) -> bool:
    """Whether a folder is that of a stage: its plan says so."""
    try:
        made = read_json(folder / PLAN) if (folder / PLAN).is_file() else None
    except KoalignError:  # no plan of ours
        return False
    return isinstance(made, dict) and "stage" in made


def refuse_written(folder: Path, plan: Plan, inputs: Mapping[str, Path], command: str) -> None:
    """Raises KoalignError where a file outside of the run was written while a stage read it."""
    outside = {name: path for name, path in inputs.items() if "/" not in name}
    for name, now in hashes_of(outside).items():
        if now != plan.inputs[name]:
            void_plan(folder)  # nothing may go on from what was read of both
            raise KoalignError(
                f"{name}: {inputs[name]} was written while `koalign {command}` read it; repeat it with "
                "--force once the file is whole"
            )


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
            "no judge, and there is one now; to keep it, repeat -s judge.url=null, or put it into "
            "koalign.yaml"
        )
    if made.version != plan.version:  # then no setting brings the folder back
        return OTHER_VERSION
    old, new = _flat(made.config), _flat(plan.config)
    # A key that is null in one plan and missing in the other is of another version of koalign.
    if changed := [key for key in {**new, **old} if old.get(key) != new.get(key)]:
        return _other_settings(changed, old, new)
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
    return OTHER_VERSION


def _other_settings(changed: Sequence[str], old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """How settings differ, and what to repeat; a long one is not written out."""
    told = [_told(key, old.get(key), new.get(key)) for key in changed[:MOST]]
    if changed[MOST:]:
        told.append(f"and {len(changed) - MOST} more")
    settings = {key: setting(key, old[key]) for key in changed[:MOST] if key in old}
    again = [f"-s {one}" for one in settings.values() if len(one) <= LONGEST]
    if again:
        which = "them" if again[1:] else "it"
        told.append(f"to keep it, repeat {' '.join(again)}, or put {which} into koalign.yaml")
    if long := [key for key, one in settings.items() if len(one) > LONGEST]:
        told.append(f"set {' and '.join(long)} as before in koalign.yaml")
    return "; ".join(told)


def _told(key: str, old: Any, new: Any) -> str:
    """`sft.rank = 32, and it is now 8`; of long lists the sizes and the first entry that differs."""
    if isinstance(old, list) and isinstance(new, list) and len(f"{old}{new}") > 2 * LONGEST:
        was, now = next(pair for pair in zip_longest(old, new) if pair[0] != pair[1])
        return f"other entries of {key} ({len(old)}, now {len(new)}), the first {_entry(was, now)}"
    return f"{key} = {_short(old)}, and it is now {_short(new)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _entry(was: Any, now: Any) -> str:
    """What differs of an entry: the file and the keys of a source."""
    if was is None or now is None:
        return f"{_path(now)}, which is new" if was is None else f"{_path(was)}, which is gone"
    if _path(was) != _path(now):
        return f"{_path(was)}, now {_path(now)}"
    keys = {**_as_source(was), **_as_source(now)}
    other = [key for key in keys if _as_source(was).get(key) != _as_source(now).get(key)]
    return f"{_path(was)}, by its {', '.join(other)}"


def _as_source(entry: Any) -> Mapping[str, Any]:
    return entry if isinstance(entry, dict) else {"path": entry}


def _path(entry: Any) -> str:
    return str(_as_source(entry).get("path", "entry"))


def setting(key: str, value: Any) -> str:
    """`key=value` as a shell takes it, in as few quotes as YAML reads the value back from."""
    text = in_yaml(value)
    if isinstance(value, str):
        with suppress(KoalignError):  # no YAML, so it needs its quotes
            text = value if parse_yaml(value, key) == value else text
    whole = f"{key}={text}"
    in_double = "'" in whole and not re.search(r'["$`\\!]', whole)
    return f'"{whole}"' if in_double else shlex.quote(whole)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix[:-1]: [*map(_plain, value)] if isinstance(value, list) else value}
    return {k: v for key, item in value.items() for k, v in _flat(item, f"{prefix}{key}.").items()}


def _plain(value: Any) -> Any:
    """A source as its file says it: the path alone where that is all."""
    said = {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
    return said["path"] if isinstance(said, dict) and list(said) == ["path"] else said
