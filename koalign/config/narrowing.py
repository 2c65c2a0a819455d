"""narrowing: a config and the names of sections and keys -> these alone, to read and to compare."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import BaseModel

from koalign.config.inputs import Section

M = TypeVar("M", bound=BaseModel)


def narrowed(config: M, names: Iterable[str]) -> M:
    """The config with these sections, or single keys of one (`engine.script`).

    To read another is an AttributeError.
    """
    keys: dict[str, list[str]] = {}
    for name in names:
        section, _, key = name.partition(".")
        keys.setdefault(section, []).extend([key] if key else [])
    part = config.model_copy()
    for name in type(config).model_fields.keys() - keys:
        del part.__dict__[name]
    for name, inside in keys.items():
        if inside:
            part.__dict__[name] = narrowed(getattr(config, name), inside)
    return part


def settings_of(config: BaseModel, names: Iterable[str]) -> dict[str, Any]:
    """The values of sections, and of single keys of one, on which a result depends."""
    settings: dict[str, Any] = {}
    for name in names:
        section, _, key = name.partition(".")
        plain = _plain(getattr(config, section))
        settings[section] = {**settings.get(section, {}), key: plain[key]} if key else plain
    return settings


def _plain(value: Any) -> Any:
    if not isinstance(value, Section):
        return value
    value = value.result
    plain = value.model_dump(mode="json", exclude=set(value.no_part))
    inside = {key: _plain(inner) for key, inner in value if isinstance(inner, Section)}
    return {key: inside.get(key, entry) for key, entry in plain.items()}
