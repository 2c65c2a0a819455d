"""What would stop a run later is found before it begins, all of it at once, and nothing is written."""

import json
from pathlib import Path

import pytest
import yaml
from support.command import RUN, koalign
from support.problems import problem, write_lines

EXAMPLE = ("-s", "engine.backend=hf")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_run_that_nothing_stops_is_said_so_and_nothing_is_written(folder):
    done = koalign("run", "--dry-run", *EXAMPLE, code=0)
    assert done.stdout.startswith("nothing stops this run; to do: prepare, sft, samples, ")
    example, plan = done.stderr.splitlines()
    assert example.startswith("no koalign.yaml here") and plan.startswith("plan: ")
    assert not files(folder)


def test_all_findings_come_at_once_each_with_its_remedy(folder):
    done = koalign(
        "run", "--dry-run", *EXAMPLE, "-s", "data.test=[]", "-s", "data.dev=[]", "-s", "solve.adapters=dpo",
        "-s", "solve.max_tokens=600", "-s", "candidates.source=teacher", "-s", "prompt.thinking=on",
        code=2, OPENAI_API_KEY="",
    )  # fmt: skip
    found = done.stderr
    for words in (
        "set data.dev, or sft.epochs to a number",
        "solve.adapters: the run solves its test split with",
        "solve.max_tokens: 600 leave no room for a prompt in the context of 512",
        "teacher.url: not set",
        "prompt.thinking: on, but this model's chat template knows no <think>",
        "evaluate needs data.test with answers",
        "teaches a rationale, and none of 4,000 training problems has one",
    ):
        assert found.count(words) == 1, words
    assert found.splitlines()[-1] == "koalign: 7 findings stop this run"
    assert not files(folder)


ONE = {  # settings -> the one finding
    "no context": (["model.max_length=600"], "model.max_length: 600 is more than the model's context of 512"),
    "no dev": (["data.dev=[]"], "set data.dev, or sft.epochs to a number"),
    "no probe": (["probe.problems=0"], "probe.problems is 0; raise it"),
    "no test": (["data.test=[]"], "evaluate needs data.test with answers; it holds no problem, or is not set"),
    "long samples": (["sample.max_tokens=512"], "sample.max_tokens: 512 leave no room"),
    "long hints": (["hints.max_tokens=512"], "hints.max_tokens: 512 leave no room"),
    "no teacher": (["candidates.source=teacher"], "teacher.url: not set"),
    "no key": (["candidates.source=teacher", "teacher.url=https://api.example.com/v1"], "the environment variable OPENAI_API_KEY is not set"),
    "no template": (["prompt.template=nowhere"], "template: 'nowhere' is neither a template file (.yaml) nor one of"),
    "no hints": (["data.hints=nowhere.jsonl"], "data.hints: nowhere.jsonl: no such file"),
    "no source": (["data.train=[nowhere.csv]"], "nowhere.csv"),
    "no login": (["tracking.wandb=online"], "tracking.wandb: online, and WANDB_API_KEY is not set"),
    "no rationales": (["prompt.template=csat"], None),
    "no model": (["model.path=./nowhere"], "model.path: ./nowhere is no model folder"),
    "a server": (["model.path=http://127.0.0.1:9/v1"], "is a server"),
    "a kind that the template cannot ask": (["prompt.template=klue-mrc"], "no problem to learn from"),
}  # fmt: skip


def test_a_max_tokens_that_is_not_set_stops_no_run_on_a_short_context(folder):
    data = {name: ["builtin:exam/csat"] for name in ("train", "dev", "test")}
    config = {"model": {"path": "builtin:tiny-ko"}, "data": data}
    Path("koalign.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    koalign("run", "--dry-run", *EXAMPLE, code=0)  # 1024 tokens by default, 512 of context
    done = koalign("run", "--dry-run", *EXAMPLE, "-s", "solve.max_tokens=1024", code=2)
    assert "solve.max_tokens: 1024 leave no room for a prompt in the context of 512" in done.stderr
    done = koalign("run", "--dry-run", *EXAMPLE, "-s", "model.max_length=16", code=2)
    for name in ("sample", "solve"):
        assert (
            f"{name}.max_tokens: 1024 leave no room for a prompt in the context of 16"
            in done.stderr
        )


@pytest.mark.parametrize("name", ONE)
def test_a_single_finding_is_the_line_of_the_stage(folder, name):
    settings, words = ONE[name]
    options = [part for key in settings for part in ("-s", key)]
    done = koalign(
        "run",
        "--dry-run",
        *EXAMPLE,
        *options,
        OPENAI_API_KEY="",
        WANDB_API_KEY="",
        HOME=str(folder),
    )
    assert done.returncode == (2 if words else 0), done.stderr
    if words:
        assert words in done.stderr and "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1].startswith("koalign: ")
    assert not files(folder)


def test_hints_that_cannot_be_read_or_are_of_no_training_problem_stop_a_run(scripted):
    whole = Path("hints.jsonl").read_text("utf-8")
    for line, words in [("{", "not a line of JSON"), ('{"problem_id": "x", "text": "y"}', "x is no training problem")]:  # fmt: skip
        Path("hints.jsonl").write_text(f"{whole}{line}\n", "utf-8")
        for options in ((), ("--dry-run",)):
            assert words in koalign("run", *options, code=2).stderr
        assert not RUN.exists()


def test_a_test_split_without_answers_stops_a_run_before_any_stage(scripted):
    row = problem(101)
    del row["answer"]
    write_lines(Path("test.jsonl"), [problem(100), row])
    done = koalign("run", code=2)
    assert "evaluate needs data.test with answers; 1 of 2 lack one" in done.stderr
    assert not RUN.exists()


def test_large_data_is_checked_once_prepare_has_read_it(scripted, monkeypatch):
    monkeypatch.setattr("koalign.preflight.QUICK", 0)
    row = problem(101)
    del row["answer"]
    write_lines(Path("test.jsonl"), [problem(100), row])
    done = koalign("run", code=2)
    assert "evaluate needs data.test with answers; 1 of 2 lack one" in done.stderr
    assert (RUN / "prepare" / "manifest.json").exists() and not (RUN / "sft").exists()


def test_a_finished_run_has_nothing_to_do(ran):
    before = files(ran)
    assert koalign("run", "--dry-run", code=0).stdout == "nothing stops this run; to do: nothing\n"
    assert files(ran) == before


def test_every_stage_made_with_other_settings_is_named_at_once(ran):
    done = koalign("run", "--dry-run", "-s", "sample.n=4", "-s", "solve.hints=3", code=2)
    for name in ("samples", "solve", "evaluate"):
        assert f"runs/default/{name} was made with" in done.stderr
    assert "/sft was made with" not in done.stderr
    koalign("run", "--dry-run", "--force", "-s", "sample.n=4", code=0)


def test_a_stage_that_failed_before_its_first_output_stops_no_run_with_other_settings(scripted):
    pytest.importorskip("tantivy")
    write_lines(Path("rows.jsonl"), [{"body": "글"}])
    failed = koalign("index", "-s", "corpus.sources=[rows.jsonl]", code=2)
    assert "no 'text' in it" in failed.stderr and (RUN / "index/plan.json").exists()
    sources = "corpus.sources=[{path: rows.jsonl, text: body}]"
    assert "nothing stops this run" in koalign("run", "--dry-run", "-s", sources, code=0).stdout


def test_a_max_tokens_set_to_what_it_was_by_default_is_another_setting(ran):
    done = koalign("run", "--dry-run", "-s", "candidates.max_tokens=512", code=2)
    made = "runs/default/candidates was made with candidates.max_tokens = None, and it is now 512"
    assert made in done.stderr


def test_a_broken_config_is_one_line(folder):
    Path("koalign.yaml").write_text(yaml.safe_dump({"model": {"paths": "x"}}), encoding="utf-8")
    done = koalign("run", "--dry-run", code=2)
    assert "unknown key 'model.paths'" in done.stderr and done.stderr.count("\n") == 1
    assert files(folder) == {"koalign.yaml"}


def test_a_run_that_does_not_fit_is_refused_unless_anyway(folder, monkeypatch):
    config = {"model_type": "llama", "vocab_size": 200_000, "hidden_size": 16384, "intermediate_size": 53248,
              "num_hidden_layers": 400, "num_attention_heads": 128, "max_position_embeddings": 8192}  # fmt: skip
    Path("huge").mkdir()
    Path("huge/config.json").write_text(json.dumps(config), encoding="utf-8")
    arguments = ["run", "--dry-run", *EXAMPLE, "-s", "model.path=huge"]
    done = koalign(*arguments, code=2)
    assert "of the free memory of this machine" in done.stderr and "or --anyway" in done.stderr
    assert "of the free memory" not in koalign(*arguments, "--anyway").stderr
    assert files(folder) == {"huge", "huge/config.json"}
