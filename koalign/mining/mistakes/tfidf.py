"""tfidf: texts -> unit vectors that lie close where the texts are alike, by character TF-IDF.

Character n-grams within words need no morphological analyser: of `세포막은` and `세포막에서` they share
the stem and not the josa.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from koalign.text.korean import fold

DIMENSIONS = 100
"""Of the vectors: what latent semantic analysis is usually cut to."""
_N = (2, 5)
_MOST_TERMS = 50_000
"""N-grams that are kept, the most frequent: what bounds the memory."""


@dataclass(frozen=True)
class Weights:
    """How much each n-gram says of each text."""

    matrix: Any
    """SciPy CSR, a row of unit length for each text; of zeros where all its n-grams stand in all texts."""
    terms: np.ndarray
    """The n-gram of each column."""


def weigh(texts: Sequence[str]) -> Weights:
    """TF-IDF of the character 2- to 5-grams of the folded texts; needs a text that is not blank."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

    counter = CountVectorizer(
        analyzer="char_wb", ngram_range=_N, lowercase=False, max_features=_MOST_TERMS
    )
    counts = counter.fit_transform([fold(text) for text in texts])
    weight = TfidfTransformer(sublinear_tf=True).fit(counts)
    # scikit-learn adds 1, so that what stands in every text (`정답:`) still counts; here it must not.
    weight.idf_ = weight.idf_ - 1
    return Weights(weight.transform(counts), counter.get_feature_names_out())


def reduced(weights: Weights, seed: int) -> np.ndarray:
    """Latent semantic analysis (Deerwester et al. 1990): rows of at most DIMENSIONS, of unit length.

    The same rows in the same order give the same vectors; needs two texts and two n-grams.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize
    from threadpoolctl import threadpool_limits

    if not weights.matrix.count_nonzero():  # nothing sets any text apart
        return np.zeros((weights.matrix.shape[0], 1))
    size = max(1, min(DIMENSIONS, *(side - 1 for side in weights.matrix.shape)))
    with threadpool_limits(1):  # threads would add up in any order, and the last bits differ
        return normalize(TruncatedSVD(size, random_state=seed).fit_transform(weights.matrix))


def plane(vectors: np.ndarray) -> np.ndarray:
    """The two directions in which the vectors differ most (PCA), for a picture; needs two vectors."""
    from threadpoolctl import threadpool_limits

    centred = vectors - vectors.mean(axis=0)
    with threadpool_limits(1):
        left, spread, _ = np.linalg.svd(centred, full_matrices=False)
    flat = np.zeros((len(vectors), 2))
    flat[:, : min(2, len(spread))] = (left * spread)[:, :2]
    return flat


def distinctive_terms(weights: Weights, members: Sequence[int], count: int) -> tuple[str, ...]:
    """How the words begin that weigh more in the member texts than in the others, the heaviest first.

    Beginnings only, for those are stems: of `세포막은`, `포막` says nothing to a reader. Of beginnings of
    one another (`세포막`, `세포`) the first stands for both.
    """
    inside = np.zeros(weights.matrix.shape[0], bool)
    inside[list(members)] = True
    excess = _mean(weights.matrix[inside]) - _mean(weights.matrix[~inside])
    # Equal to the ninth digit is equal: then the longer one, which says more.
    order = sorted(
        (n for n in np.flatnonzero(excess > 0) if weights.terms[n][0] == " "),
        key=lambda n: (-round(excess[n], 9), -len(weights.terms[n]), weights.terms[n]),
    )
    terms: list[str] = []
    for number in order:
        term = str(weights.terms[number]).strip()
        known = any(term.startswith(other) or other.startswith(term) for other in terms)
        if not known and len(term) > 1 and term.isalnum():
            terms.append(term)
        if len(terms) == count:
            break
    return tuple(terms)


def _mean(rows: Any) -> np.ndarray:
    return np.asarray(rows.sum(axis=0)).ravel() / max(1, rows.shape[0])
