"""scored_items: made-up problems and answers -> predictions and an evaluation with its report."""

from math import log

from koalign.evaluation.report import report_of
from koalign.evaluation.results import Evaluation, Prediction
from koalign.records import Problem
from support.evaluations import EVALUATION

LETTERS = "가나다라마"
SAID = (0, 0, 0, 0, 0, 0, 1, 2, 3, 0)


def problem(number: int, size: int = 4, passage: str = "") -> Problem:
    texts = tuple(f"{letter} {number}째" for letter in LETTERS[:size])
    answers = (str(number % size + 1),)
    return Problem(question=f"{number}째 물음은?", passage=passage, choices=texts, answers=answers)


def predicted(one: Problem, place: int | None, **changes) -> Prediction:
    answer = None if place is None else str(place + 1)
    correct = answer in one.answers
    given = {"answer": answer, "gold": one.answers, "correct": correct, "scores": {"acc": float(correct)},
             "why": "match" if correct else "mismatch" if answer else "no_answer"}  # fmt: skip
    return Prediction(id=one.id, **{**given, **changes})


def scored(count: int, size: int = 4, **changes):
    """Candidates of which the first gets most answers, the surer the later the item stands."""
    problems = [problem(n, size) for n in range(count)]
    predictions = []
    for number, one in enumerate(problems):
        place = SAID[number % len(SAID)] % size
        sure = 0.4 + 0.5 * number / count
        logs = [log(sure if at == place else (1 - sure) / (size - 1)) for at in range(size)]
        predictions.append(predicted(one, place, logprobs=tuple(logs), **changes))
    return problems, predictions


def evaluation(problems, predictions, orders=None, results=None, **changes) -> Evaluation:
    share = sum(p.correct for p in predictions) / len(predictions)
    row = {"acc": share, "acc_stderr": 0.01, "acc_low": share - 0.1, "acc_high": share + 0.1,
           "n": len(predictions)}  # fmt: skip
    given = {
        **EVALUATION, "template_hash": "ab12", "shots": 5, "model": "none/tiny", "weight_hash": "cd34",
        "engine": "hf", "data": {"data": "ef56"}, "n": len(predictions), "of": len(predictions),
        "results": {"kmmlu@lm-eval": row, **(results or {})}, "notes": ["no BLEURT here"],
        "report": report_of(problems, predictions, orders), "seconds": {"load": 1.0, "run": 2.0},
        "tokens": {"prompt": 1234, "generated": 0}, "peak_memory_mb": 1.0,
    }  # fmt: skip
    return Evaluation(**{**given, **changes})
