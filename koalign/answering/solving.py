"""solving: problems -> attempts: the hints of a batch, then its answers, appended batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from koalign import progress
from koalign.config.sections import Solve
from koalign.data.prompting.prompts import Purpose, Renderer
from koalign.engines.drawing import (
    fits,
    longest_of,
    refuse_no_room,
    requests_for,
    say_limited,
)
from koalign.engines.engine import Engine, Request, batches
from koalign.evaluation.solving.voting import (
    Answer,
    Attempt,
    SampledHint,
    Use,
    times_drawn,
    uses_of,
)
from koalign.jsonl import JsonlAppender
from koalign.records import KoalignError, Problem, Sample, content_hash


@dataclass(frozen=True)
class Solver:
    """An engine that holds the adapters of all steps, and the budget of a problem."""

    engine: Engine
    section: Solve
    renderer: Renderer
    steps: Sequence[Path | None]
    """Of two the first generates hints; with one alone all answers are bare."""
    seed: int

    def attempts(self, problems: Sequence[Problem], path: Path) -> Iterator[list[Attempt]]:
        """The attempts at the problems, batch by batch; those in the file `path` are not made again.

        The batches are the same on every call, and one that is not whole in the file is computed whole
        again, so that a killed and continued run ends in the same bytes as an uninterrupted one. Raises
        KoalignError where a prompt leaves no room for a completion.
        """
        if not 1 <= len(self.steps) <= 2:
            raise KoalignError(
                f"--adapters: {len(self.steps)} steps; give `answer` or `abstraction,answer`"
            )
        bare = self._requests(problems, "answer", self.steps[-1])
        hinting = self._requests(problems, "abstraction", self.steps[0]) if self.hints else []
        say_limited(self.engine, [*bare, *hinting], self.section)
        hinted = self.hints * self.section.answers
        size = self.engine.requests_at_once(max(hinted, self.section.budget - hinted))
        shown = 2 if self.hints else 1  # a hint is shown with a problem
        written = shown * self.section.most_tokens
        longest = min(self.engine.base.context, longest_of([*bare, *hinting]) + written)
        with JsonlAppender(path, Attempt) as file:
            done = {attempt.id: attempt for attempt in file.done}
            before = sum(problem.id in done for problem in problems)
            with progress.bar("solve", len(problems), before) as advance:
                for start in range(0, len(problems), size):
                    batch = slice(start, start + size)
                    new: list[Attempt] = []
                    if not all(problem.id in done for problem in problems[batch]):
                        self.engine.expect(longest)
                        with self.engine.one_unit():
                            made = self._batch(problems[batch], hinting[batch], bare[batch])
                        new = [attempt for attempt in made if attempt.id not in done]
                        file.append(new)
                        done |= {attempt.id: attempt for attempt in new}
                    yield [done[problem.id] for problem in problems[batch]]
                    advance(len(new))

    def refusals(self, problems: Sequence[Problem]) -> dict[str, str]:
        """Problem id -> why it cannot be asked: the template or the context has no place for it.

        Raises KoalignError where no problem at all can be.
        """
        refused: dict[str, KoalignError] = {}
        for problem in problems:
            try:
                hinting, bare = self.first_requests(problem)
                refuse_no_room(self.engine, [bare], self.section, "solve: answer")
                if hinting:
                    refuse_no_room(self.engine, [hinting], self.section, "solve: abstraction")
            except KoalignError as error:
                refused[problem.id] = error
        if len(refused) == len(problems):
            raise next(iter(refused.values()), KoalignError("no problem to solve"))
        return {name: str(error) for name, error in refused.items()}

    def first_requests(self, problem: Problem) -> tuple[Request | None, Request]:
        """The prompt that asks for the hints, none without hints, and the prompt without a hint.

        Whether the context has room for them is not checked. Raises KoalignError where the template has no
        place for the problem.
        """
        prompts = [self.renderer.render(problem, "answer")]
        (bare,) = requests_for(self.engine, prompts, self.steps[-1])
        if not self.hints:
            return None, bare
        prompts = [self.renderer.render(problem, "abstraction")]
        (hinting,) = requests_for(self.engine, prompts, self.steps[0])
        return hinting, bare

    @property
    def hints(self) -> int:
        """Hints of a problem."""
        return self.section.hints if len(self.steps) == 2 else 0

    def _requests(
        self, problems: Sequence[Problem], purpose: Purpose, adapter: Path | None
    ) -> list[Request]:
        prompts = [self.renderer.render(problem, purpose) for problem in problems]
        requests = requests_for(self.engine, prompts, adapter)
        refuse_no_room(self.engine, requests, self.section, f"solve: {purpose}")
        return requests

    def _batch(
        self, problems: Sequence[Problem], hinting: Sequence[Request], bare: Sequence[Request]
    ) -> list[Attempt]:
        hints: list[list[Sample]] = [[] for _ in problems]
        if hinting:
            hints = self.engine.generate(
                [replace(request, n=self.hints) for request in hinting],
                self.section.for_hints,
                seed=self.seed,
            )
        hinted = [
            self.with_hints(problem, hinting[n] if hinting else None, bare[n], hints[n])
            for n, problem in enumerate(problems)
        ]
        answers = self._answers([request for one in hinted for request in one.requests])
        return [one.attempt(answers) for one in hinted]

    def with_hints(
        self, problem: Problem, hinting: Request | None, bare: Request, hints: Sequence[Sample]
    ) -> HintedProblem:
        """The problem with its sampled hints, and how each of them is used."""
        pairs = [(problem, hint.text.strip()) for hint in hints]
        hinted = hinted_requests(self.engine, self.renderer, pairs, self.steps[-1])
        room = [fits(self.engine, request, self.section) for request in hinted]
        uses = uses_of(problem, hints, room)
        return HintedProblem(self.section, problem, hinting, bare, hints, hinted, uses)

    def _answers(self, requests: Sequence[Request]) -> dict[tuple[str, str], tuple[Answer, ...]]:
        """(problem id, hint id) -> its answers."""
        answers = {}
        for batch in batches(self.engine, sorted(requests, key=lambda request: request.n)):
            drawn = self.engine.generate(batch, self.section, seed=self.seed)
            for request, samples in zip(batch, drawn, strict=True):
                key = request.problem_id, request.abstraction_id
                answers[key] = tuple(answer_of(sample) for sample in samples)
        return answers


@dataclass(frozen=True)
class HintedProblem:
    """A problem whose hints are sampled, and whose answers are not."""

    section: Solve
    problem: Problem
    hinting: Request | None
    """The prompt that asked for the hints; none: no hints."""
    bare: Request
    """The prompt without a hint."""
    hints: Sequence[Sample]
    hinted: Sequence[Request]
    """The prompt with each hint."""
    uses: Sequence[Use]

    @property
    def requests(self) -> list[Request]:
        """Those for the answers. Bare answers stand in for those of unusable hints, so that every problem
        has the same budget."""
        with_hint = [
            replace(self.hinted[number], n=times * self.section.answers)
            for number, times in times_drawn(self.hints, self.uses).items()
        ]
        left = self.section.budget - sum(request.n for request in with_hint)
        return [*with_hint, *([replace(self.bare, n=left)] if left else [])]

    def attempt(self, answers: Mapping[tuple[str, str], tuple[Answer, ...]]) -> Attempt:
        """The attempt with its answers, by problem id and hint id."""
        sampled = []
        for sample, use, request in zip(self.hints, self.uses, self.hinted, strict=True):
            hint = SampledHint(text=sample.text.strip(), use=use, tokens=len(sample.token_ids))
            if use == "used":
                own = answers[request.problem_id, request.abstraction_id]
                update = {"prompt_tokens": len(request.prompt_ids), "answers": own}
                hint = hint.model_copy(update=update)
            sampled.append(hint)
        return Attempt(
            id=self.problem.id,
            hints=tuple(sampled),
            bare=answers.get((self.problem.id, ""), ()),
            hint_prompt_tokens=len(self.hinting.prompt_ids) if self.hinting else 0,
            bare_prompt_tokens=len(self.bare.prompt_ids),
        )


def hinted_requests(
    engine: Engine,
    renderer: Renderer,
    pairs: Sequence[tuple[Problem, str]],
    adapter: Path | None,
) -> list[Request]:
    """One request for each (problem, hint)."""
    prompts = [renderer.render(problem, "answer", hint=hint) for problem, hint in pairs]
    return requests_for(engine, prompts, adapter, [hint_id(hint) for _, hint in pairs])


def hint_id(text: str) -> str:
    """The `abstraction_id` of samples with this hint; empty: no hint."""
    return content_hash(text) if text else ""


def answer_of(sample: Sample) -> Answer:
    """The fields of a sample that voting needs."""
    return Answer(
        text=sample.text,
        tokens=len(sample.token_ids),
        logprob=sample.logprob,
        finish_reason=sample.finish_reason,
    )
