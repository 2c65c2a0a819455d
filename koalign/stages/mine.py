"""mine: an evaluation's predictions, or a run's training set -> answers by a model that had not seen it.

The training set is answered by cross-fitting: it is cut into folds, whole passages at a time, and each
is answered by an adapter that was trained on the others. The folds are a run of their own, below the run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from koalign.adapters.cards import check_adapter
from koalign.config.files import parse_source
from koalign.config.sections import Config, resolve_path
from koalign.data.formats.documents import open_documents
from koalign.data.formats.read import read
from koalign.data.preparing.leaks import find_leaks, taught_text, texts_leak
from koalign.data.preparing.splits import split_by_group
from koalign.engines.drawing import draw, requests_for
from koalign.engines.embedding import open_embedding
from koalign.engines.opening import open_engine
from koalign.evaluation.results import Prediction, read_evaluation
from koalign.evaluation.stats.resampling import clusters_of
from koalign.grading.grade import grade
from koalign.jsonl import read_json, read_jsonl, read_record, write_jsonl
from koalign.manifests import MINE, Manifest, output_of, read_manifest, unchanged, warn_of_older
from koalign.mining.mistakes.mistakes import AnsweredProblem, matched, refuse_test
from koalign.naming import counted
from koalign.records import Base, KoalignError, Problem, content_hash
from koalign.renderer import open_renderer
from koalign.run import ENGINE, PREPARED, Inputs, Stage, StageResult, execute

POLICY = "dpo"
"""Of the systems that a run evaluates, the one whose mistakes are mined."""
_OWN = ("train", "test", "shots")
"""Files of `prepare` that every fold has for itself; the others are those of the run."""


def judged(folder: Path, problems: str, run_dir: Path) -> tuple[list[AnsweredProblem], list[str]]:
    """The problems of an evaluation with their predictions, and notes for the user.

    Raises KoalignError where a problem is of a test split, by its own word or by that of the run, and
    where it is not among `problems` (a path, or a source as under `data`).
    """
    is_run = (folder / "prepare").is_dir()
    if is_run and read_manifest(folder / "evaluate") is None:
        raise KoalignError(
            f"{folder}: nothing evaluated in this run; run `koalign evaluate`, or give no folder and "
            "mine the training set"
        )
    warn_of_older(folder, "evaluate")
    evaluation, predictions = read_evaluation(
        output_of(folder, f"evaluate/{POLICY}", "mine") if is_run else folder
    )
    source = parse_source(problems)
    known = read(
        open_documents(Path(resolve_path(source.path)), source.sheet),
        source.format,
        columns=source.columns,
        split=source.split,
        answer_from=source.answer_from,
        kind=source.kind,
    ).problems
    answered = matched(predictions, known, str(folder))
    evaluated = [answer.problem for answer in answered]
    if is_run and (unsplit := [problem for problem in evaluated if not problem.split]):
        raise KoalignError(
            f"{folder}: a run evaluates its test split, and {len(unsplit)} problems of {problems} do not "
            "call themselves another; give no folder and mine the training set of the run"
        )
    if read_manifest(run_dir / "prepare") is None:
        refuse_test(evaluated, [], 1.0, str(folder))
        return answered, [
            f"no run in {run_dir}: the split was checked by the problems' own word only"
        ]
    with unchanged(run_dir, "prepare"):
        overlap = read_json(output_of(run_dir, "prepare/leaks.json", "mine"))["overlap"]
        train, dev, test = (
            read_jsonl(output_of(run_dir, f"prepare/{name}.jsonl", "mine"), Problem)
            for name in ("train", "dev", "test")
        )
    refuse_test(evaluated, test, overlap, str(folder))
    notes = []
    if held_out := len(find_leaks(evaluated, dev, overlap)):
        notes.append(
            f"{held_out} of the problems evaluated stand in the dev split of {run_dir}: take those that "
            "are written out of data.dev before you train on them"
        )
    if evaluation.adapters != "base" and (
        seen := {p.id for p in train} & {p.id for p in evaluated}
    ):
        notes.append(
            f"{len(seen)} of the problems evaluated stand in the training split of {run_dir}: what was "
            "taught them is seldom wrong on them; without a folder they are answered by who never saw them"
        )
    return answered, notes


def cross_fit(
    config: Config, run_dir: Path, folds: int, sft: Stage, force: bool
) -> Iterator[tuple[Manifest, bool]]:
    """Make the folds of a prepared run, or find them made; see `execute`. `sft` trains on a fold."""
    home = folds_folder(run_dir, folds)
    cut = Stage(
        name=(home / "prepare").relative_to(run_dir).as_posix(),
        command="mine",
        run=partial(_cut, folds=folds),
        sections=("seed",),
        inputs=(*PREPARED, "prepare/dev.jsonl", "prepare/leaks.json"),
        continues=False,
    )
    made, ran = execute(cut, config, run_dir, force)
    yield made, ran
    numbers = range(1, made.counts["folds"] + 1)
    for number in numbers:
        at = {f"prepare/{name}.jsonl": f"prepare/{number}/{name}.jsonl" for name in _OWN}
        yield execute(replace(sft, name=f"sft-{number}", at=at), config, home, force)
    answers = Stage(
        name="answers",
        command="mine",
        run=partial(_answer, numbers=numbers),
        sections=("model", "prompt", "engine", "solve", "seed"),
        inputs=(
            "prepare/base.json",
            *(f"prepare/{number}/{name}.jsonl" for number in numbers for name in ("test", "shots")),
            *(f"sft-{number}/adapter" for number in numbers),
            *ENGINE,
        ),
        version=13,
    )
    yield execute(answers, config, home, force)


def folds_folder(run_dir: Path, folds: int) -> Path:
    """Where the folds of a run are."""
    return run_dir / MINE / f"{folds}-folds"


def read_folds(run_dir: Path, folds: int) -> list[AnsweredProblem]:
    """The training set of the run, each problem with the answer of a model that had not seen it."""
    answers = folds_folder(run_dir, folds) / "answers" / "predictions.jsonl"
    problems = read_jsonl(run_dir / "prepare" / "train.jsonl", Problem)
    return matched(read_jsonl(answers, Prediction), problems, str(answers))


def folds_of(problems: Sequence[Problem], folds: int, seed: int) -> list[list[Problem]]:
    """The problems in at most so many parts, no group standing in two; see `split_by_group`.

    Groups are drawn at random, so parts differ in size, and with few groups a part may be missing.
    """
    # Its own seed: the hold-out of dev by the same seed has taken all low numbers.
    lot = int(content_hash("folds", seed), 16)
    parts, rest = [], list(problems)
    for number in range(1, folds + 1):
        rest, part = split_by_group(rest, number / folds, lot)
        parts.append(part)
    return [part for part in parts if part]


def open_vectors(name: str) -> Callable[[Sequence[str]], np.ndarray] | None:
    """Texts -> vectors by an embedding model; None for `tfidf`, which needs none.

    Raises KoalignError where the library is not installed, and where the model cannot be loaded.
    """
    if name == "tfidf":
        return None
    embedding = open_embedding(name, "--embedding")
    return lambda texts: embedding.encode(texts, "text").astype(float)


def _cut(config: Config, inputs: Inputs, out: Path, *, folds: int) -> StageResult:
    problems = read_jsonl(inputs["prepare/train.jsonl"], Problem)
    shots = read_jsonl(inputs["prepare/shots.jsonl"], Problem)
    overlap = read_json(inputs["prepare/leaks.json"])["overlap"]
    parts = folds_of(problems, folds, config.seed)
    if len(parts) < 2:
        raise KoalignError(
            f"--folds {folds}: too few passages in {counted(len(problems), 'training problem')} to cut"
        )
    left_out = 0
    for number, part in enumerate(parts, start=1):
        held_out = {problem.id for problem in part}
        others = [problem for problem in problems if problem.id not in held_out]
        texts = [taught_text(problem) for problem in others]
        leaks = find_leaks(others, part, overlap) + texts_leak(texts, part, overlap)
        leaking = {leak.trained for leak in leaks}
        trained = [problem for n, problem in enumerate(others) if n not in leaking]
        if not trained:
            raise KoalignError(
                f"fold {number}: every other training problem says one of its {len(part)}; "
                "nothing is left to learn from"
            )
        hidden = held_out | {others[n].id for n in leaking}
        left_out += len(leaking)
        write_jsonl(out / str(number) / "train.jsonl", trained)
        write_jsonl(out / str(number) / "test.jsonl", part)
        # Shots are shown with their answers: the model has seen them as well.
        write_jsonl(out / str(number) / "shots.jsonl", [p for p in shots if p.id not in hidden])
    for name in ("dev.jsonl", "base.json", "leaks.json"):
        shutil.copyfile(inputs[f"prepare/{name}"], out / name)
    return StageResult({"problems": len(problems), "folds": len(parts), "left_out": left_out})


def _answer(config: Config, inputs: Inputs, out: Path, *, numbers: Sequence[int]) -> StageResult:
    base = read_record(inputs["prepare/base.json"], Base)
    problems: list[Problem] = []
    requests = []
    adapters = [inputs[f"sft-{number}/adapter"] for number in numbers]
    with open_engine(config.engine, config.model, base, adapters) as engine:
        for number, adapter in zip(numbers, adapters, strict=True):
            part = read_jsonl(inputs[f"prepare/{number}/test.jsonl"], Problem)
            renderer = open_renderer(config.prompt, inputs[f"prepare/{number}/shots.jsonl"])
            check_adapter(adapter, base, renderer.hash)
            prompts = [renderer.render(problem, "answer") for problem in part]
            problems += part
            requests += requests_for(engine, prompts, adapter)
        title = f"mine: answers of {len(numbers)} folds"
        drawn = draw(
            engine,
            requests,
            config.solve.greedy,
            out / "samples.jsonl",
            title=title,
            seed=config.seed,
        )
    predictions = []
    clusters = clusters_of(problems)
    for problem, cluster, (sample,), request in zip(
        problems, clusters, drawn, requests, strict=True
    ):
        verdict = grade(problem, sample.text, sample.finish_reason)
        prediction = Prediction(
            id=problem.id,
            key=problem.key,
            question=problem.question,
            answer=verdict.answer,
            gold=problem.answers,
            correct=verdict.correct,
            text=sample.text,
            why=verdict.why,
            scores={"accuracy": float(verdict.correct)},
            subject=problem.subject,
            passage=cluster,
            prompt_tokens=len(request.prompt_ids),
            completion_tokens=len(sample.token_ids),
        )
        predictions.append(prediction)
    write_jsonl(out / "predictions.jsonl", predictions)
    right = sum(prediction.correct for prediction in predictions)
    return StageResult(
        {"problems": len(predictions), "right": right, "wrong": len(predictions) - right}
    )
