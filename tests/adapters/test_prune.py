"""Prune frees the disk of what a run can make again, and of nothing else."""

import json
import shutil
from pathlib import Path

import pytest
from support.adapter_folders import RUN, drawn, everything, said
from support.command import koalign
from support.refusals import refused
from support.training import base_of_tests

from koalign.adapters.cards import CARD, adapter_id, check_adapter, read_card
from koalign.adapters.external import WEIGHTS
from koalign.adapters.lineage import adapters_below, facts_of, forest, removable
from koalign.hashing import hash_path
from koalign.locking import locked
from koalign.manifests import read_manifest
from koalign.records import KoalignError

pytestmark = pytest.mark.slow


def weights_in(folder: Path) -> set[str]:
    return {p.parent.relative_to(folder).as_posix() for p in folder.rglob(WEIGHTS)}


def test_without_yes_nothing_is_removed_and_all_that_would_go_is_listed(there):
    before = everything(there)
    asked = said("prune", "run")
    for words in ("would go: run/sft/adapter", "would go: run/dpo/adapter", "would go: run/stacks",
                 "run/mine/2-folds/sft-1/adapter", "`koalign sft --run-dir run`", "`koalign dpo --run-dir run`",
                 "`koalign mine --run-dir run`", "say --yes"):  # fmt: skip
        assert words in asked
    assert "would go: run/own" not in asked and "would go: run/dpo-2" not in asked
    after = everything(there)
    after.pop(str(there / "run/.lock"), None)
    assert after == before


def test_what_a_killed_prune_left_goes_with_the_next(there):
    shutil.move(RUN / "stacks", RUN / ".stacks.part")
    assert "would go: run/.stacks.part" in said("prune", "run")
    said("prune", "run", "--yes")
    assert not [*RUN.glob("*stacks*")]


def test_prune_frees_what_can_be_made_again_and_cards_and_lineage_stay(there):
    before = {one.path: one.id for one in adapters_below(RUN) if "stacks" not in one.path.parts}
    done = said("prune", "run", "--yes")
    kept = {"abstraction/adapter", "answer/adapter", "dpo-2/adapter", "own", "sft/unfinished/checkpoint-3"}  # fmt: skip
    assert weights_in(RUN) == kept
    assert not (RUN / "stacks").exists()
    assert {one.path: one.id for one in adapters_below(RUN)} == before
    manifest = read_manifest(RUN / "sft").outputs
    manifest.pop(f"adapter/{WEIGHTS}")
    assert all(hash_path(RUN / "sft" / name) == its for name, its in manifest.items())
    tree = drawn(forest(adapters_below(RUN)))
    assert tree["run/sft/adapter"]["run/dpo/adapter"]["run/dpo-2/adapter"].keys() == {
        "run/abstraction/adapter", "run/answer/adapter",
    }  # fmt: skip
    assert "an adapter holds all it stands on" in done
    for name in ("abstraction", "answer", "dpo-2"):
        check_adapter(RUN / name / "adapter", base_of_tests(), None)
    assert facts_of(RUN / "sft/adapter", RUN)["modules"] is None
    assert "no weights in the folder" in said("show", "run/sft/adapter")


def test_prune_twice_removes_nothing_more(there):
    said("prune", "run", "--yes")
    before = everything(RUN)
    again = said("prune", "run", "--yes")
    assert "nothing to remove" in again
    assert everything(RUN) == before


def test_the_adapters_of_another_seed_are_left_to_its_own_prune(there):
    seed = RUN / "seed-1"
    shutil.copytree(RUN, seed, ignore=shutil.ignore_patterns("seed-1"))
    before = weights_in(seed)
    assert "seed-1" not in said("prune", "run", "--yes")
    assert weights_in(seed) == before
    assert "run/seed-1/sft/adapter" in said("prune", "run/seed-1")


def test_a_card_that_knew_no_id_learns_it_before_the_weights_go(there):
    own = read_card(RUN / "sft/adapter")
    was = adapter_id(RUN / "sft/adapter")
    text = own.model_dump(mode="json", exclude={"id"})
    (RUN / "sft/adapter" / CARD).write_text(json.dumps(text, ensure_ascii=False), encoding="utf-8")
    said("prune", "run", "--yes")
    assert not (RUN / "sft/adapter" / WEIGHTS).exists()
    assert adapter_id(RUN / "sft/adapter") == was


def test_keep_names_what_stays(there):
    said("prune", "run", "--keep", "sft,dpo", "--yes")
    assert {name for name in weights_in(RUN) if name.endswith("/adapter")} == {
        "sft/adapter", "dpo-2/adapter",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--keep", "dop"], "unknown adapter 'dop'"),
        (["run", "--keep", "sft,run"], "--keep: run is no adapter of run; there are "),
        (["run", "--keep", "dpo+run/own"], "sums are made again from their parts; keep the parts"),
        (["."], "no run here"),
        (["nowhere"], "no run here"),
    ],
)
def test_prune_refuses_a_wrong_word_before_anything_goes(arguments, words, there):
    before = everything(RUN)
    with refused(words):
        said("prune", *arguments, "--yes")
    assert everything(RUN) == before


def test_prune_touches_nothing_outside_the_run_nor_what_no_finished_stage_made(there):
    shutil.move(RUN / "stacks", "stacks")
    (RUN / "stacks").symlink_to(there / "stacks")
    shutil.move(RUN / "sft/adapter", "sft-elsewhere")
    (RUN / "sft/adapter").symlink_to(there / "sft-elsewhere")
    shutil.move(RUN / "dpo/adapter" / WEIGHTS, "dpo.safetensors")
    (RUN / "dpo/adapter" / WEIGHTS).symlink_to(there / "dpo.safetensors")
    (RUN / "mine/2-folds/sft-1/manifest.json").unlink()
    assert removable(RUN, []) and all(
        one.path.parts[1] in ("dpo-2", "abstraction", "answer") for one in removable(RUN, [])
    )
    before = weights_in(there)
    with pytest.raises(KoalignError, match="which is outside run"):
        said("prune", "run", "--keep", "base", "--yes")
    assert weights_in(there) == before
    for link in (RUN / "stacks", RUN / "sft/adapter", RUN / "dpo/adapter" / WEIGHTS):
        link.unlink()
    said("prune", "run", "--keep", "base", "--yes")
    assert weights_in(there) >= {
        f"stacks/{next(Path('stacks').iterdir()).name}", "sft-elsewhere", "run/mine/2-folds/sft-1/adapter",
        "run/own",
    }  # fmt: skip


def test_a_run_at_work_is_left_alone(there):
    with locked(RUN), pytest.raises(KoalignError, match="another koalign is at work"):
        said("prune", "run", "--yes")
    assert "sft/adapter" in weights_in(RUN)


def test_a_run_in_the_middle_keeps_its_last_policy(there):
    for name in ("dpo", "dpo-2", "abstraction", "answer"):
        shutil.rmtree(RUN / name)
    said("prune", "run", "--yes")
    assert "sft/adapter" in weights_in(RUN)


def test_a_stage_whose_input_was_pruned_asks_for_it_and_deletes_nothing_even_when_forced(scripted):
    """Else --force would take away what stands on it, and only then find that it cannot be made."""
    for command in ("sft", "dpo-pairs", "dpo"):
        koalign(command, code=0)
    run = Path("runs/default")
    (run / "sft/adapter" / CARD).unlink()
    before = everything(run / "dpo")
    for force in ((), ("--force",)):
        refused = koalign("dpo", *force, code=2)
        assert "sft/adapter, which is not there; run `koalign sft` first" in refused.stderr
    assert everything(run / "dpo") == before
    assert koalign("sft").returncode == 0 and koalign("dpo").returncode == 0
