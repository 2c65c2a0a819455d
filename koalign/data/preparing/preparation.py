"""preparation: splits as they were read -> splits to use; every problem that goes is a Drop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

import numpy as np

from koalign.data.formats.reading import Reading
from koalign.data.preparing.duplicates import conflict_of, find_duplicates
from koalign.data.preparing.joins import MEMORY
from koalign.data.preparing.leaks import find_leaks, taught_text, texts_leak
from koalign.data.preparing.splits import draw
from koalign.data.spool import Spool, View, chained, firsts
from koalign.naming import counted
from koalign.records import Drop, Hint, KoalignError, Problem, Ranking, Record, content_hash

SPLITS = ("train", "dev", "test")


class FoundLeak(Record):
    """A problem to learn from, and the one to be judged by that it gives away."""

    kind: Literal["same", "reordered", "overlap", "passage", "group"]
    share: float
    """Of the character 13-grams, in the other."""
    learned: Problem
    evaluated: Problem


class Preparation:
    """The splits on their way, and everything that was set aside."""

    def __init__(self, memory: int = MEMORY) -> None:
        """`memory`: bytes that finding duplicates and leaks may hold."""
        self._memory = memory
        self._rows, self._places = Spool[Problem](), Spool[str]()
        """All problems as they were read, and the place of each."""
        self.splits: dict[str, View[Problem]] = {
            name: View(self._rows.__getitem__, np.arange(0)) for name in SPLITS
        }
        self.rankings: list[Ranking] = []
        self.dropped = Spool[Drop]()
        self.conflicts: dict[str, list[str]] = {name: [] for name in SPLITS}
        """Split -> the names of duplicates that went, and had another answer than the row that stays."""
        self._held_out: set[str] = set()
        self._ranked_at: dict[tuple[str, str], str] = {}
        """Split and id of a ranked problem -> the place of its last ranking."""

    def add(self, name: str, reading: Reading) -> None:
        """Take over what was read for a split."""
        self.add_problems(name, self._read_problems(name, reading))

    def _read_problems(self, name: str, reading: Reading) -> Iterator[tuple[Problem, str]]:
        for record, place in zip(reading.records, reading.places, strict=True):
            if isinstance(record, Drop):
                self.dropped.append(record)
                continue
            asked = record.problem if isinstance(record, Ranking) else record
            problem = asked.model_copy(update={"split": name})
            if isinstance(record, Ranking):
                self.rankings.append(record.model_copy(update={"problem": problem}))
                self._ranked_at[name, problem.id] = place
            else:
                yield problem, place

    def add_problems(self, name: str, problems: Iterable[tuple[Problem, str]]) -> None:
        """Put problems, each with its place, behind those of a split."""
        before = len(self._rows)
        for problem, place in problems:
            self._rows.append(problem)
            self._places.append(place)
        numbers = self.splits[name].numbers, np.arange(before, len(self._rows))
        self.splits[name] = View(self._rows.__getitem__, np.concatenate(numbers))

    def set_aside(self, kinds: Sequence[str], labels: int) -> None:
        """Drop what a template of some kinds and so many labels cannot ask.

        Raises KoalignError if no training problem is left.
        """
        for name in SPLITS:
            self._keep_if(name, "kind_not_in_template", lambda p: p.kind in kinds)
            self._keep_if(name, "more_choices_than_labels", lambda p: len(p.choices) <= labels)
        for name in ("train", "dev"):
            self._keep_if(name, "no_answer", lambda p: bool(p.answers))
        self.refuse_nothing_to_learn_from()

    def refuse_nothing_to_learn_from(self) -> None:
        """Raises KoalignError, with the most common reason, if every training problem is gone."""
        if not self.splits["train"]:
            gone, held_out = Counter(drop.reason for drop in self.dropped), len(self._held_out)
            found = [f"{count:,} dropped: {reason}" for reason, count in gone.most_common(1)]
            remedy = "" if gone else ": set data.dev_share to 0"
            found += [f"{held_out:,} held out as dev{remedy}"] * (held_out > 0)
            why = ", ".join(found) or "there are only rankings"
            raise KoalignError(f"data.train: no problem to learn from; {why}")

    def remove_duplicates(self, threshold: float) -> None:
        """In dev and test only what is the same to the letter: a published test set stays what it is."""
        for name in ("dev", "test"):
            problems = self.splits[name]
            first = firsts(
                np.fromiter((int(one.id, 16) for one in problems), np.uint64, len(problems))
            )
            for row in np.flatnonzero(first != np.arange(len(first))).tolist():
                if conflict_of(problems[row], problems[int(first[row])]):
                    self.conflicts[name].append(problems[row].name)
            self.keep(name, "duplicate", first == np.arange(len(first)))
        train = self.splits["train"]
        stays = np.ones(len(train), bool)
        for duplicate in find_duplicates(train, threshold, self._memory):
            stays[duplicate.index] = False
            other = ", and has another answer" if duplicate.conflict else ""
            if duplicate.conflict:
                self.conflicts["train"].append(train[duplicate.index].name)
            self._drop(
                train[duplicate.index],
                self._places[int(train.numbers[duplicate.index])],
                "duplicate" if duplicate.kind == "exact" else f"{duplicate.kind}_duplicate",
                f"{train[duplicate.kept].name} is kept ({duplicate.similarity:.0%} alike{other})",
            )
        self.splits["train"] = train.take(stays)

    def hold_out_dev(self, share: float, seed: int) -> None:
        """Take a share of the training problems as dev, whole passages at a time; dev is empty before."""
        train = self.splits["train"]
        held_out = np.fromiter((draw(p, seed) < share for p in train), bool, len(train))

        def as_dev(number: int) -> Problem:
            return self._rows[number].model_copy(update={"split": "dev"})

        self.splits["dev"] = View(as_dev, train.numbers[held_out])
        self.splits["train"] = train.take(~held_out)
        self._held_out = {problem.id for problem in self.splits["dev"]}

    def mix_train(self, seed: int) -> None:
        """So that the first so many, which a `limit` takes, are a fair sample of all sources."""
        train = self.splits["train"]
        keys = (int(content_hash(seed, problem.id), 16) for problem in train)
        order = np.argsort(np.fromiter(keys, np.uint64, len(train)), kind="stable")
        self.splits["train"] = train.take(order)

    def find_leaks(self, overlap: float) -> list[FoundLeak]:
        """What is learned from and stands in dev or test, and what of dev stands in test."""
        train, dev, test = (self.splits[name] for name in SPLITS)
        learned = chained(train, [ranking.problem for ranking in self.rankings])
        texts = chained(
            View(lambda number: taught_text(train[number]), np.arange(len(train))),
            ["\n".join(ranking.texts) for ranking in self.rankings],
        )
        evaluated = chained(dev, test)
        found = [
            FoundLeak(
                kind=leak.kind,
                share=round(leak.share, 3),
                learned=learned_side[leak.trained],
                evaluated=evaluated_side[leak.evaluated],
            )
            for learned_side, evaluated_side, leaks in (
                (learned, evaluated, find_leaks(learned, evaluated, overlap, self._memory)),
                (learned, evaluated, texts_leak(texts, evaluated, overlap, self._memory)),
                (dev, test, find_leaks(dev, test, overlap, self._memory)),
            )
            for leak in leaks
        ]
        first: dict[tuple[str, str], FoundLeak] = {}
        for leak in found:  # one a problem: what it asks before what it teaches
            first.setdefault((leak.learned.split, leak.learned.id), leak)
        return list(first.values())

    def remove_leaks(self, found: Sequence[FoundLeak]) -> None:
        """Drop the learned side of the leaks."""
        leaking = {(leak.learned.split, leak.learned.id) for leak in found}
        places = dict(self._ranked_at)
        for name in ("train", "dev"):
            problems = self.splits[name]
            stays = np.ones(len(problems), bool)
            for row, problem in enumerate(problems):
                if (name, problem.id) in leaking:
                    stays[row] = False
                    places[name, problem.id] = self._places[int(problems.numbers[row])]
            self.splits[name] = problems.take(stays)
        for leak in found:
            detail = f"{leak.kind}: {leak.evaluated.name} of {leak.evaluated.split}"
            place = places[leak.learned.split, leak.learned.id]
            self._drop(leak.learned, place, "leak", detail)
        self.rankings = [r for r in self.rankings if ("train", r.problem.id) not in leaking]

    def hints(self, given: Iterable[tuple[str, Hint]], overlap: float, *, stop: bool) -> list[Hint]:
        """The hints for training problems out of (place, hint); one given twice is kept once.

        One that says a problem of dev or test is dropped, or raises KoalignError if `stop`, as does a
        hint for a problem that never was one to learn from.
        """
        given = list(given)
        evaluated = chained(self.splits["dev"], self.splits["test"])
        leaks = texts_leak([hint.text for _, hint in given], evaluated, overlap, self._memory)
        leaking = {leak.trained for leak in leaks}
        if leaks and stop:
            shown = evaluated[leaks[0].evaluated]
            raise KoalignError(
                f"{given[leaks[0].trained][0]}: {counted(len(leaks), 'hint')} holding a problem of dev "
                f"or test, this one {shown.name} of {shown.split}; data.leaks: drop drops them"
            )
        known = {problem.id for problem in self.splits["train"]}
        gone = {drop.problem_id for drop in self.dropped if drop.problem_id}
        hints: dict[str, Hint] = {}
        for number, (place, hint) in enumerate(given):
            if number in leaking:
                self._drop_hint(hint, "hint_says_an_evaluated_problem", place)
            elif hint.id in hints:
                self._drop_hint(hint, "hint_given_twice", place)
            elif hint.problem_id in known:
                hints[hint.id] = hint
            elif hint.problem_id in self._held_out:
                self._drop_hint(hint, "hint_for_a_held_out_problem", place)
            elif hint.problem_id in gone:
                self._drop_hint(hint, "hint_for_a_dropped_problem", place)
            else:
                raise KoalignError(
                    f"{place}: problem_id {hint.problem_id} is no training problem; hints are "
                    "learned from the training split only"
                )
        return list(hints.values())

    def _keep_if(self, name: str, reason: str, fits: Callable[[Problem], bool]) -> None:
        problems = self.splits[name]
        self.keep(name, reason, np.fromiter(map(fits, problems), bool, len(problems)))

    def keep(self, name: str, reason: str, kept: np.ndarray) -> None:
        """Keep the marked problems of a split, and drop the others for a reason."""
        problems = self.splits[name]
        for row in np.flatnonzero(~kept).tolist():
            problem, place = problems[row], self._places[int(problems.numbers[row])]
            detail = f"{problem.source} {problem.key}".strip()
            self._drop(problem, place, reason, f"{detail}: {problem.question[:100]}")
        self.splits[name] = problems.take(kept)

    def _drop(self, problem: Problem, place: str, reason: str, detail: str) -> None:
        drop = Drop(
            stage="prepare",
            reason=reason,
            problem_id=problem.id,
            key=problem.key,
            place=place,
            detail=detail,
        )
        self.dropped.append(drop)

    def _drop_hint(self, hint: Hint, reason: str, place: str) -> None:
        drop = Drop(stage="prepare", reason=reason, problem_id=hint.problem_id, place=place)
        self.dropped.append(drop)
