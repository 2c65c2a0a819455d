"""duplicates: problems -> those that stand there already, exactly, in another order, or nearly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from koalign.data.preparing.joins import MEMORY, WORKED, Runs, Shelves
from koalign.data.spool import View, firsts
from koalign.records import Problem, content_hash
from koalign.text.korean import fold_width, fold_words
from koalign.text.ngrams import (
    BATCH,
    COMMON,
    NGrams,
    Postings,
    Texts,
    bucket,
    character_ngrams,
    contained,
    enough,
    holds,
    jaccard,
    joined,
    rarest,
    rarity,
)
from koalign.text.visible import warn

_N = 5
_WORD = re.compile(r"\w")
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n+")
# What makes another problem of nearly the same text: a number with its unit, a symbol, and whether it
# asks for what is not.
_DECISIVE = re.compile(
    r"-?\d+(?:\.\d+)?(?: ?[A-Za-zμΩ]+)?|않|아닌|아니|못|없|틀린|부적|옳은|그른|같은|다른|최대|최소|큰|작은"
    r"|[①-⑳㉠-㉻]|\([가-하A-Za-z]\)|(?<![A-Za-z])(?:[a-z]|[a-z]{0,4}[A-Z][A-Za-z]{0,4})(?![A-Za-z])"
)


@dataclass(frozen=True)
class Duplicate:
    """A row that says what an earlier row says."""

    index: int
    kept: int
    """The earlier row, which is no duplicate itself."""
    kind: Literal["exact", "reordered", "near"]
    """Equal when folded; equal but for the order of the choices; alike."""
    similarity: float
    """Jaccard similarity of the character 5-grams of box, question and choices."""
    conflict: bool
    """Whether both have gold answers, and none in common."""


@lru_cache(BATCH)  # many problems share a passage
def fold_passage(text: str, fold: Callable[[str], str] = fold_width) -> str:
    """The folded text of a passage."""
    return fold(text)


def content(problem: Problem) -> str:
    """The hash of what a solver reads, folded but for letter case; the answers are no part of it."""
    return _content(problem, _folded(problem.choices, fold_width), fold_width)


def unordered_content(problem: Problem, fold: Callable[[str], str] = fold_width) -> str:
    """The hash of what a solver reads, folded, equal whatever the order of the choices."""
    return _content(problem, sorted(_folded(problem.choices, fold)), fold)


def question_text(problem: Problem) -> str:
    """Box, question and choices as one text, equal whatever the order of the choices."""
    return " ".join((problem.box, problem.question, *_in_any_order(problem.choices)))


def find_duplicates(
    problems: Sequence[Problem], threshold: float, memory: int = MEMORY
) -> list[Duplicate]:
    """The rows that an earlier row makes superfluous, ascending; the same whatever the memory (bytes).

    Problems are near duplicates if box, question and choices are alike and the passages are alike: of
    both the Jaccard similarity of the character 5-grams is at least `threshold`; 0.9 keeps apart what
    exams make of one template. Of the last sentence of each question with its choices that share must
    be found in the other: two questions on one passage are two problems, even where the passage stands
    in the question. And numbers, marks, negations and golds must agree: `옳은 것은?` and `옳지 않은 것은?`
    are two problems. Rows are compared with rows that stay: of a chain of small changes the far end does.
    """
    keys = (int(unordered_content(problem), 16) for problem in problems)
    first_of = firsts(np.fromiter(keys, np.uint64, len(problems)))
    near = _near(problems, np.unique(first_of), threshold, memory)
    unlike = first_of != np.arange(len(problems))
    duplicates = []
    for index in np.flatnonzero(unlike | np.isin(first_of, [*near])).tolist():
        problem, first = problems[index], int(first_of[index])
        kind: Literal["exact", "reordered", "near"]
        if first in near:  # whatever equals a near duplicate is near the same row
            kind, (kept, similarity) = "near", near[first]
        else:
            kind = "exact" if content(problem) == content(problems[first]) else "reordered"
            kept, similarity = first, 1.0
        conflict = conflict_of(problem, problems[kept])
        duplicates.append(Duplicate(index, kept, kind, similarity, conflict))
    return duplicates


def _near(
    problems: Sequence[Problem], rows: np.ndarray, threshold: float, memory: int
) -> dict[int, tuple[int, float]]:
    """Those of the rows, no two of them equal, that are near an earlier one -> that one, similarity."""
    own = View(problems.__getitem__, rows)
    first_with = firsts(np.fromiter((hash(p.passage) for p in own), np.int64, len(own)))
    distinct = np.unique(first_with)
    passage_of = np.searchsorted(distinct, first_with)
    contents = Texts(
        len(own), lambda number: question_text(own[number]), _N, memory // 4, fold_words
    )
    passages = Texts(
        len(distinct), lambda n: own[int(distinct[n])].passage, _N, memory // 4, fold_words
    )
    end = lru_cache(BATCH)(lambda row: _end(problems[row]))
    decisive = lru_cache(BATCH)(lambda row: _decisive(problems[row]))
    near: dict[int, tuple[int, float]] = {}
    for one, text, other, earlier in _compared(
        _candidates(own, contents, passages, passage_of, threshold, memory), contents
    ):
        row, kept = int(rows[one]), int(rows[other])
        if row in near or kept in near:
            continue
        similarity = jaccard(text, earlier)  # the cheapest first
        if (
            similarity >= threshold
            and contained(end(row), earlier) >= threshold
            and jaccard(passages[passage_of[one]], passages[passage_of[other]]) >= threshold
            and contained(end(kept), text) >= threshold
            and decisive(row) == decisive(kept)
            and not conflict_of(problems[row], problems[kept])  # two golds, two problems
        ):
            near[row] = kept, similarity
    return near


def _compared(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], contents: Texts
) -> Iterator[tuple[int, np.ndarray, int, np.ndarray]]:
    """Both rows of each pair, each with its n-grams; those of a batch of pairs are computed together."""
    for all_ones, all_others in pairs:
        for start in range(0, len(all_ones), BATCH):
            both = np.stack((all_ones, all_others))[:, start : start + BATCH]
            texts, places = np.unique(both, return_inverse=True)
            ngrams = contents.select(texts)
            columns = *both.tolist(), *places.reshape(both.shape).tolist()
            for one, other, place, other_place in zip(*columns, strict=True):
                yield one, ngrams[place], other, ngrams[other_place]


def _candidates(
    problems: Sequence[Problem],
    contents: Texts,
    passages: Texts,
    passage_of: np.ndarray,
    threshold: float,
    memory: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The pairs of a row and an earlier one that may be near, ascending; few, whatever text rows share.

    What is alike in both parts is alike in both together, so their rarest n-grams meet. Where more
    than COMMON rows hold one of these, the end of a row looks for its rarest n-grams in the contents
    too: no pair is missed as long as one row's are its own. Else the first COMMON rows are met.
    """

    def together() -> Iterator[tuple[np.ndarray, NGrams]]:
        for numbers, ngrams in contents.batches():
            yield numbers, joined(ngrams, passages.select(passage_of[numbers]))

    size = prefix_size = 0

    def counted() -> Iterator[NGrams]:
        nonlocal size, prefix_size
        for _, ngrams in together():
            size += len(ngrams.hashes)
            prefix_size += int(enough(ngrams.sizes, threshold).sum())
            yield ngrams

    counts = rarity(counted())
    prefixes = _shelves(prefix_size, memory)
    for numbers, ngrams in together():
        prefixes.add(rarest(ngrams, counts, enough(ngrams.sizes, threshold)).of(numbers))
    crowded = np.zeros(len(problems), bool)
    for rows in prefixes:
        crowded[rows.first_of_each()[1].texts] = True

    asking = np.flatnonzero(crowded)
    asked, holders = (_shelves(size if len(asking) else 0, memory) for _ in range(2))
    wanted = np.zeros_like(counts, bool)
    for start in range(0, len(asking), BATCH):
        numbers = asking[start : start + BATCH]
        ngrams = character_ngrams(
            [_end_text(problems[row]) for row in numbers.tolist()], _N, fold_words
        )
        ends = rarest(ngrams, counts, enough(ngrams.sizes, threshold)).of(numbers)
        wanted[bucket(ends.hashes)] = True
        asked.add(ends)
    for numbers, ngrams in contents.batches() if len(asking) else ():
        here = ngrams.postings.of(numbers)
        # Of a batch no more than are looked at; one more says that there are others.
        holders.add(here.where(wanted[bucket(here.hashes)]).first_of_each(COMMON + 1)[0])
    asks, bounded = np.zeros((2, len(problems)), bool)
    runs = Runs(memory // 8)
    for queries, rows in zip(asked, holders, strict=True):
        found, more = rows.where(holds(rows.hashes, np.unique(queries.hashes))).first_of_each()
        asks[queries.texts] = True
        bounded[queries.texts[holds(queries.hashes, more.hashes)]] = True
        runs.add(_earlier(queries, found, len(problems)))
    if bounded.any():
        warn(
            f"{bounded.sum()} rows end like more than {COMMON} others: compared with the first {COMMON} "
            "and with those that share text of their own"
        )
    # What the ends find whole needs no other search.
    searched = ~asks | bounded
    for rows in prefixes:
        queries = rows.where(searched[rows.texts])
        runs.add(_earlier(queries, rows.first_of_each()[0], len(problems)))
    for keys in runs:
        yield np.divmod(keys, len(problems))


def _shelves(postings: int, memory: int) -> Shelves:
    """Shelves for so many postings, of which one can be worked on in a fourth of the memory."""
    return Shelves(1 + postings * WORKED // (memory // 4), memory // 16)


def _earlier(queries: Postings, index: Postings, rows: int) -> Iterator[np.ndarray]:
    """The pairs that meet, of a row and an earlier one, ascending, each as one number."""
    for ones, others in queries.blocks_of_pairs(index):
        before = others < ones
        yield ones[before] * rows + others[before]


def _content(problem: Problem, choices: Sequence[str], fold: Callable[[str], str]) -> str:
    passage = fold_passage(problem.passage, fold)
    return content_hash(passage, fold(problem.box), fold(problem.question), choices)


@lru_cache(BATCH)
def _folded(choices: tuple[str, ...], fold: Callable[[str], str]) -> tuple[str, ...]:
    return tuple(map(fold, choices))


def _in_any_order(choices: tuple[str, ...]) -> list[str]:
    """The folded choices, sorted; letter case decides last."""
    return sorted(_folded(choices, fold_width), key=lambda text: (text.casefold(), text))


def _end(problem: Problem) -> np.ndarray:
    """The n-grams of the last sentence of the question with the choices."""
    return character_ngrams([_end_text(problem)], _N, fold_words)[0]


def _end_text(problem: Problem) -> str:
    """The last sentence of the question with the choices; all if that holds no word."""
    last = _SENTENCE_END.split(problem.question.strip())[-1]
    text = " ".join((last, *_in_any_order(problem.choices)))
    return text if _WORD.search(text) else question_text(problem)


def _decisive(problem: Problem) -> list[str]:
    text = fold_words(f"{problem.passage} {question_text(problem)}")
    return [match.replace(" ", "") for match in _DECISIVE.findall(text)]


def conflict_of(problem: Problem, other: Problem) -> bool:
    """Whether two problems that ask the same both have gold answers, and none in common."""
    return bool(problem.answers and other.answers) and _golds(problem).isdisjoint(_golds(other))


def _golds(problem: Problem) -> set[str]:
    """The text of the gold answers, also of a choice problem: its numbers follow the order."""
    texts = problem.answers
    if problem.kind == "choice":
        texts = tuple(problem.choices[int(answer) - 1] for answer in problem.answers)
    return {"".join(fold_width(text).split()) for text in texts}
