"""leaks: what is trained on, what is evaluated -> what stands on both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from koalign.data.preparing.duplicates import content, question_text, unordered_content
from koalign.data.prompting.choices import split_choices
from koalign.data.text.korean import fold
from koalign.data.text.ngrams import (
    BATCH,
    NGrams,
    Postings,
    character_ngrams,
    contained,
    rarest,
    rarity,
    united,
)
from koalign.records import Problem

Kind = Literal["same", "reordered", "overlap", "passage", "group"]

_N = 13
_ASKED_LAST = re.compile(r"\s*(?:#+\s*)?(?:정답|답|Answer)\s*[:：]?\s*\Z")
MINIMUM = 50
"""A text of fewer 13-grams (62 letters) is not looked for inside others: short problems share their
stems, `옳은 것만을 <보기>에서 있는 대로 고른 것은?`, and the way their choices look."""
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
    readings = [(n, reading) for n, problem in enumerate(trained) for reading in _readings(problem)]
    found = _find([reading for _, reading in readings], evaluated, overlap)
    texts = [(n, problem.question) for n, problem in enumerate(trained) if not problem.choices]
    leaks = [replace(leak, trained=readings[leak.trained][0]) for leak in found]
    for leak in texts_leak([text for _, text in texts], evaluated, overlap):
        leaks.append(replace(leak, trained=texts[leak.trained][0]))
    return _worst(leaks, overlap, 0)


def _readings(problem: Problem) -> Iterator[Problem]:
    """The problem, and the one with choices that its text holds, without and with what leads to it."""
    yield problem
    held = None if problem.choices else split_choices(_ASKED_LAST.sub("", problem.question))
    if held:
        stem, choices = held
        for question in dict.fromkeys((stem.strip(), stem.strip().rpartition("\n")[2].strip())):
            if question:
                change = {"question": question, "choices": choices, "kind": "choice", "answers": ()}
                yield problem.model_copy(update=change)


def _find(trained: Sequence[Problem], evaluated: Sequence[Problem], overlap: float) -> list[Leak]:
    """The worst leak of each problem trained on, where it has one; ascending. Answers play no part.

    A text is found in a problem if at least `overlap` of its character 13-grams are. Looked for, in
    both directions (hence |A ∩ B| / min(|A|, |B|)), are box, question and choices, and the passage:
    a question leaks without its passage too, and with the passage inside the question. A text below
    MINIMUM is not; then problem and passage must be equal, if only in their letters.
    """
    sought, wholes = _sought(evaluated)
    counts = rarity(wholes)
    sought_index = rarest(sought.ngrams, counts, overlap).by_hash()
    wholes_index = wholes.postings.by_hash()
    equal: dict[tuple[Kind, object], int] = {}
    for number, problem in enumerate(evaluated):
        for key in _keys(problem, wholes[number]):
            equal.setdefault(key, number)

    leaks: list[Leak] = []
    for start in range(0, len(trained), BATCH):
        batch = trained[start : start + BATCH]
        parts, batch_wholes = _sought(batch)
        found = [
            Leak(number, equal[key], key[0], 1.0)
            for number, problem in enumerate(batch)
            for key in _keys(problem, batch_wholes[number])
            if key in equal
        ]
        for part, number in _pairs(rarest(parts.ngrams, counts, overlap), wholes_index):
            share = contained(parts.ngrams[part], wholes[number])
            found.append(Leak(parts.owners[part], number, parts.kinds[part], share))
        for number, part in _pairs(batch_wholes.postings, sought_index):
            share = contained(sought.ngrams[part], batch_wholes[number])
            found.append(Leak(number, sought.owners[part], sought.kinds[part], share))
        leaks += _worst(found, overlap, start)
    return leaks


def texts_leak(
    texts: Sequence[str], evaluated: Sequence[Problem], overlap: float = 0.8
) -> list[Leak]:
    """The worst leak of each free text (`trained` is its number), where it has one; ascending.

    Looked for are the passage of each evaluated problem, and its box, question and choices: at least
    `overlap` of their character 13-grams, however the text orders and marks the choices. What has
    fewer than MINIMUM is not looked for.
    """
    sought = _quotable(evaluated)
    index = rarest(sought.ngrams, rarity(sought.ngrams), overlap).by_hash()
    leaks: list[Leak] = []
    for start in range(0, len(texts), BATCH):
        ngrams = character_ngrams(texts[start : start + BATCH], _N)
        found = []
        for number, part in _pairs(ngrams.postings, index):
            share = contained(sought.ngrams[part], ngrams[number])
            found.append(Leak(number, sought.owners[part], sought.kinds[part], share))
        leaks += _worst(found, overlap, start)
    return leaks


def taught_text(problem: Problem) -> str:
    """What a problem teaches to write, beside the number of a choice."""
    texts = (problem.rationale, *(rationale.text for rationale in problem.rationales))
    return "\n".join((*texts, *(() if problem.choices else problem.answers))).strip()


@dataclass(frozen=True)
class _Sought:
    """Texts of problems that are looked for elsewhere, none below MINIMUM."""

    ngrams: NGrams
    owners: list[int]
    """The problem of each text."""
    kinds: list[Kind]
    """What it means to find the text."""


def _sought(problems: Sequence[Problem]) -> tuple[_Sought, NGrams]:
    """The texts to look for, and the problems as wholes, to look in."""
    texts: list[str] = []
    wholes: list[int] = []
    for problem in problems:
        question = question_text(problem)
        texts.append(question)
        if problem.passage:
            texts += [problem.passage, f"{problem.passage} {question}"]
        wholes.append(len(texts) - 1)
    ngrams = character_ngrams(texts, _N)
    long = (ngrams.sizes >= MINIMUM).tolist()
    rows: list[tuple[int, int, Kind]] = []
    for number, (problem, whole) in enumerate(zip(problems, wholes, strict=True)):
        if not problem.passage:
            rows.append((whole, number, "overlap"))
            continue
        rows.append((whole - 2, number, "overlap"))
        # A passage too short to be looked for alone is so together with what is asked.
        rows.append(
            (whole - 1, number, "passage") if long[whole - 1] else (whole, number, "overlap")
        )
    return _chosen(ngrams, rows), ngrams.select(np.array(wholes, np.int64))


def _quotable(problems: Sequence[Problem]) -> _Sought:
    texts: list[str] = []
    bounds = [0]
    rows: list[tuple[int, int, Kind]] = []
    for number, problem in enumerate(problems):
        sought: dict[Kind, list[str]] = {
            "passage": [problem.passage],
            "overlap": [problem.box, problem.question, *problem.choices],
        }
        for kind, parts in sought.items():
            rows.append((len(bounds) - 1, number, kind))
            texts += parts
            bounds.append(len(texts))
    return _chosen(united(character_ngrams(texts, _N), bounds), rows)


def _chosen(ngrams: NGrams, rows: Sequence[tuple[int, int, Kind]]) -> _Sought:
    long = (ngrams.sizes >= MINIMUM).tolist()
    rows = [row for row in rows if long[row[0]]]
    return _Sought(
        ngrams.select(np.array([text for text, _, _ in rows], np.int64)),
        [owner for _, owner, _ in rows],
        [kind for _, _, kind in rows],
    )


def _keys(problem: Problem, whole: np.ndarray) -> Iterator[tuple[Kind, object]]:
    """What must not be equal on the two sides."""
    yield "same", content(problem)
    yield "reordered", unordered_content(problem)
    if 0 < len(whole) < MINIMUM:
        yield "overlap", whole.tobytes()
    if passage := fold(problem.passage):
        yield "passage", passage
    if problem.group:
        yield "group", (problem.source, problem.group)


def _pairs(postings: Postings, index: Postings) -> Iterator[tuple[int, int]]:
    texts, others = postings.meet(index)
    return zip(texts.tolist(), others.tolist(), strict=True)


def _worst(leaks: Sequence[Leak], overlap: float, start: int) -> list[Leak]:
    """Of each row's leaks the worst, ascending; rows are numbered from `start`."""
    worst: dict[int, Leak] = {}
    for leak in sorted(leaks, key=_badness):
        if leak.share >= overlap:
            worst.setdefault(leak.trained, replace(leak, trained=start + leak.trained))
    return [worst[number] for number in sorted(worst)]


def _badness(leak: Leak) -> tuple[int, float, int]:
    return _WORST_FIRST.index(leak.kind), -leak.share, leak.evaluated
