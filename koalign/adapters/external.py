"""external: a PEFT adapter that koalign did not make -> its facts, and whether it fits a base."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field

from koalign.adapters.weights import ADAPTER_AGAIN, open_weights, refuse_infinite
from koalign.config.inputs import Model
from koalign.jsonl import read_small
from koalign.records import KoalignError, Record
from koalign.text.visible import shown, warn

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PICKLE = "adapter_model.bin"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_MATRIX = re.compile(r"base_model\.model\.(.+)\.lora_(?:embedding_)?([AB])(?:\.weight)?")
_WHOLE = re.compile(r"base_model\.model\.(.+?)(?:\.base_layer|\.modules_to_save)?\.weight")
"""A weight that an adapter has in place of the base's."""
ONE_SAVE = "take weights and configuration from one save"
_NOT_LOADED = (ValueError, TypeError, KeyError, AttributeError, NotImplementedError, ImportError)
"""What PEFT raises of a configuration."""
_PLAIN_INITS = ("gaussian", "eva", "orthogonal", "mica", "lora_ga")
"""Words for `init_lora_weights` that leave a plain LoRA; others change the weights of the base."""


class LoraFacts(Record):
    """The keys of an `adapter_config.json` that koalign reads; others are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, use_attribute_docstrings=True)

    r: int = Field(ge=1)
    rank_pattern: dict[str, int] | None = None
    base_model_name_or_path: str | None = None

    @property
    def rank(self) -> int:
        """The highest rank of its modules."""
        return max([self.r, *(self.rank_pattern or {}).values()])


@dataclass(frozen=True)
class Shapes:
    """Of the LoRA matrices of one module: A (rank, inputs), B (outputs, rank)."""

    a: tuple[int, ...]
    b: tuple[int, ...]

    @property
    def rank(self) -> int:
        return self.a[0]

    @property
    def parameters(self) -> int:
        return self.a[0] * self.a[1] + self.b[0] * self.b[1]


def is_hub_id(name: str) -> bool:
    """Whether a name can be an adapter of the hub, `owner/name`."""
    return _HUB_ID.fullmatch(name) is not None


def name_of(folder: Path) -> str:
    """What to call an adapter without a card: its hub id, or the name of its folder."""
    folder = folder.absolute()
    store = folder.parent.parent.name
    if folder.parent.name == "snapshots" and store.startswith("models--"):
        return store.removeprefix("models--").replace("--", "/", 1)
    return folder.resolve().name


def read_config(folder: Path) -> dict[str, Any]:
    """The `adapter_config.json` of a LoRA adapter; raises KoalignError where it is broken or no LoRA."""
    path = folder / CONFIG
    try:
        config = json.loads(read_small(path))
    except FileNotFoundError:
        raise KoalignError(f"{folder}: no {CONFIG}; give the folder of a PEFT adapter") from None
    except (ValueError, RecursionError) as error:
        raise KoalignError(
            f"{path}: is not JSON ({error}); take the adapter from its source again"
        ) from None
    kind = config.get("peft_type") if isinstance(config, dict) else None
    if kind != "LORA":
        raise KoalignError(f"{path}: peft_type is {kind!r}; koalign takes LoRA adapters only")
    return config


def refuse_without_weights(folder: Path) -> None:
    """Raises KoalignError where there is no safetensors file, with the remedy."""
    if (folder / WEIGHTS).exists():
        return
    refuse_pickle(folder)
    raise KoalignError(
        f"{folder}: holds no {WEIGHTS}; take the adapter from its source again, or train it again"
    )


def refuse_pickle(folder: Path) -> None:
    """Raises KoalignError where an adapter's weights are a pickle, with the remedy."""
    if (folder / PICKLE).exists():
        raise KoalignError(
            f"{folder}: holds {PICKLE} only, a pickle that may run code when it is read; load it "
            "with PEFT where you trust it, and save_pretrained writes safetensors"
        )


def matrices_of(folder: Path) -> dict[str, Shapes]:
    """Module name in the base -> the shapes of its LoRA matrices; no weight is read.

    Raises KoalignError for a broken file, a matrix without its other half, and where there is none.
    """
    refuse_without_weights(folder)
    halves: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in _shapes_of(folder).items():
        if match := _MATRIX.fullmatch(name):
            halves.setdefault(match[1], {})[match[2]] = shape
    if not halves:
        raise KoalignError(f"{folder / WEIGHTS}: holds no LoRA matrices")
    for module, pair in halves.items():
        if set(pair) != {"A", "B"} or len(pair["A"]) != 2 or pair["A"][0] != pair["B"][-1]:
            raise KoalignError(
                f"{folder / WEIGHTS}: {module}: lora_A {pair.get('A')} and lora_B {pair.get('B')} are no "
                "pair (rank, inputs) and (outputs, rank)"
            )
    return {module: Shapes(pair["A"], pair["B"]) for module, pair in sorted(halves.items())}


def _shapes_of(folder: Path) -> dict[str, tuple[int, ...]]:
    """Tensor name -> shape, of the weights of an adapter."""
    with open_weights(folder / WEIGHTS, ADAPTER_AGAIN) as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def refuse_not_finite(folder: Path) -> None:
    """Raises KoalignError where a number of an adapter is NaN or infinite.

    One that changes nothing, as before its first step, is said.
    """
    if not (folder / WEIGHTS).exists():  # those of the scripted engine have none
        return
    zeros = refuse_infinite(folder / WEIGHTS, "train it again with a lower learning rate")
    adding = [name for name in _shapes_of(folder) if ".lora_A" not in name]
    if adding and set(adding) <= set(zeros):
        warn(f"{folder}: its lora_B matrices hold only zeros, so it changes nothing", once=True)


def refuse_misfit(folder: Path, base: str) -> bool:
    """Compare every LoRA matrix with its module in the base, by shapes alone.

    `base` is a folder, a hub id or `builtin:…`. The modules are those of the model that transformers
    builds from its config, without weights. Raises KoalignError that names the first module which is
    not there or of another shape; False where the base brings code of its own and nothing is known.
    """
    matrices = matrices_of(folder)
    modules = modules_of(base)
    if modules is None:
        return False
    for name, pair in matrices.items():
        if name not in modules:
            raise KoalignError(
                f"{folder}: changes {name}, and {base} has no such module; it was made for another base"
            )
        outputs, inputs = modules[name]
        if (pair.b[0], pair.a[1]) != (outputs, inputs):
            raise KoalignError(
                f"{folder}: its matrices for {name} are for {pair.b[0]} x {pair.a[1]}, and in {base} it "
                f"is {outputs} x {inputs}; it was made for another base"
            )
    for name, shape in _shapes_of(folder).items():
        if (match := _WHOLE.fullmatch(name)) and len(shape) == 2:
            rows = sorted(modules.get(match[1], shape))
            if rows != sorted(shape):
                raise KoalignError(
                    f"{folder}: holds {match[1]} as {shape[0]} x {shape[1]}, and {base} has another size; "
                    "its tokens were changed: give the base with the resized embedding as model.path"
                )
    return True


def model_without_weights(base: str) -> Any | None:
    """The model that transformers builds from a base's config; none where it has code of its own."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from koalign.adapters.base import base_folder

    path = base_folder(Model(path=base))
    try:
        config = AutoConfig.from_pretrained(path, trust_remote_code=False)
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except ValueError:
        return None


def modules_of(base: str) -> dict[str, tuple[int, int]] | None:
    """Module name -> (outputs, inputs), of all that have a matrix; none: not known."""
    import torch
    from transformers.pytorch_utils import Conv1D

    model = model_without_weights(base)
    if model is None:
        return None
    shapes = {}
    for name, module in model.named_modules():
        weight = module._parameters.get("weight")
        if weight is not None and weight.dim() == 2:
            shape = tuple(weight.shape)
            turned = isinstance(module, Conv1D | torch.nn.Embedding)
            shapes[name] = shape[::-1] if turned else shape
    return shapes


@contextmanager
def loading(folder: Path) -> Iterator[None]:
    """Raises KoalignError for what PEFT refuses of an adapter's configuration while it loads it."""
    try:
        yield
    except _NOT_LOADED as error:
        raise KoalignError(
            f"{folder}: PEFT cannot load it ({shown(str(error))[:300]}); mend {CONFIG}, or {ADAPTER_AGAIN}"
        ) from None


def refuse_for_vllm(folder: Path) -> None:
    """Raises KoalignError for a LoRA that vLLM cannot serve (vllm/lora/peft_helper.py, 0.32)."""
    config = read_config(folder)
    init = config.get("init_lora_weights", True)
    kept = set(config.get("modules_to_save") or ()) - {"classifier", "score"}
    reasons = [f"{key} = {config[key]!r}" for key in (
        "use_dora", "lora_bias", "alora_invocation_tokens", "layer_replication", "use_bdlora",
        "use_qalora",
    ) if config.get(key)]  # fmt: skip
    if config.get("bias", "none") != "none":
        reasons.append(f"bias = {config['bias']!r}")
    if kept:
        reasons.append(f"modules_to_save = {sorted(kept)}")
    if isinstance(init, str) and init.lower() not in _PLAIN_INITS:
        reasons.append(f"init_lora_weights = {init!r}")
    if reasons:
        raise KoalignError(
            f"{folder}: vLLM cannot serve it ({', '.join(reasons)}); take engine.backend: hf"
        )
