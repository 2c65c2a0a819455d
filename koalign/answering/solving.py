"""solving: problems -> attempts: all hints of a batch, then all of its answers, appended batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from koalign import progress
from koalign.config.inputs import Sampling
from koalign.config.sections import Solve
from koalign.data.prompting.prompts import Purpose, Renderer
from koalign.engines.drawing import refuse_no_room, requests_for
from koalign.engines.engine import Engine, Request, batches
from koalign.evaluation.solving.voting import Attempt, TriedHint, Written, times_drawn, uses_of
from koalign.jsonl import JsonlAppender
from koalign.records import KoalignError, Problem, Sample, content_hash


@dataclass(frozen=True)
class Solver:
    """An engine that holds the adapters of all steps, and the budget of a problem."""

    engine: Engine
    section: Solve
    renderer: Renderer
    steps: Sequence[Path | None]
    """Of two the first writes hints; with one alone all answers are bare."""
    seed: int

    def attempts(self, problems: Sequence[Problem], path: Path) -> Iterator[list[Attempt]]:
        """The attempts at the problems, batch by batch; those in the file `path` are not made again.

        The batches are the same on every call, and one that is not whole in the file is computed whole
        again, so that a killed and continued run ends in the same bytes as an uninterrupted one. Raises
        KoalignError where a prompt leaves no room for `max_tokens`.
        """
        if not 1 <= len(self.steps) <= 2:
            raise KoalignError(
                f"--adapters: {len(self.steps)} steps; give `answer` or `abstraction,answer`"
            )
        bare = self._requests(problems, "answer", self.steps[-1])
        hinting = self._requests(problems, "abstraction", self.steps[0]) if self.hints else []
        hinted = self.hints * self.section.answers
        size = self.engine.requests_at_once(max(hinted, self.section.budget - hinted))
        with (
            JsonlAppender(path, Attempt) as file,
            progress.bar("solve", len(problems)) as advance,
        ):
            done = {attempt.id: attempt for attempt in file.done}
            for start in range(0, len(problems), size):
                batch = slice(start, start + size)
                if not all(problem.id in done for problem in problems[batch]):
                    made = self._batch(problems[batch], hinting[batch], bare[batch])
                    file.append([attempt for attempt in made if attempt.id not in done])
                    done |= {attempt.id: attempt for attempt in made}
                yield [done[problem.id] for problem in problems[batch]]
                advance(len(problems[batch]))

    @property
    def hints(self) -> int:
        """Hints of a problem."""
        return self.section.hints if len(self.steps) == 2 else 0

    def _requests(
        self, problems: Sequence[Problem], purpose: Purpose, adapter: Path | None
    ) -> list[Request]:
        asked = [self.renderer.render(problem, purpose) for problem in problems]
        requests = requests_for(self.engine, asked, adapter)
        refuse_no_room(self.engine, requests, self.section, f"solve: {purpose}")
        return requests

    def _batch(
        self, problems: Sequence[Problem], hinting: Sequence[Request], bare: Sequence[Request]
    ) -> list[Attempt]:
        drawn: list[list[Sample]] = [[] for _ in problems]
        if hinting:
            drawn = self.engine.generate(
                [replace(request, n=self.hints) for request in hinting],
                self.section.for_hints,
                seed=self.seed,
            )
        shown = self._shown(problems, drawn)
        tried: list[list[TriedHint]] = []
        answering: list[Request] = []
        for problem, samples, requests, without in zip(problems, drawn, shown, bare, strict=True):
            fits = [self._fits(request) for request in requests]
            uses = uses_of(problem, samples, fits)
            with_hint = [
                replace(requests[number], n=times * self.section.answers)
                for number, times in times_drawn(samples, uses).items()
            ]
            # Bare answers stand in for those of unusable hints: every problem has the same budget.
            left = self.section.budget - sum(request.n for request in with_hint)
            answering += [*with_hint, *([replace(without, n=left)] if left else [])]
            tried.append(
                [
                    TriedHint(
                        text=sample.text.strip(),
                        use=use,
                        tokens=len(sample.token_ids),
                        prompt_tokens=len(request.prompt_ids) if use == "used" else 0,
                    )
                    for sample, use, request in zip(samples, uses, requests, strict=True)
                ]
            )
        written = write(self.engine, answering, self.section, self.seed)
        return [
            Attempt(
                id=problem.id,
                hints=tuple(
                    hint.model_copy(update={"answers": written[problem.id, name_of(hint.text)]})
                    if hint.use == "used"
                    else hint
                    for hint in hints
                ),
                bare=written.get((problem.id, ""), ()),
                hint_prompt_tokens=len(hinting[number].prompt_ids) if hinting else 0,
                bare_prompt_tokens=len(bare[number].prompt_ids),
            )
            for number, (problem, hints) in enumerate(zip(problems, tried, strict=True))
        ]

    def _shown(
        self, problems: Sequence[Problem], drawn: Sequence[Sequence[Sample]]
    ) -> list[list[Request]]:
        """For each problem the prompts that show its hints."""
        pairs = [
            (problem, sample.text.strip())
            for problem, samples in zip(problems, drawn, strict=True)
            for sample in samples
        ]
        requests = iter(hinted_requests(self.engine, self.renderer, pairs, self.steps[-1]))
        return [[next(requests) for _ in samples] for samples in drawn]

    def _fits(self, request: Request) -> bool:
        return len(request.prompt_ids) + self.section.max_tokens <= self.engine.base.context


def hinted_requests(
    engine: Engine,
    renderer: Renderer,
    pairs: Sequence[tuple[Problem, str]],
    adapter: Path | None,
) -> list[Request]:
    """The prompt of each problem with a hint."""
    asked = [renderer.render(problem, "answer", hint=hint) for problem, hint in pairs]
    return requests_for(engine, asked, adapter, [name_of(hint) for _, hint in pairs])


def name_of(hint: str) -> str:
    """The id that samples carry which were written with this hint; of no hint empty."""
    return content_hash(hint) if hint else ""


def write(
    engine: Engine, requests: Sequence[Request], sampling: Sampling, seed: int
) -> dict[tuple[str, str], tuple[Written, ...]]:
    """(problem id, hint id) -> its answers."""
    answers = {}
    for batch in batches(engine, sorted(requests, key=lambda request: request.n)):
        drawn = engine.generate(batch, sampling, seed=seed)
        for request, samples in zip(batch, drawn, strict=True):
            key = request.problem_id, request.abstraction_id
            answers[key] = tuple(written_of(sample) for sample in samples)
    return answers


def written_of(sample: Sample) -> Written:
    """What voting needs of a sample."""
    return Written(
        text=sample.text,
        tokens=len(sample.token_ids),
        logprob=sample.logprob,
        finish_reason=sample.finish_reason,
    )
