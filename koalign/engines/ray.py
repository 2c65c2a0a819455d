"""ray: engines on a Ray cluster, one an actor: batches -> samples, by whichever is free, in their order."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import ObjectLostError, RayActorError

from koalign.adapters.base import load_tokenizer
from koalign.config.engine import Engine as EngineConfig
from koalign.config.inputs import Model, Sampling
from koalign.engines.engine import Engine, Question, Request
from koalign.engines.ray_cluster import (
    connect,
    files_of,
    free_resources,
    refuse_other_nodes,
    result_of,
    standing,
)
from koalign.engines.vllm_start import REQUESTS_AT_ONCE
from koalign.naming import counted
from koalign.records import Base, KoalignError, Sample
from koalign.text.visible import say, warn

CORES = 4
"""Of an actor without a GPU, where `engine.ray.actors` is null: a stated choice."""
AHEAD = 4
"""Items an actor that are sent before the first of them is back: results wait for it in memory."""
MOST_LOSSES = 3
"""Actors that one item, or starting, may end; then the fault is not the machine's."""
WAIT_SECONDS = 60
"""Without any actor, before that is said."""
T = TypeVar("T")
U = TypeVar("U")


class RayEngine(Engine):
    """Actors that each hold an engine of `engine.ray.engine`; samples are the bytes of that engine."""

    def __init__(
        self,
        engine: EngineConfig,
        model: Model,
        base: Base,
        adapters: Sequence[Path],
        opens: Callable[..., Engine],
    ) -> None:
        """`opens`: what opens the engine of an actor, from settings, model, base and adapters."""
        super().__init__(base, load_tokenizer(model))
        self.name, self._opens = engine.ray.engine, opens
        at = Path(model.path)  # absolute: actors work in other folders
        self._model = model.model_copy(update={"path": str(at.absolute())} if at.exists() else {})
        self._settings, self._adapters = engine, adapters
        self._idle: list[Any] = []
        self._starting: dict[Any, Any] = {}
        """Reference to the start -> its actor."""
        self._lost = 0
        """Actors that were lost one after the other while they started."""

    def __exit__(self, *_: object) -> None:
        self._idle, self._starting = [], {}
        ray.shutdown()

    def requests_at_once(self, n: int) -> int:
        """As the engine of an actor has it: a batch is cut as without Ray, so that no rounding moves."""
        rows = self._settings.batch_size if self.name == "hf" else REQUESTS_AT_ONCE
        return max(1, rows // n)

    def each(self, job: Callable[[Engine, T], U], items: Sequence[T]) -> Iterator[U]:
        """See Engine.each. What a lost actor had is done again by another."""
        if not (self._idle or self._starting):
            self._start()
        sent, left, losses = ray.put(job), deque(enumerate(items)), Counter[int]()
        running: dict[Any, tuple[int, T, Any]] = {}
        done: dict[int, U] = {}
        try:
            for number in range(len(items)):
                while number not in done:
                    while self._idle and left and left[0][0] < number + AHEAD * self._count:
                        place, item = left.popleft()
                        actor = self._idle.pop()
                        running[actor.run.remote(sent, item)] = place, item, actor
                    reference = self._next(running)
                    if reference is None:
                        continue
                    place, item, actor = running.pop(reference)
                    try:
                        done[place] = result_of(reference)
                        self._idle.append(actor)
                    except (RayActorError, ObjectLostError) as error:
                        losses[place] += 1
                        if losses[place] == MOST_LOSSES:
                            raise KoalignError(_lost("at the same work", error)) from None
                        warn("engine: ray lost an actor; another does its work again")
                        left.appendleft((place, item))
                        ray.kill(actor)
                        self._add_actor()
                yield done.pop(number)
        finally:
            if running:  # nobody waits for their results any more
                self.__exit__()

    def _next(self, running: dict[Any, Any]) -> Any:
        """A reference of those that is done; none where an actor has started meanwhile."""
        while True:
            ready, _ = ray.wait([*running, *self._starting], timeout=WAIT_SECONDS)
            if not ready:
                if not running:
                    warn(
                        f"engine: ray waits for an actor to start: {self._needs}; free: {free_resources()}"
                    )
                continue
            (reference,) = ready
            if reference in running:
                return reference
            actor = self._starting.pop(reference)
            try:
                result_of(reference)
            except RayActorError as error:
                self._lost += 1
                if self._lost == MOST_LOSSES:
                    raise KoalignError(_lost("while they started", error)) from None
                self._add_actor()
                continue
            self._lost = 0
            self._idle.append(actor)
            return None

    def _start(self) -> None:
        """Connect, refuse nodes that would sample something else, and start the actors."""
        started = time.monotonic()
        section = self._settings.ray
        connect(section.address, section.actors or 1)
        held = ray.cluster_resources()
        gpus, cores = int(held.get("GPU", 0)), int(held.get("CPU", 0))
        if gpus:
            group = self._settings.vllm.tensor_parallel_size if self.name == "vllm" else 1
            self._count = section.actors or max(1, int(free_resources().get("GPU", 0)) // group)
            self._needs = {"num_gpus": group, "num_cpus": 1}
        else:
            group, gpus = 1, max(1, cores)
            self._count = section.actors or max(1, cores // CORES)
            self._needs = {"num_cpus": max(1, cores // self._count)}
        if self._count * group > gpus:
            unit = "GPUs" if "num_gpus" in self._needs else "cores"
            raise KoalignError(
                f"engine.ray.actors: {self._count} need {self._count * group} {unit}, and the cluster has "
                f"{gpus}"
            )
        others = refuse_other_nodes(self._model, self.base)
        self._sent = ray.put(
            {
                folder: (
                    folder.absolute(),
                    self.adapter_id(folder),
                    files_of(folder) if others else {},
                )
                for folder in self._adapters
            }
        )
        for _ in range(self._count):
            self._add_actor()
        say(f"engine: ray starts {counted(self._count, 'actor')} with {self.name}", err=True)
        while not self._idle:
            self._next({})
        self.start_seconds += time.monotonic() - started

    def _add_actor(self) -> None:
        holder = ray.remote(_Holder)
        actor = holder.options(scheduling_strategy="SPREAD", **self._needs).remote()
        start = actor.start.remote(
            self._opens, self._settings.result, self._model, self.base, self._sent
        )
        self._starting[start] = actor

    def _generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> Sequence[Sample]:
        def generate(engine: Engine, batch: Sequence[Request]) -> list[Sample]:
            drawn = engine.generate(batch, sampling, seed=seed, stop=stop)
            return [sample for samples in drawn for sample in samples]

        return next(self.each(generate, [requests]))

    def _score(self, questions: Sequence[Question]) -> Sequence[tuple[int, list[float]]]:
        def score(engine: Engine, part: Sequence[Question]) -> list[tuple[int, list[float]]]:
            return list(engine.score(part))

        return next(self.each(score, [questions]))


class _Holder:
    """An engine in a process of the cluster."""

    def start(
        self,
        opens: Callable[..., Engine],
        engine: EngineConfig,
        model: Model,
        base: Base,
        adapters: Mapping[Path, tuple[Path, str, dict[str, bytes]]],
    ) -> None:
        folders = {named: standing(*found) for named, found in adapters.items()}
        self._engine = opens(engine, model, base, list(folders.values()))
        self._engine.folders = folders
        self._engine.ids = {named: its for named, (_, its, _) in adapters.items()}

    def run(self, job: Callable[[Engine, Any], Any], item: Any) -> Any:
        return job(self._engine, item)


def _lost(when: str, error: Exception) -> str:
    reason = " ".join(str(error).split())
    return f"engine.backend: ray: {MOST_LOSSES} actors ended one after the other {when}: {reason}"
