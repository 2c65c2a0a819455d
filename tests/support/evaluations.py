"""evaluations: marks and scores of items -> evaluations as koalign writes them."""

from statistics import fmean

from koalign.evaluation.comparability import Evaluated
from koalign.evaluation.comparison import compare_evaluations
from koalign.evaluation.results import Evaluation, Prediction

EVALUATION = {
    "protocol": "kmmlu@lm-eval", "mode": "choice", "template": "kmmlu", "template_hash": "", "shots": 0,
    "samples": 1, "model": "some/model", "weight_hash": "w", "adapters": "base", "stack": [],
    "dtype": "bfloat16", "engine": "vllm", "data": {"test.csv": "d"}, "items": "i", "metric": "acc",
    "average": "micro", "notes": [], "report": {}, "seconds": {}, "tokens": {}, "peak_memory_mb": 0.0,
    "seed": 0, "koalign": "0", "git": None, "packages": {},
}  # fmt: skip
"""What an evaluation of a base model without shots holds, but for its items and results."""


def prediction(number: int, answer: str | None, gold: str = "1", **changes) -> Prediction:
    right = answer == gold
    fields = {
        "id": f"i{number:04d}",
        "answer": answer,
        "gold": (gold,),
        "correct": right,
        "why": "match" if right else "mismatch",
        "scores": {"acc": float(right)},
    }
    return Prediction(**fields | changes)


def evaluated(name: str, predictions: list[Prediction], **changes) -> Evaluated:
    """An evaluation of the base model without shots, its results as the predictions give them."""
    share = fmean(p.correct for p in predictions)
    result = {"acc": share, "acc_low": 0.125, "acc_high": 0.875, "n": len(predictions)}
    fields = {
        **EVALUATION, "template_hash": f"prompt-{changes.get('shots', 0)}", "n": len(predictions),
        "of": len(predictions), "results": {"kmmlu": result},
    }  # fmt: skip
    evaluation = Evaluation(**fields | changes)
    return Evaluated(name, f"runs/{name}", evaluation, sorted(predictions, key=lambda p: p.id))


def marked(marks: str, **changes) -> list[Prediction]:
    """`+-+`: right, wrong, right; `?`: no answer."""
    answers = {"+": "1", "-": "2", "?": None}
    return [prediction(n, answers[mark], **changes) for n, mark in enumerate(marks)]


def graded(scores: list[float]) -> list[Prediction]:
    return [prediction(n, "x", scores={"f1": score}) for n, score in enumerate(scores)]


def compare(*read: Evaluated, common: bool = False):
    return compare_evaluations(read, common)
