"""`koalign benchmark`: figures are of the answers, shots and settings of now, and no input is written over."""

import json
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.problems import problem, write_lines

from koalign.cli import benchmark_options
from koalign.data.formats import sources
from koalign.evaluation.results import read_evaluation

ASK = ("benchmark", "direct", "--out", "out")


@pytest.fixture
def asked(folder: Path) -> Path:
    """Eight problems and a pool of shots, answered with 1 by the scripted engine."""
    write_lines(folder / "test.jsonl", [problem(n) for n in range(8)])
    write_lines(folder / "pool.jsonl", [problem(n) for n in range(20, 24)])
    (folder / "koalign.yaml").write_text(
        "model: {path: none}\ndata: {train: pool.jsonl}\n"
        "engine: {backend: scripted, script: script.yaml}\n",
        "utf-8",
    )
    (folder / "script.yaml").write_text("- texts: ['정답: 1']\n", "utf-8")
    return folder


def edit(path: str, number: int, **changes: object) -> None:
    """Change keys of a row."""
    rows = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
    rows[number] |= changes
    write_lines(Path(path), rows)


WITH_SHOTS = ("--data", "test.jsonl", "--shots", "2", "--shots-data", "pool.jsonl")
CHANGES = {
    "answer": (lambda: edit("test.jsonl", 0, answer=2), "another items"),
    "group": (lambda: edit("test.jsonl", 0, group="다른 지문"), "another items"),
    "answer of a shot": (lambda: edit("pool.jsonl", 0, answer=3), "another shots"),
    "script": (lambda: Path("script.yaml").write_text("- texts: ['정답: 2']\n", "utf-8"), "another engine.script"),
    "dtype": (("-s", "model.dtype=float16"), "another model.dtype"),
    "kv_cache": (("-s", "engine.vllm.kv_cache_dtype=fp8"), "another engine.vllm"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_an_evaluation_of_other_answers_or_settings_is_not_shown_as_that_of_now(asked, change):
    koalign(*ASK, *WITH_SHOTS, code=0)
    koalign(*ASK, *WITH_SHOTS, code=0)
    act, expected = CHANGES[change]
    settings = act if isinstance(act, tuple) else ()
    if not settings:
        act()
    said = koalign(*ASK, *WITH_SHOTS, *settings, code=2).stderr
    assert f"out: holds an evaluation with {expected}; take another --out, or --force" in said


def test_the_figures_follow_a_corrected_answer_key_after_force(asked):
    edit("test.jsonl", 0, answer=1)
    koalign(*ASK, "--data", "test.jsonl", code=0)
    right = read_evaluation(Path("out"))[0].results["direct"]["acc"]
    edit("test.jsonl", 0, answer=2)
    koalign(*ASK, "--data", "test.jsonl", "--force", code=0)
    assert read_evaluation(Path("out"))[0].results["direct"]["acc"] == right - 1 / 8


def test_an_evaluation_of_another_version_is_refused_and_no_traceback(asked):
    koalign(*ASK, "--data", "test.jsonl", code=0)
    plan = json.loads(Path("out/plan.json").read_text("utf-8"))
    Path("out/plan.json").write_text(json.dumps(plan | {"later": 1}), "utf-8")
    said = koalign(*ASK, "--data", "test.jsonl", code=2).stderr
    assert "holds an evaluation by another version of koalign" in said


@pytest.mark.parametrize("out, arguments", [
    ("data", ("--data", "data/samples.jsonl")), ("data", ("--data", "data")),
    ("data/../data", ("--data", "test.jsonl", "--shots", "1", "--shots-data", "data/samples.jsonl")),
])  # fmt: skip
def test_force_removes_no_file_that_the_benchmark_reads(asked, out, arguments):
    Path("data").mkdir()
    rows = Path("pool.jsonl").read_bytes()
    Path("data/samples.jsonl").write_bytes(rows)
    said = koalign("benchmark", "direct", *arguments, "--out", out, "--force", code=2).stderr
    assert "samples.jsonl: this command reads it, and would write over it" in said
    assert Path("data/samples.jsonl").read_bytes() == rows


def test_data_that_is_written_while_it_is_read_is_not_evaluated(asked, monkeypatch):
    read_source = sources.read_source

    def then_written(path, *rest, **options):
        reading = read_source(path, *rest, **options)
        edit("test.jsonl", 0, answer=3)
        return reading

    monkeypatch.setattr(sources, "read_source", then_written)
    said = koalign(*ASK, "--data", "test.jsonl", code=2).stderr
    assert "test.jsonl: was written while it was read" in said
    assert not Path("out/results.json").exists()


def test_items_and_shots_are_of_one_prepare(scripted, monkeypatch):
    held_out = ("-s", "data.dev_share=0.3")
    koalign("prepare", *held_out, code=0)
    read, done = benchmark_options._read, []

    def then_made_again(*arguments):
        problems = read(*arguments)
        if not done:
            done.append(True)
            koalign("prepare", "--force", *held_out, "-s", "data.seed=1", code=0)
        return problems

    monkeypatch.setattr(benchmark_options, "_read", then_made_again)
    said = koalign("benchmark", "direct", "--shots", "2", "--run-dir", str(RUN), code=2).stderr
    assert "prepare: is made again while this command reads it" in said


def test_force_diagnoses_again_too_and_never_from_samples_of_another_script(scripted):
    koalign("sft", code=0)
    command = (*ASK, "--data", "test.jsonl", "--adapters", "sft", "--diagnose")
    koalign(*command, code=0)
    samples = Path("out/diagnosis/samples-plain.jsonl")
    before = samples.read_bytes()
    Path("script.yaml").write_text("- texts: ['정답: 4']\n", "utf-8")
    koalign(*command, "--force", code=0)
    texts = {json.loads(line)["text"] for line in samples.read_text("utf-8").splitlines()}
    assert texts == {"정답: 4"} and samples.read_bytes() != before


@pytest.mark.parametrize("command", [ASK, ("solve", "--adapters", "sft", "-o", "a.jsonl")])
def test_a_test_split_that_was_prepared_of_other_data_is_said(command, scripted):
    koalign("sft", code=0)
    write_lines(Path("other.jsonl"), [problem(n) for n in range(70, 74)])
    said = koalign(*command, "-s", "data.test=other.jsonl", code=0).stderr
    assert "prepare was made with" in said and "`koalign prepare --force` makes it again" in said
    assert "was made with" not in koalign(*command, "--force", code=0).stderr
