"""solving: problems -> attempts: the hints of a batch, then its answers, appended batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
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
from koalign.parts import PartedFile
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
        again, so that a killed and continued run ends in the same bytes as an uninterrupted one. In the
        folder of a shard only its batches are made; raises PartDrawn where the other parts are not whole.
        Raises KoalignError where a prompt leaves no room for a completion.
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
        cut = [slice(start, start + size) for start in range(0, len(problems), size)]
        names = [[problem.id for problem in problems[batch]] for batch in cut]
        solver = partial(
            Solver,
            section=self.section,
            renderer=self.renderer,
            steps=self.steps,
            seed=self.seed,
        )
        job = partial(_attempt, solver=solver, longest=longest)

        def draw(left: list[int]) -> Iterator[list[Attempt]]:
            batches = [cut[number] for number in left]
            work = [(problems[batch], hinting[batch], bare[batch]) for batch in batches]
            return self.engine.each(job, work)

        with PartedFile(path, Attempt, attrgetter("id")) as file:
            own = [name for number in file.own(names) for name in names[number]]
            before = file.known.keys() & own
            with progress.bar("solve", len(own), len(before)) as advance:
                for number in file.fill(names, draw):
                    if file.shard is None:
                        yield [file.known[name] for name in names[number]]
                    advance(sum(name not in before for name in names[number]))
            file.refuse_unfinished(names)
            if file.shard is not None:
                yield from ([file.known[name] for name in unit] for unit in names)

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

    def attempt(
        self, problems: Sequence[Problem], hinting: Sequence[Request], bare: Sequence[Request]
    ) -> list[Attempt]:
        """The attempts at problems, by their prompts for hints and those without a hint."""
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


def _attempt(
    engine: Engine,
    work: tuple[Sequence[Problem], Sequence[Request], Sequence[Request]],
    *,
    solver: Callable[[Engine], Solver],
    longest: int,
) -> list[Attempt]:
    """The attempts at a batch: its problems, their prompts for hints, and those without a hint."""
    engine.expect(longest)
    with engine.one_unit():
        return solver(engine).attempt(*work)


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
