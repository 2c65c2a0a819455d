"""yaml_text: YAML as people write it -> plain values; safe, and a key given twice is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from koalign.records import KoalignError


class Loader(yaml.SafeLoader):
    """Safe YAML in which 2e-5 is a number and a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


# `off` and `on` are words, as in YAML 1.2; SafeLoader reads them as false and true.
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def parse_yaml(text: str, place: str) -> Any:
    """The value of safe YAML; raises KoalignError with the place and the line."""
    try:
        return yaml.load(text, Loader=Loader)  # a SafeLoader: see above
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise KoalignError(f"{place}:{line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise KoalignError(f"{place}: not YAML: {error}") from None


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
