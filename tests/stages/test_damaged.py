"""What was damaged on disk is told in one line, and `--force` makes it again."""

import json
import shutil
from pathlib import Path

import pytest
from support.command import RUN, koalign

from koalign.hashing import WORK
from koalign.jsonl import read_json, write_json
from koalign.manifests import read_manifest
from koalign.plans import Plan
from koalign.records import KoalignError
from koalign.stages.solve import refuse_other_parts

SFT = RUN / "sft"
BROKEN = {
    "an empty object": lambda record: "{}",
    "one more field": lambda record: json.dumps({**record, "more": 1}),
    "one field less": lambda record: json.dumps(dict(list(record.items())[1:])),
    "a list": lambda record: "[]",
    "a nesting without end": lambda record: "[" * 100_000,
    "half of it": lambda record: json.dumps(record)[:40],
    "nothing": lambda record: "",
    "another kind of value": lambda record: json.dumps(dict.fromkeys(record, 3)),
    "bytes": lambda record: "\udcff\udcfe",
}


def damage(path: Path, how: str) -> None:
    path.write_text(BROKEN[how](read_json(path)), "utf-8", errors="surrogateescape")


@pytest.mark.parametrize("name", ["plan.json", "manifest.json"])
def test_a_folder_in_place_of_a_plan_is_told_with_what_helps(scripted, name):
    koalign("sft", code=0)
    (SFT / name).unlink()
    (SFT / name).mkdir()
    for force in ((), ("--force",)):
        line = koalign("sft", *force, code=2).stderr
        assert f"{name}: a folder" in line and "remove it" in line and line.count("\n") == 1
    (SFT / name).rmdir()
    koalign("sft", "--force", code=0)


def test_the_plan_of_another_run_that_a_broken_copy_left_finishes_no_stage(scripted):
    other, setting = scripted / "other", ("-s", "sample.n=6")
    for settings in (("--run-dir", str(other), *setting), ()):
        koalign("sft", *settings[:2], code=0)
        koalign("dpo-pairs", *settings, code=0)
    shutil.copyfile(other / "samples" / "plan.json", RUN / "samples" / "plan.json")
    refused = koalign("dpo-pairs", *setting, code=2).stderr
    assert "samples/plan.json: changed since it was made" in refused and "--force" in refused
    koalign("dpo-pairs", *setting, "--force", code=0)
    samples = (folder / "samples" / "samples.jsonl" for folder in (RUN, other))
    assert len({path.read_bytes() for path in samples}) == 1


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("name", ["plan.json", "manifest.json"])
def test_a_damaged_plan_or_manifest_is_one_line_and_force_replaces_it(scripted, name, how):
    koalign("sft", code=0)
    whole = read_manifest(SFT)
    damage(SFT / name, how)
    refused = koalign("sft", code=2).stderr
    assert "--force" in refused and refused.count("\n") == 1
    koalign("sft", "--force", code=0)
    assert read_manifest(SFT).outputs == whole.outputs
    koalign("sft", code=0)


@pytest.mark.parametrize("how", BROKEN)
def test_a_later_command_names_the_one_that_makes_a_damaged_stage_again(scripted, how):
    koalign("sft", code=0)
    damage(SFT / "manifest.json", how)
    for command in ("dpo-pairs", "show"):
        refused = koalign(command, code=2).stderr
        assert "`koalign sft --force`" in refused and refused.count("\n") == 1


@pytest.mark.parametrize("place", ["plan.json", "manifest.json", "adapter/koalign.json"])
def test_force_makes_a_stage_again_whose_plan_is_the_same(scripted, place):
    koalign("sft", code=0)
    before = read_manifest(SFT).outputs
    (SFT / place).write_text("damaged", encoding="utf-8")
    koalign("sft", "--force", code=0)
    assert read_manifest(SFT).outputs == before
    assert "damaged" not in (SFT / place).read_text(encoding="utf-8")


def test_force_leaves_what_is_whole(scripted):
    koalign("sft", code=0)
    before = (SFT / "manifest.json").stat().st_mtime_ns
    koalign("sft", "--force", code=0)
    assert (SFT / "manifest.json").stat().st_mtime_ns == before


def test_force_begins_an_unfinished_stage_anew(scripted):
    koalign("sft", code=0)
    koalign("dpo-pairs", code=0)
    samples = RUN / "samples" / "samples.jsonl"
    whole = samples.read_bytes()
    (RUN / "samples" / "manifest.json").unlink()
    samples.write_text("half a line\n", encoding="utf-8")
    koalign("dpo-pairs", code=2)
    koalign("dpo-pairs", "--force", code=0)
    assert samples.read_bytes() == whole


def test_a_kill_while_force_clears_leaves_nothing_to_go_on_from(scripted, monkeypatch):
    koalign("sft", code=0)
    koalign("dpo-pairs", code=0)
    samples = RUN / "samples"
    samples.joinpath("samples.jsonl").write_text("damaged\n", encoding="utf-8")
    with monkeypatch.context() as killed:
        killed.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        koalign("dpo-pairs", "--force", code=130)
    assert "--force" in koalign("dpo-pairs", code=2).stderr
    koalign("dpo-pairs", "--force", code=0)


@pytest.mark.parametrize(
    "command", ["prepare --force", "dpo-pairs --force -s sample.max_tokens=9999999"]
)
def test_what_force_would_replace_is_there_again_where_the_stage_is_refused(scripted, command):
    koalign("sft", code=0)
    koalign("dpo-pairs", code=0)
    before = files_of(RUN)
    with Path("hints.jsonl").open("a", encoding="utf-8") as file:
        file.write("{\n")
    assert koalign(*command.split(), code=2).stderr.count("koalign: ") == 1
    assert files_of(RUN) == before


def files_of(folder: Path) -> dict[Path, bytes]:
    paths = (path for path in folder.rglob("*") if path.name not in (".lock", "events.jsonl"))
    return {path: path.read_bytes() for path in paths if path.is_file()}


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "adapter/../../outside"])
def test_a_manifest_that_names_files_outside_its_stage_is_damaged(ran, name):
    path = RUN / "prepare" / "manifest.json"
    made = read_json(path)
    write_json(path, {**made, "outputs": {**made["outputs"], name: "0"}})
    refused = koalign("run", "--seeds", "2", code=2).stderr
    assert "is not below the stage" in refused and not Path("outside").exists()


def test_a_kill_while_the_manifest_is_written_leaves_nothing_that_a_manifest_names(scripted):
    koalign("sft", code=0)
    before = read_manifest(SFT)
    (SFT / "manifest.json").rename(SFT / "manifest.json.part")
    koalign("sft", code=0)
    assert read_manifest(SFT).outputs == before.outputs
    assert "gone" not in koalign("show", code=0).stderr


def test_a_kill_after_the_last_step_leaves_a_finished_stage(scripted, monkeypatch):
    """What only a continuation needs goes after the manifest is there, and at the latest the next time."""
    with monkeypatch.context() as killed:
        killed.setattr(shutil, "rmtree", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        koalign("sft", code=130)
    work = RUN / "prepare" / WORK
    work.mkdir()
    (work / "half").touch()
    before = read_manifest(RUN / "prepare")
    koalign("sft", code=0)
    assert not work.exists() and read_manifest(RUN / "prepare") == before


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("prepare/train.jsonl", lambda data: b"".join(data.splitlines(keepends=True)[:20])),
        ("samples/samples.jsonl", lambda data: data[: data.rindex(b"\n", 0, len(data) // 2) + 1]),
        ("sft/adapter/koalign.json", lambda data: data.replace(b'"rank": 32', b'"rank": 16')),
        ("pairs/pairs.jsonl", lambda data: data.replace("고른".encode(), "골른".encode(), 1)),
    ],
)
def test_outputs_are_held_against_their_manifest(ran, name, damage):
    path = RUN / name
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    stage = path.relative_to(RUN).parts[0]
    command = stage if stage in ("prepare", "sft") else "dpo-pairs"
    refused = koalign("run", code=2).stderr
    assert f"{path}: changed since it was made" in refused
    assert f"`koalign {command} --force`" in refused and refused.count("\n") == 1
    koalign(command, "--force", code=0)
    assert path.read_bytes() == whole
    assert koalign("run", code=0).stdout.count("nothing to do") == 13


@pytest.mark.parametrize("split", ["dev", "test"])
def test_no_command_goes_on_with_splits_that_were_changed_by_hand(ran, split):
    with (RUN / "prepare" / f"{split}.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    for command in ("sft", "dpo-pairs", "dpo", "abstractions", "evaluate"):
        refused = koalign(command, code=2).stderr.splitlines()
        assert f"prepare/{split}.jsonl: changed since it was made" in refused[-1]


@pytest.mark.parametrize("finished", [True, False])
def test_samples_without_their_plan_are_not_taken_for_those_of_now(scripted, finished):
    koalign("sft", code=0)
    koalign("dpo-pairs", "-s", "sample.temperature=1.0", code=0)
    (RUN / "samples/plan.json").unlink()
    if not finished:
        (RUN / "samples/manifest.json").unlink()
    refused = koalign("dpo-pairs", "-s", "sample.temperature=0.3", code=2).stderr
    assert "plan.json is missing" in refused and "--force" in refused and refused.count("\n") == 1
    koalign("dpo-pairs", "-s", "sample.temperature=0.3", "--force", code=0)


def test_a_command_says_which_earlier_stage_was_made_with_other_settings(scripted):
    koalign("sft", code=0)
    said = koalign("dpo-pairs", "-s", "sft.epochs=5", code=0).stderr
    assert "sft was made with sft.epochs = " in said and "`koalign sft --force`" in said
    said = koalign("dpo-pairs", "-s", "data.dev_share=0.5", code=0).stderr
    assert "prepare was made with data.dev_share = " in said and "`koalign prepare --force`" in said
    assert "was made with" not in koalign("dpo-pairs", code=0).stderr


def test_changed_predictions_of_a_benchmark_are_not_compared(ran):
    koalign(
        "benchmark", "direct", "--mode", "generate", "--adapters", "base", "--out", "base", code=0
    )
    koalign(
        "benchmark", "direct", "--mode", "generate", "--adapters", "sft", "--out", "sft", code=0
    )
    koalign("compare", "base", "sft", code=0)
    path = Path("sft/predictions.jsonl")
    path.write_text(path.read_text("utf-8").replace("false", "true", 1), "utf-8")
    for command in (
        ["compare", "base", "sft"],
        ["benchmark", "direct", "--mode", "generate", "--adapters", "sft", "--out", "sft"],
    ):
        said = koalign(*command, code=2).stderr
        assert "predictions.jsonl: changed since results.json was written" in said


@pytest.mark.parametrize("how", ["a list", "one more field", "a nesting without end"])
@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["show"], "passages.json"),
        (["show"], "seeds.json"),
        (["evaluate"], "solving.json"),
        (["compare", str(RUN)], "sft/results.json"),
        (["compare", str(RUN)], "sft/predictions.jsonl"),
    ],
)
def test_a_damaged_report_is_named_with_what_makes_it_again(ran, command, file, how):
    path = RUN / ("" if file == "seeds.json" else "evaluate") / file
    path.write_text(BROKEN[how]({"more": 1}), "utf-8")
    line = koalign(*command, code=2).stderr
    assert str(path) in line and line.count("\n") == 1
    assert "`koalign run` writes it again" in line or "--force" in line


@pytest.mark.parametrize("config", [{}, {"solve": 3}])
def test_a_plan_that_lacks_what_a_later_command_reads_is_a_line(ran, config):
    path = RUN / "solve" / "plan.json"
    write_json(path, {**read_json(path), "config": config, "inputs": {}})
    shutil.rmtree(RUN / "evaluate")
    *_, line = koalign("evaluate", code=2).stderr.splitlines()
    assert str(path) in line and "`koalign solve` makes it again" in line


@pytest.mark.parametrize("how", ["a list", "another kind of value", "a nesting without end"])
def test_a_damaged_card_is_named_with_the_command_that_trains_the_adapter_again(ran, how):
    damage(SFT / "adapter" / "koalign.json", how)
    line = koalign("adapters", "show", "sft", code=2).stderr
    assert "koalign.json: " in line and "`koalign sft --force` makes it again" in line
    assert line.count("\n") == 1


def test_a_damaged_line_of_an_unfinished_stage_is_named_with_what_to_do(scripted):
    koalign("sft", code=0)
    koalign("dpo-pairs", code=0)
    samples = RUN / "samples" / "samples.jsonl"
    whole = samples.read_bytes()
    (RUN / "samples" / "manifest.json").unlink()
    first, _, rest = whole.partition(b"\n")
    samples.write_bytes(first + b"\n3\n" + rest)
    line = koalign("dpo-pairs", code=2).stderr
    assert f"{samples}:2: " in line and "remove that line" in line and line.count("\n") == 1
    samples.write_bytes(first + b"\n")
    koalign("dpo-pairs", code=0)
    assert samples.read_bytes() == whole


def test_a_link_to_itself_in_place_of_a_plan_is_told_with_what_helps(scripted):
    koalign("sft", code=0)
    (SFT / "plan.json").unlink()
    (SFT / "plan.json").symlink_to("plan.json")
    line = koalign("dpo", code=2).stderr
    assert "plan.json" in line and "remove" in line and line.count("\n") == 1


@pytest.mark.parametrize("text", ["{}", "[]", "{"])
def test_a_damaged_plan_of_a_part_is_told_with_the_folder_to_remove(tmp_path, text):
    part = tmp_path / "solving" / "other" / WORK / "1-of-2"
    part.mkdir(parents=True)
    (part / "plan.json").write_text(text, "utf-8")
    plan = Plan(stage="solve", version=1, template="", config={}, inputs={})
    with pytest.raises(KoalignError) as refused:
        refuse_other_parts(tmp_path / "solving" / "own", plan, "problems.jsonl")
    line = str(refused.value)
    assert str(part / "plan.json") in line and f"remove {part.parents[1]}" in line
