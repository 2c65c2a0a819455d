"""distill: solutions by a teacher and the policy -> verified rationales for `data.train`. Expensive."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from koalign.adapters.cards import check_adapter
from koalign.config.sections import Config
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.data.prompting.tokens import completion_ids, prompt_ids
from koalign.engines.judging import DRAWS, ENOUGH, calls_to_judge, judged_by, right_replies
from koalign.engines.opening import open_engine, tokenizer_of
from koalign.engines.teacher import TeacherResult, ask_teacher
from koalign.guard import HELD_OUT, leaking_texts, refuse_leaks
from koalign.jsonl import read_jsonl, read_record, write_json, write_jsonl
from koalign.mining.distilling.explaining import REASONING, ask_for_rationale, in_another_order
from koalign.mining.distilling.mixture import mixture, with_rationales
from koalign.mining.distilling.report import chosen_by_teacher, describe_distillation
from koalign.mining.distilling.teacher_alarms import alarms
from koalign.mining.distilling.teacher_calls import PAID, REPLIES, Call, Reply
from koalign.mining.distilling.verify import (
    By,
    Solution,
    VerifiedSolution,
    drop_of,
    fits,
    replied,
    sampled,
    verified,
)
from koalign.records import Base, Drop, KoalignError, Problem, Sample
from koalign.renderer import open_renderer
from koalign.run import PREPARED, Stage, StageResult, read_manifest

SAMPLES = "samples/samples.jsonl"
POLICY = "sft/adapter"


def run(config: Config, inputs: Mapping[str, Path], out: Path, *, asks: bool = True) -> StageResult:
    """Ask, unless there is no teacher, verify every completion on its own, then make the set."""
    base = read_record(inputs["prepare/base.json"], Base)
    problems = read_jsonl(inputs["prepare/train.jsonl"], Problem)[: config.distill.limit]
    refuse_leaks(problems, inputs)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    verifiable = [problem for problem in problems if problem.kind != "long"]
    work = _Distillation(config, inputs, out, base, renderer, verifiable)
    if SAMPLES in inputs:
        work.take_own()
    if asks:
        work.ask()
    else:
        print(
            "distill: no teacher.url: the policy's own verified samples alone (rejection sampling)",
            file=sys.stderr,
        )
    if config.distill.rationalize:
        work.rationalize()
    work.drop_leaks()
    kept, gone = mixture(
        work.found,
        traces=config.distill.traces,
        own_per_teacher=config.distill.own_per_teacher,
        rationalized_share=config.distill.rationalized_share,
        seed=config.seed,
    )
    long = [drop_of(p.id, "no_rule_verifies_it", "long") for p in problems if p.kind == "long"]
    drops = sorted(
        [*long, *work.drops, *gone], key=lambda drop: (drop.problem_id, drop.reason, drop.detail)
    )
    report = {
        "problems": len(problems),
        **describe_distillation(work.solutions, work.found, kept, drops),
        "own_per_teacher_wanted": config.distill.own_per_teacher,
        "teacher": work.of_teacher(),
    }
    write_jsonl(out / "dropped.jsonl", drops)
    write_json(out / "report.json", report)
    _refuse_nothing(report, out)
    write_jsonl(out / "rationales.jsonl", with_rationales(problems, kept))
    return StageResult(
        counts={
            "problems": report["problems_explained"],
            **report["kept"],
            **{f"dropped_{reason}": count for reason, count in report["dropped"].items()},
        },
        metrics={"cost": work.asked.cost} if work.asked else {},
    )


class _Distillation:
    """The solutions so far, those that passed, and the drops."""

    def __init__(
        self,
        config: Config,
        inputs: Mapping[str, Path],
        out: Path,
        base: Base,
        renderer: Renderer,
        problems: Sequence[Problem],
    ) -> None:
        self._config, self._inputs, self._out = config, inputs, out
        self._base, self._renderer, self._problems = base, renderer, problems
        self._tokenizer = tokenizer_of(config.model, base)
        # Measured is what a run would be taught by them: this one, or the next, whose template reasons.
        reasons = renderer.teaches_rationales
        self._taught = renderer if reasons else Renderer(load_template(REASONING))
        self._alarms: list[str] = []
        self.asked: TeacherResult | None = None
        self.solutions: list[Solution] = []
        self.found: list[VerifiedSolution] = []
        self.drops: list[Drop] = []

    def take_own(self) -> None:
        """The policy's samples."""
        by_id = {problem.id: problem for problem in self._problems}
        samples = [s for s in read_jsonl(self._inputs[SAMPLES], Sample) if s.problem_id in by_id]
        samples.sort(key=lambda s: (s.problem_id, s.permutation, s.index))
        self._screen([sampled(by_id[sample.problem_id], sample) for sample in samples])

    def ask(self) -> None:
        """The teacher's solutions, without the answer in the prompt."""
        replies = self._draws(self._problems, "teacher")
        chosen = chosen_by_teacher(self.solutions)
        self._alarms = alarms(replies, chosen)
        for alarm in alarms([], chosen):  # those of texts are said where they are asked
            print(f"distill: suspicious: {alarm}", file=sys.stderr)

    def rationalize(self) -> None:
        """Those that no draw got right once more, with the answer; then the check of what came of it."""
        right = {one.problem.id for one in self.solutions if one.verdict.correct}
        before = len(self.found)
        self._draws([p for p in self._problems if p.id not in right], "rationalized")
        self.found[before:] = self._leading(self.found[before:])

    def drop_leaks(self) -> None:
        """Take out what says a problem of dev or test."""
        leaking = leaking_texts([one.rationale for one in self.found], self._inputs)
        for number in sorted(leaking):
            self.drops.append(self.found[number].solution.drop("says_an_evaluated_problem"))
        self.found = [one for number, one in enumerate(self.found) if number not in leaking]

    def of_teacher(self) -> dict[str, Any] | None:
        """Tokens, cost and alarms; none without a teacher."""
        if self.asked is None:
            return None
        models = Counter(one.model for one in self.solutions if one.by != "own")
        return {
            "models": dict(sorted(models.items())),
            "prompt_tokens": self.asked.prompt_tokens,
            "completion_tokens": self.asked.completion_tokens,
            "cost": self.asked.cost,
            "tries_estimated": self.asked.estimated,
            "replies_without_a_count": self.asked.unknown,
            "alarms": self._alarms,
        }

    def _draws(self, problems: Sequence[Problem], by: By) -> list[Reply | None]:
        section, told = self._config.distill, by == "rationalized"
        calls = [
            (problem, call)
            for problem in problems
            for call in ask_for_rationale(problem, section.language, section.n, told=told)
        ]
        replies = self._ask_teacher([call for _, call in calls], f"distill: {by}")
        solutions = []
        for (problem, call), reply in zip(calls, replies, strict=True):
            if reply is None:
                self.drops.append(drop_of(problem.id, "no_reply", f"{by} {call.index}"))
            else:
                solutions.append(replied(problem, reply, by))
        self._screen(solutions)
        return replies

    def _ask_teacher(
        self, calls: Sequence[Call], title: str, short: bool = False
    ) -> list[Reply | None]:
        """The replies; all calls of the stage are in one log, so that one budget pays for them."""
        log = self._out / REPLIES
        self.asked = ask_teacher(self._config.teacher, calls, log, title=title, short=short)
        return list(self.asked.replies)

    def _screen(self, solutions: Sequence[Solution]) -> None:
        """Every check that needs one completion only."""
        self.solutions += solutions
        passed = []
        for solution in solutions:
            result = verified(solution, self._config.distill.language, self._taught)
            if isinstance(result, Drop):
                self.drops.append(result)
            else:
                passed.append(result)
        if not passed:
            return
        prompts = [self._taught.render(one.problem, "answer") for one in passed]
        targets = [self._taught.target(one.problem) for one in passed]
        for one, prompt, target in zip(
            passed,
            prompt_ids(self._tokenizer, prompts),
            completion_ids(self._tokenizer, prompts, targets),
            strict=True,
        ):
            if drop := fits(one, prompt, target, self._base.context):
                self.drops.append(drop)
            else:
                self.found.append(one)

    def _leading(self, told: Sequence[VerifiedSolution]) -> list[VerifiedSolution]:
        """Those that lead a model which was not told, its choices in another order, to the answer."""
        moved = []
        for one in told:
            try:
                moved.append((one, in_another_order(one.problem, self._config.seed)))
            except ValueError as error:
                self.drops.append(one.solution.drop("names_choices_unclearly", str(error)))
        kept = []
        for (one, _), right in zip(
            moved, self._judged([problem for _, problem in moved]), strict=True
        ):
            if right >= ENOUGH:
                kept.append(one)
            else:
                reached = f"{right} of {DRAWS} right"
                self.drops.append(one.solution.drop("does_not_lead_to_the_answer", reached))
        return kept

    def _judged(self, shown: Sequence[Problem]) -> list[int]:
        """By the run's policy; by the teacher where there is none."""
        if POLICY not in self._inputs:
            calls = calls_to_judge(shown)
            return right_replies(
                shown, self._ask_teacher(calls, "distill: judged by the teacher", short=True)
            )
        config, adapter = self._config, self._inputs[POLICY]
        check_adapter(adapter, self._base, self._renderer.hash)
        with open_engine(config.engine, config.model, self._base, [adapter]) as engine:
            path = self._out / "judged.jsonl"
            return judged_by(
                engine, adapter, self._renderer, shown, config.sample, path, config.seed
            )


def stage_for(config: Config, run_dir: Path) -> Stage:
    """The stage with what these settings need; raises KoalignError where nothing can come of them."""
    section, has_teacher = config.distill, config.teacher.url is not None
    renderer = open_renderer(config.prompt)
    template = renderer.template
    if not has_teacher and section.rationalize:
        raise KoalignError("distill.rationalize needs a teacher; set teacher.url, or say false")
    if not has_teacher and not section.own_per_teacher:
        raise KoalignError(
            "distill: teacher.url is not set and distill.own_per_teacher is 0: nobody to learn from; "
            "set one of them"
        )
    if section.own_per_teacher and not renderer.teaches_rationales:
        raise KoalignError(
            f"distill: a policy of the template {template.name} reasons nothing that could be learned; set "
            "distill.own_per_teacher: 0, or do sft and dpo-pairs with prompt.template: reasoning first"
        )
    if section.own_per_teacher and read_manifest(run_dir / "samples") is None:
        raise KoalignError(
            f"distill: no samples of the policy in {run_dir}; run `koalign dpo-pairs` first, or set "
            "distill.own_per_teacher: 0"
        )
    stage, sections, inputs = STAGE, list(STAGE.sections), list(STAGE.inputs)
    if not has_teacher:
        # The address is no part of a plan, whether there is one is.
        stage = replace(stage, run=partial(run, asks=False))
        sections.remove("teacher")
    if section.own_per_teacher:
        inputs.append(SAMPLES)
    if section.rationalize and read_manifest(run_dir / "sft") is not None:
        if not template.abstractions:
            raise KoalignError(
                f"distill.rationalize: template {template.name} has no place to show the policy a "
                "rationale; say false, or take another prompt.template"
            )
        sections += ["engine", "sample"]
        inputs += [POLICY, "engine.script"]
    return replace(stage, sections=tuple(sections), inputs=tuple(inputs))


def _refuse_nothing(report: Mapping[str, Any], out: Path) -> None:
    """Raises KoalignError where nothing is left; says what the share of own ones cost."""
    cut, own = report["dropped"].get("over_teacher_share", 0), report["kept"]["own"]
    if not report["problems_explained"]:
        found = ", ".join(f"{reason} {count}" for reason, count in report["dropped"].items())
        remedy = "; distill.own_per_teacher: 0 keeps the teacher's" if cut else ""
        raise KoalignError(
            f"distill: no rationale is left ({found or 'nothing was asked'}); see "
            f"{out / 'dropped.jsonl'}{remedy}"
        )
    if cut:
        print(
            f"distill: {cut} rationales of the teacher are left out, since there are only {own} own "
            "ones; distill.own_per_teacher sets their share",
            file=sys.stderr,
        )


STAGE = Stage(
    name="distill",
    command="distill",
    run=run,
    sections=("model", "prompt", "teacher", "distill", "seed"),
    inputs=PREPARED,
    looks_at=HELD_OUT,
    keeps=PAID,
)
