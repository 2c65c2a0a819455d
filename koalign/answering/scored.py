"""scored: the candidates of the items -> their log-probabilities, appended to scores.jsonl."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from koalign import progress
from koalign.answering.system import Answers, System, prediction_of
from koalign.data.prompting.orders import Order
from koalign.data.prompting.tokens import candidate_ids, prompt_ids
from koalign.engines.engine import Engine, Question
from koalign.evaluation.benchmark import Benchmark
from koalign.evaluation.item_scores import score_choice
from koalign.evaluation.items import candidates_of
from koalign.jsonl import JsonlAppender
from koalign.records import KoalignError, Record

AT_ONCE = 64
"""Items between two writes."""


class ItemLogprobs(Record):
    """One line of scores.jsonl: log-probabilities of an item's candidates in one order of its choices."""

    id: str
    order: Order
    logprobs: tuple[float, ...]
    prompt_tokens: int


def score_choices(engine: Engine, benchmark: Benchmark, system: System, out: Path) -> Answers:
    """The likeliest candidate of every item; raises KoalignError where a prompt is too long."""
    scored = _score(engine, benchmark, system, out)
    orders: dict[str, dict[Order, Sequence[float]]] = {}
    for item in scored.values():
        orders.setdefault(item.id, {})[item.order] = item.logprobs
    predictions = []
    for number, problem in enumerate(benchmark.problems):
        item = scored[benchmark.ids[number], ()]
        score = score_choice(benchmark.protocol, problem, item.logprobs)
        shown = {"logprobs": item.logprobs, "prompt_tokens": item.prompt_tokens}
        predictions.append(prediction_of(benchmark, number, score, **shown))
    return Answers(predictions, orders)


def _score(
    engine: Engine, benchmark: Benchmark, system: System, out: Path
) -> dict[tuple[str, Order], ItemLogprobs]:
    """The log-probabilities of every item in every order, by item and order."""
    adapter = system.steps[-1]
    with JsonlAppender(out / "scores.jsonl", ItemLogprobs) as file:
        known = {(item.id, item.order): item for item in file.done}
        missing = [
            (number, order)
            for number, orders in enumerate(benchmark.orders)
            for order in orders
            if (benchmark.ids[number], order) not in known
        ]
        prompts = [benchmark.prompt(number, order) for number, order in missing]
        texts = [candidates_of(benchmark.protocol, benchmark.problems[n]) for n, _ in missing]
        ids = prompt_ids(engine.tokenizer, prompts)
        questions = [
            Question(tuple(prompt), candidates, adapter)
            for prompt, candidates in zip(
                ids, candidate_ids(engine.tokenizer, prompts, texts), strict=True
            )
        ]
        _refuse_long(engine, questions)
        new: list[ItemLogprobs] = []
        with progress.bar(f"evaluate: {system.adapters}", len(missing)) as advance:
            for place, logprobs in engine.score(questions):
                number, order = missing[place]
                item = ItemLogprobs(
                    id=benchmark.ids[number],
                    order=order,
                    logprobs=tuple(round(value, 6) for value in logprobs),
                    prompt_tokens=len(questions[place].prompt_ids),
                )
                known[item.id, order] = item
                new.append(item)
                advance(1)
                if len(new) == AT_ONCE:
                    file.append(new)
                    new = []
        file.append(new)
    return known


def _refuse_long(engine: Engine, questions: Sequence[Question]) -> None:
    lengths = [len(q.prompt_ids) + max(map(len, q.candidates)) for q in questions]
    if long := [length for length in lengths if length > engine.base.context]:
        raise KoalignError(
            f"{len(long)} of {len(lengths)} prompts are longer than the context of "
            f"{engine.base.context} tokens, the longest {max(long)}; lower --shots, or raise "
            "model.max_length"
        )
