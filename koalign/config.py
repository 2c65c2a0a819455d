"""config: every section and key of koalign.yaml, with its default; all defaults are in this file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

ASSETS = Path(__file__).parent / "assets"
BUILTIN = "builtin:"


class Section(BaseModel):
    """A frozen group of keys; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    same_result: ClassVar[frozenset[str]] = frozenset()
    """Keys that change how fast or how safely a result is made, and not what it is."""


class Model(Section):
    path: str
    """Folder or hub id of the base model; `builtin:tiny-ko` is the one that ships with koalign."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Precision of the base; auto: bfloat16 on a GPU that has it, float32 elsewhere."""
    load_in_4bit: bool = False
    """Hold the base in NF4 (bitsandbytes) while training; adapters stay in float32."""
    max_length: int | None = Field(default=None, ge=16)
    """Tokens of prompt and completion together; null: the context of the model."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model."""


class Source(Section):
    """One place that problems are read from; where only a path is needed, the path alone will do."""

    path: str
    """File, folder or zip; `hf://owner/name[@revision][:config][/split]`; `builtin:` ships with koalign."""
    format: str | None = None
    """Name of a format; null: each file as the first format that it looks like."""
    split: Literal["train", "dev", "test"] | None = None
    """Which split of the source is meant; null: the one that it is listed under; other files
    of a folder and rows that call themselves another are left out and listed."""
    columns: dict[str, str | list[str]] | None = None
    """For any other table: field of a problem -> its column (`data/formats/generic.py`)."""

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    if value is None:
        return ()
    return [value] if isinstance(value, str | dict) else value


Sources = Annotated[tuple[Source, ...], BeforeValidator(_listed)]


class Data(Section):
    train: Sources = Field(min_length=1)
    """Problems with answers, and rankings: a path, or a list of `{path, format, split}`."""
    dev: Sources = ()
    """Problems for choices made while building; never the test split."""
    test: Sources = ()
    """Held-out problems: `solve` without a file, and `evaluate`."""
    hints: str | None = None
    """JSONL of candidate hints for training problems (problem_id, text), from a teacher."""
    dev_share: float = Field(default=0, ge=0, lt=1)
    """Share of the training problems to hold out as dev where `dev` is empty, whole passages at a time."""
    near_duplicates: float = Field(default=0.9, gt=0, le=1)
    """Training problems this alike (Jaccard of character 5-grams) are one; the first is kept."""
    leaks: Literal["stop", "drop"] = "stop"
    """What to do where something trained on stands in dev or test: stop, or drop it from training."""
    leak_overlap: float = Field(default=0.8, gt=0, le=1)
    """Share of common character 13-grams from which on two problems are one."""


class Prompt(Section):
    template: str = "quote-then-number"
    """What the model is asked and taught: the name of one of koalign's templates, or the path of a
    YAML file of your own."""
    thinking: Literal["off", "on", "auto"] = "off"
    """Whether a model that can think does so before it answers, in training as at inference; auto: as
    its chat template has it."""
    shots: int = Field(default=0, ge=0)
    """Answered problems shown before each question."""
    shots_from: Literal["train", "dev"] = "train"
    """Split that they are taken from; never test."""


class Engine(Section):
    same_result: ClassVar[frozenset[str]] = frozenset({"batch_size", "gpu_memory_utilization"})

    backend: Literal["auto", "hf", "vllm", "scripted"] = "auto"
    """auto: vLLM where it is installed, else hf; scripted replays `engine.script`."""
    batch_size: int = Field(default=64, ge=1)
    """Completions computed side by side by hf."""
    gpu_memory_utilization: float = Field(default=0.85, gt=0, le=1)
    """Share of the GPU that vLLM may take."""
    script: str | None = None
    """YAML of canned completions for the scripted backend."""


class Sampling(Section):
    temperature: float = Field(default=0.8, ge=0)
    """0: greedy."""
    top_p: float = Field(default=0.95, gt=0, le=1)
    max_tokens: int = Field(default=1024, ge=1)
    """Longest completion, in tokens; a longer one is marked as cut by `finish_reason: length`."""


class Training(Section):
    """How every training of the run computes a step."""

    same_result: ClassVar[frozenset[str]] = frozenset({"row_tokens"})

    packing: Literal["groups", "trl"] = "groups"
    """groups: a prompt is computed once for all of its completions; trl: TRL's own padded batches,
    for comparison."""
    row_tokens: int = Field(default=4096, ge=16)
    """Most tokens in one forward pass: the groups of a step are laid side by side into rows of so many.
    A longer group has a row of its own. Lower it when memory runs out."""
    too_long: Literal["stop", "drop"] = "stop"
    """An example that a hint or a trace makes longer than the context: stop, or drop and count it; prepare
    drops problems that are too long as they stand. Nothing is ever cut."""


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
    """How often they are asked, evenly spaced, the last time at the end; and once before."""
    patience: int | None = Field(default=2, ge=1)
    """Stop when held-out accuracy falls so many evaluations running; null: never."""


class Optimization(Section):
    same_result: ClassVar[frozenset[str]] = frozenset({"save_steps"})

    learning_rate: float = Field(default=2e-4, gt=0)
    epochs: float = Field(default=2, gt=0)
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
    rank: int = Field(default=32, ge=1)
    """LoRA rank, on all linear layers; dropout is 0."""
    alpha: int = Field(default=32, ge=1)
    limit: int | None = Field(default=None, ge=1)
    """Train on the first so many problems only; null: all."""


class Sample(Sampling):
    n: int = Field(default=16, ge=2)
    """Completions drawn for each problem, over all orders of its choices together; Iterative RPO
    (arXiv 2404.19733) draws 30, others 8 and 16."""
    permutations: int = Field(default=2, ge=1)
    """Orders of the choices that they are drawn under, the gold answer elsewhere in each; 1: as they
    stand. A right answer that another order does not bear out is luck (`pairs.luck_z`)."""
    limit: int | None = Field(default=None, ge=1)
    """Sample the first so many training problems only; null: all."""


class Pairs(Section):
    per_problem: int = Field(default=4, ge=1)
    """At most so many pairs of one problem, a rejected completion in one only; Iterative RPO (arXiv
    2404.19733) takes 10 to 20 of each problem of larger sets."""
    luck_z: float | None = 1.0
    """A right answer is luck unless under each other order of the choices the problem is right more
    often than by guessing, by so many standard errors: one right choice in four needs no knowledge
    (Iterative RPO, on ARC); null: no such check."""
    pool_share: float = Field(default=0.5, gt=0, le=1)
    """Share of a problem's wrong completions that count as hard: those whose answer most others share
    and that the policy finds likely; never the worst alone (Sweet Spot, arXiv 2502.16825)."""
    hard_share: float = Field(default=0.7, ge=0, le=1)
    """Share of the pairs whose rejected side is a hard one; the others are random, since a set of hard
    pairs alone unsettles DPO (MixDPO, arXiv 2602.00954)."""
    max_repetition: float = Field(default=0.5, gt=0, le=1)
    """Largest share of repeated 4-grams of tokens in either side."""
    max_length_ratio: float = Field(default=2.0, ge=1)
    """Longest allowed ratio between the token counts of the two sides: DPO learns length where it can
    (LD-DPO, arXiv 2409.06411)."""
    max_length_bias: float | None = Field(default=0.05, ge=0)
    """Largest median of chosen minus rejected length, as a share of the median length; pairs go from
    the heavy side, the most extreme first, until it holds; null: no limit."""
    max_position_excess: float | None = Field(default=1.5, ge=1)
    """How many times its fair share a place among the choices may hold of the chosen, or of the
    rejected, answers, since a policy learns places too (PriDe, arXiv 2309.03882); null: no limit."""
    ches_drop: float = Field(default=0.1, ge=0, lt=1)
    """Share of the pairs to drop for the highest length-normalised CHES: two sides so alike inside the
    policy that DPO lowers both (arXiv 2410.08847); 0: not computed."""


class Dpo(Optimization):
    same_result: ClassVar[frozenset[str]] = frozenset({"save_steps", "rounds"})

    rounds: int = Field(default=1, ge=1)
    """From the second on the policy is sampled afresh, and the round before is the reference; gains fall
    off after two or three (Iterative RPO, arXiv 2404.19733)."""
    learning_rate: float = Field(default=5e-6, gt=0)
    epochs: float = Field(default=1, gt=0)
    beta: float = Field(default=0.1, gt=0)
    """Strength of the pull towards the reference, which is the SFT adapter."""
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
    def _smoothing_is_for_robust(self) -> Dpo:
        if self.label_smoothing and self.loss != "robust":
            raise ValueError(f"label_smoothing is for loss robust; {self.loss} would ignore it")
        return self


class Hints(Sampling):
    n: int = Field(default=16, ge=4)
    """Answers drawn with each hint, without any, and again afresh for the hints that pass."""
    z: float = Field(default=1.28, ge=0)
    """How many standard errors the hinted rate must lie above the bare one."""
    min_characters: int = Field(default=8, ge=1)
    max_characters: int = Field(default=1200, ge=1)
    limit: int | None = Field(default=None, ge=1)
    """Screen the first so many candidates only; null: all."""


class Abstraction(Optimization):
    rank: int = Field(default=16, ge=1)
    """Rank added on top of the DPO adapter."""
    learning_rate: float = Field(default=1e-4, gt=0)
    epochs: float = Field(default=3, gt=0)


class Answer(Optimization):
    rank: int = Field(default=16, ge=1)
    """Rank added on top of the DPO adapter."""
    learning_rate: float = Field(default=1e-4, gt=0)
    traces: int = Field(default=2, ge=1)
    """Verified own answers used for each kept hint."""
    bare_share: float = Field(default=0.125, ge=0, lt=1)
    """Share of the rows without any hint, so that the adapter can still answer alone."""
    foreign_share: float = Field(default=0.2, ge=0, lt=1)
    """Share of the hinted rows that carry another problem's hint and the bare answer."""


class Solve(Sampling):
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)


class Tracking(Section):
    wandb: Literal["off", "offline", "online"] = "off"
    project: str = "koalign"


class Config(Section):
    """All of koalign.yaml."""

    model: Model
    data: Data
    prompt: Prompt = Prompt()
    engine: Engine = Engine()
    training: Training = Training()
    probe: Probing = Probing()
    sft: Sft = Sft()
    sample: Sample = Sample()
    pairs: Pairs = Pairs()
    dpo: Dpo = Dpo()
    hints: Hints = Hints()
    abstraction: Abstraction = Abstraction()
    answer: Answer = Answer()
    solve: Solve = Solve()
    tracking: Tracking = Tracking()
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _scripted_has_a_script(self) -> Config:
        if (self.engine.backend == "scripted") != (self.engine.script is not None):
            raise ValueError("engine.backend scripted and engine.script go together")
        return self


def resolve_path(name: str) -> str:
    """The place a config value names: `builtin:` inside the package, else as given."""
    return str(ASSETS / name.removeprefix(BUILTIN)) if name.startswith(BUILTIN) else name
