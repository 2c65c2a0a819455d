"""nested: objects and lists inside a document or a row -> rows; the wrong type is a Drop or Refused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from koalign.data.formats.documents import Document, Row, first_rows
from koalign.data.formats.fields import Refused
from koalign.records import Drop


def descend(
    document: Document,
    names: Sequence[str],
    found: Mapping[str, Any],
    path: str = "",
    around: Mapping[str, Any] | None = None,
) -> Iterator[Row | Drop]:
    """One row for each object at the end of a path of lists, `data[].paragraphs[].qas[]`.

    A row has the fields of the objects around it too; an inner field hides an outer one of its name.
    What is no list, or no object in a list, is one Drop.
    """
    name, *rest = names
    here = f"{path}.{name}" if path else name
    listed = found.get(name)
    if not isinstance(listed, list):
        yield document.broken(here, listed, "a list")
        return
    for number, item in enumerate(listed):
        place = f"{here}[{number}]"
        if not isinstance(item, dict):
            yield document.broken(place, item, "an object")
        elif rest:
            yield from descend(document, rest, item, place, {**(around or {}), **item})
        else:
            yield document.nested(place, {**(around or {}), **item})


def inner(row: Row, name: str) -> Row:
    """The object in a field, as a row at the same place; raises Refused if it is none."""
    value = row.fields.get(name)
    if not isinstance(value, dict):
        raise Refused("wrong_type", f"{name}: an object expected, found {type(value).__name__}")
    return replace(row, fields=value)


def objects(row: Row, name: str) -> list[Row]:
    """The objects of the list in a field, as rows at the same place; raises Refused if it is none."""
    value = row.fields.get(name)
    if not isinstance(value, list):
        raise Refused("wrong_type", f"{name}: a list expected, found {type(value).__name__}")
    return [inner(replace(row, fields={name: item}), name) for item in value]


def mostly(rows: Iterable[Row | Drop], known: Callable[[dict[str, Any]], bool]) -> bool:
    """Whether at least half of the first rows look like it."""
    fitting = [known(fields) for fields in first_rows(rows)]
    return bool(fitting) and 2 * sum(fitting) >= len(fitting)
