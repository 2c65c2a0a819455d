"""hub: hf://owner/name[:config][/split] -> documents, through `datasets`.

A revision is pinned as in a Python requirement: hf://owner/name@revision:config/split. A folder
`owner/name` below the working directory is taken before the hub, as `datasets.load_dataset` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from koalign.data.formats.documents import Document, document_of_rows
from koalign.data.formats.parquet import plain
from koalign.data.formats.split_names import split_in_name
from koalign.records import KoalignError

PREFIX = "hf://"
BATCH = 1000
"""Rows of a data set on the hub that are read together."""
_NAME = re.compile(
    r"(?P<name>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>[\w./-]+?))?(:(?P<config>[\w.-]+))?(/(?P<split>[\w.-]+))?"
)


def open_hub(path: str) -> Iterator[Document]:
    """One document a split; raises KoalignError for a name that is none and a data set not to be had.

    Code that comes with a data set is never run: `datasets` has no way to since version 4. It reads
    CSV with pandas, to which a choice that says NA or None is nothing; such a row is a drop.
    """
    for where, name, table in _tables(path):
        yield document_of_rows(where, split_in_name(name), _Rows(table))


def hub_rows(path: str) -> Iterator[tuple[str, Any]]:
    """(place for people, row) of every split, read from disk row by row; raises as `open_hub` does."""
    for where, _, table in _tables(path):
        for number, row in enumerate(table, start=1):
            yield f"{where}:{number}", row


class _Rows:
    """The values of a table, in batches from disk whenever they are gone through."""

    def __init__(self, table: Any) -> None:
        self._table = table.with_format("arrow")

    def __iter__(self) -> Iterator[Any]:
        for batch in self._table.iter(BATCH):
            yield from map(plain, batch.to_pylist())


def _tables(path: str) -> Iterator[tuple[str, str, Any]]:
    """(place for people, name of the split, its table) of each split that is asked for."""
    address = _NAME.fullmatch(path.removeprefix(PREFIX))
    if not address:
        raise KoalignError(f"{path}: expected hf://owner/name[@revision][:config][/split]")
    import datasets

    datasets.disable_progress_bars()
    try:
        splits = datasets.load_dataset(
            address["name"], address["config"], revision=address["revision"], split=None
        )
    except (datasets.exceptions.DatasetsError, ValueError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise KoalignError(f"{path}: cannot be loaded ({reason})") from None
    wanted = address["split"]
    if wanted and wanted not in splits:
        raise KoalignError(f"{path}: no split {wanted!r}; there are {', '.join(splits)}")
    for name, table in splits.items():
        if wanted in (None, name):
            yield f"{PREFIX}{address[0]}" + ("" if wanted else f"/{name}"), name, table
