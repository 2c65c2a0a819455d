"""candidates: training problems -> hints from a file, the policy, the base or a teacher. Expensive."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from koalign.adapters.cards import check_adapter
from koalign.config.sections import Config
from koalign.engines.drawing import draw, fits, requests_for
from koalign.engines.opening import open_engine
from koalign.evaluation.solving.voting import CUT
from koalign.evaluation.stats.wording import in_words
from koalign.guard import HELD_OUT, leaking_texts, refuse_leaks, write_drops
from koalign.jsonl import read_jsonl, read_record, write_jsonl
from koalign.manifests import CALLS_FAILED
from koalign.mining.distilling.teacher_calls import PAID, REPLIES, Reply, calls_of
from koalign.mining.hints import writing
from koalign.mining.hints.writing import OwnAnswer
from koalign.naming import counted
from koalign.records import Base, Drop, Hint, KoalignError, Problem, Sample, count_reasons
from koalign.renderer import open_renderer
from koalign.run import ENGINE, PREPARED, Inputs, Stage, StageResult
from koalign.text.visible import warn

Unsolved = list[tuple[Problem, list[OwnAnswer]]]
"""Problems that the policy does not always solve, with some of its answers."""
_Drafts = tuple[Sequence[Sample | Reply], list[Drop], dict[str, float]]
"""Completions of the hint prompt, drops and metrics."""


def run(config: Config, inputs: Inputs, out: Path) -> StageResult:
    """The hints of a file, or `per_problem` for each problem that is not always right."""
    given = read_jsonl(inputs["prepare/hints.jsonl"], Hint)
    source = config.candidates.source
    counts: dict[str, int] = {}
    metrics: dict[str, float] = {}
    if source in ("file", "none"):
        hints, drops = writing.distinct_hints(given if source == "file" else [])
        if not hints:
            raise KoalignError(
                "abstractions needs candidate hints; set data.hints to a JSONL file, or "
                "candidates.source to policy, base or teacher; `koalign prepare --force` reads a file that "
                "was set since"
            )
    else:
        if given:
            warn(
                f"candidates: left aside, since candidates.source is {source}: "
                f"{counted(len(given), 'hint')} of data.hints"
            )
        unsolved, drops = _unsolved(config, inputs)
        counts = {"asked": len(unsolved)}
        sample = _sample_teacher if source == "teacher" else _sample_model
        drafts, failed, metrics = sample(config, inputs, out, unsolved)
        hints, unfit = writing.candidates(drafts)
        if lost := sum(drop.reason == "no_reply" for drop in failed):
            counts[CALLS_FAILED] = lost
        cut = sum(drop.reason == "unfinished" for drop in unfit)
        if cut and cut >= CUT * len(drafts):
            setting = "teacher.max_tokens" if source == "teacher" else "candidates.max_tokens"
            warn(
                f"candidates: {cut:,} of {len(drafts):,} hints were cut off and are lost, with what they "
                f"cost; raise {setting}"
            )
        leaks = leaking_texts([hint.text for hint in hints], inputs)
        leaking = [hints[number].problem_id for number in sorted(leaks)]
        drops += [*failed, *unfit]
        drops += [writing.drop_of(name, "says_a_held_out_problem") for name in leaking]
        hints = [hint for number, hint in enumerate(hints) if number not in leaks]
        if not hints:
            raise KoalignError(
                f"candidates: none of {counted(len(drafts), 'hint')} for "
                f"{counted(len(unsolved), 'problem')} can be screened: "
                f"{in_words(count_reasons(drops))}; see {out}"
            )
    write_jsonl(out / "hints.jsonl", hints)
    write_drops(out, drops, read_jsonl(inputs["prepare/train.jsonl"], Problem))
    counts |= {"problems": len({hint.problem_id for hint in hints}), "candidates": len(hints)}
    return StageResult(counts | count_reasons(drops, "dropped_"), metrics)


def _unsolved(config: Config, inputs: Inputs) -> tuple[Unsolved, list[Drop]]:
    """The first `limit` problems that the policy does not always solve."""
    problems = [p for p in read_jsonl(inputs["prepare/train.jsonl"], Problem) if p.answers]
    refuse_leaks(problems, inputs)
    drawn: dict[str, list[Sample]] = defaultdict(list)
    for sample in read_jsonl(inputs["samples/samples.jsonl"], Sample):
        drawn[sample.problem_id].append(sample)
    unsolved: Unsolved = []
    drops = []
    for problem in problems:
        if len(unsolved) == config.candidates.limit:
            break
        samples = drawn[problem.id]
        if writing.pass_rate(problem, samples) == 1:
            drops.append(writing.drop_of(problem.id, "always_right"))
        else:
            unsolved.append(
                (problem, writing.own_answers(problem, samples, config.candidates.own_answers))
            )
    return unsolved, drops


def _sample_model(config: Config, inputs: Inputs, out: Path, unsolved: Unsolved) -> _Drafts:
    """Drafts of the DPO policy or the base; own answers are left out where the context is too short."""
    base = read_record(inputs["prepare/base.json"], Base)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    section = config.candidates
    adapter = None
    if section.source == "policy":
        adapter = inputs["dpo/adapter"]
        check_adapter(adapter, base, renderer.hash)
    with open_engine(config.engine, config.model, base, [adapter]) as engine:
        requests, drops = [], []
        for problem, own in unsolved:
            for count in range(len(own), -1, -1):
                prompt = writing.ask_for_hint(problem, own[:count])
                prompt = prompt.model_copy(update={"thinking": renderer.thinking})
                (request,) = requests_for(engine, [prompt], adapter, n=section.per_problem)
                whole = len(request.prompt_ids) + section.most_tokens <= base.context
                if whole or (not count and fits(engine, request, section)):
                    requests.append(request)
                    break
            else:
                drops.append(writing.drop_of(problem.id, "too_long"))
        path = out / "samples.jsonl"
        drawn = draw(engine, requests, section, path, title="candidates", seed=config.seed)
    return [sample for samples in drawn for sample in samples], drops, {}


def _sample_teacher(config: Config, inputs: Inputs, out: Path, unsolved: Unsolved) -> _Drafts:
    """Drafts of the teacher, which never sees a problem of dev or test."""
    from koalign.engines.teacher import ask_teacher

    n = config.candidates.per_problem
    calls = [
        call
        for problem, own in unsolved
        for call in calls_of(writing.ask_for_hint(problem, own), n, "hint")
    ]
    result = ask_teacher(config.teacher, calls, out / REPLIES, title="candidates")
    drops = [writing.drop_of(f.problem_id, "no_reply", f.error) for f in result.failures]
    metrics = {
        "cost": result.cost,
        "prompt_tokens": float(result.prompt_tokens),
        "completion_tokens": float(result.completion_tokens),
        "alarms": float(len(result.alarms)),
    }
    return [reply for reply in result.replies if reply], drops, metrics


STAGE = Stage(
    name="candidates",
    command="abstractions",
    run=run,
    sections=("model", "prompt", "engine", "candidates", "teacher", "seed"),
    inputs=(
        *PREPARED,
        "prepare/hints.jsonl",
        "samples/samples.jsonl",
        "dpo/adapter",
        *ENGINE,
    ),
    looks_at=HELD_OUT,
    keeps=PAID,
    version=2,
    draws=True,
)
