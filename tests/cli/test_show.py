"""koalign show lists what was begun and what `koalign run` would still make, and nothing else."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from support.command import RUN, koalign
from support.problems import problem, write_lines

from koalign.config.files import load_config
from koalign.locking import locked
from koalign.stages.pipeline import stages_of

WITHOUT_HINTS = ("-s", "data.hints=null", "-s", "candidates.source=none")


def shown(*settings: str) -> dict[str, str]:
    stages = json.loads(koalign("show", "--json", *settings, code=0).stdout)["stages"]
    return {stage["stage"]: stage["state"] for stage in stages}


@pytest.mark.parametrize(
    "settings",
    [(), WITHOUT_HINTS, ("-s", "controls=all"), ("-s", "controls=off"), ("-s", "dpo.rounds=2")],
)
def test_the_stages_are_those_of_run(settings, scripted):
    koalign("prepare", *settings, code=0)
    made = [stage.name for stage in stages_of("run", load_config([], settings[1::2]))]
    states = shown(*settings)
    assert set(states) == set(made)
    assert states.pop("prepare") == "done" and set(states.values()) == {"missing"}


def test_what_was_begun_is_listed_whatever_the_config_says(scripted):
    koalign("sft", code=0)
    (RUN / "hints").mkdir()
    assert "hints" not in shown(*WITHOUT_HINTS)
    (RUN / "hints" / "plan.json").write_text("{}", "utf-8")
    assert shown(*WITHOUT_HINTS)["hints"] == "unfinished"


def test_a_stage_that_a_process_is_at_work_on_is_running(scripted):
    koalign("prepare", *WITHOUT_HINTS, code=0)
    (RUN / "sft").mkdir()
    (RUN / "sft" / "plan.json").write_text("{}", "utf-8")
    assert shown(*WITHOUT_HINTS)["sft"] == "unfinished"
    with locked(RUN):
        states = shown(*WITHOUT_HINTS)
    assert (states["prepare"], states["sft"], states["dpo"]) == ("done", "running", "missing")


def test_a_broken_koalign_yaml_hides_no_run(scripted):
    koalign("prepare", *WITHOUT_HINTS, code=0)
    Path("koalign.yaml").write_text("dpo: {betta: 1}\n", "utf-8")
    done = koalign("show", "--json", code=0)
    assert [stage["stage"] for stage in json.loads(done.stdout)["stages"]] == ["prepare"]
    assert "betta" in done.stderr and "only the stages that were begun are listed" in done.stderr
    assert "betta" in koalign("show", "-s", "dpo.beta=0.1", code=2).stderr
    assert "betta" in koalign("show", "-c", "koalign.yaml", code=2).stderr


def test_of_long_answers_alone_no_pairs_are_missing(scripted):
    long = [{"question": f"{n}번은?", "answer": "글" * 50, "kind": "long"} for n in range(4)]
    write_lines(Path("train.jsonl"), long)
    write_lines(Path("test.jsonl"), [problem(100)])
    koalign("prepare", *WITHOUT_HINTS, code=0)
    assert set(shown(*WITHOUT_HINTS)) == {"prepare", "sft", "evaluate"}


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_file_of_a_stage_that_is_gone_is_named(as_json, ran):
    (RUN / "evaluate/dpo/predictions.jsonl").unlink()
    said = koalign("show", *as_json, code=0).stderr
    assert "predictions.jsonl is gone; `koalign evaluate --force` makes it again" in said
    assert said.count("is gone") == 1


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_stages_that_were_made_of_other_files_are_named(as_json, ran):
    assert koalign("show", *as_json, code=0).stderr == ""
    write_lines(Path("other.jsonl"), [problem(n) for n in range(300, 330)])
    koalign("prepare", "--force", "-s", "data.train=other.jsonl", "-s", "data.hints=null", code=0)
    said = koalign("show", *as_json, code=0).stderr
    assert (
        "sft was made of another prepare/train.jsonl; `koalign sft --force` makes it again" in said
    )
    assert "solve was made of another" not in said  # of the same test split and adapters


def test_stages_with_other_settings_than_koalign_yaml_has_now_are_named(ran):
    own = Path("koalign.yaml")
    config = yaml.safe_load(own.read_text("utf-8"))
    own.write_text(yaml.safe_dump(config | {"pairs": {"per_problem": 1}}), "utf-8")
    said = koalign("show", code=0).stderr
    assert f"{RUN / 'pairs'} was made with pairs." in said
    assert "pairs.per_problem = 4, and it is now 1" in said
    assert said.endswith("it is used as it is, and `koalign dpo-pairs --force` makes it again\n")
    assert said.count("\n") == 1


def test_a_run_is_held_against_what_is_named_and_not_against_the_built_in_example(ran):
    own = Path("koalign.yaml").rename("mine.yaml")
    assert koalign("show", code=0).stderr == ""
    assert koalign("show", "-c", str(own), code=0).stderr == ""
    said = koalign("show", "-c", str(own), "-s", "pairs.per_problem=1", code=0).stderr
    assert f"{RUN / 'pairs'} was made with pairs.per_problem = " in said


def test_a_run_of_a_seed_is_held_against_that_seed(ran):
    shutil.copytree(RUN, RUN / "seed-1")
    said = koalign("show", str(RUN / "seed-1"), code=0).stderr
    assert f"{RUN / 'seed-1/solve'} was made with seed = 0, and it is now 1" in said
    assert koalign("show", str(RUN / "seed-1"), "-s", "seed=0", code=0).stderr == ""
    shutil.copytree(RUN, "runs/seed-1")
    assert koalign("show", "runs/seed-1", code=0).stderr == ""


def test_a_template_that_is_gone_hides_no_run(ran):
    with Path("koalign.yaml").open("a", encoding="utf-8") as file:
        file.write("prompt: {template: gone.yaml}\n")
    done = koalign("show", code=0)
    assert "gone.yaml" in done.stderr and "evaluate" in done.stdout
