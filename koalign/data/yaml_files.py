"""yaml_files: a YAML file of a template or a protocol -> its keys and values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from koalign.records import KoalignError


def read_mapping(path: Path) -> dict[str, Any]:
    """The top-level keys of a file of safe YAML.

    Raises KoalignError that names the file for what is not UTF-8, not YAML or not a mapping.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise KoalignError(f"{path}: not YAML ({error})") from None
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise KoalignError(f"{path}: expected lines `key: value`, found {type(value).__name__}")
    return value
