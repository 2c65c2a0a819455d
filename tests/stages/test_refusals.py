"""What cannot work is refused in one line with the remedy, before anything is written."""

import json
import shutil
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.problems import problem, write_lines


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (["dpo-pairs"], "koalign prepare"),
        (["dpo"], "koalign prepare"),
        (["abstractions"], "koalign prepare"),
        (["solve"], "koalign prepare"),
        (["evaluate"], "koalign prepare"),
        (["solve", "train.jsonl", "-o", "o.jsonl"], "koalign sft"),
    ],
)
def test_a_missing_stage_is_refused_with_the_command_that_makes_it(scripted, command, remedy):
    done = koalign(*command, code=2)
    assert f"run `{remedy}` first" in done.stderr


def test_solve_in_a_run_without_hints_names_the_adapters_that_are_there(scripted):
    koalign("sft", code=0)
    said = koalign("solve", code=2).stderr
    assert "run `koalign abstractions` first, or take what is there: sft" in said


@pytest.mark.parametrize("script, said", [
    ("- texts: []\n", "rule 1: texts: "), ("- {contains: [소문], texts: [a]}\n", "no rule for adapter 'base' and the prompt "),
])  # fmt: skip
def test_a_script_that_cannot_answer_is_one_line(scripted, script, said):
    Path("script.yaml").write_text(script, "utf-8")
    done = koalign("benchmark", "direct", "--data", "test.jsonl", "--adapters", "base", "--out", "out", code=2)  # fmt: skip
    assert len(done.stderr.splitlines()) == 1 and said in done.stderr


@pytest.mark.parametrize(
    "command", [["dpo"], ["evaluate", "--shard", "1/2"], ["run", "--seeds", "2"]]
)
def test_a_refused_command_leaves_no_folder_of_the_name_that_was_mistyped(scripted, command):
    missing = ("-s", "data.train=nowhere.jsonl")
    Path("kept").mkdir()
    for run in ("kept/typo/run", "kept"):
        koalign(*command, *missing, "--run-dir", run, code=2)
        assert not [path for path in Path("kept").rglob("*") if path.name != ".lock"]
    assert not Path("kept/typo").exists()


def test_the_remedy_moves_on_with_the_chain(scripted):
    koalign("prepare", code=0)
    assert "run `koalign sft` first" in koalign("dpo-pairs").stderr
    koalign("sft", code=0)
    assert "run `koalign dpo-pairs` first" in koalign("dpo").stderr
    koalign("dpo-pairs", code=0)
    assert "run `koalign dpo` first" in koalign("abstractions").stderr
    missing = koalign("solve", "--adapters", "abstraction,answer", "train.jsonl", "-o", "o.jsonl")
    assert "run `koalign abstractions` first, or take what is there: sft\n" in missing.stderr


@pytest.mark.parametrize("shard", [(), ("--shard", "1/2")])
def test_what_no_stage_of_a_command_makes_is_missed_before_its_first_stage_runs(scripted, shard):
    for command in ("sft", "dpo-pairs", "dpo", "abstractions"):
        koalign(command, code=0)
    done = koalign("evaluate", *shard, code=2)
    assert "run `koalign solve` first" in done.stderr
    assert not (RUN / "rft").exists()


def test_an_evaluation_without_test_problems_is_refused_before_its_controls_are_trained(scripted):
    no_test = ("-s", "data.test=[]")
    for command in ("sft", "dpo-pairs", "dpo"):
        koalign(command, *no_test, code=0)
    done = koalign("evaluate", *no_test, "-s", "data.hints=null", code=2)
    assert "evaluate needs data.test with answers" in done.stderr
    assert not (RUN / "rft").exists()


def test_an_evaluation_beside_which_solve_has_other_settings_is_refused_before_it_draws(ran):
    refused = koalign("evaluate", "--force", "-s", "solve.bare=2", code=2).stderr
    assert "run `koalign solve --force`" in refused
    assert koalign("evaluate", code=0).stdout.count("nothing to do") == 2


def test_a_run_that_was_not_evaluated_is_compared_with_nothing_and_says_what_evaluates_it(scripted):
    koalign("prepare", code=0)
    assert (
        f"`koalign evaluate --run-dir {RUN}` makes it" in koalign("compare", str(RUN), "x").stderr
    )


def test_a_benchmark_of_a_split_without_problems_names_the_key(scripted):
    koalign("prepare", "-s", "data.test=[]", code=0)
    done = koalign("benchmark", "quote-then-number", "--adapters", "base", code=2)
    assert (
        "data.test of runs/default holds no problem; set it, or name the problems with --data"
        in done.stderr
    )


BAD_DATA = {
    "an answer outside the choices": ([problem(1, answer=5)], "train.jsonl:1: answer_outside_choices: answer: 5, and there are 4 choices"),
    "a missing question": ([{"choices": ["가", "나"], "answer": 1}], "train.jsonl"),
    "an unknown field": ([problem(0, boxx="x")], "train.jsonl:1: unknown_field: 'boxx'; did you mean 'box'?"),
    "one choice": ([problem(0, choices=["가"], answer=1)], "a choice problem needs at least 2 choices, found 1"),
    "no answer to learn": ([{"question": "q", "choices": ["가", "나"]}], "no problem to learn from; 1 dropped: no_answer"),
    "a list": ([[1, 2]], "train.jsonl"),
    "nothing": ([], "train.jsonl"),
    "a test problem": ([problem(0), problem(100)], "1 leak (1 same)"),
    "a test passage": ([problem(0, group="g101")], "1 leak (1 group)"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data_is_refused_in_one_line_and_nothing_is_written(scripted, name):
    rows, said = BAD_DATA[name]
    write_lines(Path("train.jsonl"), rows)
    done = koalign("sft", "-s", "data.hints=null", code=2)
    assert said in done.stderr.splitlines()[-1] and done.stderr.count("koalign: ") == 1
    assert "Traceback" not in done.stderr
    assert not (RUN / "prepare" / "train.jsonl").exists()


def test_hints_that_were_set_after_prepare_are_refused_with_what_reads_them(scripted):
    for command in ("sft", "dpo-pairs", "dpo"):
        koalign(command, "-s", "data.hints=null", code=0)
    assert "`koalign prepare --force` reads a file" in koalign("abstractions", code=2).stderr


def test_long_answers_that_name_a_choice_are_trained_on_as_they_are_written(scripted):
    told = {"role": "assistant", "content": "지문에서 찾으면 정답은 3번입니다."}
    rows = [
        {"messages": [{"role": "user", "content": f"{n}번 상자에 든 것은?\n답을 쓰시오."}, told]}
        for n in range(9)
    ]
    write_lines(Path("chat.jsonl"), rows)
    only = "data={train: chat.jsonl, dev: [], test: [], hints: null}"
    assert "long 9" in koalign("prepare", "-s", only, code=0).stdout


def test_a_hint_for_a_problem_outside_the_training_split_is_refused(scripted):
    write_lines(Path("hints.jsonl"), [{"problem_id": "0" * 16, "text": "먼저 본다."}])
    done = koalign("sft", code=2)
    assert "hints.jsonl:1: problem_id 0000000000000000 is no training problem" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sft", "-s", "sft.learing_rate=1"], "did you mean 'sft.learning_rate'?"),
        (["sft", "-s", "data.train=nope.jsonl"], "data.train: nope.jsonl: no such file"),
        (["sft", "-c", "nope.yaml"], "nope.yaml: no such config file"),
        (["solve", "test.jsonl"], "say where the answers go with -o"),
        (["solve", "--adapters", "dop", "test.jsonl", "-o", "o.jsonl"], "unknown adapter 'dop'; known are base, sft, dpo, abstraction, answer"),
        (["solve", "nope.jsonl", "-o", "o.jsonl"], "nope.jsonl: no such file"),
        (["show", "nowhere"], "nowhere: no run here"),
        (["show", "."], "no run here"),
        (["show", "train.jsonl"], "koalign: train.jsonl: a file, not the folder of a run\n"),
        (["show", "train.jsonl"], "koalign: train.jsonl: a file, not the folder of a run\n"),
        (["preview", "99"], "there is no number 99"),
        (["init"], "koalign.yaml is there already"),
    ],
)  # fmt: skip
def test_a_wrong_word_on_the_command_line_is_one_line_and_code_2(scripted, arguments, said):
    if arguments[0] == "solve":
        koalign("sft", code=0)
    done = koalign(*arguments, code=2)
    assert said in done.stderr and "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (
            ("base", "weight_hash"),
            "made for the base scripted (weights 0123), but this run stands on",
        ),
        (("template_hash",), "trained with prompt template 0123"),
    ],
)
def test_an_adapter_for_another_base_or_template_is_refused(scripted, place, said):
    koalign("sft", code=0)
    shutil.copytree(RUN / "sft" / "adapter", "external")
    card = json.loads(Path("external/koalign.json").read_text(encoding="utf-8"))
    (card if len(place) == 1 else card[place[0]])[place[-1]] = "0123"
    Path("external/koalign.json").write_text(json.dumps(card), encoding="utf-8")
    done = koalign("solve", "--adapters", "external", "test.jsonl", "-o", "o.jsonl", code=2)
    assert said in done.stderr and "external" in done.stderr and done.stderr.count("\n") == 1
    assert not Path("o.jsonl").exists()


def test_a_folder_that_is_no_adapter_is_refused(scripted):
    koalign("sft", code=0)
    Path("empty").mkdir()
    done = koalign("solve", "--adapters", "empty", "test.jsonl", "-o", "o.jsonl", code=2)
    assert "empty: no adapter here" in done.stderr


def test_a_half_line_of_json_is_dropped_from_training_and_said_when_solved(scripted):
    for name in ("train.jsonl", "mine.jsonl"):
        rows = [problem(n) for n in range(700, 703)]
        write_lines(Path(name), rows)
        with Path(name).open("a", encoding="utf-8") as file:
            file.write('{"question": "')
    done = koalign("sft", "-s", "data.hints=null", code=0)
    assert "dropped_broken_row 1" in done.stdout, done.stderr
    solved = koalign("solve", "--adapters", "sft", "mine.jsonl", "-o", "o.jsonl", code=1)
    assert "mine.jsonl:4: broken_row: no line of JSON" in solved.stderr


def test_a_second_koalign_in_the_same_run_folder_is_refused(scripted):
    from koalign.locking import locked

    with locked(RUN):
        done = koalign("sft")
    assert done.returncode == 2 and "another koalign is at work" in done.stderr


def test_rankings_cannot_be_solved(scripted):
    koalign("sft", code=0)
    write_lines(Path("pref.jsonl"), [{"prompt": "답은?", "chosen": "2", "rejected": "4"}])
    done = koalign("solve", "--adapters", "sft", "pref.jsonl", "-o", "o.jsonl", code=2)
    assert "holds rankings" in done.stderr


@pytest.mark.parametrize(
    "command", ["sft", "dpo-pairs", "dpo", "abstractions", "mine -o out.jsonl"]
)
def test_an_offload_without_room_is_refused_by_every_command_that_trains(scripted, command):
    sizes = {"hidden_size": 2**17, "intermediate_size": 2**19, "num_hidden_layers": 1000}
    sizes |= {"num_attention_heads": 1024, "vocab_size": 1000, "max_position_embeddings": 4096}
    Path("huge").mkdir()
    Path("huge/config.json").write_text(json.dumps({"model_type": "llama", **sizes}), "utf-8")
    settings = (
        "model.path=huge",
        "engine.backend=hf",
        "engine.script=null",
        "training.shard=fsdp-offload",
    )
    done = koalign(*command.split(), *(word for key in settings for word in ("-s", key)), code=2)
    assert "fsdp-offload loads" in done.stderr and "take fsdp on more GPUs" in done.stderr
    assert not (RUN / "prepare").exists()
