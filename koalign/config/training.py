"""config_training: the sections of SFT, DPO and what they share: steps, probe, optimizer."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from koalign.config.inputs import Section


class Training(Section):
    """How every training of the run computes a step."""

    same_result: ClassVar[frozenset[str]] = frozenset(
        {"row_tokens", "processes", "nodes", "shard", "launcher"}
    )

    packing: Literal["groups", "trl"] = "groups"
    """groups: a prompt is computed once for all of its completions; trl: TRL's own padded batches, which
    also take their place on a base where groups cannot be exact."""
    row_tokens: int = Field(default=4096, ge=16)
    """Most tokens in one forward pass: the groups of a step are laid side by side into rows of so many.
    A longer group has a row of its own. Lower it when memory runs out."""
    processes: int = Field(default=1, ge=1)
    """Processes on this machine that share the rows of every step, on GPUs one a GPU; the adapter is the
    same but for rounding."""
    nodes: int = Field(default=1, ge=1)
    """Machines with so many processes each. koalign is started on every one by srun, torchrun or with
    NODE_RANK and MASTER_ADDR, with the same command and a shared run folder; the first leads."""
    shard: Literal["none", "fsdp", "fsdp-offload"] = "none"
    """none: each process holds the whole base; fsdp: a part of it (PyTorch FSDP2), gathered layer by layer;
    fsdp-offload: the parts wait in the machine's memory. Adapter and optimizer are whole in each."""
    launcher: Literal["torchrun", "ray"] = "torchrun"
    """ray: the processes, of all nodes, are workers on a Ray cluster (RAY_ADDRESS, else this machine) that
    share the run folder; koalign is started once. Needs koalign[ray]."""
    too_long: Literal["stop", "drop"] = "stop"
    """An example that a hint or a trace makes longer than the context: stop, or drop and count it; prepare
    drops problems that are too long as they stand. Nothing is ever cut."""

    @property
    def world(self) -> int:
        """Processes on all machines."""
        return self.nodes * self.processes

    @property
    def parts(self) -> float:
        """Of so many parts of the base a card holds one; infinite: all wait in the machine's memory."""
        held = {"none": 1.0, "fsdp": float(self.world), "fsdp-offload": math.inf}
        return held[self.shard]

    @model_validator(mode="after")
    def _processes_share_rows(self) -> Training:
        if self.packing == "trl" and self.world > 1:
            raise ValueError(
                "processes share the rows of packing groups; packing trl has one process"
            )
        if (
            self.packing == "trl"
            and self.row_tokens != type(self).model_fields["row_tokens"].default
        ):
            raise ValueError(
                "row_tokens is for packing groups; packing trl would ignore it: lower batch_size instead"
            )
        if self.packing == "trl" and self.shard != "none":
            raise ValueError(
                f"shard {self.shard} is for packing groups; packing trl takes shard none"
            )
        if self.shard == "fsdp" and self.world == 1:
            raise ValueError(
                "shard fsdp parts the base between processes, and processes is 1; raise it, or take "
                "fsdp-offload"
            )
        return self


class Probing(Section):
    same_result: ClassVar[frozenset[str]] = frozenset({"batch_size"})

    problems: int = Field(default=100, ge=0)
    """Problems of dev, and as many of those trained on, that the model answers while `sft` and `dpo`
    train it; the checkpoint of the best held-out accuracy is kept, for the loss says little of answers
    (Iterative RPO, arXiv 2404.19733, on 1,000); 0: none, and the last is kept."""
    max_tokens: int = Field(default=1024, ge=1)
    """Longest of these answers, in tokens; they are greedy."""
    batch_size: int = Field(default=64, ge=1)
    """Answers computed side by side."""
    evaluations: int = Field(default=4, ge=1)
    """How often they are asked, evenly spaced, the last time at the end; and once before.
    `sft.epochs: auto` asks after each round instead."""
    patience: int | None = Field(default=2, ge=1)
    """Stop when held-out accuracy falls so many evaluations running; null: never. `sft.epochs: auto` ends
    its constant rate then."""


def _number_or_auto(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:  # it has an error for each type, and a place inside of the key
        raise ValueError(f"expected a number above 0, or auto, found {value!r}") from None


Epochs = Annotated[Annotated[float, Field(gt=0)] | Literal["auto"], WrapValidator(_number_or_auto)]


class Optimization(Section):
    same_result: ClassVar[frozenset[str]] = frozenset({"save_steps"})

    learning_rate: float = Field(default=2e-4, gt=0, le=1)
    epochs: Epochs = 2
    batch_size: int = Field(default=4, ge=1)
    """Prompts, with all of their completions or pairs; times gradient_accumulation_steps, those of a step.
    With `training.packing: groups` memory is bounded by `training.row_tokens` and not by this."""
    gradient_accumulation_steps: int = Field(default=8, ge=1)
    warmup_ratio: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps in which the rate rises from 0; it then falls along a cosine."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    gradient_checkpointing: bool = False
    save_steps: int = Field(default=100, ge=1)
    """Optimizer steps between checkpoints; a killed training continues from the last whole one."""


class Sft(Optimization):
    epochs: Epochs = "auto"
    """auto: to the plateau, in at most 20 rounds. A round is one epoch, or as many as make 16 steps; the
    probe answers after each. The rate rises in `warmup_ratio` of the first round and stays until held-out
    accuracy rises by no more than its error, then falls to 0 in one more round (warmup-stable-decay:
    MiniCPM, arXiv 2404.06395). Needs dev."""
    rank: int = Field(default=32, ge=1)
    """LoRA rank, on all linear layers; dropout is 0."""
    alpha: int = Field(default=32, ge=1)
    limit: int | None = Field(default=None, ge=1)
    """Train on the first so many problems only; null: all."""


class Preference(Optimization):
    """DPO on pairs of completions of one prompt."""

    learning_rate: float = Field(default=5e-6, gt=0, le=1)
    epochs: float = Field(default=1, gt=0)
    beta: float = Field(default=0.1, gt=0)
    """Strength of the pull towards the reference, which is the adapter that the training starts from."""
    loss: Literal["sigmoid", "ipo", "sigmoid_norm", "apo_zero", "robust"] = "sigmoid"
    """TRL's names: DPO (arXiv 2305.18290), IPO (2310.12036), length-normalised DPO (Tülu 3, 2411.15124),
    APO-zero (2408.06266), DPO that expects wrong labels (2403.00409)."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """Share of pairs that `robust` expects to be the wrong way round."""
    ld_alpha: float | None = Field(default=None, ge=0, le=1)
    """Weight of what a side writes beyond the length of the other (LD-DPO, arXiv 2409.06411); null: 1."""
    sft_weight: float = Field(default=1.0, ge=0)
    """Weight of the likelihood of the chosen side, which keeps its probability from falling (RPO, arXiv
    2404.19733); a mean over tokens, as in TRL."""

    max_displacement: float | None = Field(default=0.05, gt=0)
    """Stop when the chosen log-probability per token lies below the reference by more than this share: DPO
    lowers both sides of pairs that are too alike (arXiv 2410.08847); null: never."""
    max_length_drift: float | None = Field(default=2.0, gt=1)
    """Stop when the probe's answers are longer than before by more than this factor: DPO learns length
    where it can (LD-DPO, arXiv 2409.06411); null: never."""

    @model_validator(mode="after")
    def _smoothing_is_for_robust(self) -> Preference:
        if self.label_smoothing and self.loss != "robust":
            raise ValueError(f"label_smoothing is for loss robust; {self.loss} would ignore it")
        return self


class Dpo(Preference):
    """DPO of the policy."""

    same_result: ClassVar[frozenset[str]] = frozenset({"save_steps", "rounds"})

    rounds: int = Field(default=1, ge=1)
    """From the second on the policy is sampled afresh, and the round before is the reference; gains fall
    off after two or three (Iterative RPO, arXiv 2404.19733)."""
