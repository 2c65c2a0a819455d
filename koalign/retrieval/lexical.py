"""lexical: chunks -> an index of their character bigrams (tantivy), and the best chunks for a query.

BM25 over character bigrams of the folded text. Blanks count as letters: a bigram across one holds the order
of words. No morphological analyser takes part, so none has to be installed, or to agree with another.
Scores are comparable within one index alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from koalign.records import KoalignError, content_hash
from koalign.text.korean import fold

ANALYSER = "bigrams"
MOST_TERMS = 32
"""Bigrams of a query that are looked up, the rarest first: time grows with those that every chunk holds."""
_HEAP = 128_000_000
"""Bytes of memory in which the index is built before it goes to disk."""
_SAMPLE = "ＡＩ와 한글:  훈민정음(訓民正音)은 1446년 '반포'되었다. Co₂ ㄱ·ㄴ ①"
"""Text whose bigrams tell two analysers apart."""


@dataclass(frozen=True)
class Hit:
    """A chunk that a query found."""

    chunk: int
    """Its number in the order of indexing, from 0."""
    score: float
    """BM25; of a dense index the cosine."""


def bigrams(text: str) -> list[str]:
    """The character bigrams of the folded text: what the index holds of it, and what a query looks for."""
    return ["".join(pair) for pair in pairwise(fold(text))]


def analyser_hash() -> str:
    """The hash of what the analyser makes of a text that tries it."""
    return content_hash(ANALYSER, bigrams(_SAMPLE))


def require_tantivy() -> Any:
    """The library; raises KoalignError where it is not installed."""
    try:
        import tantivy
    except ImportError:
        raise KoalignError("retrieval needs tantivy: pip install 'koalign[rag]'") from None
    return tantivy


def build_index(folder: Path, texts: Iterable[str]) -> None:
    """Index the texts, numbered in their order, in an empty folder."""
    tantivy = require_tantivy()
    folder.mkdir(parents=True, exist_ok=True)
    index = _with_analyser(tantivy.Index(_schema(tantivy), str(folder)))
    writer = index.writer(_HEAP, 1)
    for number, text in enumerate(texts):
        writer.add_document(tantivy.Document(chunk=number, text=[fold(text)]))
    writer.commit()
    writer.wait_merging_threads()


class LexicalIndex:
    """An index that was built, open for queries."""

    def __init__(self, folder: Path) -> None:
        """Raises KoalignError for a folder that holds none."""
        self._tantivy = require_tantivy()
        self._schema = _schema(self._tantivy)
        if not folder.is_dir() or not self._tantivy.Index.exists(str(folder)):
            raise KoalignError(f"{folder}: no index; `koalign index --force` makes it again")
        try:
            index = _with_analyser(self._tantivy.Index.open(str(folder)))
            index.reload()
            self._searcher = index.searcher()
        except ValueError as error:
            reason = str(error).splitlines()[0]
            raise KoalignError(
                f"{folder}: cannot be opened ({reason}); `koalign index --force` makes it again"
            ) from None

    def __len__(self) -> int:
        return self._searcher.num_docs

    def search(self, query: str, limit: int) -> list[Hit]:
        """The best chunks that share a bigram, best first; of equal ones the first in the corpus."""
        tantivy = self._tantivy
        terms = dict.fromkeys(bigrams(query))
        counts = {term: self._searcher.doc_freq("text", term) for term in terms}
        rarest = sorted(filter(counts.get, terms), key=lambda term: counts[term])[:MOST_TERMS]
        if not rarest:
            return []
        parts = [
            (tantivy.Occur.Should, tantivy.Query.term_query(self._schema, "text", term, "freq"))
            for term in rarest
        ]
        # Segments add the parts of a score in any order: rounded, and the last of equal ones asked for too.
        found = self._searcher.search(
            tantivy.Query.boolean_query(parts), min(2 * limit, len(self)), count=False
        ).hits
        numbers = self._searcher.fast_field_values("chunk", [address for _, address in found])
        hits = [
            Hit(int(number), round(score, 3))
            for (score, _), number in zip(found, numbers, strict=True)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.chunk))[:limit]


def _schema(tantivy: Any) -> Any:
    builder = tantivy.SchemaBuilder()
    builder.add_integer_field("chunk", fast=True)
    # Frequencies without positions halve the index; no query asks for positions.
    builder.add_text_field("text", tokenizer_name=ANALYSER, index_option="freq")
    return builder.build()


def _with_analyser(index: Any) -> Any:
    """The index with its analyser, which tantivy does not store."""
    tantivy = require_tantivy()
    tokenizer = tantivy.Tokenizer.ngram(2, 2, False)
    index.register_tokenizer(ANALYSER, tantivy.TextAnalyzerBuilder(tokenizer).build())
    return index
