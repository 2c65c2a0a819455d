"""Outputs and the folders of a run: none is written into a stage, and no stage clears what is not its own."""

import shutil
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.problems import problem, write_lines

INTO = {
    "grade": ("grade", "answers.jsonl", "-o", "{stage}/graded.jsonl"),
    "solve": ("solve", "test.jsonl", "--adapters", "sft", "-o", "{stage}/new/answers.jsonl"),
    "mine": ("mine", "-o", "{stage}/mistakes.jsonl"),
    "distill": ("distill", "-o", "{stage}/rationales.jsonl"),
    "compare": ("compare", "a", "b", "--out", "{stage}"),
    "benchmark": ("benchmark", "direct", "--data", "test.jsonl", "--out", "{stage}/results"),
    "retrieval": ("benchmark", "retrieval", "--data", "test.jsonl", "--out", "{stage}/results"),
    "trl": ("export", "--trl", "{stage}/trl"),
    "export": ("adapters", "export", "sft", "-o", "{stage}/plain"),
    "merge": ("adapters", "export", "sft", "--merge", "-o", "{stage}/merged"),
    "stack": ("adapters", "stack", "sft", "dpo", "--force", "-o", "{stage}/adapter"),
    "board": ("board", "--export", "{stage}/site"),
    "run": ("prepare", "--run-dir", "{stage}/adapter"),
}  # fmt: skip


@pytest.mark.parametrize("command", INTO)
def test_no_command_writes_into_a_stage_which_would_be_cleared_with_it(command, ran):
    write_lines(Path("answers.jsonl"), [{"problem": problem(1), "text": "정답: 1"}])
    Path("link").symlink_to(RUN / "sft")
    before = sorted(RUN.rglob("*"))
    for stage in (RUN / "sft", Path("link")):
        said = koalign(*(part.format(stage=stage) for part in INTO[command]), code=2).stderr
        assert "runs/default/sft is a stage of a run" in said.splitlines()[-1]
        assert sorted(RUN.rglob("*")) == before


def test_a_stage_clears_no_folder_that_no_stage_wrote(ran):
    shutil.rmtree(RUN / "pairs")
    (RUN / "pairs").mkdir()
    mine = RUN / "pairs" / "notes.txt"
    mine.write_text("mine", "utf-8")
    said = koalign("dpo-pairs", code=2).stderr
    assert "pairs was made with a plan that cannot be read (plan.json is missing)" in said
    assert mine.read_text("utf-8") == "mine"
    koalign("dpo-pairs", "--force", code=0)


def test_files_beside_an_output_are_written_over_with_force_alone(ran):
    koalign("evaluate", code=0)
    Path("cmp").mkdir()
    Path("cmp/flips.csv").write_text("mine", "utf-8")
    compare = (
        "compare",
        str(RUN / "evaluate" / "sft"),
        str(RUN / "evaluate" / "base"),
        "--out",
        "cmp",
    )
    assert "cmp/flips.csv is there already" in koalign(*compare, code=2).stderr
    Path("new.clusters.json").write_text("mine", "utf-8")
    assert "new.clusters.json is there already" in koalign("mine", "-o", "new.jsonl", code=2).stderr
    Path("a.report.json").write_text("mine", "utf-8")
    solve = ("solve", "test.jsonl", "-o", "a.jsonl", "--report")
    assert "a.report.json is there already" in koalign(*solve, code=2).stderr
    assert not Path("a.jsonl").exists()
    for path in ("cmp/flips.csv", "new.clusters.json", "a.report.json"):
        assert Path(path).read_text("utf-8") == "mine"
    koalign(*compare, "--force", code=0)
    koalign(*solve, "--force", code=0)


def test_any_template_is_refused_where_it_would_do_nothing(ran):
    assert "--any-template is for a file" in koalign("solve", "--any-template", code=2).stderr


@pytest.mark.parametrize("command", ["compare", "benchmark"])
def test_no_results_stand_in_the_folder_of_a_run_for_those_of_its_steps(command, ran):
    arguments = {
        "compare": ("compare", "a", "b"), "benchmark": ("benchmark", "direct", "--data", "test.jsonl"),
    }[command]  # fmt: skip
    said = koalign(*arguments, "--out", str(RUN), code=2).stderr
    assert f"{RUN}: the folder of a run; take another place" in said
    assert not (RUN / "results.json").exists()
