"""leaks: what is trained on, what is evaluated -> what stands on both sides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from koalign.data.preparing.duplicates import (
    content,
    fold_passage,
    unordered_content,
)
from koalign.data.preparing.joins import MEMORY
from koalign.data.preparing.sought import Kind, Quotable, make_template, seek
from koalign.data.preparing.wholes import N, Wholes, short, whole
from koalign.data.prompting.choices import split_choices
from koalign.data.spool import View
from koalign.records import Problem
from koalign.text.korean import fold_words
from koalign.text.ngrams import (
    BATCH,
    COMMON,
    Texts,
    character_ngrams,
    holds,
    in_a_row,
    kept,
)
from koalign.text.visible import warn

_LEAD = 100
"""Characters at the end of a text that may lead to its answer: blanks in a row take quadratic time."""
_ASKED_LAST = re.compile(r"\s*(?:#+\s*)?(?:정답|답|Answer)\s*[:：]?\s*\Z")
OF_A_LETTER = 64
"""Bytes that a letter of what is evaluated takes while it is looked for."""
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
    trained: Sequence[Problem],
    evaluated: Sequence[Problem],
    overlap: float = 0.8,
    memory: int = MEMORY,
) -> list[Leak]:
    """The worst leak of each problem trained on, where it has one; ascending. Answers play no part.

    A problem without choices may hold one with choices in its text, as instruction data does: it is
    looked at as what its text holds, too. The same whatever the memory (bytes): where it does not do for
    all that is evaluated, that is looked for in parts. For the rest see `_find`.
    """
    of_passage = np.fromiter((hash(p.passage) for p in trained), np.int64, len(trained))
    order = np.argsort(of_passage, kind="stable")  # those of one passage together: it is read once
    by_passage = View(trained.__getitem__, order)
    leaks = _find(lambda: _batches(by_passage), evaluated, overlap, memory) if evaluated else []
    free = np.flatnonzero(np.fromiter((not p.choices for p in trained), bool, len(trained)))
    texts = View(lambda number: trained[number].question, free)
    for leak in texts_leak(texts, evaluated, overlap, memory):
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
    batches: Callable[[], Iterable[tuple[Sequence[int], Sequence[Problem]]]],
    evaluated: Sequence[Problem],
    overlap: float,
    memory: int,
) -> list[Leak]:
    """The leaks of each problem trained on, the worst of each among them. Answers play no part.

    `batches`: numbers and problems.

    A text is found in a problem if at least `overlap` of its character 13-grams are. Looked for, in
    both directions (hence |A ∩ B| / min(|A|, |B|)), are box, question and choices, and the passage:
    a question leaks without its passage too, and with the passage inside the question. A text below
    MINIMUM is not; then problem and passage must be equal, if only in their letters.
    """
    wholes = Texts(
        len(evaluated), lambda number: whole(evaluated[number]), N, memory // 4, fold_words
    )
    template = make_template(lambda: (ngrams for _, ngrams in wholes.batches()))
    shared = _shared_passages(evaluated)
    passed_over: set[int] = set()
    leaks: list[Leak] = []
    for part in _parts(evaluated, memory):
        start = part.start
        sought = seek(evaluated[part], template, overlap)
        sought_index = sought.queries.by_hash()
        own = []
        equal: dict[tuple[Kind, object], int] = {}
        for numbers, ngrams in wholes.batches(part.start, part.stop):
            outside = ~holds(ngrams.hashes, template.common)
            own.append(kept(ngrams, outside).postings.of(numbers))
            for place, number in enumerate(numbers.tolist()):
                for key in _keys(evaluated[number], short(ngrams[place])):
                    equal.setdefault(key, number)
        wholes_index = in_a_row(own).by_hash()
        for rows, batch in batches():
            parts = seek(batch, template, overlap)
            batch_wholes = Wholes(batch)
            found = []
            for n, problem in enumerate(batch):
                for key in _keys(problem, batch_wholes.short(n)):
                    if key in equal and key[0] == "passage" and hash(key[1]) in shared:
                        passed_over.add(hash(key[1]))
                    elif key in equal:
                        found.append(Leak(n, equal[key], key[0], 1.0))
            for text, number in parts.queries.meet(wholes_index):
                share = parts.share(text, wholes[number])
                kind = parts.kinds[text]
                found += [Leak(owner, number, kind, share) for owner in parts.owners[text]]
            for n, text in batch_wholes.meet(sought_index):
                share = sought.share(text, batch_wholes[n])
                found.append(Leak(n, start + sought.owners[text][0], sought.kinds[text], share))
            leaks += [replace(leak, trained=rows[leak.trained]) for leak in _worst(found, overlap)]
    if passed_over:
        warn(
            f"leaks: {len(passed_over):,} passages of training stand under more than {COMMON} "
            "evaluated problems each; only a question on it is a leak, and not the text"
        )
    return leaks


def _parts(evaluated: Sequence[Problem], memory: int) -> Iterator[slice]:
    """Problems in a row, so many as can be looked for in half of the memory."""
    start = letters = 0
    for number, problem in enumerate(evaluated):
        size = len(whole(problem))
        if letters and (letters + size) * OF_A_LETTER > memory // 2:
            yield slice(start, number)
            start, letters = number, 0
        letters += size
    yield slice(start, len(evaluated))


def _shared_passages(problems: Sequence[Problem]) -> set[int]:
    """Of the folded passages that more than COMMON problems have, the hashes of this process."""
    hashes = (hash(fold_passage(problem.passage)) for problem in problems)
    each, counts = np.unique(np.fromiter(hashes, np.int64, len(problems)), return_counts=True)
    return set(each[counts > COMMON].tolist())


def texts_leak(
    texts: Sequence[str],
    evaluated: Sequence[Problem],
    overlap: float = 0.8,
    memory: int = MEMORY,
) -> list[Leak]:
    """The worst leak of each free text (`trained` is its number), where it has one; ascending.

    Looked for are the passage of each evaluated problem, and its box, question and choices: at least
    `overlap` of their character 13-grams, however the text orders and marks the choices. What has
    fewer than MINIMUM is not looked for.
    """
    if not any(texts):
        return []
    parts = [*_parts(evaluated, memory)]
    quotable = lru_cache(1)(lambda part: Quotable(evaluated[parts[part]]))
    template = make_template(
        lambda: (g for part in range(len(parts)) for g in quotable(part).each())
    )
    leaks: list[Leak] = []
    for part, place in enumerate(parts):
        sought = quotable(part).sought(template, overlap)
        index = sought.queries.by_hash()
        for start in range(0, len(texts), BATCH):
            ngrams = character_ngrams(texts[start : start + BATCH], N, fold_words)
            found = []
            for number, text in ngrams.postings.meet(index):
                share, first = sought.share(text, ngrams[number]), sought.owners[text][0]
                found.append(Leak(number, place.start + first, sought.kinds[text], share))
            worst = _worst(found, overlap)
            leaks += [replace(leak, trained=start + leak.trained) for leak in worst]
    return _worst(leaks, overlap)


def taught_text(problem: Problem) -> str:
    """What a problem teaches to write, beside the number of a choice."""
    texts = (problem.rationale, *(rationale.text for rationale in problem.rationales))
    return "\n".join((*texts, *(() if problem.choices else problem.answers))).strip()


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
