"""documents: the sources of a corpus -> their texts, each with its title, source and licence.

Text, Markdown, HTML, JSON lines and dumps of Wikipedia, alone or in folders, and data sets on the hub. Text
comes as the other readers give it, in NFC with LF; nothing else of it is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from koalign.data.formats.decoding import encoding_of
from koalign.data.formats.hub import PREFIX, hub_rows
from koalign.data.formats.streams import Text
from koalign.jsonl import HALF_PAIR, iter_json_lines, on_disk
from koalign.records import Drop, KoalignError
from koalign.retrieval.html import text_of_html
from koalign.retrieval.records import Document
from koalign.retrieval.wikipedia import articles
from koalign.text.korean import clean
from koalign.text.visible import shown

SUFFIXES = (".txt", ".md", ".html", ".htm", ".jsonl", ".xml", ".bz2")
"""Of the files of a folder that are read; `.bz2` is a dump of Wikipedia."""


class CorpusSource(Protocol):
    """Where texts come from, as the config says it."""

    @property
    def path(self) -> str: ...
    @property
    def licence(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def title(self) -> str: ...


def corpus_files(path: Path) -> list[Path]:
    """The files that are read of a folder, in order, hidden ones aside; a file is the one itself.

    Raises KoalignError for a path that is not there and a file of another kind.
    """
    path = on_disk(path)
    if path.is_dir():
        below = sorted(p for p in path.rglob("*") if not _is_hidden(p.relative_to(path)))
        return [p for p in below if p.suffix.lower() in SUFFIXES and p.is_file()]
    if not path.exists():
        raise KoalignError(f"corpus.sources: {path}: no such file or folder")
    if path.suffix.lower() not in SUFFIXES:
        raise KoalignError(
            f"corpus.sources: {path}: documents are read from {', '.join(SUFFIXES)} and folders of them"
        )
    return [path]


def unread_files(path: Path) -> list[Path]:
    """The files of a folder that are not read, hidden ones aside."""
    return [
        p
        for p in sorted(path.rglob("*"))
        if p.is_file() and not _is_hidden(p.relative_to(path)) and p.suffix.lower() not in SUFFIXES
    ]


def documents(
    sources: Iterable[CorpusSource], located: Callable[[str], str]
) -> Iterator[Document | Drop]:
    """Every text of the sources in order, and a drop for what holds none.

    `located`: the path of a source -> where it lies on disk. A document is named as its source is, so
    that names are the same wherever koalign is installed. Raises KoalignError for what cannot be read,
    with its file.
    """
    for source in sources:
        if source.path.startswith(PREFIX):
            yield from _of_rows(hub_rows(source.path), source)
            continue
        top = on_disk(Path(located(source.path)))
        for file in corpus_files(top):
            name, suffix = str(Path(source.path) / file.relative_to(top)), file.suffix.lower()
            if suffix == ".jsonl":
                rows = ((f"{name}:{number}", row) for number, row in iter_json_lines(file))
                yield from _of_rows(rows, source)
            elif suffix in (".xml", ".bz2"):
                for number, title, text in articles(file):
                    yield _document(f"{name}:{number}", title, text, source)
            else:
                yield _of_file(file, name, source)


def _of_file(file: Path, name: str, source: CorpusSource) -> Document | Drop:
    text = Text(file, encoding_of(file, name)).whole()
    title = file.stem
    if file.suffix.lower() in (".html", ".htm"):
        heading, text = text_of_html(text)
        title = heading or title
    elif file.suffix.lower() == ".md":
        first = next((line for line in text.splitlines() if line.startswith("# ")), "")
        title = first.removeprefix("# ").strip() or title
    return _document(name, title, text, source)


def _of_rows(rows: Iterable[tuple[str, Any]], source: CorpusSource) -> Iterator[Document | Drop]:
    """A document a row; a row may name its own licence."""
    seen = False
    for place, row in rows:
        if not isinstance(row, Mapping):
            yield Drop(stage="index", reason="no_object", place=place, detail=shown(str(row))[:60])
            continue
        if source.text in row:
            seen = True
        elif not seen:
            raise KoalignError(
                f"{place}: no {source.text!r} in it; there are {', '.join(map(repr, row))}. Say which "
                f"holds the text: {{path: {source.path}, text: …, title: …}}"
            )
        text, title = row.get(source.text), row.get(source.title)
        licence = row.get("licence") or row.get("license") or source.licence
        if not isinstance(text, str):
            yield Drop(stage="index", reason="no_text", place=place)
            continue
        title = title if isinstance(title, str) else ""
        yield _document(place, title, text, source, str(licence))


def _document(
    name: str, title: str, text: str, source: CorpusSource, licence: str | None = None
) -> Document | Drop:
    text = clean(text)
    if not text.strip():
        return Drop(stage="index", reason="no_text", place=name)
    licence = source.licence if licence is None else licence
    if HALF_PAIR.search(f"{title}{text}{licence}"):
        detail = "half of a surrogate pair"
        return Drop(stage="index", reason="broken_text", place=name, detail=detail)
    return Document(name, clean(title), text, source.path, licence)


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "~$", "__MACOSX")) for part in path.parts)
