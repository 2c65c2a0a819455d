"""yaml_text: YAML and JSON by hand -> plain values; safe, and a key given twice is an error."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from koalign.records import KoalignError

_SURROGATE = re.compile("[\ud800-\udfff]")


_EXPONENT = re.compile(r"^[-+]?(?:\d+(?:\.\d*)?|\.\d+)[eE][-+]?\d+$")
_STARTS_A_NUMBER = list("-+0123456789.")


class Loader(yaml.SafeLoader):
    """Safe YAML in which 2e-5 is a number and a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "`<<` is not read; write its keys out", key_node.start_mark
                )
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; raises ValueError where a key stands there twice, for one would be lost."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return fields


# As in YAML 1.2 `off` is a word, 010 is ten and 1:30 is text; SafeLoader reads false, 8 and 90.
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag[-4:] not in ("bool", ":int")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$"),
    _STARTS_A_NUMBER[:-1],
)
Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, _STARTS_A_NUMBER)


class _Dumper(yaml.SafeDumper):
    """Safe YAML in which the text `2e5` has quotes, since Loader reads a number without."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, _STARTS_A_NUMBER)


MOST_BYTES = 2**21
"""Of a file of YAML; a second reads about 100 kB."""
MOST_NODES, MOST_LEVELS = 200_000, 60
"""Of a value with its aliases written out."""
MOST_DIGITS = 100
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


def parse_yaml(text: str, place: str) -> Any:
    """The value of safe YAML; raises KoalignError with the place and the line."""
    return parse_nodes(text, place)[0]


def parse_nodes(text: str, place: str) -> tuple[Any, yaml.Node | None]:
    """The value, and its nodes, which know their lines."""
    try:
        loader = Loader(text)  # a SafeLoader: see above
        node = loader.get_single_node()
        if node is None:
            return None, None
        _refuse_bomb(node, {}, place)
        return loader.construct_document(node), node
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise KoalignError(f"{place}:{line}: not YAML: {error.problem}") from None
    except RecursionError:
        raise KoalignError(f"{place}: not YAML: nested too deeply") from None
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
    ) as error:  # a tag such as !!timestamp before what is none
        raise KoalignError(f"{place}: not YAML: {' '.join(str(error).split())}") from None  # fmt: skip


def _refuse_bomb(node: yaml.Node, known: dict[int, tuple[int, int]], place: str) -> tuple[int, int]:
    """The size and the height of a node with its aliases written out; `known`: of those seen before.

    Raises KoalignError for more than is read here, and for an anchor that holds itself.
    """

    def refused(why: str) -> KoalignError:
        return KoalignError(
            f"{place}:{node.start_mark.line + 1}: not YAML that is read here: {why}"
        )

    if id(node) in known:
        size, height = known[id(node)]
        if not size:
            raise refused("an anchor holds itself")
        return size, height
    if isinstance(node, yaml.ScalarNode):
        if node.tag in _NUMBERS and len(node.value) > MOST_DIGITS:
            raise refused(f"a number of more than {MOST_DIGITS} digits")
        if "\0" in node.value or (not node.value.isascii() and _SURROGATE.search(node.value)):
            raise refused("a text with a NUL or with half of a surrogate pair")
        return 1, 1
    known[id(node)] = 0, 0
    size, height = 1, 1
    pairs = isinstance(node, yaml.MappingNode)
    for child in (one for pair in node.value for one in pair) if pairs else node.value:
        its_size, its_height = _refuse_bomb(child, known, place)
        size, height = size + its_size, max(height, 1 + its_height)
    if size > MOST_NODES or height > MOST_LEVELS:
        raise refused(f"with its aliases more than {MOST_NODES:,} values or {MOST_LEVELS} levels")
    known[id(node)] = size, height
    return size, height


def in_yaml(value: Any) -> str:
    """A value on one line of YAML."""
    text = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, allow_unicode=True, sort_keys=False, width=100_000
    ).strip()  # fmt: skip
    return json.dumps(value, ensure_ascii=False) if "\n" in text else text


def read_text(path: Path) -> str:
    """The text of a file of YAML; raises KoalignError for what is not UTF-8 or larger than MOST_BYTES."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise KoalignError(
            f"{path}: larger than {MOST_BYTES // 2**20} MB, more than YAML may be here"
        )
    try:
        return data.decode("utf-8-sig")
    except ValueError:
        raise KoalignError(f"{path}: not a UTF-8 text file") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """The top-level keys of a file of safe YAML.

    Raises KoalignError that names the file for what is not UTF-8, not YAML or not a mapping.
    """
    value = parse_yaml(read_text(path), str(path))
    if not isinstance(value, dict):
        raise KoalignError(f"{path}: expected lines `key: value`, found {type(value).__name__}")
    for key in value:
        if not isinstance(key, str):
            raise KoalignError(f"{path}: key {key!r} is no name; put it into quotes")
    return value
