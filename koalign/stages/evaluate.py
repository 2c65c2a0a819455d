"""evaluate: held-out accuracy of every step, and whether abstractions pay, with intervals and tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from koalign.answering.judged import with_win_rates
from koalign.answering.run_systems import ATTEMPTS, SOLVE, TEST, RunSystems
from koalign.config.sections import Config, Solve
from koalign.engines.opening import open_engine
from koalign.evaluation.rows import Row, rows_of
from koalign.evaluation.solving.report import SolvingReport
from koalign.hashing import PLAN, hash_path
from koalign.jsonl import read_jsonl, read_record, write_json
from koalign.manifests import read_made, well_formed
from koalign.mining.distilling.teacher_calls import PAID, REPLIES
from koalign.plans import Plan
from koalign.records import Base, KoalignError, Problem
from koalign.retrieval.records import Passage
from koalign.run import ENGINE, PROMPTED, Inputs, Stage, StageResult

ALONE = {
    "base": "base",
    "sft": "sft",
    "sft_plateau": "plateau",
    "dpo": "dpo",
    "rft": "rft",
    "answer_alone": "answer",
    "reader_alone": "reader",
}
"""Systems that answer greedily and without a hint, and their adapters. `answer_alone` and `reader_alone`
are no rows of the results: they stand in solving.json and reader.json."""
PASSAGES = "retrieve/passages.jsonl"
READING = {"passages": "dpo", "reader": "reader"}
"""Rows of answers with passages, and their adapters."""
ADAPTERS = ("sft", "dpo", *SOLVE)


def run(config: Config, inputs: Inputs, out: Path, *, has_judge: bool = False) -> StageResult:
    """Every step alone; where the run solves with hints, or has passages, also that and its controls."""
    problems = read_jsonl(inputs[TEST], Problem)
    refuse_unanswered(problems)
    if ATTEMPTS in inputs:
        _refuse_other_solutions(inputs, config.solve)
    base = read_record(inputs["prepare/base.json"], Base)
    adapters = {
        name.removesuffix("/adapter"): path
        for name, path in inputs.items()
        if name.endswith("/adapter")
    }
    reports: dict[str, SolvingReport | None] = {}
    with open_engine(config.engine, config.model, base, [None, *adapters.values()]) as engine:
        evaluation = RunSystems(config, inputs, problems, base, adapters, engine, out)
        for name, adapter in ALONE.items():
            if adapter in (*adapters, "base"):
                evaluation.answer_alone(name, adapter)
        if PASSAGES in inputs:
            passages = _passages(inputs, config.reader.passages)
            for name, adapter in READING.items():
                if adapter in adapters:
                    reports[name] = evaluation.read(name, adapter, passages)
        if ATTEMPTS in inputs:
            reports["solving"] = evaluation.solve(inputs)
        evaluation.refuse_unfinished()
    if evaluation.is_part:
        return StageResult()  # the whole is written, and judged, once
    rows = rows_of(evaluation.predictions, concluded=config.controls != "off")
    metrics = {f"{_key(row)}_{name}": row.accuracy for name, row in rows.items()}
    counts = {"problems": len(problems)}
    if has_judge:
        drawn = evaluation.predictions
        rows, judged = with_win_rates(rows, problems, drawn, config.judge, out / REPLIES)
        metrics["judge_cost"], counts = judged.cost, counts | judged.counts
    for name, report in reports.items():
        assert report is not None  # of a part alone
        write_json(out / f"{name}.json", report.model_dump(mode="json"))
    hidden = None if has_judge else {"win_rate"}
    results = {name: row.model_dump(exclude=hidden) for name, row in rows.items()}
    write_json(out / "results.json", results)
    return StageResult(counts, metrics)


def _passages(inputs: Inputs, most: int) -> dict[str, list[Passage]]:
    """Problem id -> its first passages."""
    passages: dict[str, list[Passage]] = {}
    for passage in read_jsonl(inputs[PASSAGES], Passage):
        if passage.rank <= most:
            passages.setdefault(passage.problem_id, []).append(passage)
    return passages


def refuse_unanswered(problems: Sequence[Problem]) -> None:
    """Raises KoalignError for a test split without problems, or with one that has no answer."""
    if not problems:
        raise KoalignError(
            "evaluate needs data.test with answers; it holds no problem, or is not set"
        )
    without_gold = [p for p in problems if not p.answers]
    if without_gold:
        raise KoalignError(
            f"evaluate needs data.test with answers; {len(without_gold)} of {len(problems)} lack one"
        )


def _key(row: Row) -> str:
    return row.metric.replace(" ", "_")


def _refuse_other_solutions(inputs: Inputs, section: Solve) -> None:
    """Raises KoalignError if the run solved another test split, or with other settings."""
    path = inputs["solve/answers.jsonl"].parent / PLAN
    with well_formed(path):
        plan = read_made(path, Plan)
        made = plan.inputs[TEST], plan.config["solve"]
    if made != (hash_path(inputs[TEST]), section.model_dump(mode="json")):
        raise KoalignError(
            "solve was made for another test split or with other settings; set the solve.… keys as they "
            "were then, or run `koalign solve --force`"
        )


STAGE = Stage(
    name="evaluate",
    command="evaluate",
    run=run,
    sections=("model", "prompt", "engine", "solve", "seed", "controls"),
    inputs=(
        TEST,
        *PROMPTED,
        *(f"{name}/adapter" for name in ADAPTERS),
        "solve/answers.jsonl",
        ATTEMPTS,
        *ENGINE,
    ),
    keeps=PAID,
    version=22,
    draws=True,
)
