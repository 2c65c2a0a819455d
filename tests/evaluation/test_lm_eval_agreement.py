"""lm-eval-harness and `koalign benchmark`, each as it is run, say the same of 60 items a protocol."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from support.command import koalign
from support.lm_eval_tasks import TASKS, lm_eval_tasks, make_task_data
from support.training import MODEL

from koalign.adapters.base import base_folder
from koalign.evaluation.results import read_evaluation

pytestmark = pytest.mark.slow

ITEMS = 60
SCORED = [name for name in TASKS if name.endswith("@lm-eval")]
SHOTS = {"kmmlu@lm-eval": 3, "click@lm-eval": 2}
"""The others are asked without any."""


@pytest.fixture(scope="module")
def harness():
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(base_folder(MODEL)), dtype="float32", device="cpu", batch_size=16)


@pytest.mark.parametrize(("name", "shots"), [(name, SHOTS.get(name, 0)) for name in SCORED])
def test_predictions_log_probabilities_and_figures_agree(harness, folder, name, shots):
    path = make_task_data(name, folder / "hub", math.ceil(ITEMS / len(TASKS[name])))
    done = koalign(
        "benchmark", name, "--data", str(path), "--shots", str(shots), "--adapters",
        "base", "--out", "out", "-s", "engine.backend=hf",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    evaluation, predictions = read_evaluation(Path("out"))
    assert evaluation.n == len(predictions) >= ITEMS
    scores: dict[str, list[float]] = {}
    compared = 0
    for subject, task in lm_eval_tasks(name, folder / "hub", shots).items():
        task.build_all_requests()
        by_item: dict[int, list[tuple[float, bool]]] = {}
        for request, said in zip(
            task.instances, harness.loglikelihood(task.instances, disable_tqdm=True), strict=True
        ):
            by_item.setdefault(request.doc_id, []).append(said)
        ours = [one for one in predictions if one.subject == subject]
        for number, (one, doc) in enumerate(zip(ours, task.eval_docs, strict=True)):
            theirs = [logprob for logprob, _ in by_item[number]]
            assert one.logprobs == pytest.approx(theirs, abs=1e-4)
            assert one.answer == str(int(np.argmax(theirs)) + 1)
            for metric, value in task.process_results(doc, by_item[number]).items():
                if metric in ("acc", "acc_norm"):
                    scores.setdefault(metric, []).append(value)
                    assert one.scores.get(metric, value) == value
            compared += 1
    assert compared == evaluation.n
    for metric, values in scores.items():
        if len(values) == evaluation.n:  # KoBEST takes acc_norm of one task
            assert evaluation.results[name][metric] == pytest.approx(np.mean(values), abs=1e-9)
