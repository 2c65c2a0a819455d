"""mistakes: answered problems -> clusters of the wrong ones, and a training set selected from them.

A cluster holds similar questions and answers. Its medoid and others of it are selected, in proportion to
its size; then problems that were answered right are replayed against forgetting.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from koalign.data.preparing.leaks import find_leaks
from koalign.evaluation.results import Prediction
from koalign.evaluation.stats.tables import frequencies
from koalign.mining.mistakes.clusters import Clusters, cluster, shares_by_size
from koalign.mining.mistakes.tfidf import Weights, distinctive_terms, plane, reduced, weigh
from koalign.naming import named
from koalign.records import KoalignError, Problem, Record, content_hash

FEWEST = 10
"""Fewer mistakes than this are not clustered."""
TERMS = 6
"""Word prefixes that describe a cluster, by TF-IDF."""
_PASSAGE = 300
"""Characters of a passage in a mistake's text: the whole of it would outweigh the question."""


class Mistake(Record):
    """How a person finds a problem again, and its place on a map of the mistakes."""

    id: str
    key: str
    """What its source calls it."""
    question: str
    x: float
    y: float
    """In the two directions in which the mistakes differ most; unlike ones lie apart."""
    picked: bool

    def __str__(self) -> str:
        return named(self.id, self.question, self.key)


class MinedCluster(Record):
    """One kind of mistake."""

    cluster: int
    """From 1, the largest."""
    size: int
    picked: int
    subjects: dict[str, int]
    """Of its mistakes, the most frequent first."""
    terms: tuple[str, ...]
    """Distinctive beginnings of words, by weight."""
    medoid: Mistake
    """The mistake in its middle, the first to be picked."""
    mistakes: tuple[Mistake, ...]


class Mined(Record):
    """OUT.clusters.json: the mistakes, their clusters and the selection."""

    answered: int
    wrong: int
    right: int
    unjudged: int
    """Neither: problems without a gold answer, and long ones, which no rule verifies. Set aside."""
    why: dict[str, int]
    """Of the mistakes: mismatch, no_answer, ambiguous, truncated."""
    picked: int
    """Mistakes in the set."""
    replayed: int
    """Problems answered right in the set."""
    subjects: dict[str, dict[str, int]]
    """Subject -> wrong, picked, replayed; the most often wrong first."""
    silhouette: float | None
    """Mean over the mistakes, -1 to 1; near 0 the clusters are hardly separated."""
    clusters: tuple[MinedCluster, ...]
    notes: tuple[str, ...]
    """Where the set differs from the options."""


@dataclass(frozen=True)
class AnsweredProblem:
    """A problem and the prediction for it."""

    problem: Problem
    prediction: Prediction


@dataclass(frozen=True)
class Mining:
    """The training set and its report."""

    problems: tuple[Problem, ...]
    mined: Mined


def matched(
    predictions: Sequence[Prediction], problems: Iterable[Problem], place: str
) -> list[AnsweredProblem]:
    """Each prediction with its problem; raises KoalignError if it is not there or has another answer now.

    Of a problem that was evaluated twice the first prediction counts.
    """
    predictions = [p for p in predictions if p.id == p.problem_id]
    known: dict[str, Problem] = {}
    for problem in problems:
        if problem.id not in known or problem.split == "test":  # once of a test split, always of it
            known[problem.id] = problem
    unknown = [p.id for p in predictions if p.id not in known]
    if unknown:
        raise KoalignError(
            f"--problems: {len(unknown)} of the {len(predictions)} problems of {place} are not there, "
            f"the first: {unknown[0]}; give the file that was evaluated"
        )
    other = [p for p in predictions if {*p.gold} != {*known[p.id].answers}]
    if other:
        raise KoalignError(
            f"--problems: {len(other)} of the {len(predictions)} problems have another answer than when "
            f"they were evaluated, the first: {other[0].name}; evaluate them again, or give that file"
        )
    return [AnsweredProblem(known[prediction.id], prediction) for prediction in predictions]


def refuse_test(
    problems: Sequence[Problem], test: Sequence[Problem], overlap: float, place: str
) -> None:
    """Raises KoalignError if a problem calls itself test, or says one of a run's test split."""
    own = [problem for problem in problems if problem.split == "test"]
    leaks = [] if own else find_leaks(problems, test, overlap)
    if own or leaks:
        first = own[0] if own else problems[leaks[0].trained]
        told = "call themselves test" if own else f"stand in the run's test split ({leaks[0].kind})"
        raise KoalignError(
            f"{place}: {len(own) or len(leaks)} of {len(problems)} problems {told}, the first: "
            f"{first.name}; never train on what you are judged by: mine answers "
            "to a dev split, or give no folder and mine the training set"
        )


def select_mistakes(
    answered: Sequence[AnsweredProblem],
    *,
    take: int | None,
    clusters: int | None,
    replay: float,
    seed: int,
    vectors: Callable[[Sequence[str]], np.ndarray] | None = None,
) -> Mining:
    """At most `take` problems (none: every mistake, and its replay), whatever the order of the answers.

    `replay` is the share of them that were answered right. `vectors` makes a row for each text;
    without it, TF-IDF does. In a cluster that subject is next of which the fewest have been picked,
    and of a subject a problem drawn by lot. Raises KoalignError for more clusters than mistakes.
    """
    ordered = sorted(answered, key=lambda a: a.problem.id)  # ids are hashes: no order at all
    judged = [a for a in ordered if a.problem.answers and a.problem.kind != "long"]
    wrong = [a for a in judged if not a.prediction.correct]
    right = [a.problem for a in judged if a.prediction.correct]
    mistaken = [a.problem for a in wrong]
    count, replays, notes = _counts(len(wrong), len(right), take, replay)
    if len(wrong) < FEWEST:
        if wrong:
            notes.append(f"{len(wrong)} mistakes, fewer than {FEWEST}: no clusters are made")
        picked = _balanced(mistaken, count, Counter(), seed)
        silhouette, described = None, list[MinedCluster]()
    else:
        if clusters is not None and clusters > len(wrong):
            raise KoalignError(f"--clusters {clusters}: there are {len(wrong)} mistakes; lower it")
        texts = [mistake_text(answer) for answer in wrong]
        weights = weigh(texts)
        rows = vectors(texts) if vectors else reduced(weights, seed)
        groups = cluster(rows, clusters, seed)
        if clusters is not None and len(groups.members) < clusters:
            notes.append(f"--clusters {clusters}: {len(groups.members)} made, no more texts differ")
        picked = _pick(mistaken, groups, count, seed)
        silhouette = groups.silhouette
        described = _described(wrong, groups, picked, weights, rows)
    replayed = _balanced(right, replays, Counter(), seed)
    mined = Mined(
        answered=len(answered),
        wrong=len(wrong),
        right=len(right),
        unjudged=len(ordered) - len(judged),
        why=frequencies(answer.prediction.why for answer in wrong),
        picked=len(picked),
        replayed=len(replayed),
        subjects=_subjects(mistaken, picked, replayed),
        silhouette=silhouette,
        clusters=tuple(described),
        notes=tuple(notes),
    )
    chosen = sorted([*picked, *replayed], key=lambda problem: content_hash(seed, problem.id))
    trained = tuple(problem.model_copy(update={"split": "train"}) for problem in chosen)
    return Mining(trained, mined)


def mistake_text(answer: AnsweredProblem) -> str:
    """The text a mistake is clustered by: question, start of the passage, 보기 and the model's output.

    Where candidates were scored, the chosen one is the output.
    """
    problem, output = answer.problem, answer.prediction.text
    if not output and problem.choices and answer.prediction.answer:
        output = problem.choices[int(answer.prediction.answer) - 1]
    return "\n".join((problem.question, problem.passage[:_PASSAGE], problem.box, output))


def _counts(wrong: int, right: int, take: int | None, replay: float) -> tuple[int, int, list[str]]:
    """How many mistakes and how many right ones, and what is otherwise than asked for."""
    share = Fraction(str(replay))
    count = wrong if take is None else min(wrong, take - int(share * take))
    owed = int(count * share / (1 - share))
    if take is not None:
        owed = min(owed, take - count)
    notes = []
    if take is not None and 0 < count < take - int(share * take):
        notes.append(f"--take {take}: there are {wrong} mistakes")
    if owed > right:
        notes.append(f"--replay {replay:g}: {owed} wanted, and {right} were answered right")
    return count, min(owed, right), notes


def _pick(problems: Sequence[Problem], groups: Clusters, count: int, seed: int) -> list[Problem]:
    """Of each cluster its share, the medoid first; all medoids count before another is chosen."""
    shares = shares_by_size([len(rows) for rows in groups.members], count)
    medoids = [problems[n] for n, share in zip(groups.medoids, shares, strict=True) if share]
    taken = Counter(problem.subject for problem in medoids)
    picked = list(medoids)
    for rows, medoid, share in zip(groups.members, groups.medoids, shares, strict=True):
        others = [problems[row] for row in rows if row != medoid]
        picked += _balanced(others, max(0, share - 1), taken, seed)
    return picked


def _balanced(
    problems: Sequence[Problem], count: int, taken: Counter[str], seed: int
) -> list[Problem]:
    """So many of the problems, each of the subject with the fewest `taken`, which go on counting."""
    waiting: dict[str, list[Problem]] = defaultdict(list)
    for problem in sorted(problems, key=lambda p: content_hash(seed, p.id), reverse=True):
        waiting[problem.subject].append(problem)
    chosen: list[Problem] = []
    while waiting and len(chosen) < count:
        subject = min(waiting, key=lambda name: (taken[name], content_hash(seed, name)))
        chosen.append(waiting[subject].pop())
        taken[subject] += 1
        if not waiting[subject]:
            del waiting[subject]
    return chosen


def _described(
    wrong: Sequence[AnsweredProblem],
    groups: Clusters,
    picked: Sequence[Problem],
    weights: Weights,
    rows: np.ndarray,
) -> list[MinedCluster]:
    """The clusters, each mistake with its place on the map."""
    chosen = {problem.id for problem in picked}
    flat = plane(rows)
    clusters = []
    for number, members in enumerate(groups.members, start=1):
        problems = [wrong[row].problem for row in members]
        placed = {
            row: _placed(wrong[row].problem, flat[row][0], flat[row][1], chosen) for row in members
        }
        clusters.append(
            MinedCluster(
                cluster=number,
                size=len(problems),
                picked=sum(problem.id in chosen for problem in problems),
                subjects=frequencies(problem.subject for problem in problems),
                terms=distinctive_terms(weights, members, TERMS),
                medoid=placed[groups.medoids[number - 1]],
                mistakes=tuple(placed.values()),
            )
        )
    return clusters


def _placed(problem: Problem, x: float, y: float, chosen: Container[str]) -> Mistake:
    return Mistake(
        id=problem.id, key=problem.key, question=problem.question,
        x=round(float(x), 4), y=round(float(y), 4), picked=problem.id in chosen,
    )  # fmt: skip


def _subjects(
    wrong: Sequence[Problem], picked: Sequence[Problem], replayed: Sequence[Problem]
) -> dict[str, dict[str, int]]:
    counts = [Counter(problem.subject for problem in some) for some in (wrong, picked, replayed)]
    names = sorted(set().union(*counts), key=lambda name: (-counts[0][name], name))
    return {
        name: dict(zip(("wrong", "picked", "replayed"), (c[name] for c in counts), strict=True))
        for name in names
    }
