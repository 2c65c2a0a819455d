"""asking: a model and a problem or a prompt -> its hint, then its reply, each as soon as it is there."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from koalign.answering.solving import Solver, answer_of
from koalign.config.sections import Solve
from koalign.data.prompting.tokens import candidate_ids
from koalign.engines.drawing import fits, requests_for
from koalign.engines.engine import Question, Request
from koalign.evaluation.solving.solutions import Solution, solve_by_vote
from koalign.evaluation.solving.voting import Spent, answers_of, spent
from koalign.grading.grade import FinishReason
from koalign.records import KoalignError, Message, Problem, Prompt, Sample, content_hash
from koalign.retrieval.records import Passage
from koalign.serving.errors import ApiError, too_long
from koalign.serving.queue import Backend
from koalign.serving.served import ServedModel, ServedRun
from koalign.text.visible import shown


@dataclass(frozen=True)
class Ask:
    """What a request asks of a model, with its own settings."""

    model: ServedModel
    problem: Problem | None = None
    messages: tuple[Message, ...] = ()
    """Where it is no problem."""
    chat: bool = True
    """Whether the messages go through the model's chat template."""
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    stream: bool = False
    """Whether the answer is wanted in pieces."""

    @property
    def section(self) -> Solve:
        """How the answer is sampled."""
        changes: dict[str, Any] = {"max_tokens": self.max_tokens}
        if not self.model.fixed:
            changes |= {"temperature": self.temperature, "top_p": self.top_p}
        given = {name: value for name, value in changes.items() if value is not None}
        return self.model.section.model_copy(update=given)


@dataclass(frozen=True)
class Hint:
    """A hint that is used, before the answer to it."""

    text: str


@dataclass(frozen=True)
class Reply:
    """What a model answered, and what it cost."""

    text: str
    finish_reason: FinishReason
    tokens: Spent
    hint: str = ""
    """The hint in the prompt of the text."""
    solution: Solution | None = None
    """Of the models with hints or votes."""
    passages: Sequence[Passage] = ()
    """Those in the prompts, of the models that are shown some."""


Part = Hint | str | Reply
"""The hint, pieces of the answer, and at last the reply."""


class Asker:
    """The models of a run on what computes for them."""

    def __init__(self, run: ServedRun, backend: Backend) -> None:
        self.run, self._backend = run, backend

    async def prepare(self, ask: Ask) -> AsyncIterator[Part]:
        """An iterator over the hint, if it is used, the answer's pieces and the reply, with which it ends.

        Raises ApiError at once for a prompt that is too long, for what the template cannot ask, and where
        nothing computes any more.
        """
        if self._backend.failure:
            raise ApiError(503, self._backend.failure)
        solves = ask.problem is not None and ask.model.purpose == "answer"
        solver = self._solver(ask)
        try:
            if ask.problem and solves:
                if solver.section.passages and self.run.finder:
                    found = await asyncio.to_thread(self.run.finder.passages, ask.problem)
                    solver = replace(solver, passages={ask.problem.id: found})
                asked = await asyncio.to_thread(solver.first_requests, ask.problem)
            else:
                asked = None, await asyncio.to_thread(self._request, ask)
        except KoalignError as error:
            raise ApiError(400, str(error), param="messages") from None
        for request in asked:
            if request and not fits(solver.engine, request, solver.section):
                context = solver.engine.base.context
                raise too_long(len(request.prompt_ids), solver.section.least_room, context)
        return self._solve(ask, solver, *asked) if solves else self._complete(ask, solver, asked[1])

    async def probabilities(self, problem: Problem, model: ServedModel, hint: str) -> Any:
        """Choice number -> probability of the answer that names it, among those of all choices.

        With this hint in the prompt. None without choices, and where the template has no such answers.
        """
        renderer, engine = self.run.renderer, self._backend.engine
        if not problem.choices or renderer.needs_rationale:
            return None

        def ask() -> Question:
            prompt = renderer.render(problem, "answer", hint=hint)
            numbers = [str(number) for number in range(1, len(problem.choices) + 1)]
            texts = [
                renderer.template_answer(problem.model_copy(update={"answers": (number,)}))
                for number in numbers
            ]
            (request,) = requests_for(engine, [prompt], model.steps[-1])
            (candidates,) = candidate_ids(engine.tokenizer, [prompt], [texts])
            return Question(request.prompt_ids, candidates, model.steps[-1])

        try:
            question = await asyncio.to_thread(ask)
        except KoalignError:  # two choices of the same tokens
            return None
        (logprobs,) = await self._backend.score([question])
        weights = [math.exp(value - max(logprobs)) for value in logprobs]
        return {
            str(number): round(weight / sum(weights), 6)
            for number, weight in enumerate(weights, start=1)
        }

    def _solver(self, ask: Ask) -> Solver:
        seed = self.run.config.seed if ask.seed is None else ask.seed
        model = ask.model
        return Solver(self._backend.engine, ask.section, self.run.renderer, model.steps, seed)

    async def _solve(
        self, ask: Ask, solver: Solver, hinting: Request | None, bare: Request
    ) -> AsyncIterator[Part]:
        problem, backend = ask.problem, self._backend
        assert problem is not None  # see prepare
        hints = []
        if hinting:
            wanted = [replace(hinting, n=solver.hints)]
            own = ask.model.section.for_hints  # a request's max_tokens is for the answer
            (hints,) = await backend.generate(wanted, own, solver.seed)
        if solver.passages:
            hinted = await asyncio.to_thread(solver.with_passages, problem, bare)
        else:
            hinted = await asyncio.to_thread(solver.with_hints, problem, hinting, bare, hints)
            if [hint.use for hint in hinted.hints] == ["used"]:
                yield Hint(hinted.hints[0].text)
        requests = sorted(hinted.requests, key=lambda request: request.n)
        drawn: list[Sequence[Sample]] = []
        async for part in self._written(ask, solver, requests):
            if isinstance(part, str):
                yield part
            else:
                drawn = part
        answers = {
            (request.problem_id, request.abstraction_id): tuple(map(answer_of, samples))
            for request, samples in zip(requests, drawn, strict=True)
        }
        attempt = hinted.attempt(answers)
        solution = solve_by_vote(problem, attempt)
        finish = next(
            answer.finish_reason
            for hint, answer in answers_of(attempt)
            if (hint, answer.text) == (solution.abstraction, solution.text)
        )
        shown = any(hint.answers for hint in attempt.hints)
        passages = solver.passages.get(problem.id, ()) if shown else ()
        hint = "" if passages else solution.abstraction  # a hint is what the model itself wrote
        yield Reply(solution.text, finish, spent(attempt), hint, solution, passages)

    async def _complete(self, ask: Ask, solver: Solver, request: Request) -> AsyncIterator[Part]:
        async for part in self._written(ask, solver, [request]):
            if isinstance(part, str):
                yield part
                continue
            ((sample,),) = part
            tokens = len(sample.token_ids)
            cost = Spent(prompt=len(request.prompt_ids), hints=0, answers=0, bare=tokens)
            yield Reply(sample.text, sample.finish_reason, cost)

    async def _written(
        self, ask: Ask, solver: Solver, requests: Sequence[Request]
    ) -> AsyncIterator[str | list[Sequence[Sample]]]:
        """The samples of each request; before them pieces of the text, of one that is wanted so."""
        settings = solver.section, solver.seed, ask.stop
        if not ask.stream or [request.n for request in requests] != [1]:
            yield [*await self._backend.generate(requests, *settings)]
            return
        async for part in self._backend.write(requests[0], *settings):
            yield part if isinstance(part, str) else [[part]]

    def _request(self, ask: Ask) -> Request:
        """The one prompt of what is not solved: other messages, and problems to write a hint for."""
        renderer, adapter = self.run.renderer, ask.model.steps[-1]
        if ask.problem:
            prompt = renderer.render(ask.problem, ask.model.purpose)
        else:
            _refuse_other_turns(ask.messages)
            prompt = Prompt(
                problem_id=content_hash([[m.role, m.text] for m in ask.messages]),
                purpose="answer",
                messages=ask.messages,
                template=renderer.template.name,
                chat=ask.chat and renderer.template.chat,
                delimiter=renderer.template.delimiter,
                separator=renderer.template.separator,
                thinking=renderer.thinking,
            )
        return requests_for(self._backend.engine, [prompt], adapter)[0]


def _refuse_other_turns(messages: Sequence[Message]) -> None:
    """Raises KoalignError for turns that no chat template takes."""
    roles = [message.role for message in messages]
    turns = roles[1:] if roles and roles[0] == "system" else roles
    if turns != ["user", "assistant"] * (len(turns) // 2) + ["user"]:
        raise KoalignError(
            f"messages: {shown(', '.join(roles))}; send an optional system text, then user and assistant "
            "in turns, the user's last"
        )
