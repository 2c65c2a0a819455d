"""nikl_metrics: answers to 국립국어원 AI말평 tasks -> the official scores.

Both scores equal `korean_evaluation` of the 2025 contest. BERTScore and BLEURT need models, so they
come in as functions; without them there is no final score rather than another one of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from koalign.evaluation.stats.intervals import (
    Figure,
    bootstrap_interval,
    require_same_ids,
    share_figure,
    share_interval,
)
from koalign.records import KoalignError, Problem

Scorer = Callable[[Sequence[str], Sequence[str]], Sequence[float]]
"""(gold texts, predicted texts) -> the score of each pair."""

DESCRIPTIVE = ("rouge_1", "bertscore", "bleurt")
"""What a descriptive text is scored by: `rouge_1` below, the F1 of BERTScore with
`bert-base-multilingual-cased`, and BLEURT-20."""

WORD_LIMIT = 1000
_NEITHER_LETTER_NOR_DIGIT = re.compile("[^A-Za-z0-9가-힣]")
_ENDINGS = ("가 옳다", "이 옳다")


@dataclass(frozen=True)
class NiklScore:
    """The score of a task and what it is made of, all in the units of the official script."""

    figures: dict[str, Figure]
    """By the official name: accuracy, exact_match, rouge_1, bertscore, bleurt, descriptive_avg."""
    final: Figure | None
    """None: a scorer is missing."""
    missing: tuple[str, ...]
    """The scorers that were needed and not given."""
    skipped: int
    """Pairs that the official script leaves out of the descriptive score."""


def culture_qa_score(
    problems: Sequence[Problem],
    predictions: Mapping[str, str],
    scorers: Mapping[str, Scorer],
) -> NiklScore:
    """한국문화 질의응답: the plain mean of the scores of the question types that are there.

    `predictions` is problem id -> text. 선다형 (choice) is raw equality, so "3번" is wrong; 단답형
    (short) is equality with any alternative, ends stripped; 서술형 (long) is the mean of the three
    DESCRIPTIVE `scorers`. Raises KoalignError if ids differ, or a problem has no gold or another kind.
    """
    require_same_ids((problem.id for problem in problems), predictions)
    parts: dict[str, dict[str, float]] = {"accuracy": {}, "exact_match": {}}
    texts: dict[str, tuple[str, str]] = {}
    for problem in problems:
        gold, text = _gold(problem), predictions[problem.id]
        if problem.kind == "choice":
            parts["accuracy"][problem.id] = float(text in problem.answers)
        elif problem.kind == "short":
            parts["exact_match"][problem.id] = _any_alternative(text, problem.answers)
        elif problem.kind == "long":
            texts[problem.id] = (gold, text)
        else:
            raise KoalignError(
                f"problem {problem.id}: kind {problem.kind!r}; 한국문화 질의응답 has choice, short, long"
            )
    measures, missing = _descriptive(texts, scorers)
    return _score(parts, measures, missing, skipped=0)


def norms_qa_score(
    problems: Sequence[Problem],
    predictions: Mapping[str, str],
    scorers: Mapping[str, Scorer],
) -> NiklScore:
    """어문규범: the mean of the exact match of the answer and the descriptive score of the reason.

    Answers read `"…"가 옳다. <reason>`. The official script skips pairs with an empty reason on either
    side, so that saying nothing costs nothing, and scores 0 if no pair is left. Raises as
    `culture_qa_score` does.
    """
    require_same_ids((problem.id for problem in problems), predictions)
    parts: dict[str, dict[str, float]] = {"exact_match": {}}
    reasons: dict[str, tuple[str, str]] = {}
    for problem in problems:
        gold, gold_reason = split_reason(_gold(problem))
        text, reason = split_reason(predictions[problem.id])
        parts["exact_match"][problem.id] = _any_alternative(text, (gold,))
        if gold_reason and reason:
            reasons[problem.id] = (gold_reason, reason)
    measures, missing = _descriptive(reasons, scorers)
    if not reasons:
        measures = {name: {problem.id: 0.0 for problem in problems} for name in DESCRIPTIVE}
    return _score(parts, measures, missing, len(problems) - len(reasons))


def split_reason(text: str) -> tuple[str, str]:
    """(answer up to its verdict without quotes, reason) of an 어문규범 answer.

    The first "가 옳다" is sought in the whole text, and only without one the first "이 옳다"; without
    either all is answer. Only the ASCII quotes are removed.
    """
    end = len(text)
    for verdict in _ENDINGS:
        if verdict in text:
            end = text.find(verdict) + len(verdict)
            break
    answer = text[:end].replace('"', "").replace("'", "").strip()
    return answer, text[end:].strip().lstrip("., ")


def rouge_1(golds: Sequence[str], predictions: Sequence[str]) -> list[float]:
    """ROUGE-1 F (Lin 2004) of each pair on the morphemes of MeCab-ko; raises KoalignError without it.

    The script splits with konlpy's MeCab; python-mecab-ko carries a dictionary of the same family.
    """
    try:
        from mecab import MeCab
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError as error:
        raise KoalignError(
            f"ROUGE-1 of Korean needs {error.name}; pip install 'koalign[scorers]'"
        ) from None
    scorer = RougeScorer(["rouge1"], tokenizer=MorphemeTokenizer(MeCab().morphs))
    pairs = zip(golds, predictions, strict=True)
    return [scorer.score(gold, text)["rouge1"].fmeasure for gold, text in pairs]


class MorphemeTokenizer:
    """What rouge-score calls to split a text; its own tokenizer drops every Hangul syllable."""

    def __init__(self, morphemes: Callable[[str], list[str]]) -> None:
        self.morphemes = morphemes

    def tokenize(self, text: str) -> list[str]:
        """The morphemes of the first 1,000 words, lower case; NFD Hangul is lost, as in the script."""
        words = " ".join(text.split()[:WORD_LIMIT])
        return self.morphemes(_NEITHER_LETTER_NOR_DIGIT.sub(" ", words.lower()).strip())


def _gold(problem: Problem) -> str:
    if not problem.answers:
        raise KoalignError(
            f"problem {problem.id}: no gold answer; only answered problems are scored"
        )
    return problem.answers[0]


def _any_alternative(text: str, golds: Sequence[str]) -> float:
    alternatives = {alternative.strip() for gold in golds for alternative in gold.split("#")}
    return float(text.strip() in alternatives)


def _descriptive(
    texts: Mapping[str, tuple[str, str]], scorers: Mapping[str, Scorer]
) -> tuple[dict[str, dict[str, float]], tuple[str, ...]]:
    """Measure -> problem id -> score, and the measures that are needed but have no scorer."""
    if unknown := scorers.keys() - set(DESCRIPTIVE):
        raise ValueError(f"no such scorer: {', '.join(sorted(unknown))}; known: {DESCRIPTIVE}")
    if not texts:
        return {}, ()
    golds, predictions = zip(*texts.values(), strict=True)
    measures = {
        name: dict(zip(texts, scorers[name](golds, predictions), strict=True))
        for name in DESCRIPTIVE
        if name in scorers
    }
    return measures, tuple(name for name in DESCRIPTIVE if name not in scorers)


def _score(
    parts: dict[str, dict[str, float]],
    measures: dict[str, dict[str, float]],
    missing: tuple[str, ...],
    skipped: int,
) -> NiklScore:
    if measures and not missing:
        ids = measures["rouge_1"]
        parts["descriptive_avg"] = {i: fmean(m[i] for m in measures.values()) for i in ids}
    parts = {name: part for name, part in parts.items() if part}
    # A problem brings its answer and its reason, so both are drawn together.
    problems: dict[str, dict[str, float]] = {}
    for name, part in parts.items():
        for problem_id, value in part.items():
            problems.setdefault(problem_id, {})[name] = value
    return NiklScore(
        figures={name: share_figure([*part.values()]) for name, part in (parts | measures).items()},
        final=None if missing else _final(list(problems.values())),
        missing=missing,
        skipped=skipped,
    )


def _final(problems: Sequence[dict[str, float]]) -> Figure:
    value, ends = _mean_of_parts(problems), bootstrap_interval(problems, _mean_of_parts)
    return Figure(value, *share_interval(value, len(problems), *ends), len(problems))


def _mean_of_parts(problems: Sequence[dict[str, float]]) -> float:
    parts: dict[str, list[float]] = {}
    for problem in problems:
        for name, value in problem.items():
            parts.setdefault(name, []).append(value)
    return fmean(fmean(values) for values in parts.values())
