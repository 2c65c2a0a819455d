"""`koalign plan`: every stage by name, what was measured, what fits, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.planned import COUNTS, TWO_CORES, config_of, made_before, planned

from koalign.engines.opening import backend_of
from koalign.engines.vllm_start import CPU_CACHE
from koalign.evaluation.solving import controls
from koalign.planning import workload
from koalign.planning.cards import card_named
from koalign.planning.counts import counts_of
from koalign.planning.estimate import estimate
from koalign.planning.history import speeds
from koalign.planning.memory import GIB
from koalign.planning.shape import read_shape
from koalign.planning.workload import work_of
from koalign.records import KoalignError
from koalign.reports.plan import print_estimate
from koalign.stages.pipeline import stages_of
from koalign.training import plateau

DEMO = {  # `make demo` on two idle cores: seconds and MB of each stage (docs/en/results.md)
    "prepare": (12.2, 589), "sft": (88.5, 1140), "samples": (33.0, 1092), "pairs": (12.0, 1092),
    "reference": (1.9, 1092), "dpo": (11.8, 1095), "candidates": (0.1, 1086), "hints": (43.3, 1137),
    "abstraction": (25.5, 1202), "answer": (18.4, 1145), "solve": (35.8, 1475), "rft": (12.4, 1096),
    "evaluate": (123.7, 1532),
}  # fmt: skip


@pytest.fixture
def demo(tmp_path):
    config = config_of("engine.backend=hf", example=True)
    return planned(config, TWO_CORES, counts_of(config, tmp_path / "no run"))


def test_the_time_of_the_built_in_example_is_within_40_percent(demo):
    measured = sum(seconds for seconds, _ in DEMO.values())
    assert demo.seconds == pytest.approx(measured, rel=0.4)


def test_its_memory_is_within_25_percent(demo):
    assert {stage.stage for stage in demo.stages} == DEMO.keys()
    for stage in demo.stages:
        if stage.memory:
            measured = DEMO[stage.stage][1] * 2**20
            assert stage.memory.expected == pytest.approx(measured, rel=0.25), stage.stage


@pytest.mark.parametrize(
    "settings",
    [
        [],
        ["data.hints=hints.jsonl"],
        ["candidates.source=policy", "controls=all", "sft.epochs=2"],
        ["candidates.source=base", "controls=all", "dpo.rounds=3"],
        ["candidates.source=teacher", "controls=off"],
        ["candidates.source=none", "controls=all", "sft.epochs=1"],
        ["candidates.source=none", "judge.url=http://127.0.0.1:8001/v1", "dpo.rounds=2"],
    ],
)
def test_the_stages_are_those_of_run_in_order(settings):
    config = config_of(*settings)
    assert [work.stage for work in work_of(config, COUNTS)] == [
        stage.name for stage in stages_of("run", config)
    ]


def test_the_most_votes_are_those_of_the_control():
    assert workload.MOST_VOTES == controls.MOST_VOTES


def test_the_rounds_are_those_of_the_plateau():
    assert (workload.MOST_ROUNDS, workload.ROUND_STEPS) == (plateau.ROUNDS, plateau.ROUND_STEPS)


@pytest.mark.parametrize(
    ("train", "limit", "usual", "most"),
    [(2000, "null", 4, 20), (192, "null", 12, 60), (2000, 192, 12, 60), (1, "null", 64, 320)],
)
def test_sft_to_its_plateau_counts_the_usual_epochs_and_says_the_most(train, limit, usual, most):
    config = config_of(f"sft.limit={limit}")
    counts = replace(COUNTS, train=train)
    (sft,) = (work for work in work_of(config, counts) if work.stage == "sft")
    assert sft.fit.epochs == usual
    line = f"SFT to its plateau of {usual} epochs; it may take up to {most}"
    assert line in planned(config, card_named("80GB"), counts).assumed
    fixed = planned(config_of("sft.epochs=3"), card_named("80GB"), counts)
    assert not any("plateau" in line for line in fixed.assumed)


@pytest.mark.parametrize(("installed", "engine"), [(True, "vllm"), (False, "hf")])
def test_auto_is_planned_as_the_engine_that_opens(monkeypatch, installed, engine):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: installed or None)
    config = config_of()
    assert planned(config, TWO_CORES).engine == backend_of(config.engine) == engine


@pytest.mark.parametrize(("space", "gib"), [(None, 1), ("", 1), ("4", 4)])
def test_vllm_on_a_cpu_takes_the_space_of_its_cache_and_no_share_of_the_memory(
    monkeypatch, space, gib
):
    monkeypatch.delenv(CPU_CACHE, raising=False)
    if space is not None:
        monkeypatch.setenv(CPU_CACHE, space)
    config = config_of("engine.backend=vllm", example=True)
    for memory in (4, 16, 64):
        card = replace(TWO_CORES, memory=memory * GIB)
        stages = {stage.stage: stage.memory for stage in planned(config, card).stages}
        assert gib * GIB < stages["samples"].other < (gib + 0.5) * GIB


@pytest.mark.parametrize("space", ["0", "-1", "2.5", "4 GiB", "all"])
def test_a_space_that_vllm_cannot_read_is_one_line(monkeypatch, space):
    monkeypatch.setenv(CPU_CACHE, space)
    with pytest.raises(KoalignError, match=f"{CPU_CACHE}={space}: expected whole GiB"):
        planned(config_of("engine.backend=vllm"), TWO_CORES)


def test_the_table_of_the_example_says_what_its_numbers_are(demo, capsys):
    print_estimate(demo, "builtin:tiny-ko", None)
    head, titles, *_ = lines = capsys.readouterr().out.splitlines()
    assert head == "builtin:tiny-ko: 0.6 M parameters, on CPU, 2 cores (16.0 GiB free), engine hf"
    assert " time " in titles and "hours" not in titles
    (fits,) = (line for line in lines if line.startswith("fits: "))
    assert fits.endswith(" of the free memory of this machine")


def test_the_disk_of_the_rows_adds_up_and_what_passes_away_has_a_line(capsys):
    made = planned(config_of(), card_named("80GB"))
    assert made.disk == sum(stage.disk for stage in made.stages)
    most = max(made.stages, key=lambda stage: stage.passing)
    assert made.disk_needed(3) == 3 * made.disk + most.passing > 3 * made.disk
    print_estimate(made, "m", None)
    out = capsys.readouterr().out
    assert (
        f"disk: {made.disk / 1e9:.2f} GB stay; the checkpoints of {most.stage} need "
        f"{most.passing / 1e9:.2f} GB more until it is done\n"
    ) in out
    (total,) = (line for line in out.splitlines() if line.startswith("to do"))
    assert f" {made.disk / 1e9:.2f}" in total


def test_vllm_takes_its_share_of_the_card_however_long_the_prompts_are():
    config = config_of(
        "engine.backend=vllm", "candidates.source=policy", "candidates.max_tokens=4096"
    )
    long = replace(COUNTS, prompt_tokens=6000, longest=8000, answer_tokens=2000)
    for stage in planned(config, card_named("80GB"), long).stages:
        if stage.stage in ("samples", "candidates", "hints", "solve"):
            assert stage.memory.expected == pytest.approx(0.85 * 80 * GIB, rel=0.01)


def test_before_any_data_the_plan_says_what_it_assumes(tmp_path):
    done = koalign("plan", "--gpu", "24GB", "--model", "Qwen/Qwen3-8B", code=0, cwd=tmp_path)
    assert "8.19 B parameters" in done.stdout
    assert "assumed: 2,000 training, 200 dev and 500 test problems" in done.stdout
    assert "does not fit: " in done.stdout and "gradient_checkpointing=true" in done.stdout
    assert not list(tmp_path.iterdir())


def test_as_json_the_terms_add_up(tmp_path):
    arguments = ["plan", "--gpu", "H100", "--model", "Qwen/Qwen3-4B", "--json"]
    made = json.loads(koalign(*arguments, code=0, cwd=tmp_path).stdout)
    for stage in made["stages"]:
        if stage["memory"]:
            assert sum(stage["memory"]["terms"].values()) == pytest.approx(
                stage["memory"]["expected"], abs=10
            )
    for total in ("seconds", "tokens", "disk"):
        assert made[total] == pytest.approx(sum(s[total] for s in made["stages"]), abs=20)
    most = max(stage["checkpoints"] for stage in made["stages"])
    assert made["disk_needed"] == pytest.approx(made["disk"] + most, abs=2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "./gone"], "is no model folder"),
        (["--model", "http://127.0.0.1:1/v1"], "is a server"),
        (["-s", "model.load_in_4bits=true"], "unknown key"),
        (["-c", "gone.yaml"], "no such config file"),
        (["--model", "."], "holds no config.json"),
    ],
)
def test_what_cannot_be_planned_is_one_line_and_writes_nothing(tmp_path, arguments, words):
    done = koalign("plan", *arguments, code=2, cwd=tmp_path)
    assert words in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_past_runs_on_the_same_card_say_how_fast_it_is(tmp_path):
    config, card = config_of("model.path=Qwen/Qwen3-0.6B"), card_named("L4")
    shape = read_shape(config.model)
    usual = {
        stage.stage: stage.seconds
        for stage in planned(config, card, counts_of(config, tmp_path / "new")).stages
    }
    made_before(tmp_path / "old", 3 * usual["sft"], "L4", config)
    made_before(tmp_path / "other", 50 * usual["sft"], "H100", config)
    (tmp_path / "broken" / "prepare").mkdir(parents=True)
    (tmp_path / "broken" / "prepare" / "plan.json").write_text("{", encoding="utf-8")
    made_before(tmp_path / "older", usual["sft"], "L4", config)
    report = tmp_path / "older" / "prepare" / "report.json"
    report.write_text('{"splits": []}', encoding="utf-8")
    speed = speeds(config, shape, card, tmp_path / "new")
    assert speed["sft"] == pytest.approx(3, rel=0.01)
    counts = counts_of(config, tmp_path / "new")
    stages = {s.stage: s for s in estimate(config, shape, counts, card, {}, speed).stages}
    assert stages["sft"].measured and not stages["dpo"].measured
    assert stages["sft"].seconds == pytest.approx(3 * usual["sft"], rel=0.01)
    assert speeds(config, shape, card_named("T4"), tmp_path / "new") == {}


def test_a_gemma_on_a_card_without_bfloat16_is_counted_in_float32():
    gemma = read_shape(config_of("model.path=Qwen/Qwen3-0.6B").model)
    gemma = replace(gemma, model_type="gemma3_text")
    config = config_of("model.path=Qwen/Qwen3-0.6B", "engine.backend=hf")
    counts = counts_of(config, Path("nowhere"))
    base = {
        name: next(
            stage.memory.base
            for stage in estimate(config, gemma, counts, card_named(name), {}, {}).stages
            if stage.stage == "samples" and stage.memory
        )
        for name in ("T4", "L4")
    }
    assert base["T4"] == 2 * base["L4"]


def test_files_of_another_split_and_packed_files_are_not_counted(tmp_path):
    for name in ("latest.csv", "2.Validation/문항.csv", "시험_test.csv", "그림.xlsx"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("문제,정답\n" + "가나다?,1\n" * 9, encoding="utf-8")
    config = config_of(f"data.train={tmp_path / 'data'}", "data.dev_share=0")
    assert counts_of(config, tmp_path / "run").train == 9


def test_a_stage_of_other_settings_is_stale_as_what_was_made_of_it_and_its_figures_are_not_used(
    scripted,
):
    base = ("-s", "model.path=builtin:tiny-ko")
    koalign("sft", *base, code=0)
    command = ("plan", "--gpu", "24GB", *base)
    made, other = (
        json.loads(koalign(*command, "--json", *setting, code=0).stdout)
        for setting in ((), ("-s", "data.dev_share=0.5"))
    )
    for plan, state in ((made, "done"), (other, "stale")):
        states = {
            s["stage"]: (s["done"], s["stale"]) for s in plan["stages"] if s["done"] or s["stale"]
        }
        assert states == dict.fromkeys(("prepare", "sft"), (state == "done", state == "stale"))
    by_sizes = ["by the sizes of the files" in " ".join(plan["assumed"]) for plan in (made, other)]
    assert by_sizes == [False, True]
    table = koalign(*command, "-s", "data.dev_share=0.5", code=0).stdout
    assert "stale: prepare, sft: made with other settings" in table


@pytest.mark.parametrize("report", ["{}", "[]", '{"splits": {}}'])
def test_a_damaged_report_of_prepare_is_a_line_with_what_makes_it_again(scripted, report):
    base = ("-s", "model.path=builtin:tiny-ko")
    koalign("prepare", *base, code=0)
    (RUN / "prepare" / "report.json").write_text(report, "utf-8")
    said = koalign("plan", "--gpu", "24GB", *base, code=2).stderr
    assert "prepare/report.json: is not as koalign writes it" in said
    assert said.endswith("`koalign prepare` makes it again\n") and said.count("\n") == 1
