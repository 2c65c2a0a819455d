"""solving: problems -> attempts: the hints of a batch, then its answers, appended batch by batch.

Passages stand in the place of hints, and are known before the first batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from pathlib import Path

from koalign import progress
from koalign.answering.queries import SampledQuery
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
    ShownPassage,
    times_drawn,
    uses_of,
)
from koalign.parts import PartedFile
from koalign.records import KoalignError, Problem, Sample, content_hash
from koalign.retrieval.records import Passage, passages_text


@dataclass(frozen=True)
class Solver:
    """An engine that holds the adapters of all steps, and the budget of a problem."""

    engine: Engine
    section: Solve
    renderer: Renderer
    steps: Sequence[Path | None]
    """Of two the first generates hints; with one alone all answers are bare, or with passages."""
    seed: int
    passages: Mapping[str, Sequence[Passage]] = field(default_factory=dict)
    """Problem id -> what stands in its prompt in the place of a hint; without any, its answers are bare."""
    queries: Mapping[str, SampledQuery] = field(default_factory=dict)
    """Problem id -> what an adapter wrote to find its passages; it is paid for as a hint is."""

    def attempts(self, problems: Sequence[Problem], path: Path) -> Iterator[list[Attempt]]:
        """The attempts at the problems, batch by batch; those in the file `path` are not made again.

        The batches are the same on every call, and one that is not whole in the file is computed whole
        again, so that a killed and continued run ends in the same bytes as an uninterrupted one. In the
        folder of a shard only its batches are made; raises PartDrawn where the other parts are not whole.
        Raises KoalignError where a prompt leaves no room for a completion.
        """
        bare = self._requests(problems, "answer", self.steps[-1])
        hinting = self._requests(problems, "abstraction", self.steps[0]) if self.hints else []
        reading = list(map(self.with_passages, problems, bare)) if self.passages else []
        prompts = [*bare, *hinting, *(request for one in reading for request in one.requests)]
        say_limited(self.engine, prompts, self.section)
        hinted = self.section.hints * self.section.answers if self.hints or reading else 0
        size = self.engine.requests_at_once(max(hinted, self.section.budget - hinted))
        shown = 2 if self.hints else 1  # a hint is shown with a problem
        written = shown * self.section.most_tokens
        longest = min(self.engine.base.context, longest_of(prompts) + written)
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
            work = [(problems[b], hinting[b], bare[b], reading[b]) for b in batches]
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
        self,
        problems: Sequence[Problem],
        hinting: Sequence[Request],
        bare: Sequence[Request],
        reading: Sequence[HintedProblem],
    ) -> list[Attempt]:
        """The attempts at problems, by their prompts for hints and those without, or with passages."""
        hinted = reading or self._hinted(problems, hinting, bare)
        answers = self._answers([request for one in hinted for request in one.requests])
        return [one.attempt(answers) for one in hinted]

    def _hinted(
        self, problems: Sequence[Problem], hinting: Sequence[Request], bare: Sequence[Request]
    ) -> list[HintedProblem]:
        hints: list[list[Sample]] = [[] for _ in problems]
        if hinting:
            hints = self.engine.generate(
                [replace(request, n=self.hints) for request in hinting],
                self.section.for_hints,
                seed=self.seed,
            )
        return [
            self.with_hints(problem, hinting[n] if hinting else None, bare[n], hints[n])
            for n, problem in enumerate(problems)
        ]

    def with_hints(
        self, problem: Problem, hinting: Request | None, bare: Request, hints: Sequence[Sample]
    ) -> HintedProblem:
        """The problem with its sampled hints, and how each of them is used."""
        pairs = [(problem, hint.text.strip()) for hint in hints]
        hinted = hinted_requests(self.engine, self.renderer, pairs, self.steps[-1])
        room = [fits(self.engine, request, self.section) for request in hinted]
        uses = uses_of(problem, hints, room)
        shown = [
            SampledHint(text=text, use=use, tokens=len(hint.token_ids))
            for (_, text), use, hint in zip(pairs, uses, hints, strict=True)
        ]
        times = times_drawn(hints, uses)
        return HintedProblem(self.section, problem, hinting, bare, shown, hinted, times)

    def with_passages(self, problem: Problem, bare: Request) -> HintedProblem:
        """The problem with its passages in the place of all of its hints.

        All answers are bare where it has none, and where they leave no room for an answer.
        """
        passages, query = self.passages.get(problem.id, ()), self.queries.get(problem.id)
        if not passages and not query:
            return HintedProblem(self.section, problem, None, bare)
        pairs = [(problem, passages_text(passages))]
        hinted = hinted_requests(self.engine, self.renderer, pairs, self.steps[-1])
        has_room = fits(self.engine, hinted[0], self.section)
        shown = SampledHint(
            text=pairs[0][1],
            use="empty" if not passages else "used" if has_room else "too_long",
            passages=tuple(map(_shown, passages)),
            query=query.text if query else None,
            tokens=query.tokens if query else 0,
        )
        times = {0: self.section.hints} if shown.use == "used" else {}
        asking = query.request if query else None
        return HintedProblem(self.section, problem, asking, bare, [shown], hinted, times)

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
    work: tuple[Sequence[Problem], Sequence[Request], Sequence[Request], Sequence[HintedProblem]],
    *,
    solver: Callable[[Engine], Solver],
    longest: int,
) -> list[Attempt]:
    """The attempts at a batch: its problems, their prompts for hints, without a hint, with passages."""
    engine.expect(longest)
    with engine.one_unit():
        return solver(engine).attempt(*work)


@dataclass(frozen=True)
class HintedProblem:
    """A problem whose hints or passages are known, and whose answers are not."""

    section: Solve
    problem: Problem
    hinting: Request | None
    """The prompt that asked for the hints, or the query; none: neither was asked for."""
    bare: Request
    """The prompt without a hint."""
    hints: Sequence[SampledHint] = ()
    """Without answers."""
    hinted: Sequence[Request] = ()
    """The prompt with each hint."""
    times: Mapping[int, int] = field(default_factory=dict)
    """Number of each used hint -> for how many hints it stands."""

    @property
    def requests(self) -> list[Request]:
        """Those for the answers. Bare answers stand in for those of unusable hints, so that every problem
        has the same budget."""
        with_hint = [
            replace(self.hinted[number], n=times * self.section.answers)
            for number, times in self.times.items()
        ]
        left = self.section.budget - sum(request.n for request in with_hint)
        return [*with_hint, *([replace(self.bare, n=left)] if left else [])]

    def attempt(self, answers: Mapping[tuple[str, str], tuple[Answer, ...]]) -> Attempt:
        """The attempt with its answers, by problem id and hint id."""
        answered = []
        for hint, request in zip(self.hints, self.hinted, strict=True):
            if hint.use == "used":
                own = answers[request.problem_id, request.abstraction_id]
                update = {"prompt_tokens": len(request.prompt_ids), "answers": own}
                hint = hint.model_copy(update=update)
            answered.append(hint)
        return Attempt(
            id=self.problem.id,
            hints=tuple(answered),
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


def _shown(passage: Passage) -> ShownPassage:
    chunk = passage.chunk
    return ShownPassage(
        document=chunk.document,
        title=chunk.title,
        source=chunk.source,
        licence=chunk.licence,
        chunk_id=passage.chunk_id,
    )


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
