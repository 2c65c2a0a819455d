"""sought: problems -> the n-grams by which their texts are found in others, those of a template aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from koalign.data.preparing.duplicates import question_text
from koalign.data.preparing.wholes import MINIMUM, N, whole
from koalign.records import Problem
from koalign.text.korean import fold_words
from koalign.text.ngrams import (
    BATCH,
    NGrams,
    Postings,
    character_ngrams,
    common,
    contained,
    enough,
    holds,
    kept,
    rarest,
    rarity,
    united,
)

Kind = Literal["same", "reordered", "overlap", "passage", "group"]


@dataclass(frozen=True)
class Template:
    """What many evaluated texts share."""

    counts: np.ndarray
    """The `rarity` of their n-grams."""
    common: np.ndarray
    """The n-grams that more than COMMON of them hold."""


def make_template(batches: Callable[[], Iterable[NGrams]]) -> Template:
    """That of all evaluated texts; their n-grams are gone through twice."""
    counts = rarity(batches())
    return Template(counts, common(batches(), counts))


@dataclass(frozen=True)
class Sought:
    """Texts of problems that are looked for elsewhere, none below MINIMUM."""

    ngrams: NGrams
    own: NGrams
    """Without those of the template, where these alone would make the text found; else all."""
    queries: Postings
    """Of n-grams outside the template so many that what holds the text holds one of them."""
    owners: list[list[int]]
    """The problems of each text, ascending."""
    kinds: list[Kind]
    """What it means to find the text."""

    def share(self, text: int, other: np.ndarray) -> float:
        """The share of a text's n-grams that another text has; of its own ones if that is less."""
        return min(contained(grams[text], other) for grams in (self.ngrams, self.own))


def seek(problems: Sequence[Problem], template: Template, overlap: float) -> Sought:
    """Each problem as asked, and each passage; one too short or too common with what is asked."""
    passages = list(dict.fromkeys(problem.passage for problem in problems))
    grams = character_ngrams(passages, N, fold_words)
    alone = {
        passage: len(grams[n]) >= MINIMUM and contained(grams[n], template.common) < overlap
        for n, passage in enumerate(passages)
    }
    owners: dict[tuple[Kind, str], list[int]] = {}
    for number, problem in enumerate(problems):
        owners.setdefault(("overlap", question_text(problem)), []).append(number)
        if alone[problem.passage]:
            owners.setdefault(("passage", problem.passage), []).append(number)
        elif problem.passage:
            owners.setdefault(("overlap", whole(problem)), []).append(number)
    ngrams = character_ngrams([text for _, text in owners], N, fold_words)
    return _chosen(ngrams, [kind for kind, _ in owners], list(owners.values()), template, overlap)


class Quotable:
    """Each passage of some problems, and what is asked, whatever the order of its parts."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        owners: dict[tuple[Kind, tuple[str, ...]], list[int]] = {}
        for number, problem in enumerate(problems):
            owners.setdefault(("passage", (problem.passage,)), []).append(number)
            asked = (problem.box, problem.question, *problem.choices)
            owners.setdefault(("overlap", asked), []).append(number)
        parts = [part for _, texts in owners for part in texts]
        bounds = np.cumsum([0, *(len(texts) for _, texts in owners)])
        self._ngrams = united(character_ngrams(parts, N, fold_words), bounds)
        self._kinds: list[Kind] = [kind for kind, _ in owners]
        self._owners = [*owners.values()]

    def each(self) -> Iterator[NGrams]:
        """The n-grams of BATCH texts at a time; one of several problems so many times."""
        every = np.repeat(np.arange(len(self._owners)), [*map(len, self._owners)])
        for start in range(0, len(every), BATCH):
            yield self._ngrams.select(every[start : start + BATCH])

    def sought(self, template: Template, overlap: float) -> Sought:
        """Those that are not below MINIMUM, ready to be looked for."""
        return _chosen(self._ngrams, self._kinds, self._owners, template, overlap)


def _chosen(
    ngrams: NGrams,
    kinds: Sequence[Kind],
    owners: Sequence[list[int]],
    template: Template,
    overlap: float,
) -> Sought:
    """Those of the texts that are not below MINIMUM, ready to be looked for."""
    long = np.flatnonzero(ngrams.sizes >= MINIMUM)
    ngrams = ngrams.select(long)
    own = ~holds(ngrams.hashes, template.common)
    rest = kept(ngrams, own)
    # Whether the n-grams of the template alone would make the text found.
    of_template = ngrams.sizes - rest.sizes >= overlap * ngrams.sizes - 1e-9
    judged = kept(ngrams, own | np.repeat(~of_template, ngrams.sizes))
    return Sought(
        ngrams,
        judged,
        rarest(rest, template.counts, enough(judged.sizes, overlap)),
        [owners[text] for text in long.tolist()],
        [kinds[text] for text in long.tolist()],
    )
