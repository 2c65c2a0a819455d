"""The card of a plan: by its name, by its memory, or that of this machine."""

from types import SimpleNamespace

import pytest
from support.command import koalign

from koalign.planning.cards import (
    SPEEDS,
    card_here,
    card_named,
)
from koalign.planning.memory import GIB
from koalign.provenance import gpus


def test_of_a_cpu_the_free_memory_counts(monkeypatch):
    monkeypatch.setattr("koalign.planning.cards.gpus", lambda: ())
    monkeypatch.setattr("koalign.provenance.gpus", lambda: ())
    before = card_here().memory
    taken = SimpleNamespace(total=64 * GIB, available=3 * GIB)
    monkeypatch.setattr("psutil.virtual_memory", lambda: taken)
    assert before != 3 * GIB and card_here().memory == 3 * GIB


def test_every_known_card_is_found_by_its_name():
    for name in SPEEDS:
        assert card_named(name).name == card_named(f"NVIDIA {name}").name == name
    assert card_named("RTX 3090").name == card_named("GeForce RTX 3090").name == "3090"
    assert card_named("a100 80gb").name == "A100-80"
    assert card_named("24 GB").memory == card_named("24gib").memory == 24 * GIB


@pytest.mark.parametrize("name", ["A100", "99", "K80X", "", "0GB", "-8GB", "24TB", "H100;rm"])
def test_an_unknown_card_is_refused(name):
    assert "--gpu" in koalign("plan", "--gpu", name, "--model", "Qwen/Qwen3-8B", code=2).stderr


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """A machine whose nvidia-smi prints this."""

    def make(*lines: str) -> None:
        program = tmp_path / "bin" / "nvidia-smi"
        program.parent.mkdir()
        program.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines), "utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")
        gpus.cache_clear()

    yield make
    gpus.cache_clear()


@pytest.mark.parametrize(
    ("line", "name", "gib", "assumed"),
    [
        ("NVIDIA H200, 143771", "NVIDIA H200", 140.4, ""),
        ("NVIDIA A100-SXM4-80GB, 81920", "NVIDIA A100-SXM4-80GB", 80, ""),
        ("NVIDIA GeForce RTX 3090, 24576", "NVIDIA GeForce RTX 3090", 24, ""),
        ("Tesla T4, 15360", "Tesla T4", 15, ""),
        ("Some Card, 24576", "Some Card", 24, "a card of 24 GB is as fast as 3090"),
    ],
)
def test_the_card_of_this_machine_is_the_first_that_nvidia_smi_lists(
    listed, line, name, gib, assumed
):
    listed(line, "NVIDIA L4, 23034")
    card = card_here()
    assert (card.name, card.seen, card.assumed) == (name, 2, assumed)
    assert card.memory / GIB == pytest.approx(gib, rel=0.01)


def test_only_visible_cards_count(listed, monkeypatch):
    listed("NVIDIA H100, 81559", "NVIDIA L4, 23034")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert (card_here().name, card_here().seen) == ("NVIDIA L4", 1)
    gpus.cache_clear()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert card_here().cpu


def test_more_processes_than_gpus_are_refused(listed, tmp_path, monkeypatch):
    listed("NVIDIA L4, 23034")
    monkeypatch.chdir(tmp_path)
    done = koalign("plan", "--model", "Qwen/Qwen3-0.6B", "-s", "training.processes=2", code=2)
    assert "training.processes: 2, and 1 GPUs are seen here; lower it" in done.stderr


def test_without_nvidia_smi_it_is_the_cpu(listed):
    listed("NVIDIA-SMI has failed because it could not communicate with the driver")
    assert card_here().cpu
