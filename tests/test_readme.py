"""The README and the quickstart are true: every block runs as written, and the example reaches its figures."""

import json
from pathlib import Path

import pytest
from support.command import ROOT, koalign
from support.pages import blocks, run_block

ENTRIES = ("base", "sft", "dpo", "solve_bare", "solve")


def run_page(page: Path, folder: Path, bin_dir: Path) -> list[str]:
    """What the blocks of a page print, run in order in one folder."""
    printed = []
    for block in blocks(page):
        done = run_block(block, folder, bin_dir)
        assert done.returncode == 0, (block.script, done.stderr)
        printed.append(done.stdout + done.stderr)
    return printed


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> Path:
    """An empty folder in which the README's blocks were run, in order, and nothing else."""
    folder = tmp_path_factory.mktemp("newcomer")
    run_page(ROOT / "README.md", folder, tmp_path_factory.mktemp("bin"))
    return folder


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_bytes()) <= 7_000


@pytest.mark.slow
def test_the_quickstart_leads_from_a_csv_to_an_evaluated_adapter(tmp_path):
    folder = tmp_path / "reader"
    folder.mkdir()
    printed = run_page(ROOT / "docs" / "en" / "quickstart.md", folder, tmp_path / "bin")
    assert any("won" in text for text in printed)
    results = [
        json.loads((folder / "results" / name / "results.json").read_text(encoding="utf-8"))
        for name in ("base", "sft")
    ]
    assert all(one["n"] == 60 for one in results)
    assert (folder / "sft-adapter" / "adapter_model.safetensors").exists()


@pytest.mark.slow
def test_the_chain_of_the_readme_runs_in_an_empty_folder(chain):
    answers = chain / "runs" / "default" / "solve" / "answers.jsonl"
    assert len(answers.read_text(encoding="utf-8").splitlines()) == 1000


@pytest.mark.slow
def test_the_example_reaches_its_figures_on_problems_it_never_saw(chain):
    done = koalign("evaluate", cwd=chain)
    assert done.returncode == 0, done.stderr
    path = chain / "runs" / "default" / "evaluate" / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    accuracy = {name: results[name]["accuracy"] for name in ENTRIES}
    assert all(results[name]["n"] == 1000 for name in ENTRIES)
    assert accuracy["base"] < 0.35
    assert accuracy["sft"] >= accuracy["base"] + 0.15
    assert accuracy["dpo"] > accuracy["sft"] and results["dpo"]["p_value"] < 0.05
    assert accuracy["solve"] >= accuracy["solve_bare"] + 0.10
    assert results["solve"]["p_value"] < 0.001
