"""What is done is done once; what would come out otherwise is stale, and refused until it is made again."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.command import ROOT, RUN, koalign
from support.problems import problem, write_lines

from koalign.jsonl import read_json, write_json
from koalign.plans import Plan, other_plan, setting, write_plan
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml

LONG = [{"path": f"과목{n}.csv", "columns": {"question": "문제"}} for n in range(9)]
"""The files of nine subjects, each with its columns."""

pytestmark = pytest.mark.slow  # each test is a whole run, or several


def tree(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_a_second_run_does_nothing(ran):
    before = tree(RUN)
    second = koalign("run", code=0)
    assert second.stdout.count("nothing to do") == 13
    assert tree(RUN) == before


def test_only_what_depends_on_a_changed_setting_is_refused_and_made_again(ran):
    before = tree(RUN)
    refused = koalign("run", "-s", "pairs.per_problem=1", code=2)
    assert "pairs was made with pairs.per_problem = 4, and it is now 1" in refused.stderr
    assert "repeat -s pairs.per_problem=4, or put it into koalign.yaml" in refused.stderr
    assert "--force" in refused.stderr and refused.stderr.count("\n") == 1
    assert tree(RUN) == before
    forced = koalign("run", "-s", "pairs.per_problem=1", "--force", code=0)
    for stage in ("prepare", "sft", "samples"):
        assert f"{stage}: " in forced.stdout
    done = {line.split(":")[0] for line in forced.stdout.splitlines() if "nothing to do" in line}
    assert done == {"prepare", "sft", "samples"}


def test_speed_settings_make_nothing_stale(ran):
    again = koalign("run", "-s", "engine.batch_size=7", "-s", "sft.save_steps=3")
    assert again.stdout.count("nothing to do") == 13, again.stderr


def test_what_is_written_on_the_page_of_an_adapter_makes_nothing_stale(ran):
    with (RUN / "dpo/adapter/README.md").open("a", encoding="utf-8") as page:
        page.write("우리 팀의 모델입니다.\n")
    assert koalign("run").stdout.count("nothing to do") == 13
    (RUN / "dpo/adapter/note.txt").write_text("또", encoding="utf-8")
    assert "another dpo/adapter" in koalign("run").stderr


def test_what_is_hidden_from_a_stage_cannot_change_its_result_unseen(scripted):
    """A stage that reads a section it did not declare fails, instead of being stale in silence."""
    from koalign.config.files import load_config
    from koalign.run import Stage, StageResult, execute

    def nosy(config, inputs, out):
        return StageResult(counts={"beta": int(config.dpo.beta)})

    stage = Stage("nosy", "nosy", nosy, sections=("sft",), inputs=())
    with pytest.raises(AttributeError, match="dpo"):
        execute(stage, load_config([Path("koalign.yaml")]), RUN)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            {},
            {"sft.epochs": "auto"},
            "sft.epochs = 1, and it is now 'auto'; to keep it, repeat -s sft.epochs=1, or put it",
        ),
        ({"sft.note": "a b"}, {}, "repeat -s 'sft.note=a b', or"),
        ({"sft.note": "off"}, {"sft.note": "all"}, "repeat -s sft.note=off, or"),
        ({"sft.note": "1"}, {"sft.note": 1}, """repeat -s "sft.note='1'", or"""),
        ({"sft.note": "it's $1"}, {}, r"""repeat -s 'sft.note=it'"'"'s $1', or"""),
        ({"version": 1, "sft.rank": 4}, {"version": 2}, "another version of koalign"),
        ({"sft.rank": 4}, {"sft.epochs": 2}, "repeat -s sft.epochs=1 -s sft.rank=4, or put them"),
        ({}, {"data.train.0": "h2"}, "another data.train.0: 문제.csv has changed since"),
        ({}, {"data.train.1": "h3"}, "no data.train.1 (문제.csv), which this command has"),
        ({"data.train.1": "h3"}, {}, "data.train.1, which this command does not have"),
        ({}, {"template": "t2"}, "another prompt template (t1, now t2); set prompt.template"),
    ],
)
def test_a_message_names_what_changed_and_how_to_go_on(tmp_path, old, new, told):
    def plan(changes):
        settings = {k: v for k, v in changes.items() if k.startswith("sft")}
        inputs = {k: v for k, v in changes.items() if k.startswith("data")}
        section = {"epochs": 1} | {k.partition(".")[2]: v for k, v in settings.items()}
        return Plan(
            stage="sft", version=changes.get("version", 1), template=changes.get("template", "t1"),
            config={"sft": section}, inputs={"data.train.0": "h1", **inputs},
        )  # fmt: skip

    write_plan(tmp_path, plan(old))
    now = plan(new)
    assert other_plan(tmp_path, plan(old), {}) is None
    difference = other_plan(tmp_path, now, dict.fromkeys(now.inputs, Path("문제.csv")))
    assert difference and told in difference


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            [*"abc"],
            [*"ab"],
            "sft.files = ['a', 'b', 'c'], and it is now ['a', 'b']; to keep it, repeat",
        ),
        (
            LONG,
            LONG[:-1],
            "other entries of sft.files (9, now 8), the first 과목8.csv, which is gone",
        ),
        (LONG, [*LONG, "a"], "other entries of sft.files (9, now 10), the first a, which is new"),
        (
            LONG,
            ["a", *LONG[1:]],
            "(9, now 9), the first 과목0.csv, now a; set sft.files as before in",
        ),
        (
            LONG,
            [{**LONG[0], "sheet": "2"}, *LONG[1:]],
            "the first 과목0.csv, by its sheet; set sft.",
        ),
        ("가" * 900, "나", "sft.files = '가가"),
    ],
)
def test_a_long_setting_is_named_and_not_written_out(tmp_path, old, new, told):
    def plan(files):
        return Plan(
            stage="sft", version=1, template="t", config={"sft": {"files": files}}, inputs={}
        )

    write_plan(tmp_path, plan(old))
    difference = other_plan(tmp_path, plan(new), {})
    assert difference and told in difference and len(difference) < 200


TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = (
    st.none()
    | st.booleans()
    | NUMBERS
    | TEXTS
    | st.sampled_from(["off", "on", "yes", "~", "1e5", "'\\''", "$HOME"])
)


@given(PLAIN | st.lists(PLAIN, max_size=3))
@example(["2e5", "off", "1"])
def test_a_setting_that_is_pasted_is_what_it_was(value):
    text = setting("sft.note", value)
    argument = subprocess.run(
        ["sh", "-c", f"printf %s {text}"], capture_output=True, text=True
    ).stdout
    key, _, written = argument.partition("=")
    assert key == "sft.note" and parse_yaml(written, key) == value


def test_a_key_that_an_earlier_koalign_did_not_have_makes_its_run_stale(ran):
    path = RUN / "prepare/plan.json"
    plan = read_json(path)
    del plan["config"]["model"]["chat_template"]
    write_json(path, plan)
    assert "was made with another version of koalign; take another" in koalign("run").stderr


def test_a_stage_that_failed_without_output_blocks_nothing(folder):
    from koalign.config.files import load_config
    from koalign.run import Stage, StageResult, execute

    def fails_first(config, inputs, out):
        (out / "samples.jsonl").touch()
        if config.sft.rank == 32:
            raise KoalignError("no room")
        return StageResult(counts={"rank": config.sft.rank})

    stage = Stage("sampled", "sft", fails_first, sections=("sft",), inputs=())
    write_lines(folder / "train.jsonl", [problem(0)])
    data = ["data.train=train.jsonl", "model.path=none"]
    with pytest.raises(KoalignError, match="no room"):
        execute(stage, load_config([], [*data, "sft.rank=32"]), RUN)
    manifest, ran = execute(stage, load_config([], [*data, "sft.rank=4"]), RUN)
    assert ran and manifest.counts == {"rank": 4}
    with pytest.raises(KoalignError, match=r"sft\.rank = 4, and it is now 8"):
        execute(stage, load_config([], [*data, "sft.rank=8"]), RUN)


def test_a_stage_ends_with_the_engine_that_began_it_where_auto_is_another_by_now(
    folder, monkeypatch, capsys
):
    from koalign.config.files import load_config
    from koalign.run import Stage, StageResult, execute

    def draws(config, inputs, out):
        path = out / "samples.jsonl"
        path.touch()
        for count in range(2):
            if len(path.read_text("utf-8").splitlines()) == count:
                with path.open("a", encoding="utf-8") as file:
                    file.write(f"{config.engine.opened}\n")
                raise KoalignError("killed")
        return StageResult()

    def killed(name, vllm):
        monkeypatch.setattr("importlib.util.find_spec", lambda _: vllm or None)
        stage = Stage(name, "dpo-pairs", draws, sections=("engine",), inputs=())
        with pytest.raises(KoalignError) as error:
            execute(stage, load_config([], settings), RUN)
        return str(error.value)

    settings = ["data.train=train.jsonl", "model.path=none", "engine.backend=auto"]
    write_lines(folder / "train.jsonl", [problem(0)])
    assert [killed("half", vllm) for vllm in (False, True)] == ["killed"] * 2
    assert (RUN / "half/samples.jsonl").read_text("utf-8") == "hf\nhf\n"
    said = f"engine: hf, with which {RUN / 'half'} was begun; auto is vllm by now\n"
    assert capsys.readouterr().err == said
    assert killed("other", True) == "killed"
    assert "was begun with vllm, which is not installed any more" in killed("other", False)
    (RUN / "other/samples.jsonl").write_text("", "utf-8")  # nothing to go on from
    assert killed("other", False) == "killed"
    assert (RUN / "other/samples.jsonl").read_text("utf-8") == "hf\n"


def test_the_type_checker_refuses_a_section_or_key_that_does_not_exist(tmp_path):
    keys = ["sft.learning_rate", "sft.learing_rate", "stf.rank"]
    code = ["from koalign.config.sections import Config", "def run(config: Config) -> None:"]
    stage = tmp_path / "stage.py"
    stage.write_text("\n".join(code + [f"    config.{key}" for key in keys]), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", stage]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    errors = [line.split(":")[1] for line in done.stdout.splitlines() if "has no attribute" in line]
    assert errors == ["4", "5"], done.stdout + done.stderr


def test_a_changed_template_file_makes_what_was_rendered_with_it_stale(scripted):
    from koalign.data.prompting.prompts import TEMPLATES

    text = (TEMPLATES / "quote-then-number.yaml").read_text(encoding="utf-8")
    Path("mine.yaml").write_text(text, encoding="utf-8")
    koalign("sft", "-s", "prompt.template=mine.yaml", code=0)
    Path("mine.yaml").write_text(text.replace("문제:", "문항:"), encoding="utf-8")
    stale = koalign("sft", "-s", "prompt.template=mine.yaml", code=2)
    assert "another prompt template" in stale.stderr


def test_samples_of_an_adapter_of_another_template_are_refused(scripted):
    koalign("sft", code=0)
    other = koalign("dpo-pairs", "-s", "prompt.template=direct", code=2)
    assert "trained with prompt template" in other.stderr


def test_answers_to_another_test_split_are_not_evaluated(ran):
    changed = koalign("evaluate", "--force", "-s", "solve.max_tokens=500", code=2)
    assert "run `koalign solve --force`" in changed.stderr
    write_lines(Path("test.jsonl"), [problem(n) for n in range(800, 806)])
    koalign("prepare", "--force", code=0)
    other = koalign("evaluate", "--force", code=2)
    assert "another test split" in other.stderr


def test_another_number_of_shots_is_another_prompt(scripted):
    koalign("run", "-s", "prompt.shots=2", code=0)
    solve = ("solve", "--adapters", "dpo", "test.jsonl", "-o", "o.jsonl")
    assert "trained with prompt template" in koalign(*solve, code=2).stderr
    koalign(*solve, "-s", "prompt.shots=2", code=0)
