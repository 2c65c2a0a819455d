"""estimate: config, counts and a card -> memory, hours, tokens, disk and money of every stage of a run."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from koalign.adapters.precision import Device, choose_precision
from koalign.config.sections import Config
from koalign.engines.opening import backend_of
from koalign.engines.vllm_start import cpu_cache
from koalign.planning.cards import Card
from koalign.planning.counts import Counts
from koalign.planning.hours import PROBLEMS, START_VLLM, Machine
from koalign.planning.memory import (
    GIB,
    NF4,
    Memory,
    base_bytes,
    sampling_memory,
    training_memory,
)
from koalign.planning.shape import Shape
from koalign.planning.work import Draw, Fit, Work
from koalign.planning.workload import epochs_to_plateau, takes_to_plateau, work_of

OVER = 1.05
"""Share of the card from which on a run is refused: the formula is no more exact than that."""
BYTES_A_SAMPLED_TOKEN, BYTES_A_SAMPLE = 10, 250
"""Of samples.jsonl."""
CHECKPOINTS = 2
"""Whole checkpoints that are there at once, each with weights and both moments in float32."""
MOST_SEQUENCES, VLLM_TOKENS = 256, 8192
"""Side by side in vLLM, and tokens of prompts that it reads at once: its defaults."""


@dataclass(frozen=True)
class StageEstimate:
    """What one stage needs."""

    stage: str
    memory: Memory | None
    """None: it loads no model."""
    seconds: float
    tokens: float
    """Read and written by a model."""
    disk: float
    """Bytes that it leaves."""
    passing: float = 0
    """Bytes that it needs only until it is done."""
    money: float = 0
    calls: float = 0
    """To a teacher or a judge."""
    done: bool = False
    """Whether it is made already; then `seconds` is what it took."""
    measured: bool = False
    """Whether the seconds stand on past runs on this card."""
    stale: bool = False
    """Whether it is made already with other settings or inputs, and so counts as to do."""


@dataclass(frozen=True)
class Estimate:
    """What a run needs on a card."""

    card: Card
    shape: Shape
    stages: tuple[StageEstimate, ...]
    assumed: tuple[str, ...]
    engine: str

    @property
    def left(self) -> list[StageEstimate]:
        return [stage for stage in self.stages if not stage.done]

    @property
    def peak(self) -> StageEstimate | None:
        """The stage that needs the most memory of those that are not done."""
        return max(
            (stage for stage in self.left if stage.memory),
            key=lambda stage: stage.memory.expected if stage.memory else 0,
            default=None,
        )

    @property
    def share(self) -> float:
        """The expected peak as a share of the card."""
        peak = self.peak
        return peak.memory.expected / self.card.memory if peak and peak.memory else 0

    @property
    def fits(self) -> bool:
        return self.share <= OVER

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.left)

    @property
    def tokens(self) -> float:
        return sum(stage.tokens for stage in self.left)

    @property
    def disk(self) -> float:
        """Bytes that stay."""
        return sum(stage.disk for stage in self.left)

    @property
    def passing(self) -> StageEstimate | None:
        """The stage with the most bytes that it needs only until it is done."""
        return max(self.left, key=lambda stage: stage.passing, default=None)

    def disk_needed(self, runs: int) -> float:
        """Bytes that must be free for so many runs, one after the other."""
        return runs * self.disk + (self.passing.passing if self.passing else 0)

    @property
    def money(self) -> float:
        return sum(stage.money for stage in self.left)


def estimate(
    config: Config,
    shape: Shape,
    counts: Counts,
    card: Card,
    done: Mapping[str, float],
    speed: Mapping[str, float],
    stale: Collection[str] = (),
) -> Estimate:
    """The estimate of a run.

    `done`: finished stage -> seconds that it took. `speed`: stage -> its measured time over the
    estimated one, in past runs on this card. `stale`: finished stages that are to be made again.
    """
    costs = _Costs(config, shape, counts, card)
    stages = []
    for work in work_of(config, counts):
        stage = replace(costs.of(work), stale=work.stage in stale)
        if work.stage in done:
            stage = replace(stage, done=True, seconds=done[work.stage])
        elif work.stage in speed:
            stage = replace(stage, measured=True, seconds=stage.seconds * speed[work.stage])
        stages.append(stage)
    assumed = [*counts.assumed, card.assumed]
    if takes_to_plateau(config):
        usual, most = epochs_to_plateau(config, counts)
        assumed.append(f"SFT to its plateau of {usual} epochs; it may take up to {most}")
    if not shape.known:
        assumed.append(f"parameters of a {shape.model_type} as those of a llama of its sizes")
    if card.seen < config.training.processes:
        assumed.append(f"{config.training.processes} such cards")
    return Estimate(card, shape, tuple(stages), tuple(filter(None, assumed)), costs.backend)


class _Costs:
    """Work -> what it needs, on one machine."""

    def __init__(self, config: Config, shape: Shape, counts: Counts, card: Card) -> None:
        self.config, self.shape, self.counts, self.card = config, shape, counts, card
        device = Device(card.name, card.capability)
        precision = choose_precision(config.model, device, shape.model_type)
        self.width = 4 if precision.base == "float32" else 2  # bytes of a number of the base
        named = config.engine.result.backend  # vLLM of another machine need not be installed here
        self.backend = backend_of(config.engine) if named == "auto" else named
        self.rank = config.sft.rank + max(
            config.abstraction.rank, config.answer.rank, config.reader.rank
        )
        machine = Machine(card, shape, self.width, False)
        self.samples = machine
        self.trains = replace(
            machine, nf4=config.model.load_in_4bit, processes=config.training.world
        )

    def of(self, work: Work) -> StageEstimate:
        """The estimate of a stage."""
        seconds = tokens = disk = passing = money = 0.0
        peaks: list[Memory] = []
        if work.problems:
            seconds += work.problems / PROBLEMS + 4
            disk += work.problems * self.counts.prompt_tokens * 6
        if work.fit:
            peaks += self._training(work.fit, work.probes)
            seconds += self._fitting(work.fit) + self.trains.start
            asked = self.config.probe.batch_size
            seconds += sum(self.trains.drawing(draw, asked, vllm=False) for draw in work.probes)
            tokens += work.fit.tokens + sum(_tokens(draw) for draw in work.probes)
            disk += 4 * self.shape.lora(work.fit.rank)
            passing += CHECKPOINTS * 12 * self.shape.lora(work.fit.rank)
        if work.scored_tokens:
            row_tokens = self.config.training.row_tokens
            seconds += self.trains.reading(work.scored_tokens, row_tokens) + self.trains.start
            tokens += work.scored_tokens
            peaks.append(self._reading())
        if draws := [draw for draw in work.draws if draw.prompts and draw.n]:
            vllm = self.backend == "vllm"
            seconds += self.samples.start + vllm * START_VLLM
            for draw in draws:
                memory, rows = self._sampling(draw)
                peaks.append(memory)
                seconds += self.samples.drawing(draw, rows, vllm=vllm)
                tokens += _tokens(draw)
                written = draw.prompts * draw.n
                disk += written * (BYTES_A_SAMPLED_TOKEN * draw.new_tokens + BYTES_A_SAMPLE)
        if work.calls:
            tokens += work.calls.tokens
            money += work.calls.money
            seconds += work.calls.seconds
        peak = max(peaks, key=lambda memory: memory.expected, default=None)
        calls = work.calls.calls if work.calls else 0
        return StageEstimate(work.stage, peak, seconds, tokens, disk, passing, money, calls)

    def _fitting(self, fit: Fit) -> float:
        of_step = fit.tokens / max(1, fit.steps)
        rows = fit.steps * math.ceil(of_step / self.config.training.row_tokens)
        return self.trains.training(fit, rows, fit.section.gradient_checkpointing)

    def _training(self, fit: Fit, probes: Sequence[Draw]) -> Iterable[Memory]:
        group = fit.prompt_tokens + fit.completion_tokens
        if self.config.training.packing == "trl":  # padded, and a prompt for each completion
            row = (
                fit.section.batch_size
                * fit.longest
                * max(1, fit.completion_tokens // self.counts.answer_tokens)
            )
        else:
            row = max(fit.longest, min(self.config.training.row_tokens, fit.per_step * group))
        fitted = self._fit_memory(
            fit.section.gradient_checkpointing, row, row * fit.completion_tokens / group, fit.rank
        )
        yield fitted
        for draw in probes:
            rows = min(self.config.probe.batch_size, draw.prompts)
            cached = rows * (draw.prompt_tokens + draw.max_tokens) * self.shape.cache(self.width)
            yield replace(fitted, checkpoints=0, activations=0, head=0, cache=cached)

    def _fit_memory(self, checkpointing: bool, row: float, predicted: float, rank: int) -> Memory:
        return training_memory(
            self.shape,
            width=self.width,
            nf4=self.config.model.load_in_4bit,
            rank=rank,
            row_tokens=row,
            predicted=predicted,
            checkpointing=checkpointing,
            cpu=self.card.cpu,
            parts=self.config.training.parts,
        )

    def _reading(self) -> Memory:
        """Of forward passes alone: one layer, no gradients and no moments."""
        row, answer = self.config.training.row_tokens, self.counts.answer_tokens
        predicted = row * answer / (self.counts.prompt_tokens + answer)
        fitted = self._fit_memory(True, row, predicted, self.config.sft.rank)
        return replace(
            fitted, adapter=fitted.adapter / 4, checkpoints=0, activations=fitted.activations / 2,
            head=fitted.head / 2,
        )  # fmt: skip

    def _sampling(self, draw: Draw) -> tuple[Memory, float]:
        """The peak of sampling, and how many completions are computed side by side."""
        samples = draw.prompts * draw.n
        if self.backend == "vllm":
            return self._in_vllm(self._drawn(min(samples, MOST_SEQUENCES), 1, VLLM_TOKENS, 0), draw)
        rows = min(float(self.config.engine.batch_size), samples)
        prompts = max(1.0, rows / draw.n)
        return self._drawn(rows, prompts, draw.prompt_tokens, draw.max_tokens), rows

    def _drawn(self, rows: float, prompts: float, prompt_tokens: float, new: float) -> Memory:
        return sampling_memory(
            self.shape,
            width=self.width,
            rank=self.rank,
            rows=rows,
            prompts=prompts,
            prompt_tokens=prompt_tokens,
            new_tokens=new,
            cpu=self.card.cpu,
        )

    def _in_vllm(self, memory: Memory, draw: Draw) -> tuple[Memory, float]:
        """vLLM takes its share of the card: what is not weights is cache, of one sequence at least.

        On a CPU the cache has a size of its own.
        """
        settings = self.config.engine.vllm
        each = self.shape.cache(1 if settings.kv_cache_dtype.startswith("fp8") else self.width)
        held = replace(
            memory,
            base=max(0.0, self._vllm_weights() - settings.cpu_offload_gb * GIB),
            adapter=memory.adapter * self.width / 4,
            cache=0,
        )
        if self.card.cpu:
            room = float(cpu_cache() * GIB)
        else:
            share = self.config.engine.gpu_memory_utilization * self.card.memory
            room = share - held.expected
        room = max(room, (self.counts.longest + draw.max_tokens) * each)
        rows = room / each / (draw.prompt_tokens + draw.new_tokens)
        # The room is filled whatever is needed, so it is neither high nor low.
        taken = replace(held, activations=0, head=0, other=held.computing + room)
        return taken, min(rows, settings.max_num_seqs or MOST_SEQUENCES)

    def _vllm_weights(self) -> float:
        """Bytes of the weights in vLLM: in 8 or 4 bits only where `engine.vllm` says so."""
        settings, rest = self.config.engine.vllm, self.shape.parameters - self.shape.linear
        if settings.weights or settings.quantization == "bitsandbytes":
            return NF4 * self.shape.linear + self.width * rest
        if settings.quantization == "fp8":
            return self.shape.linear + self.width * rest
        return base_bytes(self.shape, self.width, nf4=False)


def _tokens(draw: Draw) -> float:
    return draw.prompts * (draw.prompt_tokens + draw.n * draw.new_tokens)
