"""verify: a solution of a training problem -> a rationale to train on, or the reason why not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from koalign.data.prompting.choices import permute
from koalign.data.prompting.orders import Order, in_order
from koalign.data.prompting.prompts import Renderer
from koalign.evaluation.diagnosis.reasoning import contradiction, rationale_of
from koalign.grading.extract import extract_numbers, extract_texts
from koalign.grading.grade import FinishReason, grade, quotes_its_choice
from koalign.grading.visible import visible_text
from koalign.mining.distilling.explaining import Language, says_it_was_told
from koalign.records import Drop, Problem, Rationale, Verdict
from koalign.text.korean import han_leak, repetition

By = Literal["own", "teacher", "rationalized"]
HANGUL_SHARES: dict[Language, tuple[float, float]] = {"korean": (0.5, 1.0), "mixed": (0.05, 0.20)}
"""Least and largest share of Hangul among the letters of a rationale. English with 5 to 20 % of Korean
taught more than either alone (KO-REAson, arXiv 2510.04230)."""
MAX_REPETITION = 0.5
"""Largest share of repeated 4-grams of tokens; the same as for pairs."""

_HANGUL = re.compile("[가-힣\u1100-\u11ff\u3131-\u318e]")
_THOUGHT = re.compile(r"</?(?:think|thinking|thought|추론)\s?>", re.IGNORECASE)
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought|추론)\s?>", re.IGNORECASE)


@dataclass(frozen=True)
class Solution:
    """One completion to a training problem."""

    problem: Problem
    """With the choices in the order of the run."""
    text: str
    finish_reason: FinishReason
    by: By
    model: str
    index: int
    """Number of the draw."""
    order: Order = ()
    """The order in which the choices were shown; empty: as they stand."""

    @property
    def shown(self) -> Problem:
        """The problem as the prompt showed it."""
        return in_order(self.problem, self.order)

    @property
    def verdict(self) -> Verdict:
        """The verdict of the grader."""
        return grade(self.shown, self.text, self.finish_reason)

    def drop(self, reason: str, detail: str = "") -> Drop:
        """A Drop of this solution."""
        draw = f"{self.by} {self.index}"
        return drop_of(self.problem.id, reason, f"{draw}: {detail}" if detail else draw)


@dataclass(frozen=True)
class VerifiedSolution:
    """A completion whose answer is verified, and its rationale."""

    solution: Solution
    rationale: str
    """Names the choices in the order of the run."""

    @property
    def problem(self) -> Problem:
        """The problem with this rationale as its own."""
        return self.solution.problem.model_copy(
            update={"rationale": self.rationale, "rationales": ()}
        )

    @property
    def record(self) -> Rationale:
        """The record that is written to rationales.jsonl."""
        return Rationale(text=self.rationale, by=self.solution.by, model=self.solution.model)


def drop_of(problem_id: str, reason: str, detail: str) -> Drop:
    """A dropped draw; the detail begins with its kind: own, teacher or rationalized."""
    return Drop(stage="distill", reason=reason, problem_id=problem_id, detail=detail[:200])


def hangul_share(text: str) -> float:
    """The share of Hangul among the letters of a text, of any script; 0 of a text without letters."""
    letters = sum(character.isalpha() for character in text)
    return len(_HANGUL.findall(text)) / letters if letters else 0.0


def verified(solution: Solution, language: Language, renderer: Renderer) -> VerifiedSolution | Drop:
    """The rationale of a solution, or a Drop with the first rule that it breaks.

    The completion
    - has ended and states one answer, which is right and which it does not contradict;
    - has reasoning beside the answer, in the configured language (own samples may be all Korean) and
      without leaked Chinese;
    - does not say that the answer was given, if it was;
    - gives a training target that is graded right.
    """
    shown, verdict = solution.shown, solution.verdict
    if solution.finish_reason != "stop":
        return solution.drop("cut_off")
    if verdict.why == "ambiguous" or (verdict.answer and not _states_one(shown, solution.text)):
        return solution.drop("several_answers", solution.text[-60:])
    if verdict.answer is None:
        return solution.drop("no_answer", solution.text[-60:])
    if not verdict.correct:
        return solution.drop("wrong_answer", verdict.answer)
    if contradiction(shown, solution.text, "stop") or not quotes_its_choice(shown, solution.text):
        return solution.drop("contradicts_itself")
    rationale = reasoning_of(solution.text, in_thoughts=renderer.thinking == "on")
    if not rationale:
        return solution.drop("no_rationale")
    try:
        rationale = _as_it_stands(shown, solution.order, rationale)
    except ValueError as error:
        return solution.drop("names_choices_of_another_order", str(error))
    least, most = HANGUL_SHARES[language]
    share = hangul_share(rationale)
    if not least <= share <= (1.0 if solution.by == "own" else most):
        return solution.drop("wrong_language", f"{share:.0%} of the letters are Hangul")
    prompt = "\n".join((shown.passage, shown.box, shown.question, *shown.choices))
    if han_leak(rationale, prompt).leaks:
        return solution.drop("chinese", rationale[:60])
    if solution.by == "rationalized" and says_it_was_told(solution.text):
        return solution.drop("says_it_was_told", solution.text[:60])
    result = VerifiedSolution(solution, rationale)
    target = renderer.target(result.problem)
    if not grade(solution.problem, target).correct:
        return solution.drop("target_not_right", target[-60:])
    return result


def fits(
    verified: VerifiedSolution, prompt: Sequence[int], target: Sequence[int], context: int
) -> Drop | None:
    """Why these token ids cannot be trained on; None if they can."""
    if len(prompt) + len(target) > context:
        tokens = len(prompt) + len(target)
        return verified.solution.drop("too_long", f"{tokens} tokens, and the context is {context}")
    if (share := repetition(target)) > MAX_REPETITION:
        return verified.solution.drop("repeats_itself", f"{share:.0%} of its 4-grams")
    return None


def reasoning_of(text: str, *, in_thoughts: bool) -> str:
    """The lines of a completion without the statements of the answer.

    `in_thoughts`: takes the thoughts of a completion that has some, else the text behind them.
    """
    ends = list(_THOUGHT_END.finditer(text))
    if ends and in_thoughts:
        rest = _THOUGHT.sub("", text[: ends[-1].start()])
    else:
        rest = text[ends[-1].end() :] if ends else text
    if rest.lstrip("`json \n").startswith("{"):
        return rationale_of(rest).strip()
    lines = []
    for line in rest.strip().split("\n"):
        left = rationale_of(line)
        # A line without a statement of the answer keeps its emphasis.
        lines.append(line if left == (visible_text(line) or "") else left)
    return "\n".join(lines).strip()


def _states_one(problem: Problem, text: str) -> bool:
    """Whether all statements of the answer agree."""
    if problem.choices:
        statements = extract_numbers(text, problem.choices)
        return len({number for numbers in statements for number in numbers}) <= 1
    verdicts = [grade(problem, f"정답: {phrase}").correct for phrase in extract_texts(text)]
    return len(set(verdicts)) <= 1


def _as_it_stands(shown: Problem, order: Order, rationale: str) -> str:
    """The rationale with the choices numbered as in the run; raises ValueError where that is unclear."""
    if not order:
        return rationale
    back = sorted(range(len(order)), key=order.__getitem__)
    return permute(shown.model_copy(update={"rationale": rationale}), back).rationale
