"""Adapters and bases that are replaced while they are exported, merged or summed: refused, and nothing is left."""

import shutil
from pathlib import Path

import pytest
from support.lora_folders import TINY, plain

from koalign.adapters import export as exporting
from koalign.adapters import merge as merging
from koalign.adapters import stack as stacking
from koalign.adapters.export import export
from koalign.adapters.merge import merge
from koalign.adapters.stack import stack
from koalign.records import KoalignError

pytestmark = pytest.mark.slow


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return shutil.copytree(TINY, tmp_path / "base")


@pytest.fixture
def adapters(base, tmp_path) -> list[Path]:
    """Two adapters on the base, and one that takes the place of the first."""
    layers = {"model.layers.0.mlp.up_proj": (128, 128)}
    named = {"base_model_name_or_path": str(base), "layers": layers}
    return [plain(tmp_path / str(seed), seed=seed, **named) for seed in (1, 2, 3)]


COMMANDS = {
    "export": (exporting, "copy_tokenizer", lambda first, _, out: export(first, out)),
    "merge": (merging, "_add", lambda first, _, out: merge(first, out, dtype="bfloat16")),
    "stack": (stacking, "write_lora", lambda first, second, out: stack([first, second], out)),
}


@pytest.mark.parametrize("replaced", [True, False])
@pytest.mark.parametrize("command", COMMANDS)
def test_an_adapter_that_is_replaced_while_it_is_read_is_not_written(
    command, replaced, adapters, tmp_path, monkeypatch
):
    module, step, work = COMMANDS[command]
    first, second, other = adapters
    done, out = getattr(module, step), tmp_path / "out"

    def then_replaced(*arguments, **options):
        result = done(*arguments, **options)
        if replaced:
            shutil.rmtree(first)
            shutil.copytree(other, first)
        return result

    monkeypatch.setattr(module, step, then_replaced)
    if replaced:
        with pytest.raises(KoalignError, match="start the command again"):
            work(first, second, out)
    else:
        work(first, second, out)
    assert out.exists() is not replaced


def test_a_base_that_is_replaced_while_an_adapter_is_merged_into_it_is_not_written(
    base, adapters, tmp_path, monkeypatch
):
    add = merging._add

    def then_replaced(*arguments):
        lost = add(*arguments)
        weights = base / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
        return lost

    monkeypatch.setattr(merging, "_add", then_replaced)
    with pytest.raises(KoalignError, match="the base was replaced meanwhile"):
        merge(adapters[0], tmp_path / "out", dtype="bfloat16")
    assert not (tmp_path / "out").exists()
