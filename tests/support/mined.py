"""mined: `koalign mine` as a user runs it, and evaluations for it."""

from pathlib import Path
from subprocess import CompletedProcess

from koalign.data.formats.sources import read_source
from koalign.evaluation.results import PREDICTIONS, RESULTS, Evaluation, Prediction
from koalign.jsonl import write_json, write_jsonl
from koalign.records import Problem
from support.command import RUN, koalign
from support.evaluations import EVALUATION
from support.problems import problem, write_lines

FOLDS = RUN / "mine" / "3-folds"


def run(*arguments: str, code: int = 0, cwd: Path | None = None) -> CompletedProcess:
    return koalign("mine", *arguments, code=code, cwd=cwd)


def refused(*arguments: str) -> str:
    said = run(*arguments, code=2).stderr
    assert said.count("\n") == 1, said
    return said


def mined(folder: Path, asked: list[Problem], *options: str, every: int = 3) -> CompletedProcess:
    """What an evaluation of `dev.jsonl` teaches, in `hard.jsonl`."""
    evaluation = str(evaluated(folder / "eval", asked, every=every))
    return run(evaluation, "--problems", "dev.jsonl", "-o", "hard.jsonl", *options)


def evaluated(
    folder: Path, problems: list[Problem], *, every: int = 3, adapters: str = "base"
) -> Path:
    """An evaluation in which every third problem was answered right, and the others with a 2."""
    predictions = [
        Prediction(
            id=one.id, answer=str(one.answers[0]) if n % every == 0 else "2", gold=one.answers,
            correct=n % every == 0 or one.answers == ("2",), scores={"acc": 0.0}, subject=one.subject,
            text="고른 답: 부산\n정답: 2", why="match" if n % every == 0 else "mismatch",
        )
        for n, one in enumerate(problems)
    ]  # fmt: skip
    shape = Evaluation(
        **{**EVALUATION, "mode": "generate", "adapters": adapters, "results": {}},
        n=len(problems), of=len(problems),
    )  # fmt: skip
    write_json(folder / RESULTS, shape.model_dump(mode="json"))
    write_jsonl(folder / PREDICTIONS, predictions)
    return folder


def rows(path: str, numbers: range, **changes: object) -> list[Problem]:
    write_lines(Path(path), [problem(n, **changes) for n in numbers])
    return read_source(path, "dev").problems
