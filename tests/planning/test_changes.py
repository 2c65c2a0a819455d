"""What does not fit is told the smallest change with which it does, or is refused."""

from contextlib import nullcontext
from dataclasses import replace

import psutil
import pytest
import yaml
from support.planned import COUNTS, config_of, planned

from koalign.planning.cards import card_named
from koalign.planning.changes import (
    refuse_offload_without_room,
    refuse_too_large,
    smallest_change,
    with_key,
)
from koalign.planning.shape import read_shape
from koalign.records import KoalignError


def test_more_memory_never_fits_less():
    for size in ("1.7B", "4B", "8B", "14B", "32B"):
        config = config_of(f"model.path=Qwen/Qwen3-{size}", "engine.backend=hf")
        shares = [planned(config, card_named(f"{gib}GB")).share for gib in (16, 24, 48, 80)]
        assert shares == sorted(shares, reverse=True)


def test_the_smallest_change_fits_and_each_part_of_it_is_needed():
    config, card = config_of("engine.backend=vllm"), card_named("24GB")
    shape = read_shape(config.model)
    assert not planned(config, card).fits
    changes = smallest_change(config, shape, COUNTS, card, {})

    def changed(keys):
        made = config
        for key in keys:
            name, _, value = key.partition("=")
            made = with_key(made, name, yaml.safe_load(value))
        return planned(made, card)

    assert changed(changes).fits
    sections = {key.partition(".")[0] for key in changes}
    for section in sections - {"sft", "dpo", "abstraction", "answer"}:
        assert not changed([k for k in changes if not k.startswith(section)]).fits


def test_several_processes_are_told_to_shard_before_a_result_changes():
    config = config_of("model.path=Qwen/Qwen3-14B", "engine.backend=vllm", "training.processes=2")
    changes = smallest_change(config, read_shape(config.model), COUNTS, card_named("40GB"), {})
    assert "training.shard=fsdp" in changes and "model.load_in_4bit=true" not in changes


def test_an_offload_that_the_machine_cannot_hold_is_refused_before_anything_loads(monkeypatch):
    config = config_of("model.path=Qwen/Qwen3-32B", "training.shard=fsdp-offload")
    shape = read_shape(config.model)
    for free, refused in ((200e9, False), (40e9, True)):
        memory = psutil.virtual_memory()._replace(available=int(free))
        monkeypatch.setattr(psutil, "virtual_memory", lambda memory=memory: memory)
        with pytest.raises(KoalignError) if refused else nullcontext() as raised:
            refuse_offload_without_room(config, shape)
        if refused:
            assert "fsdp-offload loads 65.5 GB into the machine's memory, and 40.0" in str(
                raised.value
            )


def test_weights_in_8_bits_let_vllm_sample_what_is_trained_in_4():
    settings = [
        "model.load_in_4bit=true",
        "engine.backend=vllm",
        "training.row_tokens=2048",
        "probe.batch_size=8",
    ]
    settings += [
        f"{name}.gradient_checkpointing=true" for name in ("sft", "dpo", "abstraction", "answer")
    ]
    config, card = config_of(*settings), card_named("16GB")
    assert not planned(config, card).fits
    changes = smallest_change(config, read_shape(config.model), COUNTS, card, {})
    assert changes == ["engine.vllm.quantization=fp8"]


def test_what_fits_in_no_way_has_no_change():
    config = config_of("model.path=Qwen/Qwen3-32B")
    card = card_named("16GB")
    assert smallest_change(config, read_shape(config.model), COUNTS, card, {}) is None


def test_a_run_is_refused_over_105_percent_of_the_card():
    config = config_of("model.path=Qwen/Qwen3-0.6B", "engine.backend=hf")
    made = planned(config, card_named("24GB"))
    need = made.peak.memory.expected
    for share, refused in ((1.04, False), (1.06, True)):
        tight = replace(made, card=replace(made.card, memory=int(need / share)))
        if refused:
            with pytest.raises(KoalignError, match="--anyway"):
                refuse_too_large(tight, config, COUNTS, {})
        else:
            refuse_too_large(tight, config, COUNTS, {})
