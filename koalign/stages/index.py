"""index: documents -> chunks of whole sentences, and a lexical and a dense index of them."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from koalign.config.sections import Config, resolve_path
from koalign.engines.embedding import VECTORS, Embedding, open_embedding
from koalign.hashing import WORK, hash_path
from koalign.jsonl import write_json, write_jsonl
from koalign.naming import counted
from koalign.plans import HUB
from koalign.progress import bar
from koalign.records import Drop, KoalignError, count_reasons
from koalign.retrieval.chunk_file import ChunkFile, write_chunks
from koalign.retrieval.dense import VectorFile
from koalign.retrieval.documents import SUFFIXES, documents, unread_files
from koalign.retrieval.lexical import analyser_hash, build_index, require_tantivy
from koalign.retrieval.records import Document
from koalign.run import Inputs, Stage, StageResult
from koalign.text.visible import warn


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """chunks.jsonl, the folder lexical, vectors.npy, and index.json with what they were made of.

    A killed process goes on after the last whole document, and after the last whole batch of vectors; a
    lexical index that is not whole is built anew.
    """
    section = config.corpus
    if not section.sources:
        raise KoalignError(
            "index needs corpus.sources: a folder of documents, such as -s 'corpus.sources=[docs]'"
        )
    require_tantivy()
    name = section.embedding
    embedding = open_embedding(name, "corpus.embedding") if name else None
    drops: list[Drop] = []
    read: Counter[str] = Counter()

    def texts() -> Iterator[Document]:
        for document in documents(section.sources, resolve_path):
            if isinstance(document, Drop):
                drops.append(document)
            else:
                read[document.source] += 1
                yield document

    path = out / "chunks.jsonl"
    write_chunks(path, texts(), section.characters, section.overlap)
    write_jsonl(out / "dropped.jsonl", drops)
    with ChunkFile(path) as chunks:
        if not chunks:
            paths = ", ".join(source.path for source in section.sources)
            raise KoalignError(
                f"corpus.sources: no text in {paths}; {', '.join(SUFFIXES)} are read"
            )
        licences = _build_lexical(chunks, out)
        number = len(chunks)
        if embedding:
            _embed(embedding, chunks, out)
    identity: dict[str, Any] = {
        "analyser": analyser_hash(),
        "corpus": hash_path(path),
        "chunks": number,
        "sources": [
            _describe(source.path, read[source.path], licences) for source in section.sources
        ],
    }
    if embedding:
        made_by = {"model": name, "hash": embedding.hash, "vectors": hash_path(out / VECTORS)}
        identity["embedding"] = made_by
    write_json(out / "index.json", identity)
    counts = {"documents": read.total(), "chunks": number}
    return StageResult(counts | count_reasons(drops, "dropped_"))


def _build_lexical(chunks: ChunkFile, out: Path) -> Counter[tuple[str, str]]:
    """The folder lexical; of each source and licence the number of chunks."""
    licences: Counter[tuple[str, str]] = Counter()

    def texts() -> Iterator[str]:
        for chunk in chunks:
            licences[chunk.source, chunk.licence] += 1
            yield chunk.indexed

    part, made = out / WORK / "lexical", out / "lexical"
    for unfinished in (part, made):
        shutil.rmtree(unfinished, ignore_errors=True)
    build_index(part, texts())
    part.rename(made)
    return licences


def _embed(embedding: Embedding, chunks: ChunkFile, out: Path) -> None:
    """vectors.npy; what a killed process left has the name of its model."""
    part = out / WORK / f"vectors-{embedding.hash}.npy"
    file = VectorFile(part, len(chunks))
    with bar("embed", len(chunks), file.done) as advance:

        def encode(texts: Sequence[str]) -> np.ndarray:
            vectors = embedding.encode(texts, "passage")
            advance(len(texts))
            return vectors

        file.write(lambda number: chunks[number].indexed, encode)
    part.replace(out / VECTORS)


def _describe(path: str, documents: int, licences: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    """A source in index.json; what is missing of its licences and files is said on the screen."""
    folder = Path(resolve_path(path))
    unread = [] if path.startswith(HUB) else [str(file) for file in unread_files(folder)]
    own = {licence: chunks for (source, licence), chunks in licences.items() if source == path}
    if "" in own:
        warn(
            f"{path}: no licence is known of {counted(own[''], 'chunk')}; write "
            f"{{path: {path}, licence: …}} so that it goes with the passages"
        )
    if unread:
        warn(f"{path}: files not read: {len(unread):,}, the first {unread[0]}")
    return {
        "path": path,
        "documents": documents,
        "chunks": sum(own.values()),
        "licences": own,
        "not_read": unread,
    }


STAGE = Stage(
    name="index",
    command="index",
    run=run,
    sections=("corpus",),
    inputs=("corpus.sources", "corpus.embedding"),
    prompts=False,
)
