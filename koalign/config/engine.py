"""engine: what samples and scores, and how vLLM is started."""

from __future__ import annotations

import importlib.util
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from koalign.config.inputs import Section


class Vllm(Section):
    """How vLLM is started."""

    same_result: ClassVar[frozenset[str]] = frozenset(
        {
            "max_model_len", "tensor_parallel_size", "max_num_seqs", "enforce_eager", "cpu_offload_gb",
        }
    )  # fmt: skip

    max_model_len: int | None = Field(default=None, ge=16)
    """Most tokens of a prompt with its completion; null: as many as the stage needs, rounded up, and
    never the context of the model by default."""
    weights: str | None = None
    """Folder or hub id of a quantised copy of the base (AWQ, GPTQ, FP8) to sample from; null: the base."""
    quantization: str = "auto"
    """auto: bitsandbytes on a GPU with `model.load_in_4bit` where this vLLM has it, else as the weights
    are stored; none: as they are stored; or a name of vLLM's that is made while loading, such as `fp8`."""
    kv_cache_dtype: Literal["auto", "bfloat16", "float16", "fp8", "fp8_e4m3", "fp8_e5m2"] = "auto"
    """Precision of the KV cache; auto: that of the model. fp8 holds twice as many tokens."""
    tensor_parallel_size: int = Field(default=1, ge=1)
    """GPUs that share each layer."""
    max_num_seqs: int | None = Field(default=None, ge=1)
    """Most completions computed side by side; null: as vLLM has it."""
    enforce_eager: bool = False
    """Skip compilation and CUDA graphs: starts sooner, takes less memory, generates slower. Always so
    on a CPU."""
    cpu_offload_gb: float = Field(default=0, ge=0)
    """GiB of weights a GPU that stay in CPU memory and are read from there; slow."""
    extra: dict[str, Any] = Field(default={})
    """More arguments of `vllm.LLM`, passed on as they are."""

    @model_validator(mode="after")
    def _extra_has_other_keys(self) -> Vllm:
        if twice := sorted(_VLLM_OWN & set(self.extra)):
            raise ValueError(f"extra: {twice[0]} is set by koalign; it cannot be set here")
        return self


_VLLM_OWN = frozenset(Vllm.model_fields) - {"extra", "weights"} | {
    "model", "dtype", "gpu_memory_utilization", "enable_lora", "max_loras", "max_lora_rank",
    "enable_prefix_caching", "trust_remote_code", "logprobs_mode",
}  # fmt: skip


class Ray(Section):
    """How a Ray cluster samples."""

    address: str | None = None
    """Its head, such as `10.0.0.5:6379`; null: a cluster of this machine, for this command alone."""
    engine: Literal["vllm", "hf"] = "vllm"
    """What each actor holds. The samples are those of `engine.backend: vllm` or `hf`."""
    actors: int | None = Field(default=None, ge=1)
    """How many hold a copy of the base; null: as many as GPUs are free, or one for each four cores of a
    cluster without. With vllm each takes `engine.vllm.tensor_parallel_size` GPUs, with hf one."""


class Engine(Section):
    same_result: ClassVar[frozenset[str]] = frozenset(
        {"batch_size", "gpu_memory_utilization", "ray"}
    )

    backend: Literal["auto", "hf", "vllm", "ray", "scripted"] = "auto"
    """auto: vLLM where it is installed, else hf, and what was begun ends with the engine that began it; ray
    spreads either over GPUs and machines; scripted replays `engine.script`."""
    batch_size: int = Field(default=64, ge=1)
    """Completions computed side by side by hf."""
    gpu_memory_utilization: float = Field(default=0.85, gt=0, le=1)
    """Share of the GPU that vLLM may take."""
    vllm: Vllm = Vllm()
    """How vLLM is started."""
    ray: Ray = Ray()
    """How a Ray cluster samples."""
    script: str | None = None
    """YAML of canned completions for the scripted backend."""

    @property
    def result(self) -> Engine:
        """What computes: itself, or of `ray` the engine of each actor, which gives the same samples."""
        return (
            self.model_copy(update={"backend": self.ray.engine}) if self.backend == "ray" else self
        )

    @property
    def opened(self) -> str:
        """What stands for `auto` here, else the backend."""
        installed = importlib.util.find_spec("vllm") is not None
        return ("vllm" if installed else "hf") if self.backend == "auto" else self.backend

    @property
    def read(self) -> list[str]:
        """The keys that play a part with this backend; of auto it is not known yet."""
        of_vllm = ["vllm", "gpu_memory_utilization"]
        keys = {
            "hf": ["batch_size"],
            "vllm": of_vllm,
            "ray": ["ray", *(of_vllm if self.ray.engine == "vllm" else ["batch_size"])],
            "auto": ["batch_size", *of_vllm],
            "scripted": [],
        }[self.backend]
        return [f"engine.{key}" for key in ("backend", "script", *keys)]
