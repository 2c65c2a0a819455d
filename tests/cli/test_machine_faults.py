"""A full disk, missing permission and short memory are one line with exit code 2; the same command goes on."""

import errno
import os
from pathlib import Path

import pytest
from safetensors import SafetensorError
from support.command import RUN, koalign

from koalign.cli import app
from koalign.faults import machine_fault

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/default/samples/samples.jsonl")
FAULTS = {
    "free some space": [
        FULL,
        SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        ),
        RuntimeError(
            "[enforce fail at inline_container.cc:672] . unexpected pos 1521728 vs 1521616"
        ),
        RuntimeError("PytorchStreamWriter failed writing file data/7: file write failed"),
    ],
    "take a folder that can be written": [OSError(errno.EROFS, "Read-only file system", "x")],
    "permissions": [PermissionError(errno.EACCES, "Permission denied", "x")],
    "out of memory": [
        MemoryError(),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB.\nGPU 0 has …"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    ],
}


@pytest.mark.parametrize("remedy", FAULTS)
def test_what_the_machine_lacks_is_one_line_with_the_remedy(remedy, monkeypatch):
    for error in FAULTS[remedy]:

        def failing(error=error):
            raise error

        monkeypatch.setattr(app, "app", failing)
        said = koalign("sft", code=2).stderr
        assert remedy in said and said.count("\n") == 1 and said.startswith("koalign: ")


def test_a_fault_of_koalign_itself_is_none_of_the_machine():
    assert machine_fault(RuntimeError("a frozen rank has moved")) is None


@pytest.mark.parametrize("name", ["samples.jsonl", "plan.json.part", "manifest.json.part"])
def test_a_disk_that_is_full_in_the_middle_of_a_stage_is_gone_on_from(scripted, monkeypatch, name):
    koalign("sft", code=0)
    opened = Path.open

    def full(path, *arguments, **options):
        if path.name == name and "samples" in path.parts and arguments[:1] != ("rb",):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return opened(path, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        said = koalign("dpo-pairs", code=2).stderr
    assert said.splitlines()[-1].startswith(f"koalign: {RUN / 'samples' / name}: No space left")
    koalign("dpo-pairs", code=0)


def test_a_link_that_leads_to_itself_is_a_line(ran):
    card = RUN / "sft" / "adapter" / "koalign.json"
    card.unlink()
    card.symlink_to(card.name)
    for command in (["list"], ["show", "sft"]):
        said = koalign("adapters", *command, code=2).stderr
        assert said.startswith("koalign: Symlink loop from ") and said.endswith(
            "remove that link\n"
        )
