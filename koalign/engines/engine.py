"""engine: the interface of all engines: requests -> samples, questions -> log-probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from koalign.config.inputs import Sampling
from koalign.records import Base, Prompt, Sample, content_hash


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
    found: dict[tuple[int, ...], list[int]] = {}
    for candidate in dict.fromkeys(question.candidates):
        found.setdefault(candidate[:-1], []).append(candidate[-1])
    return found


class Engine(Protocol):
    """Holds the base once and switches adapters per request."""

    name: str
    """As `engine.backend` has it."""
    tokenizer: Any
    """None where prompts go out as text."""
    base: Base

    def adapter_id(self, adapter: Path | None) -> str:
        """The id that samples of this adapter carry."""

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

        The same requests with the same seed give the same samples, whatever was generated before. A
        completion ends before the first of the texts `stop`, or at the end of the turn.
        """

    def score(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[float]]]:
        """The number of each question and its candidates' log-probabilities, in any order.

        In nats, summed over the tokens of a candidate, under the untempered model.
        """


def batches(engine: Engine, requests: Sequence[Request]) -> Iterator[list[Request]]:
    """The requests in their order, in batches of equal `n` and `first` that fill one call of `generate`."""
    for (n, _), members in groupby(requests, key=lambda request: (request.n, request.first)):
        group, size = list(members), engine.requests_at_once(n)
        for start in range(0, len(group), size):
            yield group[start : start + size]


def before_stop(text: str, stop: Sequence[str]) -> str:
    """The text up to the first of the stop texts in it."""
    return text[: min([text.find(one) for one in stop if one in text], default=len(text))]


def sample_seed(seed: int, request: Request, adapter: str, index: int) -> int:
    """A seed of 31 bits for one sample, from its name only."""
    order = [request.permutation] if request.permutation else []
    name = content_hash(seed, request.problem_id, request.abstraction_id, adapter, index, *order)
    return int(name, 16) % 2**31
