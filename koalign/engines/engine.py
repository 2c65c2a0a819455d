"""engine: the interface of all engines: requests -> samples, questions -> log-probabilities."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from koalign.adapters.cards import adapter_id, refuse_replaced
from koalign.config.inputs import Sampling
from koalign.records import Base, KoalignError, Prompt, Sample, content_hash

ROOM_STEP = 64
"""Tokens that the room of a completion is a multiple of, where the context limits it and it has as many."""
T = TypeVar("T")
U = TypeVar("U")
SCORED_TOGETHER = 128
"""Most questions that are scored as one, so that shared beginnings are computed once."""


@dataclass(frozen=True)
class Request:
    """One prompt, the adapter to sample from, and how many samples to draw."""

    problem_id: str
    prompt_ids: tuple[int, ...]
    adapter: Path | None = None
    """Folder of the adapter; none: the bare base."""
    abstraction_id: str = ""
    permutation: tuple[int, ...] = ()
    """The order in which the prompt shows the choices; empty: as they stand."""
    prompt: Prompt | None = None
    """The prompt as text, for an engine that takes text."""
    n: int = 1
    """Samples to draw."""
    first: int = 0
    """Index of the first of them; a sample's seed depends on its index."""
    heard: Callable[[int], None] | None = field(default=None, compare=False)
    """Of a request for one sample: is told each token id when it is sampled; see Engine.tells."""

    @property
    def indices(self) -> range:
        """Of its samples."""
        return range(self.first, self.first + self.n)

    def sample(
        self, index: int, adapter: str, text: str, ids: Sequence[int], logprob: float, ended: bool
    ) -> Sample:
        """A sample of this request; `ended`: not cut at `max_tokens`."""
        return Sample(
            problem_id=self.problem_id,
            index=index,
            adapter=adapter,
            text=text,
            token_ids=tuple(ids),
            logprob=logprob,
            finish_reason="stop" if ended else "length",
            abstraction_id=self.abstraction_id,
            permutation=self.permutation,
        )


@dataclass(frozen=True)
class Question:
    """One prompt, and the candidates to be scored after it."""

    prompt_ids: tuple[int, ...]
    candidates: tuple[tuple[int, ...], ...]
    """Token ids of each candidate as it follows the prompt; none is empty."""
    adapter: Path | None = None
    """Folder of the adapter; none: the bare base."""


def stems(question: Question) -> dict[tuple[int, ...], list[int]]:
    """Candidates without their last token -> the last tokens that follow.

    Candidates of one token share the empty stem: one hidden state scores them all.
    """
    last_tokens: dict[tuple[int, ...], list[int]] = {}
    for candidate in dict.fromkeys(question.candidates):
        last_tokens.setdefault(candidate[:-1], []).append(candidate[-1])
    return last_tokens


def steps_of(question: Question) -> dict[tuple[int, ...], list[int]]:
    """Each proper prefix of a candidate, the empty one included -> the tokens that follow it."""
    steps: dict[tuple[int, ...], dict[int, None]] = {}
    for candidate in question.candidates:
        for length, token in enumerate(candidate):
            steps.setdefault(candidate[:length], {})[token] = None
    return {prefix: list(nexts) for prefix, nexts in steps.items()}


class Engine(AbstractContextManager["Engine"]):
    """Holds the base once and switches adapters per request; a context that frees the base."""

    name: str
    """As `engine.backend` has it."""
    tells = False
    """Whether `Request.heard` is told the tokens."""

    def __init__(self, base: Base, tokenizer: Any) -> None:
        """`tokenizer`: None where prompts go out as text."""
        self.base = base
        self.tokenizer = tokenizer
        self.ids: dict[Path, str] = {}
        """Of the adapters, as they were when the engine was opened."""
        self._keeps_cache = False
        self.folders: dict[Path, Path] = {}
        """Adapters that stand at another place on this machine than where requests name them."""
        self.start_seconds = 0.0
        """Time spent on starting after this was made."""

    def expect(self, tokens: int) -> None:
        """Prepare for prompts that with their completion have up to so many tokens."""

    @contextmanager
    def one_unit(self) -> Iterator[None]:
        """Calls of `generate` inside share what is cached of prompts.

        They are one unit: rounding makes the later depend on the earlier, so all are repeated or none.
        """
        self._forget()
        self._keeps_cache = True
        try:
            yield
        finally:
            self._keeps_cache = False

    def _forget(self) -> None:
        """Empty what is cached of prompts: it changes the arithmetic by a rounding, and so, rarely, a
        sample; a continued run must not depend on what was sampled before."""

    def load(self, adapter: Path) -> None:
        """Take now what requests to an adapter need, and not with the first of them."""

    def folder(self, adapter: Path) -> Path:
        """Where an adapter stands on this machine."""
        return self.folders.get(adapter, adapter)

    def adapter_id(self, adapter: Path | None) -> str:
        """The id that samples of this adapter carry: its content hash, computed once."""
        if adapter is None:
            return ""
        if adapter not in self.ids:
            self.ids[adapter] = adapter_id(self.folder(adapter))
        return self.ids[adapter]

    def refuse_replaced(self, adapter: Path) -> None:
        """Raises KoalignError where an adapter is no longer the one that was opened.

        Asked before and behind its loading, which may be hours after the opening.
        """
        refuse_replaced(self.folder(adapter), self.adapter_id(adapter))

    def refuse_others(self, checked: Mapping[Path, str]) -> None:
        """Raises KoalignError where an opened adapter is not the one of the id that was checked."""
        for adapter, its in checked.items():
            if self.adapter_id(adapter) != its:
                raise KoalignError(
                    f"{adapter}: replaced while this command started; start it again"
                )

    @property
    def left_out(self) -> frozenset[str]:
        """Keys of the sampling that a server refused; figures without them compare with care."""
        return frozenset()

    @abstractmethod
    def requests_at_once(self, n: int) -> int:
        """How many requests of n samples make one well-filled call of `generate`."""

    def generate(
        self,
        requests: Sequence[Request],
        sampling: Sampling,
        *,
        seed: int,
        stop: Sequence[str] = (),
    ) -> list[list[Sample]]:
        """For each request its `n` samples, numbered from `first`.

        The same requests with the same seed give the same samples, whatever was generated before; from
        an endpoint only if the server keeps to seeds. A completion ends before the first of the texts
        `stop`, or at the end of the turn.
        """
        if not self._keeps_cache:
            self._forget()
        samples: dict[int, list[Sample]] = {}
        for numbers in grouped(requests, lambda r: (self.room(r, sampling), self._batch_key(r))):
            batch = [requests[number] for number in numbers]
            limited = sampling.model_copy(update={"max_tokens": self.room(batch[0], sampling)})
            drawn = iter(self._generate(batch, limited, seed, stop))
            for number, request in zip(numbers, batch, strict=True):
                samples[number] = [next(drawn) for _ in request.indices]
        return [samples[number] for number in range(len(requests))]

    def room(self, request: Request, sampling: Sampling) -> int:
        """Most tokens of a completion: `max_tokens`, or what the prompt leaves of the context.

        What is left counts only where `max_tokens` is null. It is rounded down to few numbers, since
        completions of equal room are computed together. It depends on the prompt alone: other requests,
        a resumed stage and another engine do not change it.
        """
        left = self.base.context - len(request.prompt_ids)
        if sampling.least_room <= left < sampling.most_tokens:
            return left // ROOM_STEP * ROOM_STEP if left >= ROOM_STEP else left
        return sampling.most_tokens

    def _batch_key(self, request: Request) -> Any:
        """What is equal, beside the room, of the requests that `_generate` gets together."""
        return 0

    @abstractmethod
    def _generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> Sequence[Sample]:
        """The samples of the first request, then those of the next."""

    def score(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[float]]]:
        """The number of each question and its candidates' log-probabilities, in any order.

        In nats, summed over the tokens of a candidate, under the untempered model.
        """
        for numbers in scored_together(questions):
            self._forget()
            for place, logprobs in self._score([questions[number] for number in numbers]):
                yield numbers[place], logprobs

    @abstractmethod
    def _score(self, questions: Sequence[Question]) -> Iterable[tuple[int, list[float]]]:
        """As `score`, of questions that are scored together."""

    def each(self, job: Callable[[Engine, T], U], items: Sequence[T]) -> Iterator[U]:
        """What a job makes of each item on an engine that holds this base, in the order of the items.

        The job is stated in full by itself and its item: it may run in another process.
        """
        for item in items:
            yield job(self, item)


Ask = TypeVar("Ask", Request, Question)


def grouped(asks: Sequence[Ask], key: Callable[[Ask], Any]) -> Iterator[list[int]]:
    """The numbers of those with one key, in the order of the keys."""
    order = sorted(range(len(asks)), key=lambda number: key(asks[number]))
    for _, numbers in groupby(order, key=lambda number: key(asks[number])):
        yield list(numbers)


def scored_together(questions: Sequence[Question]) -> Iterator[list[int]]:
    """The numbers of the questions in parts that are each scored by themselves.

    A part is of one adapter and depends on the questions alone; it holds neighbours, which share the
    beginnings of their prompts.
    """
    for part in grouped(questions, lambda question: str(question.adapter)):
        part.sort(key=lambda number: questions[number].prompt_ids)
        for start in range(0, len(part), SCORED_TOGETHER):
            yield sorted(part[start : start + SCORED_TOGETHER])


def batches(engine: Engine, requests: Sequence[Request]) -> Iterator[list[Request]]:
    """The requests in their order, in batches of equal `n` and `first` that fill one call of `generate`."""
    for (n, _), members in groupby(requests, key=lambda request: (request.n, request.first)):
        group, size = list(members), engine.requests_at_once(n)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def before_stop(text: str, stop: Sequence[str]) -> str:
    """The text up to the first of the stop texts in it."""
    return text[: min([text.find(end) for end in stop if end in text], default=len(text))]


def sample_seed(seed: int, request: Request, adapter: str, index: int) -> int:
    """A seed of 31 bits for one sample, from its name only."""
    order = [request.permutation] if request.permutation else []
    name = content_hash(seed, request.problem_id, request.abstraction_id, adapter, index, *order)
    return int(name, 16) % 2**31
