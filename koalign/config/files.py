"""config_files: YAML files and `-s section.key=value` -> one Config, every mistake named with its place."""

from __future__ import annotations

import difflib
import re
import reprlib
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import yaml
from pydantic import BaseModel, ValidationError

from koalign.config.inputs import Section, Source
from koalign.config.sections import ASSETS, Config
from koalign.jsonl import field_errors, on_disk
from koalign.locking import refuse_pipe
from koalign.records import KoalignError
from koalign.yaml_text import MOST_LEVELS, parse_nodes, parse_yaml, read_text


def load_config(files: Sequence[Path], overrides: Sequence[str] = ()) -> Config:
    """The one Config of the files (later ones win) and of `section.key=value` overrides.

    Without files: ./koalign.yaml, and without that the built-in example. Raises KoalignError that
    names file, line and key, and the nearest known key.
    """
    if not files:
        own = Path("koalign.yaml")
        files = [own if own.exists() else ASSETS / "example.yaml"]
    merged: dict[str, Any] = {}
    places: dict[str, str] = {}
    for path in files:
        value, lines = _read_yaml(path)
        _merge(merged, value)
        places.update({key: f"{path}:{line}" for key, line in lines.items()})
    for override in overrides:
        key, _, text = override.partition("=")
        if not text.strip() or not key or key.count(".") > MOST_LEVELS:
            raise KoalignError(
                f"-s {_on_a_line(override)}: expected section.key=value; null is no value"
            )
        # A key or a password that somebody gave by mistake is not repeated.
        secret = key.startswith(("teacher", "judge")) or "://" in text
        place = f"-s {key}=…" if secret else f"-s {_on_a_line(override)}"
        _merge(merged, _nested(key.split("."), parse_yaml(text, place)))
        places[key] = place
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise KoalignError(_explain(error, places)) from None


def _on_a_line(text: str) -> str:
    return textwrap.shorten(text, 300, placeholder=" …")


def parse_source(text: str) -> Source:
    """The source that a command is given: a path, or `{path: 시험.csv, columns: {…}}` as under `data`.

    Raises KoalignError that names the key.
    """
    if not text.startswith("{"):
        return Source(path=text)
    try:
        return Source.model_validate(parse_yaml(text, _on_a_line(text)))
    except ValidationError as error:
        first = field_errors(error)[0]
        known = f" (known: {', '.join(Source.model_fields)})" * (first.type == "extra_forbidden")
        raise KoalignError(f"{_on_a_line(text)}: {first.field}: {first.message}{known}") from None


SPLITS = ("train", "dev", "test")


def known_keys(section: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """Every dotted key, sections before their keys."""
    for name, field in section.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{name}.")


def documented_yaml() -> str:
    """A koalign.yaml with every key at its default and its sentence; required keys from the example."""
    example = load_config([ASSETS / "example.yaml"])
    lines = ["# Every key of koalign, at its default. Delete what you do not change.", ""]
    for name, field in Config.model_fields.items():
        if is_section(field.annotation):
            lines += [f"{name}:", *_documented(field.annotation, getattr(example, name), "  "), ""]
        else:
            lines.append(f"{name}: {_scalar(field.get_default())}")
    return "\n".join(lines) + "\n"


def _documented(section: type[Section], example: Section, indent: str) -> Iterator[str]:
    for key, field in section.model_fields.items():
        value = getattr(example, key) if field.is_required() else field.get_default()
        for line in textwrap.wrap(field.description or "", 92 - len(indent)):
            yield f"{indent}# {line}"
        if is_section(field.annotation):
            yield f"{indent}{key}:"
            yield from _documented(field.annotation, value, indent + "  ")
        else:
            yield f"{indent}{key}: {_scalar(value)}"


def is_section(annotation: Any) -> TypeGuard[type[Section]]:
    """Whether a key is a section with keys of its own."""
    return isinstance(annotation, type) and issubclass(annotation, Section)


def _scalar(value: Any) -> str:
    if isinstance(value, tuple):
        plain = [source.model_dump(exclude_defaults=True) for source in value]
        value = [one["path"] if list(one) == ["path"] else one for one in plain]
        return yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return "null" if value is None else yaml.safe_dump(value).splitlines()[0]


def _read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    refuse_pipe(path)
    try:
        text = read_text(on_disk(path))
    except FileNotFoundError:
        raise KoalignError(f"{path}: no such config file") from None
    except IsADirectoryError:
        raise KoalignError(f"{path}: not a UTF-8 text file") from None
    value, node = parse_nodes(text, str(path))
    if value is None or node is None:
        return {}, {}
    if not isinstance(value, dict):
        raise KoalignError(f"{path}:1: expected `section:` lines, found {type(value).__name__}")
    return value, dict(_lines(node))


def _lines(node: yaml.Node, prefix: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield prefix + str(key.value), key.start_mark.line + 1
            yield from _lines(value, f"{prefix}{key.value}.")
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            yield from _lines(value, f"{prefix}{number}.")


def _nested(keys: Sequence[str], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _explain(error: ValidationError, places: dict[str, str]) -> str:
    errors = field_errors(error)
    # An unknown key first: a missing one may be what was meant by it.
    first = next((e for e in errors if e.type == "extra_forbidden"), errors[0])
    key = first.field
    # A single source needs no list around it, and then has no number in the file.
    plain = re.sub(r"\.\d+\b", "", key)
    named = (key, plain, key.rpartition(".")[0], plain.rpartition(".")[0])
    place = next((places[name] for name in named if name in places), "")
    where = f"{place}: " if place else ""
    if first.type == "extra_forbidden":
        in_sources = [f"data.{split}.{name}" for split in SPLITS for name in Source.model_fields]
        known = [*known_keys(), *in_sources]
        # Names of one section only: what sections share would make any two keys alike.
        section, dot, name = plain.rpartition(".")
        names = [k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == section]
        nearest = [
            section + dot + n
            for n in difflib.get_close_matches(name, names, 1, 0.75 if dot else 0.6)
        ]
        hint = (
            f"did you mean {nearest[0]!r}?"
            if nearest
            else (
                "`koalign init` writes every key, and CHANGELOG.md says which were renamed or removed"
            )
        )
        return f"{where}unknown key {key!r}; {hint}"
    if first.type == "missing":
        return f"{where}key {key!r} is missing; `koalign init` writes a koalign.yaml with every key"
    quiet = first.type == "value_error" or re.fullmatch(r"(teacher|judge)\.(key_env|url)", key)
    found = "" if quiet else f", found {reprlib.repr(first.input)}"
    return f"{where}{key + ': ' if key else ''}{first.message}{found}"
