"""distillation: what a model wrote to a training problem -> a rationale worth learning, or why not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from koalign.data.grading.extract import extract_numbers, extract_texts, visible_text
from koalign.data.grading.grade import FinishReason, grade, quotes_its_choice
from koalign.data.prompting.choices import permute
from koalign.data.prompting.orders import Order, in_order
from koalign.data.prompting.prompts import Renderer
from koalign.data.text.korean import han_leak, repetition
from koalign.evaluation.diagnosis.reasoning import contradiction, rationale_of
from koalign.mining.distilling.explaining import Language, says_it_was_told
from koalign.mining.distilling.teacher_calls import Reply
from koalign.records import Drop, Problem, Rationale, Sample, Verdict

By = Literal["own", "teacher", "rationalized"]
HANGUL_SHARES: dict[Language, tuple[float, float]] = {"korean": (0.5, 1.0), "mixed": (0.05, 0.20)}
"""Least and largest share of Hangul among the letters of a rationale. English with 5 to 20 % of Korean
taught more than either alone (KO-REAson, arXiv 2510.04230)."""
MAX_REPETITION = 0.5
"""Largest share of repeated 4-grams of tokens, as of pairs."""

_HANGUL = re.compile("[가-힣\u1100-\u11ff\u3131-\u318e]")
_THOUGHT = re.compile(r"</?(?:think|thinking|thought|추론)\s?>", re.IGNORECASE)
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought|추론)\s?>", re.IGNORECASE)


@dataclass(frozen=True)
class Written:
    """One completion to a training problem."""

    problem: Problem
    """As it stands in the run."""
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
        """What the rule says of it."""
        return grade(self.shown, self.text, self.finish_reason)

    def drop(self, reason: str, detail: str = "") -> Drop:
        """The completion, set aside."""
        draw = f"{self.by} {self.index}"
        return drop_of(self.problem.id, reason, f"{draw}: {detail}" if detail else draw)


def sampled(problem: Problem, sample: Sample) -> Written:
    """A sample of the policy."""
    return Written(
        problem=problem,
        text=sample.text,
        finish_reason=sample.finish_reason,
        by="own",
        model=sample.adapter,
        index=sample.index,
        order=sample.permutation,
    )


def replied(problem: Problem, reply: Reply, by: By) -> Written:
    """A reply of a teacher."""
    return Written(problem, reply.text, reply.finish_reason, by, reply.model, reply.index)


@dataclass(frozen=True)
class Explained:
    """A completion whose answer is verified, and its rationale."""

    written: Written
    rationale: str
    """About the choices as they stand in the run."""

    @property
    def problem(self) -> Problem:
        """The problem with this rationale as its own."""
        return self.written.problem.model_copy(
            update={"rationale": self.rationale, "rationales": ()}
        )

    @property
    def record(self) -> Rationale:
        """What is kept of it."""
        return Rationale(text=self.rationale, by=self.written.by, model=self.written.model)


def drop_of(problem_id: str, reason: str, detail: str) -> Drop:
    """A draw, set aside; the detail begins with whose it is."""
    return Drop(stage="distill", reason=reason, problem_id=problem_id, detail=detail[:200])


def hangul_share(text: str) -> float:
    """The share of Hangul among the letters of a text, of any script; 0 of a text without letters."""
    letters = sum(character.isalpha() for character in text)
    return len(_HANGUL.findall(text)) / letters if letters else 0.0


def explained(written: Written, language: Language, renderer: Renderer) -> Explained | Drop:
    """The rationale of a completion, or the first of the rules that it breaks.

    It has ended, states one answer, and that is right; it does not contradict itself; there is reasoning
    beside the answer, in the language asked for (own samples may be all Korean), without Chinese that
    leaked; what the template then teaches is itself graded right; and a teacher that was told the answer
    does not say so.
    """
    shown, verdict = written.shown, written.verdict
    if written.finish_reason != "stop":
        return written.drop("cut_off")
    if verdict.why == "ambiguous" or (verdict.answer and not _states_one(shown, written.text)):
        return written.drop("several_answers", written.text[-60:])
    if verdict.answer is None:
        return written.drop("no_answer", written.text[-60:])
    if not verdict.correct:
        return written.drop("wrong_answer", verdict.answer)
    if contradiction(shown, written.text, "stop") or not quotes_its_choice(shown, written.text):
        return written.drop("contradicts_itself")
    rationale = reasoning_of(written.text, in_thoughts=renderer.thinking == "on")
    if not rationale:
        return written.drop("no_rationale")
    try:
        rationale = _as_it_stands(shown, written.order, rationale)
    except ValueError as error:
        return written.drop("names_choices_of_another_order", str(error))
    least, most = HANGUL_SHARES[language]
    share = hangul_share(rationale)
    if not least <= share <= (1.0 if written.by == "own" else most):
        return written.drop("wrong_language", f"{share:.0%} of the letters are Hangul")
    prompt = "\n".join((shown.passage, shown.box, shown.question, *shown.choices))
    if han_leak(rationale, prompt).leaks:
        return written.drop("chinese", rationale[:60])
    if written.by == "rationalized" and says_it_was_told(written.text):
        return written.drop("says_it_was_told", written.text[:60])
    found = Explained(written, rationale)
    taught = renderer.target(found.problem)
    if not grade(written.problem, taught).correct:
        return written.drop("target_not_right", taught[-60:])
    return found


def fits(one: Explained, prompt: Sequence[int], target: Sequence[int], context: int) -> Drop | None:
    """Why a rationale cannot be taught as these token ids; none if it can."""
    if len(prompt) + len(target) > context:
        tokens = len(prompt) + len(target)
        return one.written.drop("too_long", f"{tokens} tokens, and the context is {context}")
    if (share := repetition(target)) > MAX_REPETITION:
        return one.written.drop("repeats_itself", f"{share:.0%} of its 4-grams")
    return None


def reasoning_of(text: str, *, in_thoughts: bool) -> str:
    """What a completion says besides the answer, line by line as it stands.

    `in_thoughts`: of a completion that thinks first the thoughts, else what follows them.
    """
    ends = list(_THOUGHT_END.finditer(text))
    if ends and in_thoughts:
        said = _THOUGHT.sub("", text[: ends[-1].start()])
    else:
        said = text[ends[-1].end() :] if ends else text
    if said.lstrip("`json \n").startswith("{"):
        return rationale_of(said).strip()
    lines = []
    for line in said.strip().split("\n"):
        left = rationale_of(line)
        # What holds no statement of the answer stays as it was written, emphasis and all.
        lines.append(line if left == (visible_text(line) or "") else left)
    return "\n".join(lines).strip()


def _states_one(problem: Problem, text: str) -> bool:
    """Whether all statements of the answer are one and the same."""
    if problem.choices:
        statements = extract_numbers(text, problem.choices)
        return len({number for numbers in statements for number in numbers}) <= 1
    said = [grade(problem, f"정답: {phrase}").correct for phrase in extract_texts(text)]
    return len(set(said)) <= 1


def _as_it_stands(shown: Problem, order: Order, rationale: str) -> str:
    """The rationale about the choices in their own order; raises ValueError where that cannot be told."""
    if not order:
        return rationale
    back = sorted(range(len(order)), key=order.__getitem__)
    return permute(shown.model_copy(update={"rationale": rationale}), back).rationale
