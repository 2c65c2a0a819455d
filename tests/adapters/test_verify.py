"""verify: what is whole is ok, any change is found and named, what is not here is said to be unknown."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from support.lora_folders import TINY, TINY_BASE, plain, trained
from typer.testing import CliRunner

from koalign.adapters.cards import adapter_id, part, write_card
from koalign.adapters.lora import Module
from koalign.adapters.stack import ERROR, stack, widen
from koalign.adapters.verify import verify
from koalign.cli import stacks
from koalign.hashing import hash_path
from koalign.jsonl import read_json, write_json
from koalign.records import KoalignError

pytestmark = pytest.mark.slow

app = typer.Typer()
app.command("stack")(stacks.stack)
app.command("verify")(stacks.verify)


@pytest.fixture
def run(tmp_path) -> Path:
    """A run with two policies, their sum and a masked stack on the first."""
    folder = tmp_path / "run"
    (folder / "prepare").mkdir(parents=True)
    data = folder / "prepare" / "train.jsonl"
    data.write_text("{}\n", encoding="utf-8")
    hashes = {"train.jsonl": hash_path(data)}
    plain(folder / "sft" / "adapter", card=trained("sft", data=hashes))
    plain(folder / "other" / "adapter", seed=1, rank=3, card=trained("other", rank=3))
    stack(both(folder), folder / "sum")
    widened(folder, folder / "answer" / "adapter")
    return folder


def both(run: Path) -> list[Path]:
    return [run / "sft" / "adapter", run / "other" / "adapter"]


def widened(run: Path, out: Path) -> None:
    """As a masked stack is after training: new ranks in B too."""
    parent = run / "sft" / "adapter"
    frozen = widen(parent, out, 2, seed=0)
    path = out / "adapter_model.safetensors"
    tensors = load_file(path)
    for name, tensor in tensors.items():
        if "lora_B" in name:
            tensor[:, frozen:] = 0.1
    save_file(tensors, path)
    card = trained("answer", role="answer", parents=(part(parent),), rank=4, frozen_rank=frozen)
    write_card(out, card)


def results(folder: Path, run: Path | None = None) -> dict[str, str]:
    return {check.name: check.result for check in verify(folder, run)}


def failed(folder: Path, run: Path | None = None) -> set[str]:
    return {name for name, result in results(folder, run).items() if result == "failed"}


def test_what_is_whole_is_ok_in_every_check(run):
    found = {name: results(run / name) for name in ("sft/adapter", "sum", "answer/adapter")}
    assert set(found["sft/adapter"]) == {
        "id", "base: weights", "base: tokenizer", "data: train.jsonl", "rank", "finite",
    }  # fmt: skip
    assert {"parent: sft", "parent: other", "sum of its parents"} <= set(found["sum"])
    assert {"parent: sft", "frozen slice"} <= set(found["answer/adapter"])
    assert {one for checks in found.values() for one in checks.values()} == {"ok"}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_weights_is_found(where, bit, run):
    for folder in (run / "sum", run / "answer" / "adapter"):
        path = folder / "adapter_model.safetensors"
        whole = path.read_bytes()
        bad = bytearray(whole)
        bad[int(where * len(bad))] ^= 1 << bit
        path.write_bytes(bad)
        assert "id" in failed(folder)
        path.write_bytes(whole)
        assert not failed(folder)


def changed_tensor(folder: Path, change: Callable[[torch.Tensor], None]) -> None:
    """Weights somebody else wrote, under a card that was written anew: the id tells nothing."""
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    change(next(tensor for name, tensor in tensors.items() if "lora_A" in name))
    save_file(tensors, path)
    card = read_json(folder / "koalign.json")
    write_json(folder / "koalign.json", {**card, "id": adapter_id(folder)})


def test_a_stack_that_is_not_its_parts_is_found_without_its_id(run):
    changed_tensor(run / "sum", lambda tensor: tensor.mul_(1.001))
    assert failed(run / "sum") == {"sum of its parents"}


def test_a_sum_made_with_wrong_scales_is_found(run, monkeypatch):
    def unscaled(module: Module, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
        return folded(replace(module, scale=1.0), rank)

    folded = Module.folded
    monkeypatch.setattr(Module, "folded", unscaled)
    stack(both(run), run / "unscaled")
    assert failed(run / "unscaled") == {"sum of its parents"}


def test_an_exact_sum_whose_terms_cancel_is_ok(run):
    plain(run / "minus" / "adapter", alpha=-4, card=trained("minus"))
    stack([run / "sft" / "adapter", run / "minus" / "adapter"], run / "nothing")
    assert results(run / "nothing")["sum of its parents"] == "ok"


def test_a_frozen_slice_that_moved_by_one_bit_is_found(run):
    def nudge(tensor: torch.Tensor) -> None:
        tensor[0, 0] = torch.nextafter(tensor[0, 0], torch.tensor(math.inf))

    def learn(tensor: torch.Tensor) -> None:
        tensor[-1] += 1

    changed_tensor(run / "answer" / "adapter", learn)
    assert not failed(run / "answer" / "adapter")
    changed_tensor(run / "answer" / "adapter", nudge)
    assert failed(run / "answer" / "adapter") == {"frozen slice"}


def test_numbers_that_are_not_finite_are_found(run):
    changed_tensor(run / "sum", lambda tensor: tensor.fill_(math.inf))
    assert failed(run / "sum") == {"finite"}


def edit(folder: Path, **changes: object) -> None:
    card = read_json(folder / "koalign.json")
    write_json(folder / "koalign.json", {**card, **changes})


def test_an_edited_card_is_found(run):
    edit(run / "sum", rank=4)
    assert failed(run / "sum") == {"rank"}
    edit(run / "answer" / "adapter", frozen_rank=3)
    assert failed(run / "answer" / "adapter") == {"frozen slice"}
    edit(run / "answer" / "adapter", frozen_rank=4)
    assert "rank" in failed(run / "answer" / "adapter")
    edit(run / "sft" / "adapter", base={**TINY_BASE.model_dump(), "weight_hash": "0" * 16})
    assert failed(run / "sft" / "adapter") == {"base: weights"}
    edit(run / "sft" / "adapter", base=TINY_BASE.model_dump(), data={"train.jsonl": "0" * 16})
    assert failed(run / "sft" / "adapter") == {"data: train.jsonl"}
    edit(run / "sft" / "adapter", data={"gone.jsonl": "0" * 16}, colour="red")
    assert failed(run / "sft" / "adapter") == {"card"}


def test_an_edited_configuration_is_found(run):
    config = read_json(run / "sum" / "adapter_config.json")
    write_json(run / "sum" / "adapter_config.json", {**config, "lora_alpha": 6})
    assert failed(run / "sum") == {"id", "sum of its parents"}


def test_an_exchanged_parent_is_found(run):
    shutil.rmtree(run / "other" / "adapter")
    plain(run / "other" / "adapter", seed=5, rank=3, card=trained("other", rank=3))
    assert failed(run / "sum") == {"parent: other"}
    # The same where the card names the new one: then the sum is not theirs.
    card = read_json(run / "sum" / "koalign.json")
    exchanged = part(run / "other" / "adapter").model_dump(mode="json")
    edit(run / "sum", parents=[card["parents"][0], exchanged])
    assert failed(run / "sum") == {"sum of its parents"}


def test_a_parent_that_moved_is_found_by_its_id_and_one_that_is_gone_is_unknown(run, tmp_path):
    (run / "other").rename(run / "moved")
    assert not failed(run / "sum", run)
    assert "unknown" not in results(run / "sum", run).values()
    (run / "moved").rename(tmp_path / "elsewhere")
    assert not failed(run / "sum", run)
    unknown = {name for name, one in results(run / "sum", run).items() if one == "unknown"}
    assert unknown == {"parent: other", "sum of its parents"}
    # Without its weights a parent is still known, and what it computes is not.
    (tmp_path / "elsewhere").rename(run / "other")
    (run / "other" / "adapter" / "adapter_model.safetensors").unlink()
    assert results(run / "sum")["parent: other"] == "ok"
    assert results(run / "sum")["sum of its parents"] == "unknown"


def test_the_error_of_a_compressed_stack_is_computed_again(run):
    stack(both(run), run / "small", rank=2)
    assert results(run / "small")["sum of its parents"] == "ok"
    card = read_json(run / "small" / "koalign.json")
    edit(run / "small", metrics={ERROR: card["metrics"][ERROR] + 1e-4})
    assert failed(run / "small") == {"sum of its parents"}
    edit(run / "small", metrics={})
    assert results(run / "small")["sum of its parents"] == "unknown"


def test_the_hashes_of_the_manifest_beside_it_are_compared(run):
    folder = run / "sft" / "adapter"
    files = [path for path in folder.iterdir() if path.name != "README.md"]
    outputs = {f"adapter/{path.name}": hash_path(path) for path in files}
    manifest = {
        "stage": "sft", "fingerprint": "f", "template": "t", "outputs": {**outputs, "log": "x"},
        "counts": {}, "metrics": {}, "koalign": "0", "git": None, "packages": {}, "seconds": 0,
        "peak_memory_mb": 0,
    }  # fmt: skip
    write_json(folder.parent / "manifest.json", manifest)
    found = results(folder)
    assert {name for name in found if name.startswith("manifest")} == {
        f"manifest: {path.name}" for path in files
    }
    assert set(found.values()) == {"ok"}
    for name, changed in (("README.md", set()), ("koalign.json", {"manifest: koalign.json"})):
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write("\n")
        assert failed(folder) == changed
    write_json(folder.parent / "manifest.json", {"of": "another program"})
    assert results(folder)["manifest"] == "unknown"


def test_of_an_external_adapter_what_is_unknown_is_said_and_nothing_is_written(tmp_path):
    folder = plain(tmp_path / "mine", base_model_name_or_path="someone/else")
    files = sorted(path.name for path in folder.iterdir())
    found = results(folder)
    assert found == {"id": "unknown", "base": "unknown", "rank": "ok", "finite": "ok"}
    assert sorted(path.name for path in folder.iterdir()) == files
    dora = plain(tmp_path / "dora", use_dora=True)
    assert results(dora)["matrices"] == "unknown"
    (dora / "adapter_model.safetensors").write_bytes(b"half")
    assert failed(dora) == {"weights"}


def test_broken_weights_of_a_stack_fail(run):
    (run / "sum" / "adapter_model.safetensors").write_bytes(b"half")
    assert failed(run / "sum") == {"id", "weights"}


def test_where_there_is_no_adapter_nothing_is_verified(tmp_path):
    for folder in (tmp_path / "nothing", tmp_path):
        with pytest.raises(KoalignError, match="no adapter here"):
            verify(folder)


def test_the_command_says_each_check_and_ends_with_2_if_one_failed(run, monkeypatch):
    monkeypatch.chdir(run.parent)
    ask = ["verify", str(run / "sum"), "--run-dir", str(run)]
    done = CliRunner().invoke(app, [*ask, "--json"])
    told = json.loads(done.stdout)
    assert done.exit_code == 0
    assert set(told) == {"path", "id", "ok", "checks"}
    assert (told["ok"], told["id"]) == (True, adapter_id(run / "sum"))
    assert set(told["checks"][0]) == {"name", "result", "detail"}
    edit(run / "sum", rank=4)
    done = CliRunner().invoke(app, [*ask, "--json"])
    assert json.loads(done.stdout)["ok"] is False
    assert isinstance(done.exception, KoalignError)  # the console script makes code 2 of it
    assert "rank: is 5, and 4 is recorded" in str(done.exception)
    done = CliRunner().invoke(app, ask)
    assert "failed  rank" in done.stdout
    assert "1 failed, 0 unknown" in done.stdout


def test_the_command_says_what_was_summed_and_what_compression_lost(run, monkeypatch):
    monkeypatch.chdir(run.parent)
    names = [str(folder) for folder in both(run)]
    done = CliRunner().invoke(app, ["stack", *names, "-o", "c", "--run-dir", str(run)])
    assert done.exit_code == 0, done.exception
    assert f"{names[0]} (rank 2)" in done.stdout
    assert "as one adapter of rank 5" in done.stdout
    done = CliRunner().invoke(app, ["stack", *names, "-o", "c", "--rank", "2", "--force"])
    error = read_json(Path("c") / "koalign.json")["metrics"][ERROR]
    assert f"relative error of all layers together: {error:.3e}" in done.stdout
    assert "worst in model.layers.0" in done.stdout
    done = CliRunner().invoke(app, ["stack", names[0], str(run / "sum"), "-o", "d"])
    assert "already contains" in done.stderr
    assert (Path("d") / "koalign.json").exists()
    for wrong, why in (("sft,dpo", "2 steps"), ("base", "no adapter"), ("nothing", "unknown")):
        done = CliRunner().invoke(app, ["stack", names[0], wrong, "-o", "e"])
        assert why in str(done.exception) or "is not in" in str(done.exception), wrong


def test_the_base_is_looked_for_where_the_card_says(run, tmp_path):
    shutil.copytree(TINY, tmp_path / "base")
    edit(run / "sum", base={**TINY_BASE.model_dump(), "path": str(tmp_path / "base")})
    assert not failed(run / "sum")
    with (tmp_path / "base" / "chat_template.jinja").open("a", encoding="utf-8") as file:
        file.write(" ")
    assert failed(run / "sum") == {"base: tokenizer"}
    edit(run / "sum", base={**TINY_BASE.model_dump(), "path": "nobody/has-this"})
    assert results(run / "sum")["base"] == "unknown"
