"""item_scores: the log-probabilities of candidates, or a completion -> what one item earned."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from koalign.evaluation.items import candidates_of, subject_of
from koalign.evaluation.metrics.reading_metrics import (
    SpanScore,
    klue_mrc_score,
    korquad_1_score,
    korquad_2_score,
)
from koalign.evaluation.protocols import Protocol
from koalign.grading.extract import extract_texts
from koalign.grading.grade import FinishReason, grade
from koalign.grading.overlap import rouge_l
from koalign.grading.visible import forms, visible_text
from koalign.records import Problem, Why

_THOUGHT_ENDS = ("</think>", "</thought>")


@dataclass(frozen=True)
class ItemScore:
    """What one item earned; the fields of a Prediction."""

    answer: str | None
    """Of a choice problem the number of the choice; none: `why` says why, and everything scored is 0."""
    correct: bool
    why: Why
    scores: dict[str, float] = field(default_factory=dict)
    """Metric -> from 0 to 1, in the order of the protocol's; those that are no mean of items are not
    among them."""


def score_choice(protocol: Protocol, problem: Problem, logprobs: Sequence[float]) -> ItemScore:
    """The likeliest candidate is the answer, the first of equal ones (lm-eval-harness).

    `logprobs` are of `candidates_of`, summed over tokens, in nats. `acc_norm` divides them by the
    characters of the candidate before it looks for the largest.
    """
    candidates = candidates_of(protocol, problem)
    answer = _largest(logprobs)
    per_character = [total / len(text) for total, text in zip(logprobs, candidates, strict=True)]
    correct = answer in problem.answers
    earned = {"acc": correct, "acc_norm": _largest(per_character) in problem.answers}
    return _graded(answer, correct, _measured(protocol, problem, earned))


def score_text(
    protocol: Protocol, problem: Problem, text: str, finish_reason: FinishReason = "stop"
) -> ItemScore:
    """What a completion answers, by the protocol's rule, and what that earns.

    The text ends before the first of the protocol's `stop`, whether or not the engine ended it there.
    """
    end = min([text.find(stop) for stop in protocol.stop if stop in text], default=len(text))
    if end < len(text):
        text, finish_reason = text[:end], "stop"
    match protocol.grading:
        case "letter":
            return _numbered(protocol, problem, _letter(protocol, problem, text), finish_reason)
        case "simple-evals":
            return _numbered(protocol, problem, _simple_evals(text), finish_reason)
        case "klue-mrc" | "korquad":
            return _span(protocol, problem, text, finish_reason)
    # What a text earns on a NIKL task is known of all items together (`figures.py`).
    verdict = grade(problem, text, finish_reason)
    earned: dict[str, float] = {}
    if protocol.grading == "koalign" and problem.kind == "long":
        overlaps = (rouge_l(verdict.answer or "", gold) for gold in problem.answers)
        earned = {"rouge_l": max(overlaps, default=0.0)}
    elif protocol.grading == "koalign":
        earned = {"acc": verdict.correct}
    scores = _measured(protocol, problem, earned)
    return ItemScore(verdict.answer, verdict.correct, verdict.why, scores)


def without_thought(text: str) -> str:
    """What follows the last thought: no official script knows of thoughts; one without end is all of it."""
    if visible_text(text) is None:
        return ""
    for end in _THOUGHT_ENDS:
        text = text.rpartition(end)[2]
    return text


def _largest(values: Sequence[float]) -> str:
    """The number, from 1, of the first of the largest."""
    return str(max(range(len(values)), key=values.__getitem__) + 1)


def _measured(
    protocol: Protocol, problem: Problem, earned: Mapping[str, float]
) -> dict[str, float]:
    """The protocol's metrics that are taken of this subject."""
    subject = subject_of(protocol, problem)
    return {
        metric: float(earned[metric])
        for metric in protocol.metrics
        if metric in earned and subject in protocol.measured.get(metric, (subject,))
    }


def _graded(answer: str, correct: bool, scores: dict[str, float]) -> ItemScore:
    return ItemScore(answer, correct, "match" if correct else "mismatch", scores)


def _unread(protocol: Protocol, finish_reason: FinishReason) -> ItemScore:
    why: Why = "truncated" if finish_reason == "length" else "no_answer"
    return ItemScore(None, False, why, dict.fromkeys(protocol.metrics, 0.0))


def _numbered(
    protocol: Protocol, problem: Problem, letter: str, finish_reason: FinishReason
) -> ItemScore:
    """A letter, as a script compared it with the gold letter."""
    labels = candidates_of(protocol, problem)
    if letter not in labels:
        return _unread(protocol, finish_reason)
    answer = str(labels.index(letter) + 1)
    correct = answer in problem.answers
    return _graded(answer, correct, {protocol.metrics[0]: float(correct)})


_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


def _letter(protocol: Protocol, problem: Problem, text: str) -> str:
    """`exact_match` of lm-eval-harness without case, ASCII punctuation and spaces; a line end counts."""
    bare = without_thought(text).replace(" ", "").lower().translate(_WITHOUT_PUNCTUATION)
    letters = {label.lower(): label for label in candidates_of(protocol, problem)}
    return letters.get(bare, "")


# simple-evals (mmlu_eval.py, common.py): what is taken out of a response, in this order; the keys, of
# which the first that a letter follows counts, wherever it stands; and the letters of other scripts.
_MARKUP = (
    "**", "$\\boxed{", "}$", "\\$", "$\\text{", "$", "\\mathrm{", "\\{", "\\text", "\\(",
    "\\mathbf{", "{", "\\boxed",
)  # fmt: skip
_KEYS = (
    r"Answer\s*:", r"Answer\s*:" + 6 * "\u200b", r"উত্তর\s*:", r"उत्तर\s*:", "উত্তরঃ", r"Antwort\s*:",
    r"답변\s*:", r"정답\s*:", r"답\s*:", r"答案\s*：", r"答案\s*:", r"答\s*：", r"答\s*:", r"答复\s*：",
    r"答曰\s*：", "الإجابة:", "الجواب:", "إجابة:", "الإجابة النهائية:", "الإجابة الصحيحة:",
    "الإجابة الصحيحة هي:", "الإجابة هي:", "الجواب النهائي:", r"Respuesta\s*:", r"Risposta\s*:",
    r"答え\s*:", r"答え\s*：", r"回答\s*:", r"回答\s*：", r"解答\s*:", r"Jawaban\s*:", r"Réponse\s*:",
    r"Resposta\s*:", r"Jibu\s*:", r"Idahun\s*:", r"Ìdáhùn\s*:", r"Idáhùn\s*:",
    "A\u0300m\u1ecd\u0300na\u0300\\s*:", r"Àdáhùn\s*:", "A\u0300nu\u0301go\u0323\\s*:", r"Àṣàyàn\s*:",
)  # fmt: skip
_PATTERNS = [
    re.compile(f"(?i){key}[ \t]*([A-D]|[أ-د]|[অ]|[ব]|[ড]|[ঢ]|[Ａ]|[Ｂ]|[Ｃ]|[Ｄ])") for key in _KEYS
]
_LETTERS = dict(zip("أبجدঅবডঢＡＢＣＤ", "ABCD" * 3, strict=True))


def _simple_evals(text: str) -> str:
    """Case counts: `answer: b` is found and is not B. `정답： B` is not found."""
    text = without_thought(text)
    for mark in _MARKUP:
        text = text.replace(mark, "")
    letter = next((match[1] for pattern in _PATTERNS if (match := pattern.search(text))), "")
    return _LETTERS.get(letter, letter)


# As the template ends it; what is written so goes to the script without koalign's folding of characters.
_AFTER_THE_KEY = re.compile(r"^[ \t]*정답[ \t]*[:：][ \t]*(\S.*)$", re.MULTILINE)


def _span(
    protocol: Protocol, problem: Problem, text: str, finish_reason: FinishReason
) -> ItemScore:
    """The official script on the last statement, of two readings (사이다, 사이다입니다) on the better."""
    verdict = grade(problem.model_copy(update={"answers": ("",)}), text, finish_reason)
    answers = [""] if verdict.correct else _AFTER_THE_KEY.findall(without_thought(text))
    answers = answers or extract_texts(text)
    if not answers:
        return _unread(protocol, finish_reason)
    readings = (answers[-1].strip(), *forms(answers[-1])[1:])
    scored = [(_official(protocol, problem, answer), answer) for answer in readings]
    score, answer = max(scored, key=lambda pair: (pair[0].exact_match, pair[0].overlap))
    scores = dict(zip(protocol.metrics, (score.exact_match, score.overlap), strict=True))
    return _graded(answer, score.exact_match == 1, scores)


def _official(protocol: Protocol, problem: Problem, answer: str) -> SpanScore:
    if protocol.grading == "klue-mrc":
        return klue_mrc_score(answer, problem.answers)
    script = korquad_2_score if problem.source == "korquad-2" else korquad_1_score
    return script(answer, problem.answers)
