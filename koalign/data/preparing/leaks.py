"""leaks: what is trained on, what is evaluated -> what stands on both sides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from koalign.data.preparing.duplicates import (
    content,
    fold_passage,
    question_text,
    unordered_content,
)
from koalign.data.preparing.wholes import MINIMUM, N, Wholes, short, whole
from koalign.data.prompting.choices import split_choices
from koalign.data.spool import View
from koalign.records import Problem
from koalign.text.korean import fold_words
from koalign.text.ngrams import (
    BATCH,
    COMMON,
    NGrams,
    Postings,
    Texts,
    character_ngrams,
    common,
    contained,
    enough,
    holds,
    in_a_row,
    kept,
    rarest,
    rarity,
    united,
)
from koalign.text.visible import say

Kind = Literal["same", "reordered", "overlap", "passage", "group"]

_LEAD = 100
"""Characters at the end of a text that may lead to its answer: blanks in a row take quadratic time."""
_ASKED_LAST = re.compile(r"\s*(?:#+\s*)?(?:정답|답|Answer)\s*[:：]?\s*\Z")
_WORST_FIRST: tuple[Kind, ...] = ("same", "reordered", "overlap", "passage", "group")


@dataclass(frozen=True)
class Leak:
    """Something trained on, and the evaluated problem that it tells most about."""

    trained: int
    evaluated: int
    kind: Kind
    """Equal when folded; equal but for the order of the choices; what one asks is found in the other;
    the passage of one is found in the other; both are in one group of one source."""
    share: float
    """The share of the 13-grams that was found; 1 for what is equal."""


def find_leaks(
    trained: Sequence[Problem], evaluated: Sequence[Problem], overlap: float = 0.8
) -> list[Leak]:
    """The worst leak of each problem trained on, where it has one; ascending. Answers play no part.

    A problem without choices may hold one with choices in its text, as instruction data does: it is
    looked at as what its text holds, too. For the rest see `_find`.
    """
    of_passage = np.fromiter((hash(p.passage) for p in trained), np.int64, len(trained))
    order = np.argsort(of_passage, kind="stable")  # those of one passage together: it is read once
    leaks = (
        _find(_batches(View(trained.__getitem__, order)), evaluated, overlap) if evaluated else []
    )
    free = np.flatnonzero([not problem.choices for problem in trained])
    texts = View(lambda number: trained[number].question, free)
    for leak in texts_leak(texts, evaluated, overlap):
        leaks.append(replace(leak, trained=int(free[leak.trained])))
    return _worst(leaks, overlap)


def _batches(trained: View[Problem]) -> Iterator[tuple[list[int], list[Problem]]]:
    """BATCH readings at a time, with the number of the problem of each."""
    numbers: list[int] = []
    readings: list[Problem] = []
    for number, problem in zip(trained.numbers, trained, strict=True):
        for reading in _readings(problem):
            numbers.append(int(number))
            readings.append(reading)
            if len(readings) == BATCH:
                yield numbers, readings
                numbers, readings = [], []
    if readings:
        yield numbers, readings


def _readings(problem: Problem) -> Iterator[Problem]:
    """The problem, and the one with choices that its text holds, without and with what leads to it."""
    yield problem
    text = problem.question
    asked = text[:-_LEAD] + _ASKED_LAST.sub("", text[-_LEAD:])
    held = None if problem.choices else split_choices(asked)
    if held:
        stem, choices = held
        for question in dict.fromkeys((stem.strip(), stem.strip().rpartition("\n")[2].strip())):
            if question:
                change = {"question": question, "choices": choices, "kind": "choice", "answers": ()}
                yield problem.model_copy(update=change)


def _find(
    batches: Iterable[tuple[Sequence[int], Sequence[Problem]]],
    evaluated: Sequence[Problem],
    overlap: float,
) -> list[Leak]:
    """The worst leak of each problem trained on, where it has one. Answers play no part.

    `batches`: numbers and problems.

    A text is found in a problem if at least `overlap` of its character 13-grams are. Looked for, in
    both directions (hence |A ∩ B| / min(|A|, |B|)), are box, question and choices, and the passage:
    a question leaks without its passage too, and with the passage inside the question. A text below
    MINIMUM is not; then problem and passage must be equal, if only in their letters.
    """
    wholes = Texts(len(evaluated), lambda number: whole(evaluated[number]), N, fold_words)
    template = _template(lambda: (ngrams for _, ngrams in wholes.batches()))
    sought = _sought(evaluated, template, overlap)
    sought_index = sought.queries.by_hash()
    own = [
        kept(ngrams, ~holds(ngrams.hashes, template.common)).postings.of(numbers)
        for numbers, ngrams in wholes.batches()
    ]
    wholes_index = in_a_row(own).by_hash()
    equal: dict[tuple[Kind, object], list[int]] = {}
    for numbers, ngrams in wholes.batches():
        for place, number in enumerate(numbers.tolist()):
            for key in _keys(evaluated[number], short(ngrams[place])):
                equal.setdefault(key, []).append(number)

    shared = {k for k, numbers in equal.items() if k[0] == "passage" and len(numbers) > COMMON}
    passed_over: set[tuple[Kind, object]] = set()
    leaks: list[Leak] = []
    for rows, batch in batches:
        parts = _sought(batch, template, overlap)
        batch_wholes = Wholes(batch)
        keys = [
            (number, key)
            for number, problem in enumerate(batch)
            for key in _keys(problem, batch_wholes.short(number))
            if key in equal
        ]
        passed_over |= shared.intersection(key for _, key in keys)
        found = [Leak(n, equal[key][0], key[0], 1.0) for n, key in keys if key not in shared]
        for part, number in parts.queries.meet(wholes_index):
            share = parts.share(part, wholes[number])
            found += [Leak(owner, number, parts.kinds[part], share) for owner in parts.owners[part]]
        for number, part in batch_wholes.meet(sought_index):
            share = sought.share(part, batch_wholes[number])
            found.append(Leak(number, sought.owners[part][0], sought.kinds[part], share))
        leaks += [replace(leak, trained=rows[leak.trained]) for leak in _worst(found, overlap)]
    if passed_over:
        say(
            f"leaks: {len(passed_over):,} passages of training stand under more than {COMMON} "
            "evaluated problems each; only a question on it is a leak, and not the text",
            err=True,
        )
    return leaks


def texts_leak(
    texts: Sequence[str], evaluated: Sequence[Problem], overlap: float = 0.8
) -> list[Leak]:
    """The worst leak of each free text (`trained` is its number), where it has one; ascending.

    Looked for are the passage of each evaluated problem, and its box, question and choices: at least
    `overlap` of their character 13-grams, however the text orders and marks the choices. What has
    fewer than MINIMUM is not looked for.
    """
    if not any(texts):
        return []
    sought = _quotable(evaluated, overlap)
    index = sought.queries.by_hash()
    leaks: list[Leak] = []
    for start in range(0, len(texts), BATCH):
        ngrams = character_ngrams(texts[start : start + BATCH], N, fold_words)
        found = []
        for number, part in ngrams.postings.meet(index):
            share = sought.share(part, ngrams[number])
            found.append(Leak(number, sought.owners[part][0], sought.kinds[part], share))
        leaks += [replace(leak, trained=start + leak.trained) for leak in _worst(found, overlap)]
    return leaks


def taught_text(problem: Problem) -> str:
    """What a problem teaches to write, beside the number of a choice."""
    texts = (problem.rationale, *(rationale.text for rationale in problem.rationales))
    return "\n".join((*texts, *(() if problem.choices else problem.answers))).strip()


@dataclass(frozen=True)
class _Template:
    """What many evaluated texts share."""

    counts: np.ndarray
    """The `rarity` of their n-grams."""
    common: np.ndarray
    """The n-grams that more than COMMON of them hold."""


def _template(batches: Callable[[], Iterable[NGrams]]) -> _Template:
    counts = rarity(batches())
    return _Template(counts, common(batches(), counts))


@dataclass(frozen=True)
class _Sought:
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


def _sought(problems: Sequence[Problem], template: _Template, overlap: float) -> _Sought:
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


def _quotable(problems: Sequence[Problem], overlap: float) -> _Sought:
    """Each passage, and what is asked, whatever the order of its parts."""
    owners: dict[tuple[Kind, tuple[str, ...]], list[int]] = {}
    for number, problem in enumerate(problems):
        owners.setdefault(("passage", (problem.passage,)), []).append(number)
        asked = (problem.box, problem.question, *problem.choices)
        owners.setdefault(("overlap", asked), []).append(number)
    parts = [part for _, texts in owners for part in texts]
    bounds = np.cumsum([0, *(len(texts) for _, texts in owners)])
    ngrams = united(character_ngrams(parts, N, fold_words), bounds)
    every = np.repeat(np.arange(len(owners)), [len(numbers) for numbers in owners.values()])
    template = _template(
        lambda: (ngrams.select(every[at : at + BATCH]) for at in range(0, len(every), BATCH))
    )
    return _chosen(ngrams, [kind for kind, _ in owners], list(owners.values()), template, overlap)


def _chosen(
    ngrams: NGrams,
    kinds: Sequence[Kind],
    owners: Sequence[list[int]],
    template: _Template,
    overlap: float,
) -> _Sought:
    """Those of the texts that are not below MINIMUM, ready to be looked for."""
    long = np.flatnonzero(ngrams.sizes >= MINIMUM)
    ngrams = ngrams.select(long)
    own = ~holds(ngrams.hashes, template.common)
    rest = kept(ngrams, own)
    # Whether the n-grams of the template alone would make the text found.
    of_template = ngrams.sizes - rest.sizes >= overlap * ngrams.sizes - 1e-9
    judged = kept(ngrams, own | np.repeat(~of_template, ngrams.sizes))
    return _Sought(
        ngrams,
        judged,
        rarest(rest, template.counts, enough(judged.sizes, overlap)),
        [owners[text] for text in long.tolist()],
        [kinds[text] for text in long.tolist()],
    )


def _keys(problem: Problem, letters: bytes) -> Iterator[tuple[Kind, object]]:
    """What must not be equal on the two sides."""
    yield "same", content(problem)
    yield "reordered", unordered_content(problem)
    if letters:
        yield "overlap", letters
    if passage := fold_passage(problem.passage):
        yield "passage", passage
    if problem.group:
        yield "group", (problem.source, problem.group)


def _worst(leaks: Sequence[Leak], overlap: float) -> list[Leak]:
    """Of each row's leaks the worst, ascending."""
    worst: dict[int, Leak] = {}
    for leak in sorted(leaks, key=_badness):
        if leak.share >= overlap:
            worst.setdefault(leak.trained, leak)
    return [worst[number] for number in sorted(worst)]


def _badness(leak: Leak) -> tuple[int, float, int]:
    return _WORST_FIRST.index(leak.kind), -leak.share, leak.evaluated
