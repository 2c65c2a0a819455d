"""exam_shortcuts: the built-in exam -> what can be answered without following its steps.

A logistic regression over the choices of a problem (the likeliest is the answer) is fitted on the train
split for each view of the problem and measured on the test split, by number of hops. The last view
reads one fact: whether the sentence of a choice names the person of the question. It answers what
needs no hop, and must be near chance on the rest.

    python scripts/exam_shortcuts.py
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import fmean

from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from world import PEOPLE, RELATIONS

from koalign.config.sections import ASSETS
from koalign.data.formats.sources import read_source
from koalign.evaluation.stats.intervals import wilson_interval
from koalign.records import Problem

Features = dict[str, float]
View = Callable[[Problem, int], Features]


def exam(folder: Path, split: str) -> list[Problem]:
    """The problems of a split, their passage never in the question."""
    problems = read_source(str(folder), split).problems
    return [problem if problem.passage else _split(problem) for problem in problems]


def _split(problem: Problem) -> Problem:
    passage, _, question = problem.question.rpartition("\n")
    return problem.model_copy(update={"passage": passage, "question": question})


def hops(problem: Problem) -> int:
    """How many facts lead from the person of the question to the one with the answer."""
    return sum(problem.question.count(f"의 {relation}") for relation in RELATIONS)


def words(text: str) -> list[str]:
    """Its Korean words."""
    return re.findall(r"[가-힣]+", text)


def of_choice(problem: Problem, number: int) -> Features:
    """What a choice says, and where it stands by how many there are."""
    size = len(problem.choices)
    return {problem.choices[number]: 1, f"place {number} of {size}": 1}


def of_question(problem: Problem, number: int) -> Features:
    """The choice, alone and with every word of the question."""
    return with_words(of_choice(problem, number), words(problem.question))


def of_passage(problem: Problem, number: int) -> Features:
    """The choice, the words and place of its sentence, and how often its person is named."""
    lines, at = sentences(problem), sentence_of(problem, number)
    (person,) = names(lines[at])
    named = sum(person in names(line) for line in lines)
    told = {f"sentence {at}": 1.0, f"named {named} times": 1.0}
    return of_choice(problem, number) | told | {f"beside {word}": 1 for word in words(lines[at])}


def of_bag(problem: Problem, number: int) -> Features:
    """The choice, alone and with every word of passage, box and question, in no order."""
    text = f"{problem.passage} {problem.box} {problem.question}"
    return with_words(of_choice(problem, number), words(text))


def of_one_fact(problem: Problem, number: int) -> Features:
    """Whether the sentence of the choice names the person of the question, by number of hops."""
    sentence = sentences(problem)[sentence_of(problem, number)]
    own = bool(names(sentence) & names(problem.question))
    return of_choice(problem, number) | {f"own {own}, {hops(problem)} hops": 1}


def with_words(own: Features, others: list[str]) -> Features:
    """Features, and each of them together with each word."""
    return own | {f"{name} and {word}": 1 for name in own for word in others}


def sentences(problem: Problem) -> list[str]:
    """Those of passage and box, in order."""
    return re.split(r"(?<=[.:]) ", f"{problem.passage} {problem.box}".strip())


def sentence_of(problem: Problem, number: int) -> int:
    """The place of the sentence that has the choice."""
    lines = sentences(problem)
    return next(n for n, line in enumerate(lines) if f" {problem.choices[number]}" in f" {line}")


def names(text: str) -> set[str]:
    """The people that a text names."""
    return {name for name in PEOPLE if f" {name}" in f" {text}"}


VIEWS: dict[str, View] = {
    "choices alone": of_choice,
    "question and choices": of_question,
    "passage and choices": of_passage,
    "bag of words of everything": of_bag,
    "one fact and choices": of_one_fact,
}


def verdicts(view: View, train: list[Problem], test: list[Problem]) -> list[bool]:
    """Whether the likeliest choice of each test problem is right."""
    rows = [(view(p, n), str(n + 1) in p.answers) for p in train for n in range(len(p.choices))]
    vectorizer = DictVectorizer()
    features = vectorizer.fit_transform([row for row, _ in rows])
    model = LogisticRegression(max_iter=2000, C=0.1).fit(features, [gold for _, gold in rows])
    right = []
    for problem in test:
        shown = vectorizer.transform([view(problem, n) for n in range(len(problem.choices))])
        best = model.decision_function(shown).argmax()
        right.append(str(best + 1) in problem.answers)
    return right


def main() -> None:
    """Print a row a view."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exam", type=Path, default=ASSETS / "exam")
    args = parser.parse_args()
    train, test = exam(args.exam, "train"), exam(args.exam, "test")
    chance = fmean(1 / len(problem.choices) for problem in test)
    print(f"chance {chance:.1%}, {len(train)} problems to fit, {len(test)} to measure")
    for name, view in VIEWS.items():
        right = verdicts(view, train, test)
        low, high = wilson_interval(sum(right), len(right))
        by_hops = defaultdict(list)
        for problem, is_right in zip(test, right, strict=True):
            by_hops[hops(problem)].append(is_right)
        parts = [f"{number}: {fmean(by_hops[number]):.1%}" for number in sorted(by_hops)]
        print(f"{name:28} {fmean(right):.1%} ({low:.1%} to {high:.1%}), hops {', '.join(parts)}")


if __name__ == "__main__":
    main()
