"""preferences: rankings -> pairs: the best text against the others, through the checks of mined pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from koalign.data.prompting.prompts import Renderer
from koalign.data.prompting.tokens import completion_ids, prompt_ids, prompt_texts
from koalign.grading.grade import grade, quotes_its_choice
from koalign.mining.pairs.pairing import PlacedPair, place_pair
from koalign.records import Completion, Drop, PromptTokens, Ranking, Verdict
from koalign.text.korean import han_leak, repetition

BATCH = 256
"""Rankings tokenized in one call."""


@dataclass(frozen=True)
class Limits:
    """Limits for a side of a pair."""

    context: int
    """Tokens of prompt and completion together."""
    max_repetition: float
    max_length_ratio: float


def preference_pairs(
    rankings: Sequence[Ranking],
    renderer: Renderer,
    tokenizer: Any,
    *,
    limits: Limits,
    per_problem: int,
) -> tuple[list[PlacedPair], list[Drop]]:
    """The best text of each ranking against up to `per_problem` of the others, in their order.

    Where the problem has a gold answer that a rule can check, the chosen text must be right and the
    rejected one wrong (reason `ranked`); else the annotator's order is taken (reason `native`).
    """
    pairs: list[PlacedPair] = []
    drops: list[Drop] = []
    taken: Counter[str] = Counter()
    usable = []
    for ranking in rankings:
        if reason := _unusable(ranking, renderer):
            drops.append(_drop(ranking, reason, ranking.texts[0]))
        else:
            usable.append(ranking)
    for ranking, prompt, sides in _tokenized(usable, renderer, tokenizer):
        made, gone = _pairs_of(ranking, prompt, sides, limits)
        room = per_problem - taken[ranking.problem.id]
        pairs += made[:room]
        taken[ranking.problem.id] += len(made[:room])
        drops += [*gone, *(pair.drop("more_than_per_problem") for pair in made[room:])]
    unique = {pair.name: pair for pair in pairs}
    drops += [pair.drop("same_pair_twice") for pair in pairs if unique[pair.name] is not pair]
    return list(unique.values()), drops


def _unusable(ranking: Ranking, renderer: Renderer) -> str | None:
    """Why the template cannot render this problem; None if it can."""
    if ranking.problem.kind not in renderer.template.kinds:
        return "kind_not_in_template"
    if len(ranking.problem.choices) > len(renderer.template.ten_labels):
        return "more_choices_than_labels"
    return None


def _tokenized(
    rankings: Sequence[Ranking], renderer: Renderer, tokenizer: Any
) -> Iterator[tuple[Ranking, PromptTokens, list[Completion]]]:
    for start in range(0, len(rankings), BATCH):
        batch = rankings[start : start + BATCH]
        prompts = [renderer.render(ranking.problem, "answer") for ranking in batch]
        shown = zip(prompt_texts(tokenizer, prompts), prompt_ids(tokenizer, prompts), strict=True)
        each = [prompt for prompt, r in zip(prompts, batch, strict=True) for _ in r.texts]
        token_ids = iter(completion_ids(tokenizer, each, [t for r in batch for t in r.texts]))
        for ranking, (text, ids) in zip(batch, shown, strict=True):
            prompt = PromptTokens(problem_id=ranking.problem.id, text=text, token_ids=tuple(ids))
            sides = [Completion(text=t, token_ids=tuple(next(token_ids))) for t in ranking.texts]
            yield ranking, prompt, sides


def _pairs_of(
    ranking: Ranking, prompt: PromptTokens, sides: Sequence[Completion], limits: Limits
) -> tuple[list[PlacedPair], list[Drop]]:
    problem, best = ranking.problem, sides[0]
    verifiable = bool(problem.answers) and problem.kind != "long"
    verdicts = [grade(problem, side.text) for side in sides]

    def refusal(side: Completion, verdict: Verdict) -> str | None:
        if len(prompt.token_ids) + len(side.token_ids) > limits.context:
            return "longer_than_context"
        if repetition(side.token_ids) > limits.max_repetition:
            return "repeats_itself"
        if han_leak(side.text, prompt.text).leaks:
            return "chinese"
        states_a_choice = verdict.answer is not None and quotes_its_choice(problem, side.text)
        if verifiable and not (states_a_choice and verdict.correct == (side is best)):
            return "chosen_not_right" if side is best else "rejected_not_wrong"
        shorter, longer = sorted(len(text.token_ids) for text in (best, side))
        return "lengths_too_different" if longer > limits.max_length_ratio * shorter else None

    refusals = list(map(refusal, sides, verdicts))
    if refusals[0]:
        return [], [_drop(ranking, refusals[0], best.text)]
    others = list(zip(sides, verdicts, refusals, strict=True))[1:]
    reason = "ranked" if verifiable else "native"
    pairs = [
        place_pair(
            problem, prompt, (best, side), reason, (verdicts[0], verdict) if verifiable else ()
        )
        for side, verdict, refused in others
        if not refused
    ]
    return pairs, [_drop(ranking, refused, side.text) for side, _, refused in others if refused]


def _drop(ranking: Ranking, reason: str, text: str) -> Drop:
    return Drop(stage="pairs", reason=reason, problem_id=ranking.problem.id, detail=text[:100])
