"""`koalign run --seeds`: one prepare, a whole run for each seed, and the results over all of them."""

import json
import shutil
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.kills import kill_when

from koalign.config.files import load_config
from koalign.config.sections import ASSETS
from koalign.jsonl import read_json, write_json
from koalign.stages.pipeline import stages_of

pytestmark = pytest.mark.slow  # each test is a whole run, or several

LATER = RUN / "seed-1"


@pytest.fixture(scope="module")
def two_seeds(tmp_path_factory: pytest.TempPathFactory, scripted_run: Path) -> Path:
    """A folder after `koalign run` and then `koalign run --seeds 2`."""
    made = tmp_path_factory.mktemp("seeds") / "made"
    shutil.copytree(scripted_run, made)
    (made / "first").write_text(koalign("run", "--seeds", "2", cwd=made, code=0).stdout, "utf-8")
    return made


@pytest.fixture
def repeated(folder: Path, two_seeds: Path) -> Path:
    shutil.copytree(two_seeds, folder, dirs_exist_ok=True)
    return folder


def outputs(run: Path) -> dict[str, bytes]:
    """All files of the stages but those that hold times."""
    timed = {".lock", "manifest.json", "events.jsonl"}
    timed |= {"results.json", "koalign.json", "README.md"}
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in timed
    }


def test_a_run_goes_on_with_a_second_seed_on_the_same_prepared_data(repeated):
    lines = Path("first").read_text(encoding="utf-8").splitlines()
    stages = len(list(RUN.glob("*/manifest.json")))
    assert sum("nothing to do" in line for line in lines) == stages
    assert f"seed 2 of 2, stage 2 of {stages}: sft" in lines
    assert outputs(RUN / "prepare") == outputs(LATER / "prepare")
    samples = "samples/samples.jsonl"
    assert (RUN / samples).read_bytes() != (LATER / samples).read_bytes()
    assert koalign("run", code=0).stdout.count("nothing to do") == 2 * stages


def test_only_what_draws_nothing_does_not_depend_on_the_seed():
    stages = stages_of("run", load_config([ASSETS / "example.yaml"]))
    assert {one.name for one in stages if "seed" not in one.sections} == {"prepare", "reference"}


def test_the_second_seed_is_what_a_run_with_that_seed_is(repeated):
    shutil.move(RUN, "repeated")
    koalign("run", "-s", "seed=1", "--run-dir", str(LATER), code=0)
    assert outputs(LATER) == outputs(Path("repeated") / LATER.name)


def test_the_folder_of_a_seed_is_a_whole_run_wherever_it_stands(repeated):
    shutil.move(LATER, "moved")
    again = koalign("run", "--run-dir", "moved", "-s", "seed=1", code=0)
    assert again.stdout.count("nothing to do") == len(list(Path("moved").glob("*/manifest.json")))
    koalign("solve", "test.jsonl", "-o", "o.jsonl", "--run-dir", "moved", "-s", "seed=1", code=0)
    assert "evaluate" in koalign("show", "moved", code=0).stdout


def test_the_results_over_seeds_are_printed_and_shown_until_an_evaluation_changes(repeated):
    report = read_json(RUN / "seeds.json")
    both = [read_json(run / "evaluate/results.json") for run in (RUN, LATER)]
    assert report["seeds"] == [0, 1] and report["n"] == 16
    assert list(report["rows"]) == list(both[0]) and report["left_out"] == []
    for name, row in report["rows"].items():
        values = sorted(results[name]["accuracy"] for results in both)
        accuracy = row["accuracy"]
        assert [accuracy["lowest"], accuracy["highest"]] == pytest.approx(values)
        assert accuracy["mean"] == pytest.approx(sum(values) / 2)
        assert set(row["rivals"]) == set(both[0][name]["rivals"])
    printed, shown = Path("first").read_text(encoding="utf-8"), koalign("show", code=0).stdout
    assert "16 problems, 2 seeds: 0, 1" in printed and "16 problems, 2 seeds: 0, 1" in shown
    assert json.loads(koalign("show", "--json", code=0).stdout)["seeds"] == report
    manifest = LATER / "evaluate/manifest.json"
    write_json(manifest, read_json(manifest) | {"fingerprint": "another", "seal": ""})
    shown = koalign("show", code=0).stdout
    assert "2 seeds" not in shown and "no results over these seeds yet; `koalign run`" in shown
    assert "seed 2 of 2: " in shown


def test_killed_between_and_within_seeds_the_same_command_ends_in_the_same_files(
    repeated, tmp_path_factory
):
    fresh = tmp_path_factory.mktemp("killed")
    for path in repeated.iterdir():
        if path.is_file():
            shutil.copy(path, fresh)
    command = ["run", "--seeds", "2"]
    for begun in (RUN / "pairs", LATER / "prepare", LATER / "samples"):
        kill_when(command, fresh, (fresh / begun / "plan.json").exists)
        assert not (fresh / RUN / "seeds.json").exists()
    koalign("run", cwd=fresh, code=0)  # as many seeds as were begun
    assert outputs(fresh / RUN) == outputs(repeated / RUN)
    assert read_json(fresh / RUN / "seeds.json") == read_json(repeated / RUN / "seeds.json")


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--seeds", "0"], "--seeds 0: runs/default has 2; take --seeds 2 or more, or remove"),
        (["--seeds", "1"], "2 or more, or remove runs/default/seed-1 and later ones"),
        (["--seeds", "0", "--run-dir", "new"], "--seeds 0: take --seeds 1 or more\n"),
        (["--seeds", "1" + 30 * "0"], "0: take at most 100\n"),
        (["--seeds", "3"], "runs/default/seed-2 is a file, and a run goes there; move it away\n"),
        (
            ["-s", "sft.rank=8"],
            "sft was made with sft.rank = 32, and it is now 8; to keep it, repeat -s sft.rank=32",
        ),
    ],
)
def test_what_cannot_be_run_over_seeds_is_one_line_and_code_2(repeated, arguments, remedy):
    if "3" in arguments:
        (RUN / "seed-2").write_text("notes", encoding="utf-8")
    before = outputs(RUN)
    done = koalign("run", *arguments, code=2)
    lines = done.stderr.splitlines()
    assert remedy in done.stderr
    assert len(lines) == 1 or lines[-1] == f"koalign: {len(lines) - 1} findings stop this run"
    assert outputs(RUN) == before and not Path("new").exists()


def test_damaged_results_over_seeds_are_refused_and_written_again(repeated):
    whole = (RUN / "seeds.json").read_bytes()
    (RUN / "seeds.json").write_bytes(whole[:-20])
    refused = koalign("show", code=2).stderr
    assert (
        "seeds.json: damaged; `koalign run` writes it again" in refused and refused.count("\n") == 1
    )
    koalign("run", code=0)
    assert (RUN / "seeds.json").read_bytes() == whole


@pytest.mark.parametrize("text", ["{}", "[1]", "null", "{", '{"base": 1}'])
def test_damaged_results_of_a_seed_are_refused_and_made_again(repeated, text):
    whole = (RUN / "seeds.json").read_bytes()
    _refused_and_made_again(LATER / "evaluate/results.json", text)
    assert (RUN / "seeds.json").read_bytes() == whole


@pytest.mark.parametrize("lines", [0, 5])
def test_damaged_predictions_of_a_seed_are_refused_and_made_again(repeated, lines):
    whole = (RUN / "seeds.json").read_bytes()
    path = LATER / "evaluate/dpo/predictions.jsonl"
    kept = path.read_text("utf-8").splitlines(keepends=True)[:lines]
    _refused_and_made_again(path, "".join(kept))
    assert (RUN / "seeds.json").read_bytes() == whole


def _refused_and_made_again(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    refused = koalign("run", code=2).stderr
    assert f"{path}: changed since it was made" in refused and refused.count("\n") == 1
    assert "`koalign run --force` makes the stage again" in refused
    koalign("run", "--force", code=0)


def test_a_refused_seed_is_none_that_the_run_has(repeated):
    koalign("run", "--seeds", "3", "-s", "sft.rank=8", code=2)
    assert "2 seeds: 0, 1" in koalign("show", code=0).stdout
    assert "2 seeds: 0, 1" in koalign("run", code=0).stdout


def test_a_folder_of_another_name_is_no_seed(repeated):
    for name in ("seed-007", "seed-x", "seed-123456789"):
        (RUN / name).mkdir()
    assert "2 seeds: 0, 1" in koalign("run", code=0).stdout
    assert "2 seeds: 0, 1" in koalign("show", code=0).stdout


def test_a_run_of_an_earlier_koalign_is_refused_with_the_remedy(repeated):
    path = RUN / "prepare/plan.json"
    plan = read_json(path)
    plan["config"]["seed"] = plan["config"]["data"].pop("seed")
    write_json(path, plan)
    refused = koalign("run", "--seeds", "3", code=2)
    assert "prepare was made with data.seed = None, and it is now 0" in refused.stderr
    assert "--force" in refused.stderr and refused.stderr.count("\n") == 1
    made = koalign("run", "--seeds", "3", "--force", code=0).stdout
    assert "prepare: train 24" in made and "3 seeds: 0, 1, 2" in made


def test_a_seed_made_with_other_settings_is_refused_until_it_is_made_again(repeated):
    other = ("-s", "seed=1", "-s", "pairs.per_problem=1", "--run-dir", str(LATER), "--force")
    koalign("dpo-pairs", *other, code=0)
    refused = koalign("run", code=2)
    assert f"{LATER}/pairs was made with pairs.per_problem = 1, and it is now 4" in refused.stderr
    assert refused.stderr.count("\n") == 1
    koalign("run", "--force", code=0)
    assert "16 problems, 2 seeds: 0, 1" in koalign("show", code=0).stdout
