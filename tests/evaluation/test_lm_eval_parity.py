"""What a protocol named `…@lm-eval` asks, scores and averages is what lm-eval-harness does, item for item."""

from __future__ import annotations

import json
import random
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from support.lm_eval_tasks import TASKS, lm_eval_tasks, make_task_data
from support.protocol_prompts import prompts_of

from koalign.data.formats.sources import read_source
from koalign.data.prompting.tokens import continued_text
from koalign.evaluation.figures import results_of
from koalign.evaluation.item_scores import score_choice, score_text
from koalign.evaluation.items import candidates_of, subject_of
from koalign.evaluation.protocols import load_protocol
from koalign.evaluation.results import Prediction
from koalign.records import Problem
from koalign.text.korean import clean

pytestmark = pytest.mark.slow

GROUPS = {
    "kmmlu@lm-eval": {"kmmlu@lm-eval": "kmmlu/default/_kmmlu_default"},
    "kmmlu-hard@lm-eval": {"kmmlu-hard@lm-eval": "kmmlu/hard/_kmmlu_hard"},
    "kmmlu-direct": {"kmmlu-direct": "kmmlu/direct/_kmmlu_direct"},
    "click@lm-eval": {
        "click@lm-eval": "click/click",
        "Culture": "click/click_cul/_click_cul",
        "Language": "click/click_lang/_click_lang",
    },
    "haerae@lm-eval": {"haerae@lm-eval": "haerae/_haerae"},
    "kobest@lm-eval": {"kobest@lm-eval": "kobest/_kobest"},
    "csatqa@lm-eval": {"csatqa@lm-eval": "csatqa/_csatqa"},
}
"""Protocol -> name in its results -> lm-eval's group file."""
N = 21


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("hub")


@cache
def data(protocol: str, folder: Path) -> tuple[Path, list[Problem]]:
    path = make_task_data(protocol, folder / protocol, N)
    reading = read_source(str(path), "test")
    assert not reading.drops
    return path, reading.problems


def pool_of(protocol: str, path: Path) -> list[Problem]:
    source = load_protocol(protocol).shots_from
    return [] if source == "test" else read_source(str(path), source).problems


@pytest.mark.parametrize("shots", [0, 5])
@pytest.mark.parametrize("name", TASKS)
def test_every_context_and_continuation_is_that_of_lm_eval(folder, name, shots):
    protocol = load_protocol(name)
    path, problems = data(name, folder)
    prompts = prompts_of(protocol, problems, shots, pool_of(name, path))
    compared = 0
    for subject, task in lm_eval_tasks(name, folder / name, shots).items():
        task.build_all_requests()
        ours = [
            request
            for problem, prompt in zip(problems, prompts, strict=True)
            if subject_of(protocol, problem) == subject
            for request in requests(protocol, problem, prompt)
        ]
        theirs = [moved(*request.args) for request in task.instances]
        assert ours == theirs
        compared += len(ours)
    assert compared >= 20 * len(TASKS[name])


def requests(protocol, problem, prompt):
    """(context, continuation) of each candidate; of generated text the context alone."""
    asked_last = prompt.messages[-1].text
    between = asked_last[len(asked_last.rstrip()) :] + prompt.delimiter
    text = continued_text(prompt)
    if protocol.mode == "generate":
        return [(text, protocol.stop)]
    return [(text, between + candidate) for candidate in candidates_of(protocol, problem)]


def moved(context, continuation):
    """As lm-eval encodes it: white space at the end of the context belongs to the continuation."""
    if isinstance(continuation, dict):
        assert continuation["do_sample"] is False
        return context, tuple(continuation["until"])
    text = context.rstrip()
    return text, context[len(text) :] + continuation


@pytest.mark.parametrize("name", TASKS)
def test_every_score_and_every_figure_is_that_of_lm_eval(folder, name):
    """From the same made-up log-probabilities, or completions, of which a third are right."""
    from lm_eval.api.group import Group
    from lm_eval.api.metrics import mean, mean_stderr

    protocol = load_protocol(name)
    _, problems = data(name, folder)
    tasks = lm_eval_tasks(name, folder / name, 0)
    rng = random.Random(7)
    predictions, values = {}, {}
    for subject, task in tasks.items():
        own = [problem for problem in problems if subject_of(protocol, problem) == subject]
        values[task.task_name] = {"sample_len": len(own)}
        found: dict[str, list] = {}
        for problem, doc in zip(own, task.eval_docs, strict=True):
            predictions[problem.id], results = answered(protocol, problem, rng)
            for metric, value in task.process_results(doc, results).items():
                found.setdefault(metric, []).append(value)
        for metric, scores in found.items():
            aggregate = task.aggregation()[metric]
            values[task.task_name][f"{metric},none"] = aggregate(scores)
            error = mean_stderr(scores) if aggregate is mean else "N/A"
            values[task.task_name][f"{metric}_stderr,none"] = error
        # The score of each item, where lm-eval has one.
        for metric, scores in found.items():
            if metric != "f1":
                assert [predictions[one.id].scores[metric] for one in own] == scores

    results, _ = results_of(protocol, problems, [predictions[one.id] for one in problems])
    for subject, task in tasks.items():
        agrees(results[subject], values[task.task_name])
    for ours, file in GROUPS[name].items():
        group = Group.from_config(group_config(file))
        subjects = protocol.groups.get(ours, tuple(tasks))
        for subject in subjects:
            group.add(tasks[subject])
        agrees(results[ours], group.aggregate(values))


def answered(protocol, problem, rng):
    """A Prediction, and what lm-eval would hand on of it."""
    if protocol.mode == "generate":
        text = rng.choice([" A", "b", " C. 셋", "D,", "E", "정답은 A", "", f" {'ABCD'[int(problem.answers[0]) - 1]}"])  # fmt: skip
        said = text.partition(".")[0]  # what lm-eval's model gives back of it
        score, logprobs, results = score_text(protocol, problem, text), (), [said]
    else:
        logprobs = tuple(-rng.expovariate(0.2) for _ in candidates_of(protocol, problem))
        text, score = "", score_choice(protocol, problem, logprobs)
        results = [(one, False) for one in logprobs]
    prediction = Prediction(
        id=problem.id, answer=score.answer, gold=problem.answers, correct=score.correct, logprobs=logprobs,
        text=text, why=score.why, scores=score.scores, subject=subject_of(protocol, problem),
        passage=problem.cluster,
    )  # fmt: skip
    return prediction, results


def group_config(file: str) -> dict:
    import lm_eval.tasks
    from lm_eval.tasks._yaml_loader import load_yaml

    return load_yaml(Path(lm_eval.tasks.__file__).parent / f"{file}.yaml")


def agrees(row: dict, theirs: dict) -> None:
    """Every metric of lm-eval is in the row, with its standard error where it has one."""
    metrics = [
        key.removesuffix(",none")
        for key in theirs
        if key.endswith(",none") and "_stderr" not in key
    ]
    assert metrics
    for metric in metrics:
        assert row[metric] == pytest.approx(theirs[f"{metric},none"], abs=1e-12)
        error = theirs[f"{metric}_stderr,none"]
        assert row[f"{metric}_stderr"] == (
            None if error == "N/A" else pytest.approx(error, abs=1e-12)
        )
    assert {key.removesuffix("_low") for key in row if key.endswith("_low")} == set(metrics)


def test_other_text_than_nfc_is_asked_in_the_one_form_of_every_reader(tmp_path):
    """A known difference: lm-eval asks decomposed and conjoining Hangul as it stands."""
    path = make_task_data("csatqa@lm-eval", tmp_path, N)
    file = path / "GR" / "test.json"
    text = unicodedata.normalize("NFD", file.read_text(encoding="utf-8")).replace("㉠", "\u1100")
    file.write_text(text, encoding="utf-8")
    protocol = load_protocol("csatqa@lm-eval")
    problems = read_source(str(file), "test").problems
    problems = [problem.model_copy(update={"subject": "GR"}) for problem in problems]
    prompts = prompts_of(protocol, problems)
    task = lm_eval_tasks("csatqa@lm-eval", tmp_path, 0)["GR"]
    for prompt, doc in zip(prompts, task.eval_docs, strict=True):
        theirs = task.doc_to_text(doc)
        assert continued_text(prompt) == clean(theirs) != theirs


def test_a_choice_that_pandas_loses_is_asked_as_it_stands(tmp_path):
    """A known difference: lm-eval reads CSV with pandas, and a choice that says NA is None there."""
    path = make_task_data("kmmlu@lm-eval", tmp_path, N)
    file = path / "Accounting-test.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("신라", "NA"), encoding="utf-8")
    protocol = load_protocol("kmmlu@lm-eval")
    problems = read_source(str(file), "test").problems
    prompts = prompts_of(protocol, problems)
    task = lm_eval_tasks("kmmlu@lm-eval", tmp_path, 0)["Accounting"]
    theirs = [task.doc_to_text(doc) for doc in task.eval_docs]
    ours = [continued_text(prompt) for prompt in prompts]
    assert any(". NA\n" in text for text in ours)
    assert [text.replace(". NA\n", ". None\n") for text in ours] == theirs


def test_an_item_that_stands_twice_is_drawn_around_as_lm_eval_does(tmp_path):
    """Both copies may be drawn for it, then lm-eval draws once more without it."""
    path = make_task_data("haerae@lm-eval", tmp_path, 8)
    file = path / "history" / "test.json"
    rows = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(rows + rows[:2] * 3, ensure_ascii=False), encoding="utf-8")
    protocol = load_protocol("haerae@lm-eval")
    problems = read_source(str(path / "history"), "test").problems
    prompts = prompts_of(protocol, problems, 4)
    task = lm_eval_tasks("haerae@lm-eval", tmp_path, 4)["history"]
    task.build_all_requests()
    contexts = [request.args[0] for request in task.instances[::5]]
    assert [continued_text(prompt) for prompt in prompts] == [one.rstrip() for one in contexts]
