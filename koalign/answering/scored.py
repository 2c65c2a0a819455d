"""scored: the candidates of the items -> their log-probabilities, appended to scores.jsonl."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from operator import attrgetter
from pathlib import Path

from koalign import progress
from koalign.answering.system import Answers, System, prediction_of
from koalign.data.prompting.orders import Order
from koalign.data.prompting.tokens import candidate_ids, prompt_ids
from koalign.engines.engine import Engine, Question, scored_together
from koalign.evaluation.benchmark import Benchmark
from koalign.evaluation.item_scores import score_choice
from koalign.evaluation.items import candidates_of
from koalign.parts import PartedFile
from koalign.records import KoalignError, Record


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
    asked = [(number, order) for number, orders in enumerate(benchmark.orders) for order in orders]
    prompts = [benchmark.prompt(number, order) for number, order in asked]
    texts = [candidates_of(benchmark.protocol, benchmark.problems[n]) for n, _ in asked]
    ids = prompt_ids(engine.tokenizer, prompts)
    questions = [
        Question(tuple(prompt), candidates, system.steps[-1])
        for prompt, candidates in zip(
            ids, candidate_ids(engine.tokenizer, prompts, texts), strict=True
        )
    ]
    longest = _refuse_long(engine, questions)
    parts = list(scored_together(questions))
    units = [[(benchmark.ids[asked[n][0]], asked[n][1]) for n in part] for part in parts]

    def draw(left: list[int]) -> Iterator[list[ItemLogprobs]]:
        work = [[questions[n] for n in parts[unit]] for unit in left]
        scores = engine.each(partial(_score_part, longest=longest), work)
        for unit, scored in zip(left, scores, strict=True):
            yield [
                ItemLogprobs(
                    id=name,
                    order=order,
                    logprobs=tuple(round(value, 6) for value in logprobs),
                    prompt_tokens=len(questions[n].prompt_ids),
                )
                for (name, order), n, logprobs in zip(units[unit], parts[unit], scored, strict=True)
            ]

    with PartedFile(out / "scores.jsonl", ItemLogprobs, attrgetter("id", "order")) as file:
        own = sum(len(units[n]) for n in file.own(units))
        with progress.bar(f"evaluate: {system.adapters}", own) as advance:
            for unit in file.fill(units, draw):
                advance(len(units[unit]))
        file.refuse_unfinished(units)
        return {name: file.known[name] for unit in units for name in unit}


def _score_part(
    engine: Engine, questions: Sequence[Question], *, longest: int
) -> list[list[float]]:
    """The scores of questions that are scored together, in their order."""
    engine.expect(longest)
    scores = dict(engine.score(questions))
    return [scores[number] for number in range(len(questions))]


def _refuse_long(engine: Engine, questions: Sequence[Question]) -> int:
    """Tokens of the longest; raises KoalignError where the context is shorter."""
    lengths = [len(q.prompt_ids) + max(map(len, q.candidates)) for q in questions]
    if long := [length for length in lengths if length > engine.base.context]:
        raise KoalignError(
            f"{len(long)} of {len(lengths)} prompts are longer than the context of "
            f"{engine.base.context} tokens, the longest {max(long)}; lower --shots, or raise "
            "model.max_length"
        )
    return max(lengths, default=0)
