"""`koalign benchmark`: right figures from the right tokens, continued by item, refused in a line."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.command import KOALIGN, koalign
from support.problems import exam, problem, write_lines

from koalign.config.sections import ASSETS
from koalign.evaluation.results import read_evaluation

KMMLU = str(ASSETS / "exam" / "kmmlu")


def evaluate(*arguments: str, **options) -> subprocess.CompletedProcess:
    done = koalign("benchmark", *arguments, **options)
    assert done.returncode == 0, done.stderr
    return done


def refused(*arguments: str) -> str:
    done = koalign("benchmark", *arguments)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    *_, line = done.stderr.strip().splitlines()
    return line


def asked(folder: Path, *arguments: str) -> tuple:
    evaluate(*arguments, "--out", str(folder))
    return read_evaluation(folder)


@pytest.fixture
def questions(folder: Path) -> Path:
    """Sixteen problems whose answer stands in their passage, for the scripted engine."""
    write_lines(folder / "test.jsonl", [problem(n) for n in range(16)])
    (folder / "koalign.yaml").write_text(
        "model: {path: none}\ndata: {train: test.jsonl}\n"
        "engine: {backend: scripted, script: script.yaml}\n",
        "utf-8",
    )
    lines = "".join(
        f"- contains: ['{n}번 사람은 {city}']\n  texts: ['정답: {answer}']\n"
        for n, city, answer in ((0, "서울", 1), (1, "부산", 2), (2, "대구", 1))
    )
    (folder / "script.yaml").write_text(lines + "- texts: ['모르겠다.']\n", "utf-8")
    return folder / "test.jsonl"


def test_a_generated_answer_is_graded_and_what_cannot_be_read_is_wrong(questions):
    found, predictions = asked(Path("out"), "direct", "--data", str(questions))
    assert (found.mode, found.n, found.of, found.metric) == ("generate", 16, 16, "acc")
    # The first two are right, the third is wrong, the others cannot be read.
    assert found.results["direct"]["acc"] == pytest.approx(2 / 16)
    assert [p.why for p in predictions] == ["match"] * 2 + ["mismatch"] + ["no_answer"] * 13


def test_predictions_have_the_fields_that_others_rely_on(questions):
    evaluate("direct", "--data", str(questions), "--out", "out")
    for line in Path("out/predictions.jsonl").read_text("utf-8").splitlines():
        assert {"id", "answer", "gold", "logprobs", "text", "why"} <= json.loads(line).keys()
    results = json.loads(Path("out/results.json").read_text("utf-8"))
    assert {
        "protocol",
        "template_hash",
        "stack",
        "dtype",
        "seconds",
        "tokens",
        "peak_memory_mb",
    } <= results.keys()
    entry = results["results"]["direct"]
    assert {"acc", "acc_stderr", "acc_low", "acc_high", "n"} <= entry.keys()
    for name in ("results.csv", "predictions.csv"):
        assert (Path("out") / name).stat().st_size > 0


def test_items_on_one_passage_are_one_cluster_whatever_their_groups(questions):
    passage = problem(0)["passage"]
    write_lines(questions, [problem(0), problem(1, passage=passage), problem(2)])
    _, predictions = asked(Path("out"), "direct", "--data", str(questions))
    first, second, third = (p.cluster for p in predictions)
    assert first == second != third


def test_the_same_command_again_has_nothing_to_do_and_says_the_same(questions):
    arguments = ("direct", "--data", str(questions), "--out", "out")
    first = evaluate(*arguments)
    before = Path("out/results.json").read_bytes()
    again = evaluate(*arguments)
    assert Path("out/results.json").read_bytes() == before
    assert first.stdout == again.stdout


def test_another_evaluation_does_not_land_in_the_same_folder(questions):
    evaluate("direct", "--data", str(questions), "--out", "out")
    line = refused("direct", "--data", str(questions), "--limit", "3", "--out", "out")
    assert "another items" in line and "--force" in line
    evaluate("direct", "--data", str(questions), "--limit", "3", "--out", "out", "--force")
    assert read_evaluation(Path("out"))[0].n == 3


def test_results_never_land_in_the_working_folder(questions):
    before = sorted(path.name for path in Path().iterdir())
    for out in ("", "."):
        assert "--out" in refused("direct", "--data", str(questions), "--out", out)
    assert sorted(path.name for path in Path().iterdir()) == before


def test_a_folder_with_files_of_its_own_keeps_them(questions):
    Path("out").mkdir()
    Path("out/thesis.txt").write_text("mine", "utf-8")
    evaluate("direct", "--data", str(questions), "--out", "out", "--force")
    assert Path("out/thesis.txt").read_text("utf-8") == "mine"


@pytest.mark.parametrize(
    ("file", "text", "remedy"),
    [
        ("predictions.jsonl", '{"mine": 1}\n', "--force to replace it"),
        ("manifest.json", "{}", "take another --out"),
        ("plan.json", '{"stage": "sft"}', "take another place"),
    ],
)
def test_what_no_evaluation_wrote_is_not_overwritten(questions, file, text, remedy):
    Path("out").mkdir()
    Path("out", file).write_text(text, "utf-8")
    done = koalign("benchmark", "direct", "--data", str(questions), "--out", "out")
    assert done.returncode == 2 and "out: " in done.stderr and remedy in done.stderr
    assert Path("out", file).read_text("utf-8") == text


def test_a_problem_that_the_data_holds_twice_counts_twice_and_is_said(folder, questions):
    rows = [problem(n) for n in range(16)]
    write_lines(questions, [*rows, rows[2], rows[1]])
    found, predictions = asked(Path("out"), "direct", "--data", str(questions))
    assert found.n == 18 and any("duplicates" in note for note in found.notes)
    again = [p for p in predictions if p.id.endswith("#2")]
    assert sorted(p.correct for p in again) == [False, True]
    assert all(any(p.id == one.problem_id for p in predictions) for one in again)


def test_the_majority_of_the_samples_answers(questions):
    Path("script.yaml").write_text(
        "- texts: ['정답: 1', '정답: 1', '정답: 1', '정답: 2', '모른다']\n", "utf-8"
    )
    found, predictions = asked(Path("out"), "direct", "--data", str(questions), "--samples", "25")
    assert found.samples == 25
    assert {len(p.votes) for p in predictions} == {25}
    for one in predictions:
        counts = {v: one.votes.count(v) for v in one.votes if v}
        assert counts[one.answer] == max(counts.values())
        assert f"정답: {one.answer}" in one.text


def test_labels_are_scored_with_mode_choice(questions):
    found, predictions = asked(Path("out"), "direct", "--data", str(questions), "--mode", "choice")
    assert found.mode == "choice" and found.results["direct"]["acc"] is not None
    assert {len(p.logprobs) for p in predictions} == {4} and not any(p.text for p in predictions)


def test_a_protocol_of_an_own_file_is_evaluated_under_its_name(questions):
    Path("own.yaml").write_text("about: mine\ntemplate: direct\nmode: choice\n", "utf-8")
    found, _ = asked(Path("out"), "own.yaml", "--data", str(questions))
    assert (found.protocol, found.mode) == ("own", "choice") and "own" in found.results


def test_turned_choices_are_reported_beside_the_figure_and_not_in_its_place(questions):
    plain, _ = asked(Path("a"), "direct", "--data", str(questions), "--mode", "choice")
    turned, _ = asked(Path("b"), "direct", "--data", str(questions), "--mode", "choice", "--cyclic")
    assert plain.results == turned.results
    assert not plain.report["orders"] and turned.report["orders"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kmlu@lm-eval"], ["did you mean 'kmmlu@lm-eval'"]),
        (["click@lm-eval"], ["asks click", "from"]),
        (["kmmlu@lm-eval", "--data", "nowhere"], ["nowhere"]),
        (["direct", "--mode", "choice", "--samples", "4"], ["--samples", "--mode generate"]),
        (["direct", "--mode", "choice", "--adapters", "a,b"], ["--mode generate"]),
        (["direct", "--cyclic"], ["--cyclic", "; say --mode choice"]),
        (["csat", "--model", "http://127.0.0.1:9/v1#x"], ["need the weights", "--mode generate"]),
        (["direct", "--model", "Qwen/Qwen3-8B"], ["--model Qwen/Qwen3-8B", "engine.script=null"]),
        (["direct", "--diagnose"], ["--diagnose", "--adapters"]),
        (["direct", "--subset", "물리"], ["--subset 물리"]),
        (["direct", "--adapters", "sft"], ["sft"]),
        (["direct", "--shots", "3", "--shots-data", "pool.jsonl"], ["evaluated, too"]),
        (["direct", "--shots-data", "pool.jsonl"], ["no shots are shown", "--shots"]),
        (["direct", "--shot-order", "lm-eval"], ["no shots are shown", "--shots"]),
        (["direct", "--diagnose", "--shard", "1/2"], ["--shard with --diagnose"]),
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_one_line_that_says_what_to_do(questions, arguments, words):
    write_lines(Path("pool.jsonl"), [problem(n) for n in range(4)])
    if "--data" not in arguments:
        arguments = [*arguments, "--data", str(questions)]
    line = refused(*arguments, "--out", "out")
    for word in words:
        assert word in line
    assert not Path("out/results.json").exists()


def test_a_problem_without_gold_is_named(questions):
    row = {key: value for key, value in problem(3).items() if key != "answer"}
    write_lines(questions, [problem(1), row])
    assert "no gold answer" in refused("direct", "--data", str(questions), "--out", "o")


def test_a_broken_row_is_named_with_its_line(questions):
    write_lines(questions, [problem(1), {**problem(2), "answer": 9}])
    line = refused("direct", "--data", str(questions), "--out", "o")
    assert f"{questions.name}:2" in line


def test_files_that_are_left_out_are_said(questions):
    Path("many").mkdir()
    write_lines(Path("many/test.jsonl"), [problem(1)])
    Path("many/other-test.csv").write_text("a,b\n1,2\n", "utf-8")
    done = evaluate("direct", "--data", "many", "--out", "out")
    assert "not read: " in done.stderr and "other-test.csv" in done.stderr


# --- the real model


@pytest.mark.slow
def test_a_candidate_is_scored_by_the_tokens_that_follow_the_very_prompt(folder):
    """Against transformers on the text of the published prompt, token by token."""
    _, predictions = asked(
        Path("out"), "kmmlu@lm-eval", "--data", KMMLU, "--limit", "6",
        "-s", "engine.backend=hf",
    )  # fmt: skip
    import torch
    from support.training import MODEL

    from koalign.adapters.base import load_base, load_tokenizer

    model, tokenizer = load_base(MODEL, quantized=False).eval(), load_tokenizer(MODEL)
    by_id = {one.id: one for one in exam("test")}
    assert len(predictions) == 6
    for prediction in predictions:
        one = by_id[prediction.id]
        listed = "\n".join(f"{n}. {text}" for n, text in zip("ABCD", one.choices, strict=True))
        context = f"{one.question.strip()}\n{listed}\n정답："
        begun = tokenizer.encode(context)
        for letter, logprob in zip("ABCD", prediction.logprobs, strict=True):
            ids = tokenizer.encode(f"{context} {letter}")
            with torch.no_grad():
                logps = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            follow = range(len(begun), len(ids))
            alone = sum(float(logps[i - 1, ids[i]]) for i in follow)
            assert logprob == pytest.approx(alone, abs=1e-4)


@pytest.mark.slow
def test_a_killed_evaluation_goes_on_item_by_item_to_the_same_predictions(folder):
    arguments = [
        "benchmark", "kmmlu@lm-eval", "--data", KMMLU, "--shots", "1",
        "-s", "engine.backend=hf",
    ]  # fmt: skip
    evaluate(*arguments[1:], "--out", "whole")
    process = subprocess.Popen(
        [*KOALIGN, *arguments, "--out", "cut"], start_new_session=True, stderr=subprocess.DEVNULL
    )
    scores = Path("cut/scores.jsonl")
    while process.poll() is None and not (scores.exists() and scores.stat().st_size):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = scores.read_bytes()
    assert not Path("cut/results.json").exists()
    evaluate(*arguments[1:], "--out", "cut")
    assert scores.read_bytes()[: left.rfind(b"\n") + 1] == left[: left.rfind(b"\n") + 1]
    whole, cut = read_evaluation(Path("whole"))[1], read_evaluation(Path("cut"))[1]
    assert [p.id for p in whole] == [p.id for p in cut]
    for a, b in zip(whole, cut, strict=True):
        assert a.answer == b.answer and a.logprobs == pytest.approx(b.logprobs, abs=1e-4)
