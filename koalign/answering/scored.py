"""scored: the candidates of the items -> their log-probabilities, appended to scores.jsonl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from koalign import progress
from koalign.answering.system import Answers, System, prediction_of
from koalign.data.prompting.orders import Order
from koalign.data.prompting.tokens import candidate_ids, prompt_ids
from koalign.engines.engine import Engine, Question
from koalign.evaluation.benchmark import Benchmark
from koalign.evaluation.item_scores import score_choice
from koalign.evaluation.items import candidates_of
from koalign.evaluation.results import Prediction
from koalign.jsonl import JsonlAppender
from koalign.records import KoalignError, Record

AT_ONCE = 64
"""Scored items between two writes."""


class Scored(Record):
    """One line of scores.jsonl: the candidates of an item in one order of its choices."""

    id: str
    order: Order
    logprobs: tuple[float, ...]
    prompt_tokens: int


def choose(engine: Engine, benchmark: Benchmark, system: System, out: Path) -> Answers:
    """The likeliest candidate of every item; raises KoalignError where a prompt is too long."""
    scored = _score(engine, benchmark, system, out)
    orders: dict[str, dict[Order, Sequence[float]]] = {}
    for one in scored.values():
        orders.setdefault(one.id, {})[one.order] = one.logprobs
    return Answers([_chosen(benchmark, n, scored) for n in range(len(benchmark.ids))], orders)


def _score(
    engine: Engine, benchmark: Benchmark, system: System, out: Path
) -> dict[tuple[str, Order], Scored]:
    """The log-probabilities of every item in every order, by item and order."""
    adapter = system.steps[-1]
    with JsonlAppender(out / "scores.jsonl", Scored) as file:
        known = {(one.id, one.order): one for one in file.done}
        asked = [
            (number, order)
            for number, orders in enumerate(benchmark.orders)
            for order in orders
            if (benchmark.ids[number], order) not in known
        ]
        prompts = [benchmark.prompt(number, order) for number, order in asked]
        texts = [candidates_of(benchmark.protocol, benchmark.problems[n]) for n, _ in asked]
        ids = prompt_ids(engine.tokenizer, prompts)
        questions = [
            Question(tuple(prompt), candidates, adapter)
            for prompt, candidates in zip(
                ids, candidate_ids(engine.tokenizer, prompts, texts), strict=True
            )
        ]
        _refuse_no_room(engine, questions)
        new: list[Scored] = []
        with progress.bar(f"evaluate: {system.adapters}", len(asked)) as advance:
            for place, logprobs in engine.score(questions):
                number, order = asked[place]
                one = Scored(
                    id=benchmark.ids[number],
                    order=order,
                    logprobs=tuple(round(value, 6) for value in logprobs),
                    prompt_tokens=len(questions[place].prompt_ids),
                )
                known[one.id, order] = one
                new.append(one)
                advance(1)
                if len(new) == AT_ONCE:
                    file.append(new)
                    new = []
        file.append(new)
    return known


def _refuse_no_room(engine: Engine, questions: Sequence[Question]) -> None:
    lengths = [
        len(one.prompt_ids) + max(len(candidate) for candidate in one.candidates)
        for one in questions
    ]
    if long := [length for length in lengths if length > engine.base.context]:
        raise KoalignError(
            f"{len(long)} of {len(lengths)} prompts are longer than the context of "
            f"{engine.base.context} tokens, the longest {max(long)}; lower --shots, or raise "
            "model.max_length"
        )


def _chosen(
    benchmark: Benchmark, number: int, scored: Mapping[tuple[str, Order], Scored]
) -> Prediction:
    one = scored[benchmark.ids[number], ()]
    score = score_choice(benchmark.protocol, benchmark.problems[number], one.logprobs)
    return prediction_of(
        benchmark, number, score, logprobs=one.logprobs, prompt_tokens=one.prompt_tokens
    )
