"""wholes: problems with their passages -> n-grams to find leaks by; those of a passage only once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from koalign.data.preparing.duplicates import question_text
from koalign.records import Problem
from koalign.text.korean import fold_words
from koalign.text.ngrams import Postings, character_ngrams

N = 13
"""Letters of an n-gram."""
MINIMUM = 50
"""A text of fewer 13-grams (62 letters) is not looked for inside others: short problems share their
stems, `옳은 것만을 <보기>에서 있는 대로 고른 것은?`, and the way their choices look."""
_END = 100
"""Letters at the end of a passage that are read again with what is asked; a few more than N are needed."""
_BREAK, _ENDED = re.compile(r"(?<=[가-힣.?!])\s"), re.compile(r"[가-힣.?!]\s*\Z")
_SYLLABLE = re.compile("[가-힣]")


def whole(problem: Problem) -> str:
    """All that a solver reads, equal whatever the order of the choices."""
    return f"{problem.passage} {question_text(problem)}".lstrip()


def short(ngrams: np.ndarray) -> bytes:
    """What only equal texts share, of a text below MINIMUM; nothing of others."""
    return ngrams.tobytes() if len(ngrams) < MINIMUM else b""


class Wholes:
    """The n-grams of problems as wholes; those of a shared passage are computed once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        texts = [_in_two(problem) for problem in problems]
        places: dict[str, int] = {}
        self._passage_of = [places.setdefault(passage, len(places)) for passage, _ in texts]
        self._passages = character_ngrams(list(places), N, fold_words)
        self._rests = character_ngrams([rest for _, rest in texts], N, fold_words)

    def __getitem__(self, number: int) -> np.ndarray:
        return np.union1d(*self._parts(number))

    def short(self, number: int) -> bytes:
        """`short` of the n-grams of a problem."""
        return b"" if max(map(len, self._parts(number))) >= MINIMUM else short(self[number])

    def _parts(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        return self._passages[self._passage_of[number]], self._rests[number]

    def meet(self, index: Postings) -> Iterator[tuple[int, int]]:
        """The pairs of a problem and a text of the index that share an n-gram."""
        of_passage, of_rest = defaultdict[int, set[int]](set), defaultdict[int, set[int]](set)
        for passage, text in self._passages.postings.meet(index):
            of_passage[passage].add(text)
        for number, text in self._rests.postings.meet(index):
            of_rest[number].add(text)
        for number, passage in enumerate(self._passage_of):
            for text in of_passage[passage] | of_rest[number]:
                yield number, text


def _in_two(problem: Problem) -> tuple[str, str]:
    """Two texts that hold the n-grams of the whole: its passage, and the end of that with what is asked.

    Cut after Hangul or the end of a sentence only, where folding one side does not look at the other.
    """
    passage = problem.passage
    start = max(0, len(passage) - _END)
    cut = _BREAK.search(passage, start)
    if cut and _ENDED.search(passage, start):
        end = passage[cut.end() :]
        if len(_SYLLABLE.findall(end)) >= N:
            return passage, f"{end} {question_text(problem)}"
    return "", whole(problem)
