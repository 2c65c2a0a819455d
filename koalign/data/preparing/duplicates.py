"""duplicates: problems -> those that stand there already, exactly, in another order, or nearly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from koalign.data.text.korean import fold
from koalign.data.text.ngrams import (
    BATCH,
    Postings,
    character_ngrams,
    contained,
    jaccard,
    joined,
    rarest,
    rarity,
)
from koalign.records import Problem, content_hash

_N = 5
_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n+")
# What makes another problem of nearly the same text: a number, and whether it asks for what is not.
_DECISIVE = re.compile(
    r"-?\d+(?:\.\d+)?[a-z]*|않|아닌|아니|못|없|틀린|부적|옳은|그른|같은|다른|최대|최소|큰|작은"
    r"|[①-⑳㉠-㉻]|\([가-하a-z]\)|(?<![a-z])[a-z](?![a-z])"
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


def content(problem: Problem) -> str:
    """The hash of what a solver reads, folded; the answers are no part of it."""
    return _content(problem, [fold(choice) for choice in problem.choices])


def unordered_content(problem: Problem) -> str:
    """The hash of what a solver reads, folded, equal whatever the order of the choices."""
    return _content(problem, sorted(fold(choice) for choice in problem.choices))


def question_text(problem: Problem) -> str:
    """Box, question and choices as one text, equal whatever the order of the choices."""
    return " ".join((problem.box, problem.question, *sorted(map(fold, problem.choices))))


def find_duplicates(problems: Sequence[Problem], threshold: float) -> list[Duplicate]:
    """The rows that an earlier row makes superfluous, ascending.

    Problems are near duplicates if box, question and choices are alike and the passages are alike: of
    both the Jaccard similarity of the character 5-grams is at least `threshold`; 0.9 keeps apart what
    exams make of one template. Of the last sentence of each question with its choices that share must
    be found in the other: two questions on one passage are two problems, even where the passage stands
    in the question. And numbers, marks, negations and golds must agree: `옳은 것은?` and `옳지 않은 것은?`
    are two problems. Rows are compared with rows that stay: of a chain of small changes the far end does.
    """
    firsts: dict[str, int] = {}
    first_of = [firsts.setdefault(unordered_content(p), n) for n, p in enumerate(problems)]
    near = _near(problems, list(firsts.values()), threshold)
    duplicates = []
    for index, first in enumerate(first_of):
        problem = problems[index]
        kind: Literal["exact", "reordered", "near"]
        if first in near:  # whatever equals a near duplicate is near the same row
            kind, (kept, similarity) = "near", near[first]
        elif first != index:
            kind = "exact" if content(problem) == content(problems[first]) else "reordered"
            kept, similarity = first, 1.0
        else:
            continue
        conflict = _conflict(problem, problems[kept])
        duplicates.append(Duplicate(index, kept, kind, similarity, conflict))
    return duplicates


def _near(
    problems: Sequence[Problem], rows: Sequence[int], threshold: float
) -> dict[int, tuple[int, float]]:
    """Those of the rows, no two of them equal, that are near an earlier one -> that one, similarity."""
    if not rows:
        return {}
    contents = character_ngrams([question_text(problems[row]) for row in rows], _N)
    passages = character_ngrams([problems[row].passage for row in rows], _N)
    counts = rarity(contents) + rarity(passages)
    prefixes = []
    for start in range(0, len(rows), BATCH):
        batch = np.arange(start, min(start + BATCH, len(rows)))
        # What is alike in both parts is alike in both together, so their rarest n-grams meet.
        prefix = rarest(joined(contents.select(batch), passages.select(batch)), counts, threshold)
        prefixes.append(Postings(prefix.hashes, batch[prefix.texts]))
    index = Postings(
        np.concatenate([prefix.hashes for prefix in prefixes]),
        np.concatenate([prefix.texts for prefix in prefixes]),
    ).by_hash()

    near: dict[int, tuple[int, float]] = {}
    for prefix in prefixes:
        later, earlier = prefix.meet(index)
        before = earlier < later
        for one, other in zip(later[before].tolist(), earlier[before].tolist(), strict=True):
            row, kept = rows[one], rows[other]
            if row in near or kept in near:
                continue
            similarity = jaccard(contents[one], contents[other])
            if (
                similarity >= threshold
                and jaccard(passages[one], passages[other]) >= threshold
                and contained(_end(problems[row]), contents[other]) >= threshold
                and contained(_end(problems[kept]), contents[one]) >= threshold
                and _decisive(problems[row]) == _decisive(problems[kept])
                and not _conflict(problems[row], problems[kept])  # two golds, two problems
            ):
                near[row] = kept, similarity
    return near


def _content(problem: Problem, choices: Sequence[str]) -> str:
    return content_hash(fold(problem.passage), fold(problem.box), fold(problem.question), choices)


def _end(problem: Problem) -> np.ndarray:
    """The n-grams of the last sentence of the question with the choices."""
    last = _SENTENCE_END.split(problem.question.strip())[-1]
    text = question_text(problem.model_copy(update={"question": last, "box": ""}))
    return character_ngrams([text], _N)[0]


def _decisive(problem: Problem) -> list[str]:
    return list(_DECISIVE.findall(f"{fold(problem.passage)} {fold(question_text(problem))}"))


def _conflict(problem: Problem, other: Problem) -> bool:
    return bool(problem.answers and other.answers) and _golds(problem).isdisjoint(_golds(other))


def _golds(problem: Problem) -> set[str]:
    """The text of the gold answers, also of a choice problem: its numbers follow the order."""
    texts = problem.answers
    if problem.kind == "choice":
        texts = tuple(problem.choices[int(answer) - 1] for answer in problem.answers)
    return {"".join(fold(text).split()) for text in texts}
