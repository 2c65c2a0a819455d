"""config: YAML files and `-s key=value` -> one frozen Config. Every default of koalign is in this file."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from koalign.records import KoalignError

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


class Data(Section):
    train: str
    """JSONL of problems with answers."""
    dev: str | None = None
    """JSONL of problems for choices made while building; never the test split."""
    test: str | None = None
    """JSONL of held-out problems: `solve` without a file, and `evaluate`."""
    hints: str | None = None
    """JSONL of candidate hints for training problems (problem_id, text), from a teacher."""


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
    same_result: ClassVar[frozenset[str]] = frozenset({"save_steps"})

    learning_rate: float = Field(default=2e-4, gt=0)
    epochs: float = Field(default=2, gt=0)
    batch_size: int = Field(default=4, ge=1)
    """Examples in one forward pass on one device."""
    gradient_accumulation_steps: int = Field(default=8, ge=1)
    warmup_ratio: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps in which the rate rises from 0; it then falls along a cosine."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    gradient_checkpointing: bool = False
    save_steps: int = Field(default=100, ge=1)
    """Optimizer steps between checkpoints; a killed training continues from the last whole one."""


class Sft(Training):
    rank: int = Field(default=32, ge=1)
    """LoRA rank, on all linear layers; dropout is 0."""
    alpha: int = Field(default=32, ge=1)
    limit: int | None = Field(default=None, ge=1)
    """Train on the first so many problems only; null: all."""


class Sample(Sampling):
    n: int = Field(default=16, ge=2)
    """Completions drawn for each problem."""
    limit: int | None = Field(default=None, ge=1)
    """Sample the first so many training problems only; null: all."""


class Pairs(Section):
    per_problem: int = Field(default=4, ge=1)
    """At most so many pairs of one problem; a rejected completion is used once."""
    hard_share: float = Field(default=0.7, ge=0, le=1)
    """Share of the pairs whose rejected side is picked for being hard; the others are random."""
    max_length_ratio: float = Field(default=2.0, ge=1)
    """Longest allowed ratio between the token counts of the two sides."""


class Dpo(Training):
    learning_rate: float = Field(default=5e-6, gt=0)
    epochs: float = Field(default=1, gt=0)
    beta: float = Field(default=0.1, gt=0)
    """Strength of the pull towards the reference, which is the SFT adapter."""
    sft_weight: float = Field(default=1.0, ge=0)
    """Weight of the likelihood of the chosen side, which keeps its probability from falling."""


class Hints(Sampling):
    n: int = Field(default=16, ge=4)
    """Answers drawn with each hint, without any, and again afresh for the hints that pass."""
    z: float = Field(default=1.28, ge=0)
    """How many standard errors the hinted rate must lie above the bare one."""
    min_characters: int = Field(default=8, ge=1)
    max_characters: int = Field(default=1200, ge=1)
    limit: int | None = Field(default=None, ge=1)
    """Screen the first so many candidates only; null: all."""


class Abstraction(Training):
    rank: int = Field(default=16, ge=1)
    """Rank added on top of the DPO adapter."""
    learning_rate: float = Field(default=1e-4, gt=0)
    epochs: float = Field(default=3, gt=0)


class Answer(Training):
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
    engine: Engine = Engine()
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


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 2e-5 is a number and a key given twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def load_config(files: Sequence[Path], overrides: Sequence[str] = ()) -> Config:
    """The one Config of the files (later ones win) and of `section.key=value` overrides.

    Without files: ./koalign.yaml, and without that the built-in example. Raises KoalignError that
    names file, line and key, and the nearest known key.
    """
    if not files:
        own = Path("koalign.yaml")
        files = [own if own.exists() else ASSETS / "example.yaml"]
    merged: dict[str, Any] = {}
    places: dict[str, str] = {}
    for path in files:
        value, lines = _read_yaml(path)
        _merge(merged, value)
        places.update({key: f"{path}:{line}" for key, line in lines.items()})
    for override in overrides:
        key, found, text = override.partition("=")
        if not found or not key:
            raise KoalignError(f"-s {override}: expected section.key=value")
        _merge(merged, _nested(key.split("."), _parse(text, f"-s {override}")))
        places[key] = f"-s {override}"
    try:
        return Config.model_validate(merged)
    except ValidationError as error:
        raise KoalignError(_explain(error, places)) from None


def resolve_path(name: str) -> str:
    """The place a config value names: `builtin:` inside the package, else as given."""
    return str(ASSETS / name.removeprefix(BUILTIN)) if name.startswith(BUILTIN) else name


def known_keys(section: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """Every dotted key, sections before their keys."""
    for name, field in section.model_fields.items():
        yield prefix + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from known_keys(field.annotation, f"{prefix}{name}.")


def documented_yaml() -> str:
    """A koalign.yaml with every key at its default and its sentence; required keys from the example."""
    example = load_config([ASSETS / "example.yaml"])
    lines = ["# Every key of koalign, at its default. Delete what you do not change.", ""]
    for name, field in Config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            lines.append(f"{name}:")
            for key, inner in field.annotation.model_fields.items():
                default = inner.get_default()
                value = getattr(getattr(example, name), key) if inner.is_required() else default
                lines += [f"  # {line}" for line in textwrap.wrap(inner.description or "", 90)]
                lines.append(f"  {key}: {_scalar(value)}")
            lines.append("")
        else:
            lines.append(f"{name}: {_scalar(field.get_default())}")
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    return "null" if value is None else yaml.safe_dump(value).splitlines()[0]


def _read_yaml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise KoalignError(f"{path}: no such config file") from None
    except (IsADirectoryError, UnicodeDecodeError):
        raise KoalignError(f"{path}: not a UTF-8 text file") from None
    value = _parse(text, str(path))
    if value is None:
        return {}, {}
    if not isinstance(value, dict):
        raise KoalignError(f"{path}:1: expected `section:` lines, found {type(value).__name__}")
    return value, dict(_lines(yaml.compose(text, Loader=_Loader)))


def _parse(text: str, place: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise KoalignError(f"{place}:{line}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise KoalignError(f"{place}: not YAML: {error}") from None


def _lines(node: yaml.Node, prefix: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield prefix + str(key.value), key.start_mark.line + 1
            yield from _lines(value, f"{prefix}{key.value}.")


def _nested(keys: Sequence[str], value: Any) -> Any:
    return {keys[0]: _nested(keys[1:], value)} if keys else value


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _explain(error: ValidationError, places: dict[str, str]) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    place = places.get(key) or places.get(key.rpartition(".")[0]) or ""
    where = f"{place}: " if place else ""
    if first["type"] == "extra_forbidden":
        nearest = difflib.get_close_matches(key, list(known_keys()), n=1, cutoff=0.5)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        return f"{where}unknown key {key!r}{hint}"
    if first["type"] == "missing":
        return f"{where}key {key!r} is missing; `koalign init` writes a koalign.yaml with every key"
    message = first["msg"].removeprefix("Value error, ")
    found = "" if first["type"] == "value_error" else f", found {first['input']!r}"
    return f"{where}{key + ': ' if key else ''}{message}{found}"
