"""chunk_file: documents -> chunks.jsonl, resumed after a kill; and any chunk of it by its number."""

from __future__ import annotations

import json
import os
from array import array
from collections.abc import Iterable, Iterator
from itertools import dropwhile
from pathlib import Path
from typing import Self

from koalign.jsonl import parse_record, to_json_line
from koalign.records import KoalignError
from koalign.retrieval.chunks import chunks
from koalign.retrieval.records import Chunk, Document


def write_chunks(path: Path, documents: Iterable[Document], characters: int, overlap: int) -> None:
    """Append the chunks of the documents to a JSONL file, after those of a process that was killed.

    The documents are the same in the same order then; the last one in the file is cut again.
    """
    last = _cut_last(path)
    left = iter(documents)
    if last is not None:
        left = dropwhile(lambda document: document.name != last, left)
    with path.open("a", encoding="utf-8", newline="\n") as file:
        for document in left:
            for start, end in chunks(document.text, characters, overlap):
                chunk = Chunk(
                    document=document.name,
                    title=document.title,
                    source=document.source,
                    licence=document.licence,
                    start=start,
                    end=end,
                    text=document.text[start:end],
                )
                file.write(to_json_line(chunk) + "\n")
            file.flush()


def _cut_last(path: Path) -> str | None:
    """Cut off the chunks of the last document, which may not be all; its name, if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    name, begins, here = None, 0, 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            document = json.loads(line)["document"]
            if document != name:
                name, begins = document, here
            here += len(line)
    os.truncate(path, begins)
    return name


class ChunkFile:
    """The chunks of a corpus by their number, read from disk one by one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        self._starts = array("q")
        here = 0
        for line in self._file:
            self._starts.append(here)
            here += len(line)

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> Chunk:
        self._file.seek(self._starts[number])
        return self._parsed(self._file.readline(), number)

    def __iter__(self) -> Iterator[Chunk]:
        self._file.seek(0)
        for number, line in enumerate(self._file):
            yield self._parsed(line, number)

    def _parsed(self, line: bytes, number: int) -> Chunk:
        place = f"{self._path}:{number + 1}"
        try:
            return parse_record(Chunk, json.loads(line), place)
        except ValueError:
            raise KoalignError(
                f"{place}: damaged; `koalign index --force` makes it again"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
