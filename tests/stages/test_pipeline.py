"""The whole pipeline on canned text: chained, skipped when done, refused with the remedy when wrong."""

import json
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.problems import problem, write_lines

from koalign.data.prompting.orders import in_order
from koalign.evaluation.results import read_evaluation
from koalign.evaluation.solving.solutions import Solution
from koalign.grading.grade import grade
from koalign.jsonl import read_jsonl
from koalign.mining.pairs.mining import Item
from koalign.records import Drop, Pair, Problem, Sample


def test_the_four_lines_of_the_chain_work_and_their_files_have_the_promised_names(scripted):
    for line in (
        ["sft"],
        ["dpo-pairs"],
        ["dpo"],
        ["abstractions"],
        ["solve", "--adapters", "abstraction,answer"],
        ["evaluate"],
    ):
        koalign(*line, code=0)
    problems = {p.id: p for p in read_jsonl(RUN / "prepare" / "train.jsonl", Problem)}
    pairs = read_jsonl(RUN / "pairs" / "pairs.jsonl", Pair)
    for pair in pairs:
        shown = in_order(problems[pair.problem_id], pair.permutation)
        assert grade(shown, pair.chosen.text).correct
        assert not grade(shown, pair.rejected.text).correct
    samples = read_jsonl(RUN / "samples" / "samples.jsonl", Sample)
    assert len(samples) == 24 * 8
    items = read_jsonl(RUN / "pairs" / "items.jsonl", Item)
    assert {item.problem_id for item in items} == set(problems)
    assert {i.problem_id for i in items if i.use == "pairs"} == {p.problem_id for p in pairs}
    dropped = {drop.problem_id for drop in read_jsonl(RUN / "pairs" / "dropped.jsonl", Drop)}
    assert dropped >= {item.problem_id for item in items if item.use != "pairs"}
    results = json.loads((RUN / "evaluate" / "results.json").read_text(encoding="utf-8"))
    assert list(results) == [
        "base", "sft", "dpo", "rft", "solve", "votes_written", "votes_total", "base_hinted",
    ]  # fmt: skip
    for name, entry in results.items():
        assert {"accuracy", "n", "ci_low", "ci_high", "p_value", "macro_f1"} <= set(entry)
        assert entry["ci_low"] <= entry["accuracy"] <= entry["ci_high"]
        assert (entry["p_value"] is None) == (name == "base")
    for name in ("sft", "dpo", "abstraction", "answer"):
        assert (RUN / name / "adapter" / "koalign.json").exists()


def test_the_screens_keep_the_hint_that_helps_and_say_why_the_others_go(ran):
    rows = list(map(json.loads, (RUN / "hints/abstractions.jsonl").open(encoding="utf-8")))
    kept = [row for row in rows if row["kept"]]
    useful = [row for row in kept if "고을" in row["text"]]
    assert useful and len(kept) - len(useful) <= 0.1 * len(kept)  # hints.false_discovery_rate
    assert all(row["counts"]["replication"]["n"] == 64 and row["score"] > 0 for row in kept)
    for row in rows:
        if row["text"].startswith("정답은"):
            assert row["verdicts"] == {"static": "states_the_answer"}
            assert row["counts"] == {}
    shown = json.loads(koalign("show", str(RUN), "--json").stdout)
    counts = {s["stage"]: s["counts"] for s in shown["stages"]}["hints"]
    assert counts["candidates"] == counts["kept"] + sum(
        value for key, value in counts.items() if key.startswith("dropped_")
    )


def test_every_manifest_says_what_it_cost_and_where_it_came_from(ran):
    for path in RUN.glob("*/manifest.json"):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        assert manifest["seconds"] >= 0 and manifest["peak_memory_mb"] > 0
        plan = json.loads((path.parent / "plan.json").read_text(encoding="utf-8"))
        assert plan["inputs"] and plan["template"]
        for name in manifest["outputs"]:
            assert (path.parent / name).exists()


def test_a_users_file_is_solved_and_every_line_says_answer_or_why(ran):
    rows = [problem(n) for n in range(300, 305)]
    for row in rows:
        del row["answer"], row["group"]
    write_lines(Path("mine.jsonl"), rows)
    koalign("solve", "--adapters", "abstraction,answer", "mine.jsonl", "-o", "out.jsonl", code=0)
    solutions = read_jsonl(Path("out.jsonl"), Solution)
    assert len(solutions) == 5
    for solution in solutions:
        assert solution.abstraction and (solution.answer is None) == (solution.why is not None)
    again = koalign("solve", "mine.jsonl", "-o", "out.jsonl", code=2)
    assert "out.jsonl is there already" in again.stderr
    koalign("solve", "--adapters", "dpo", "mine.jsonl", "-o", "alone.jsonl", code=0)
    assert all(s.abstraction == "" for s in read_jsonl(Path("alone.jsonl"), Solution))


def test_init_writes_a_config_that_works(folder):
    koalign("init", code=0)
    assert "every key" in Path("koalign.yaml").read_text(encoding="utf-8").lower()
    from koalign.config.files import load_config

    load_config([Path("koalign.yaml")])


def test_stored_text_is_graded_again_without_a_model(scripted):
    from koalign.data.formats.sources import read_source

    asked = read_source("test.jsonl", "test").problems[:3]
    texts = [f"정답은 {asked[0].answers[0]}번", "정답은 9번", "<think>정답은 1번"]
    lines = [
        {"problem": p.model_dump(mode="json"), "text": text}
        for p, text in zip(asked, texts, strict=True)
    ]
    write_lines(Path("said.jsonl"), lines)
    done = koalign("grade", "said.jsonl", code=0)
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(v["answer"], v["correct"], v["why"]) for v in verdicts] == [
        (asked[0].answers[0], True, "match"), (None, False, "no_answer"), (None, False, "no_answer"),
    ]  # fmt: skip
    assert [v["id"] for v in verdicts] == [p.id for p in asked]
    assert "1 of 3 right (match 1, no_answer 2)" in done.stderr
    koalign("grade", "said.jsonl", "-o", "v.jsonl", code=0)
    refused = koalign("grade", "said.jsonl", "-o", "v.jsonl", code=2)
    assert "is there already" in refused.stderr
    write_lines(Path("bad.jsonl"), [{"problem": {"question": "q"}, "text": "t"}])
    broken = koalign("grade", "bad.jsonl", code=2)
    assert "bad.jsonl:1: problem: a choice problem needs" in broken.stderr


def test_an_adapter_of_another_template_solves_only_when_told_to(scripted):
    koalign("sft", code=0)
    said = [
        "solve", "--adapters", "sft", "test.jsonl", "-o", "o.jsonl", "-s", "prompt.template=direct",
    ]  # fmt: skip
    refused = koalign(*said, code=2)
    assert "trained with prompt template" in refused.stderr
    assert not Path("o.jsonl").exists()
    koalign(*said, "--any-template", code=0)


def test_shots_are_shown_in_every_stage_and_never_taken_from_the_test_split(scripted):
    koalign("run", "-s", "prompt.shots=2", code=0)
    prompts = map(json.loads, (RUN / "samples/prompts.jsonl").open(encoding="utf-8"))
    assert all(prompt["text"].count("<|im_start|>assistant") == 3 for prompt in prompts)
    shots = read_jsonl(RUN / "prepare" / "shots.jsonl", Problem)
    assert {p.split for p in shots} == {"train"}


def test_a_problem_as_the_readme_writes_it_can_be_graded(scripted):
    write_lines(
        Path("said.jsonl"),
        [
            {
                "problem": {"question": "q", "choices": ["가", "나"], "answer": 2},
                "text": "정답은 2번",
            }
        ],
    )
    done = koalign("grade", "said.jsonl")
    assert json.loads(done.stdout)["correct"] is True


def test_the_steps_of_a_run_are_evaluations_that_compare_and_mine_read(ran):
    for name in ("base", "sft", "dpo", "answer_alone", "solve"):
        evaluation, predictions = read_evaluation(RUN / "evaluate" / name)
        assert evaluation.n == len(predictions) == 16
    assert all(one.hint for one in predictions)
    compared = koalign("compare", str(RUN), "--json", code=0)
    found = json.loads(compared.stdout)
    results = json.loads((RUN / "evaluate" / "results.json").read_text(encoding="utf-8"))
    accuracies = [results[name]["accuracy"] for name in ("base", "sft", "dpo", "solve")]
    assert [one["value"] for one in found["evaluations"]] == pytest.approx(accuracies)
    refused = koalign("mine", str(RUN), "--problems", "test.jsonl", "-o", "mistakes.jsonl", code=2)
    assert "test" in refused.stderr
