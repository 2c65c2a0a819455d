"""vllm_start: settings and lengths -> the arguments of a vLLM; a failed start -> one line with a remedy."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from koalign.config.engine import Engine, Vllm
from koalign.config.inputs import Model
from koalign.records import KoalignError
from koalign.text.visible import say, warn

REQUESTS_AT_ONCE = 512
"""Completions of one call: enough to keep the scheduler busy."""
MAX_LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""vllm/config/lora.py; an adapter's own rank only has to be no greater."""
STEP = 256
"""Tokens that `max_model_len` is a multiple of; one step is spare, for the words around a hint."""

CPU_CACHE = "VLLM_CPU_KVCACHE_SPACE"
"""Where vLLM on a CPU reads the GiB of its KV cache."""

SETTLED = 0.5
"""Seconds in which the log of a process that has ended is read."""

LEAVES_NO_ROOM = {
    r"max seq len \((?P<tokens>\d+)\), \((?P<needed>[\d.]+) GiB.*?memory \((?P<free>[\d.]+) GiB\)": (
        "no room for one sequence of {tokens} tokens: its KV cache takes {needed} GiB, and {free} GiB are "
        "left; lower max_tokens and model.max_length, or raise engine.gpu_memory_utilization"
    ),
    r"No available memory for the cache blocks": (
        "the weights leave no memory for a KV cache; raise engine.gpu_memory_utilization, or lower the "
        "weights: engine.vllm.quantization, engine.vllm.weights or engine.vllm.cpu_offload_gb"
    ),
    r"memory on (?:device|node) \S+ \((?P<free>[\d.]+)/(?P<all>[\d.]+) GiB\)": (
        "{free} of {all} GiB are free, and it may take a larger share; lower "
        "engine.gpu_memory_utilization, or end what else uses the memory"
    ),
    r"out of memory|OutOfMemoryError": (
        "it ran out of memory; lower engine.gpu_memory_utilization or engine.vllm.max_num_seqs, or set "
        "engine.vllm.enforce_eager"
    ),
}
"""What vLLM 0.32 writes when it has no room (v1/core/kv_cache_utils.py, v1/worker) -> the line to show."""


@dataclass(frozen=True)
class Situation:
    """What a start depends on besides the settings."""

    gpus: int
    """That are seen; 0: the CPU computes."""
    dtype: str
    stored_quantised: bool
    """Whether config.json of the weights says that they are quantised."""
    methods: Sequence[str]
    """Names of quantisation that this vLLM knows."""


def arguments(engine: Engine, model: Model, situation: Situation, tokens: int) -> dict[str, Any]:
    """Arguments of `vllm.LLM` for a `max_model_len` of `tokens`, without those of adapters.

    Raises KoalignError for more GPUs than are seen, and as `quantization` does.
    """
    section = engine.vllm
    if situation.gpus and section.tensor_parallel_size > situation.gpus:
        raise KoalignError(
            f"engine.vllm.tensor_parallel_size: {section.tensor_parallel_size} GPUs, and "
            f"{situation.gpus} can be seen; lower it, or see CUDA_VISIBLE_DEVICES"
        )
    settings = {
        "dtype": situation.dtype,
        "max_model_len": tokens,
        "enable_prefix_caching": True,
        "logprobs_mode": "raw_logprobs",  # of the model, before temperature and top_p
        # Compiling takes longer than a CPU run gains.
        "enforce_eager": section.enforce_eager or not situation.gpus,
        # vLLM 0.32 on a CPU ends with an error where a prompt of a seeded request is cut into chunks.
        "enable_chunked_prefill": None if situation.gpus else False,
        "trust_remote_code": model.trust_remote_code,
        "kv_cache_dtype": section.kv_cache_dtype,
        "tensor_parallel_size": section.tensor_parallel_size,
        "cpu_offload_gb": section.cpu_offload_gb,
        "quantization": quantization(section, model, situation),
        "max_num_seqs": section.max_num_seqs,
        "gpu_memory_utilization": engine.gpu_memory_utilization if situation.gpus else None,
        **section.extra,
    }
    return {name: value for name, value in settings.items() if value is not None}


def quantization(section: Vllm, model: Model, situation: Situation) -> str | None:
    """What vLLM makes of the weights while loading them; None: nothing.

    Raises KoalignError for bitsandbytes where this vLLM does not have it: since 0.32 it is no part of vLLM.
    """
    known = "bitsandbytes" in situation.methods
    if section.quantization == "bitsandbytes" and not known:
        raise KoalignError(
            "engine.vllm.quantization: this vLLM has no bitsandbytes; set engine.vllm.weights to a "
            "quantised copy of the base (AWQ, GPTQ, FP8), or take fp8"
        )
    if section.quantization != "auto":
        return None if section.quantization == "none" else section.quantization
    follows = bool(model.load_in_4bit and situation.gpus) and not situation.stored_quantised
    if follows and not known:
        warn(
            f"engine: vllm holds the base in {situation.dtype} and not in 4 bits: this vLLM has no "
            "bitsandbytes (engine.vllm.weights or engine.vllm.quantization: fp8 take less memory)",
            once=True,
        )
    return "bitsandbytes" if follows and known else None


def model_len(section: Vllm, context: int, needed: int, before: int) -> int:
    """The `max_model_len` for requests of `needed` tokens, prompt and completion together.

    Rounded up to a STEP with one to spare; after a start with `before` tokens that were too few, twice
    as many at least, so that a stage starts few times. Never more than the context of the run. Raises
    KoalignError where `engine.vllm.max_model_len` is too short.
    """
    if section.max_model_len is not None:
        if needed > section.max_model_len:
            raise KoalignError(
                f"engine.vllm.max_model_len: {section.max_model_len} is less than the {needed} tokens "
                "of the longest prompt and its completion; raise it, or set null"
            )
        return section.max_model_len
    return min(context, max((needed // STEP + 2) * STEP, 2 * before))


def allowed_rank(rank: int) -> int:
    """The least `max_lora_rank` of vLLM that holds an adapter of this rank."""
    for allowed in MAX_LORA_RANKS:
        if rank <= allowed:
            return allowed
    raise KoalignError(f"an adapter has rank {rank}; vLLM serves ranks up to {MAX_LORA_RANKS[-1]}")


def cpu_cache() -> int:
    """GiB of the KV cache of vLLM on a CPU; 1 where CPU_CACHE is not set.

    Raises KoalignError for what vLLM would not read.
    """
    space = os.environ.get(CPU_CACHE) or "1"
    if not space.isdecimal() or int(space) < 1:
        raise KoalignError(f"{CPU_CACHE}={space}: expected whole GiB, such as 4")
    return int(space)


def no_room(log: str) -> str | None:
    """The line for a start that failed for lack of memory; None: for another reason."""
    for pattern, line in LEAVES_NO_ROOM.items():
        if match := re.search(pattern, log):
            return "vLLM cannot start: " + line.format(**match.groupdict())
    return None


@contextmanager
def explained() -> Iterator[None]:
    """A failed start inside as one KoalignError.

    The reason is in the log of vLLM's own process, on file descriptor 2. It is held back until the start
    is over, and is shown as it is where the reason is not known here.
    """
    with _HeldStderr() as held:
        try:
            with _interruptible():
                yield
        except KeyboardInterrupt:
            held.stop()  # of processes that Ctrl-C ended too
            raise
        except (RuntimeError, ValueError, TypeError, OSError, ImportError) as error:
            log = f"{held.stop()}\n{error}"
            if line := no_room(log):
                raise KoalignError(line) from None
            say(log, err=True)
            reasons = re.findall(r"^.*?\b(\w*(?:Error|Exception): .+)$", log, re.MULTILINE)
            reason = reasons[-1] if reasons else str(error).partition("\n")[0]
            raise KoalignError(f"vLLM cannot start: {reason}") from None


class _Interrupted(BaseException):
    """Ctrl-C while vLLM starts, which swallows a KeyboardInterrupt there (zmq_socket_ctx of 0.32)."""


@contextmanager
def _interruptible() -> Iterator[None]:
    """Inside, Ctrl-C ends the start; outside the main thread, where no signal arrives, nothing changes."""

    def interrupt(*_: object) -> None:
        raise _Interrupted

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except _Interrupted:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)


class _HeldStderr:
    """File descriptor 2, of this process and of those it starts, held back until the end of the block.

    What they write later goes on to where descriptor 2 went before.
    """

    def __enter__(self) -> _HeldStderr:
        sys.stderr.flush()
        self._real = os.dup(2)
        self._held: list[bytes] | None = []
        self._lock = threading.Lock()
        reader, writer = os.pipe()
        os.dup2(writer, 2)
        os.close(writer)
        threading.Thread(target=self._forward, args=(reader,), daemon=True).start()
        return self

    def stop(self) -> str:
        """What was held; it is not shown."""
        time.sleep(SETTLED)
        with self._lock:
            held, self._held = b"".join(self._held or ()), []
        return held.decode("utf-8", "replace")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            os.dup2(self._real, 2)
            os.write(self._real, b"".join(self._held or ()))
            self._held = None

    def _forward(self, reader: int) -> None:
        """Until the last process that has the pipe is gone."""
        while text := os.read(reader, 65536):
            with self._lock:
                if self._held is None:
                    os.write(self._real, text)
                else:
                    self._held.append(text)
        with self._lock:
            os.close(reader)
            os.close(self._real)
