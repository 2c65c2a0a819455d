"""yaml_files: a YAML file of a template or a protocol -> its keys and values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml


def read_mapping(path: Path) -> dict[str, Any]:
    """The top-level keys of a file of safe YAML.

    Raises KoalignError that names the file for what is not UTF-8, not YAML or not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except ValueError:
        raise KoalignError(f"{path}: not a UTF-8 text file") from None
    value = parse_yaml(text, str(path))
    if not isinstance(value, dict):
        raise KoalignError(f"{path}: expected lines `key: value`, found {type(value).__name__}")
    for key in value:
        if not isinstance(key, str):
            raise KoalignError(f"{path}: key {key!r} is no name; put it into quotes")
    return value
