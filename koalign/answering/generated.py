"""generated: the items -> samples, appended to samples.jsonl; the majority answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from koalign.answering.system import Answers, System, prediction_of
from koalign.config.inputs import Sampling
from koalign.engines.drawing import draw, requests_for
from koalign.engines.engine import Engine
from koalign.evaluation.benchmark import Benchmark
from koalign.evaluation.item_scores import score_text
from koalign.evaluation.results import Prediction
from koalign.evaluation.solving.voting import Ballot, elect
from koalign.records import Sample, content_hash


def generate_answers(
    engine: Engine, several: Sampling, benchmark: Benchmark, system: System, out: Path
) -> Answers:
    """An answer to every item, with a hint in its prompt where the system has two steps.

    One sample is drawn with the protocol's settings, several with temperature and top_p of `several`.
    """
    protocol, items = benchmark.protocol, range(len(benchmark.ids))
    greedy, warm = (
        Sampling(temperature=one.temperature, top_p=one.top_p, max_tokens=protocol.max_tokens)
        for one in (protocol, several)
    )
    hints = [""] * len(items)
    if len(system.steps) == 2:
        prompts = [
            benchmark.renderer.render(benchmark.problems[n], "abstraction").model_copy(
                update={"problem_id": benchmark.ids[n]}
            )
            for n in items
        ]
        drawn = draw(
            engine,
            requests_for(engine, prompts, system.steps[0]),
            greedy,
            out / "hint_samples.jsonl",
            title=f"evaluate: {system.adapters}: hints",
            seed=benchmark.seed,
        )
        # A hint that did not end is no hint; an empty one renders the bare prompt.
        hints = [hint.text.strip() if hint.finish_reason == "stop" else "" for (hint,) in drawn]
    requests = requests_for(
        engine,
        [benchmark.prompt(n, hint=hints[n]) for n in items],
        system.steps[-1],
        [content_hash(hint) if hint else "" for hint in hints],
        n=benchmark.samples,
    )
    drawn = draw(
        engine,
        requests,
        warm if benchmark.samples > 1 else greedy,
        out / "samples.jsonl",
        title=f"evaluate: {system.adapters}",
        seed=benchmark.seed,
        stop=protocol.stop,
    )
    return Answers(
        [
            _prediction(benchmark, n, samples, hints[n], len(requests[n].prompt_ids))
            for n, samples in enumerate(drawn)
        ]
    )


def _prediction(
    benchmark: Benchmark, number: int, samples: Sequence[Sample], hint: str, prompt_tokens: int
) -> Prediction:
    """The majority answer; a tie goes to the sample of the higher log-probability per token."""
    problem = benchmark.problems[number]
    scores = [
        score_text(benchmark.protocol, problem, sample.text, sample.finish_reason)
        for sample in samples
    ]
    best = elect(
        [
            Ballot(score.answer, sample.logprob / max(1, len(sample.token_ids)), place)
            for place, (score, sample) in enumerate(zip(scores, samples, strict=True))
        ]
    ).place
    return prediction_of(
        benchmark,
        number,
        scores[best],
        text=samples[best].text,
        hint=hint,
        votes=tuple(score.answer for score in scores) if len(samples) > 1 else (),
        prompt_tokens=prompt_tokens,
        completion_tokens=sum(len(sample.token_ids) for sample in samples),
    )
