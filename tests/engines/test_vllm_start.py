"""What vLLM is started with, and a failed start as one line; without vLLM and without a GPU."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

from koalign.config.engine import Engine, Vllm
from koalign.config.inputs import Model
from koalign.engines.vllm_start import (
    Situation,
    allowed_rank,
    arguments,
    explained,
    model_len,
    no_room,
    quantization,
)
from koalign.records import KoalignError
from koalign.text.visible import say_once

GPU = Situation(gpus=1, dtype="bfloat16", stored_quantised=False, methods=("awq", "bitsandbytes"))
CPU = Situation(gpus=0, dtype="float32", stored_quantised=False, methods=("awq",))
WITHOUT = Situation(gpus=1, dtype="bfloat16", stored_quantised=False, methods=("awq", "fp8"))
AWQ = Situation(gpus=1, dtype="float16", stored_quantised=True, methods=("awq", "bitsandbytes"))
PLAIN, NF4 = Model(path="m"), Model(path="m", load_in_4bit=True)


@pytest.mark.parametrize(
    ("needed", "before", "length"),
    [(10, 0, 512), (256, 0, 768), (1000, 0, 1280), (1300, 1280, 2560), (39000, 0, 39424), (40900, 0, 40960)],
)  # fmt: skip
def test_the_context_is_what_is_needed_rounded_up_and_not_that_of_the_model(needed, before, length):
    assert model_len(Vllm(), 40960, needed, before) == length


def test_a_context_that_is_set_is_taken_or_refused():
    section = Vllm(max_model_len=2048)
    assert model_len(section, 40960, 100, 0) == model_len(section, 40960, 2048, 0) == 2048
    with pytest.raises(KoalignError, match="max_model_len: 2048 is less than the 2049 tokens"):
        model_len(section, 40960, 2049, 0)


@pytest.mark.parametrize(
    ("section", "model", "situation", "expected"),
    [
        (Vllm(), PLAIN, GPU, None),
        (Vllm(), NF4, GPU, "bitsandbytes"),
        (Vllm(), NF4, CPU, None),
        (Vllm(), NF4, AWQ, None),
        (Vllm(), NF4, WITHOUT, None),
        (Vllm(quantization="none"), NF4, GPU, None),
        (Vllm(quantization="fp8"), NF4, WITHOUT, "fp8"),
        (Vllm(quantization="bitsandbytes"), PLAIN, GPU, "bitsandbytes"),
    ],
)
def test_the_quantization_follows_the_model_unless_it_is_set(
    section, model, situation, expected, capsys
):
    say_once.cache_clear()
    assert quantization(section, model, situation) == expected
    said = "not in 4 bits" in capsys.readouterr().err
    assert said == (situation == WITHOUT and section.quantization == "auto")


def test_bitsandbytes_that_vllm_does_not_have_is_refused_with_what_to_take():
    with pytest.raises(KoalignError, match="no bitsandbytes; set engine"):
        quantization(Vllm(quantization="bitsandbytes"), PLAIN, WITHOUT)


def test_unset_keys_are_left_to_vllm_and_extra_is_passed_on():
    on_cpu = arguments(Engine(), PLAIN, CPU, 512)
    assert on_cpu["logprobs_mode"] == "raw_logprobs"  # of the model, whatever the temperature
    assert on_cpu["enable_chunked_prefill"] is False
    assert on_cpu["enforce_eager"] and "gpu_memory_utilization" not in on_cpu
    assert not {"quantization", "max_num_seqs"} & on_cpu.keys()
    section = Vllm(max_num_seqs=8, kv_cache_dtype="fp8", cpu_offload_gb=4, extra={"block_size": 32})
    on_gpu = arguments(Engine(vllm=section), PLAIN, GPU, 512)
    assert (on_gpu["max_num_seqs"], on_gpu["kv_cache_dtype"], on_gpu["block_size"]) == (
        8,
        "fp8",
        32,
    )
    assert "enable_chunked_prefill" not in on_gpu
    assert on_gpu["gpu_memory_utilization"] == 0.85 and not on_gpu["enforce_eager"]


def test_more_gpus_than_are_seen_are_refused():
    section = Engine(vllm=Vllm(tensor_parallel_size=4))
    with pytest.raises(KoalignError, match="4 GPUs, and 1 can be seen"):
        arguments(section, PLAIN, GPU, 512)


@pytest.mark.parametrize(
    "key",
    ["model", "max_model_len", "enable_lora", "gpu_memory_utilization", "logprobs_mode"],
)
def test_extra_cannot_set_what_has_a_key(key):
    with pytest.raises(ValueError, match=f"extra: {key} is set by koalign"):
        Vllm(extra={key: 1})


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (
            "ValueError: To serve at least one request with the model's max seq len (40960), (5.62 GiB KV "
            "cache is needed, which is larger than the available KV cache memory (2.1 GiB). Based on",
            "no room for one sequence of 40960 tokens: its KV cache takes 5.62 GiB, and 2.1 GiB are left; lower",
        ),
        ("ValueError: No available memory for the cache blocks. Try", "raise engine.gpu_memory_utilization"),
        (
            "ValueError: Free memory on device cuda:0 (3.2/23.6 GiB) on startup is less than desired",
            "3.2 of 23.6 GiB are free, and it may take a larger share; lower engine.gpu_memory_utilization",
        ),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate", "it ran out of memory; lower"),
    ],
)  # fmt: skip
def test_no_room_is_one_line_with_the_setting_to_change(log, line):
    assert line in no_room(
        f"(EngineCore pid=7) {log}\nRuntimeError: Engine core initialization failed."
    )
    assert "\n" not in no_room(log)


def test_the_reason_of_a_failed_start_is_read_from_the_log_of_another_process(capfd):
    """An unknown reason is shown whole; a known one is one line; after a start the log goes on."""
    program = "import sys; sys.stderr.write(sys.argv[1]); sys.exit(1)"

    def start(text: str) -> None:
        with explained():
            subprocess.run([sys.executable, "-c", program, text], check=False)
            raise RuntimeError("Engine core initialization failed. See root cause above.")

    with pytest.raises(KoalignError, match="raise engine"):
        start("ValueError: No available memory for the cache blocks.\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(
        KoalignError, match="vLLM cannot start: NotImplementedError: no such head size"
    ):
        start("a traceback\nNotImplementedError: no such head size\n")
    assert "a traceback" in capfd.readouterr().err
    with explained():
        os.write(2, b"a warning\n")
    os.write(2, b"later\n")
    time.sleep(1)  # to read while it is written would lose some of it
    assert sorted(capfd.readouterr().err.splitlines()) == ["a warning", "later"]


def test_ctrl_c_ends_a_start_that_swallows_it_and_shows_no_traceback_of_other_processes(capfd):
    """As vLLM does while it waits for its engine: a second Ctrl-C was needed, and the first hung."""
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), explained():
        os.write(2, b"Traceback of the engine's process\n")
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert capfd.readouterr().err == ""
    assert signal.getsignal(signal.SIGINT) is before


def test_a_rank_is_rounded_up_to_one_that_vllm_allows():
    assert [allowed_rank(r) for r in (1, 4, 16, 48, 64, 65)] == [1, 8, 16, 64, 64, 128]
    with pytest.raises(KoalignError, match="ranks up to 512"):
        allowed_rank(513)
