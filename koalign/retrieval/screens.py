"""screens: a chunk and a problem -> why it is not shown for it, if it gives an answer away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from koalign.data.preparing.wholes import N
from koalign.grading.extract import extract_numbers
from koalign.records import Problem
from koalign.text.korean import fold_words
from koalign.text.ngrams import character_ngrams, common, holds, kept, rarity


class EvaluatedText:
    """The character 13-grams of evaluated questions and choices: what commentary on an exam repeats."""

    def __init__(self, problems: Sequence[Problem], overlap: float) -> None:
        """`overlap`: the share of a problem's 13-grams that a text may hold.

        N-grams that more than 20 of the problems share are of a template, and tell nothing.
        """
        texts = ["\n".join((problem.question, *problem.choices)) for problem in problems]
        ngrams = character_ngrams([text for text in texts if len(text) >= N], N, fold_words)
        template = common([ngrams], rarity([ngrams]))
        own = kept(ngrams, ~holds(ngrams.hashes, template))
        self._most = np.floor(overlap * own.sizes)
        self._postings = own.postings.by_hash()

    def is_in(self, text: str) -> bool:
        """Whether a text holds more of a problem than it may, but for blanks and punctuation."""
        hashes = self._postings.hashes
        found = character_ngrams([text], N, fold_words).hashes
        first = np.searchsorted(hashes, found, "left")
        counts = np.searchsorted(hashes, found, "right") - first
        held = [self._postings.texts[f : f + n] for f, n in zip(first, counts, strict=True) if n]
        if not held:
            return False
        shared = np.bincount(np.concatenate(held), minlength=len(self._most))
        return bool((shared > self._most).any())


def states_an_answer(problem: Problem, text: str) -> bool:
    """Whether a text states the answer of a choice problem as a completion would: `정답은 3번`."""
    return bool(problem.choices and extract_numbers(text, problem.choices))
