"""preferences: rankings -> pairs: the best text against the others, through the checks of mined pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from koalign.data.grading.grade import grade, quotes_its_choice
from koalign.data.prompting.prompts import Renderer
from koalign.data.prompting.tokens import completion_ids, prompt_ids, prompt_texts
from koalign.data.text.korean import han_leak, repetition
from koalign.mining.pairs.pairing import PlacedPair
from koalign.records import Completion, Drop, Pair, PromptTokens, Ranking

BATCH = 256
"""Rankings tokenized in one call."""


@dataclass(frozen=True)
class Limits:
    """What a side of a pair must keep to."""

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
    rejected one wrong (reason `ranked`); else the annotator's word is taken (reason `native`).
    """
    pairs: list[PlacedPair] = []
    drops: list[Drop] = []
    taken: Counter[str] = Counter()
    asked = []
    for ranking in rankings:
        if reason := _not_asked(ranking, renderer):
            drops.append(_drop(ranking, reason, ranking.texts[0]))
        else:
            asked.append(ranking)
    for ranking, prompt, sides in _tokenized(asked, renderer, tokenizer):
        found, gone = _pairs_of(ranking, prompt, sides, limits)
        room = per_problem - taken[ranking.problem.id]
        pairs += found[:room]
        taken[ranking.problem.id] += len(found[:room])
        drops += [*gone, *(pair.drop("more_than_per_problem") for pair in found[room:])]
    unique = {pair.name: pair for pair in pairs}
    drops += [pair.drop("same_pair_twice") for pair in pairs if unique[pair.name] is not pair]
    return list(unique.values()), drops


def _not_asked(ranking: Ranking, renderer: Renderer) -> str | None:
    """Why the template cannot ask this problem; none: it can."""
    if ranking.problem.kind not in renderer.template.kinds:
        return "kind_not_in_template"
    if len(ranking.problem.choices) > len(renderer.template.labels):
        return "more_choices_than_labels"
    return None


def _tokenized(
    rankings: Sequence[Ranking], renderer: Renderer, tokenizer: Any
) -> Iterator[tuple[Ranking, PromptTokens, list[Completion]]]:
    for start in range(0, len(rankings), BATCH):
        batch = rankings[start : start + BATCH]
        asked = [renderer.render(ranking.problem, "answer") for ranking in batch]
        read = zip(prompt_texts(tokenizer, asked), prompt_ids(tokenizer, asked), strict=True)
        each = [prompt for prompt, r in zip(asked, batch, strict=True) for _ in r.texts]
        written = iter(
            completion_ids(tokenizer, each, [text for ranking in batch for text in ranking.texts])
        )
        for ranking, (text, ids) in zip(batch, read, strict=True):
            prompt = PromptTokens(problem_id=ranking.problem.id, text=text, token_ids=tuple(ids))
            sides = [Completion(text=t, token_ids=tuple(next(written))) for t in ranking.texts]
            yield ranking, prompt, sides


def _pairs_of(
    ranking: Ranking, prompt: PromptTokens, sides: Sequence[Completion], limits: Limits
) -> tuple[list[PlacedPair], list[Drop]]:
    problem, best = ranking.problem, sides[0]
    verifiable = bool(problem.answers) and problem.kind != "long"
    verdicts = [grade(problem, side.text) for side in sides]
    room = limits.context - len(prompt.token_ids)
    if len(best.token_ids) > room:
        return [], [_drop(ranking, "longer_than_context", best.text)]
    if repetition(best.token_ids) > limits.max_repetition:
        return [], [_drop(ranking, "repeats_itself", best.text)]
    if han_leak(best.text, prompt.text).leaks:
        return [], [_drop(ranking, "chinese", best.text)]
    if verifiable and not (verdicts[0].correct and quotes_its_choice(problem, best.text)):
        return [], [_drop(ranking, "chosen_not_right", best.text)]
    pairs, drops = [], []
    for side, verdict in zip(sides[1:], verdicts[1:], strict=True):
        lengths = sorted(len(one.token_ids) for one in (best, side))
        if len(side.token_ids) > room:
            drops.append(_drop(ranking, "longer_than_context", side.text))
        elif repetition(side.token_ids) > limits.max_repetition:
            drops.append(_drop(ranking, "repeats_itself", side.text))
        elif han_leak(side.text, prompt.text).leaks:
            drops.append(_drop(ranking, "chinese", side.text))
        elif verifiable and (
            verdict.correct or verdict.answer is None or not quotes_its_choice(problem, side.text)
        ):
            drops.append(_drop(ranking, "rejected_not_wrong", side.text))
        elif lengths[1] > limits.max_length_ratio * lengths[0]:
            drops.append(_drop(ranking, "lengths_too_different", side.text))
        else:
            pair = Pair(
                problem_id=problem.id,
                prompt=prompt.text,
                prompt_ids=prompt.token_ids,
                chosen=best,
                rejected=side,
                reason="ranked" if verifiable else "native",
            )
            if verifiable and problem.choices:
                places = (int(verdicts[0].answer or 0), int(verdict.answer or 0))
                pairs.append(PlacedPair(pair, len(problem.choices), places))
            else:
                pairs.append(PlacedPair(pair))
    return pairs, drops


def _drop(ranking: Ranking, reason: str, text: str) -> Drop:
    return Drop(stage="pairs", reason=reason, problem_id=ranking.problem.id, detail=text[:100])
