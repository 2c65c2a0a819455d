"""distill: solutions by a teacher and the policy -> verified rationales for `data.train`. Expensive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from koalign.evaluation.stats.wording import in_words
from koalign.guard import HELD_OUT, leaking_texts, refuse_leaks, write_drops
from koalign.jsonl import read_jsonl, read_record, write_json, write_jsonl
from koalign.manifests import CALLS_FAILED, read_manifest
from koalign.mining.distilling.explaining import REASONING, ask_for_rationale, in_another_order
from koalign.mining.distilling.mixture import mixture, with_rationales
from koalign.mining.distilling.report import chosen_by_teacher, describe_distillation
from koalign.mining.distilling.teacher_alarms import number_alarms, text_alarms
from koalign.mining.distilling.teacher_calls import PAID, REPLIES, Call, Reply
from koalign.mining.distilling.verify import By, Solution, VerifiedSolution, drop_of, fits, verified
from koalign.records import Base, Drop, KoalignError, Problem, Sample, count_reasons
from koalign.renderer import open_renderer
from koalign.run import ENGINE, PREPARED, Inputs, Stage, StageResult
from koalign.text.visible import say, warn

SAMPLES = "samples/samples.jsonl"
POLICY = "sft/adapter"


def run(config: Config, inputs: Inputs, out: Path, *, has_teacher: bool = True) -> StageResult:
    """Call the teacher, if there is one, verify every completion on its own, then make the set."""
    base = read_record(inputs["prepare/base.json"], Base)
    problems = read_jsonl(inputs["prepare/train.jsonl"], Problem)[: config.distill.limit]
    refuse_leaks(problems, inputs)
    renderer = open_renderer(config.prompt, inputs["prepare/shots.jsonl"])
    verifiable = [problem for problem in problems if problem.kind != "long"]
    tokenizer = tokenizer_of(config.model, base)
    work = _Distillation(config, inputs, out, base, renderer, verifiable, tokenizer)
    if SAMPLES in inputs:
        work.take_own()
    if has_teacher:
        work.call_teacher()
    else:
        say(
            "distill: no teacher.url: the policy's own verified samples alone (rejection sampling)",
            err=True,
        )
    if config.distill.rationalize:
        work.rationalize()
    work.drop_leaks()
    kept, gone = mixture(
        work.verified,
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
        **describe_distillation(work.solutions, work.verified, kept, drops),
        "own_per_teacher_wanted": config.distill.own_per_teacher,
        "teacher": work.describe_teacher(),
    }
    write_drops(out, drops, problems)
    write_json(out / "report.json", report)
    _refuse_nothing(report, out)
    write_jsonl(out / "rationales.jsonl", with_rationales(problems, kept))
    counts = {"problems": report["problems_explained"], **report["kept"]}
    counts |= {CALLS_FAILED: work.failed} if work.failed else {}
    return StageResult(
        counts | count_reasons(drops, "dropped_"),
        {"cost": work.teacher.cost} if work.teacher else {},
    )


@dataclass
class _Distillation:
    """The solutions so far, those that passed, and the drops."""

    config: Config
    inputs: Inputs
    out: Path
    base: Base
    renderer: Renderer
    problems: Sequence[Problem]
    tokenizer: Any
    teacher: TeacherResult | None = None
    """Of the last call; its cost is that of the whole log."""
    alarms: list[str] = field(default_factory=list)
    failed: int = 0
    """Calls without a reply."""
    solutions: list[Solution] = field(default_factory=list)
    verified: list[VerifiedSolution] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)

    def take_own(self) -> None:
        """Verify the policy's samples."""
        by_id = {problem.id: problem for problem in self.problems}
        samples = [s for s in read_jsonl(self.inputs[SAMPLES], Sample) if s.problem_id in by_id]
        samples.sort(key=lambda s: (s.problem_id, s.permutation, s.index))
        self._verify([
            Solution(
                by_id[s.problem_id], s.text, s.finish_reason, "own", s.adapter, s.index, s.permutation
            )
            for s in samples
        ])  # fmt: skip

    def call_teacher(self) -> None:
        """Verify the teacher's solutions, without the answer in the prompt."""
        replies = self._solutions_by("teacher", self.problems)
        numbers = number_alarms(chosen_by_teacher(self.solutions))
        self.alarms = [*text_alarms(replies), *numbers]
        for alarm in numbers:  # `ask_teacher` has printed those of texts
            warn(f"distill: suspicious: {alarm}")

    def rationalize(self) -> None:
        """Problems that no draw solved once more, with the answer in the prompt; then judge the result."""
        solved = {solution.problem.id for solution in self.solutions if solution.verdict.correct}
        before = len(self.verified)
        self._solutions_by("rationalized", [p for p in self.problems if p.id not in solved])
        self.verified[before:] = self._leading(self.verified[before:])

    def drop_leaks(self) -> None:
        """Drop rationales that contain a problem of dev or test."""
        leaking = leaking_texts([answer.rationale for answer in self.verified], self.inputs)
        for number in sorted(leaking):
            self.drops.append(self.verified[number].solution.drop("says_an_evaluated_problem"))
        self.verified = [a for number, a in enumerate(self.verified) if number not in leaking]

    def describe_teacher(self) -> dict[str, Any] | None:
        """Tokens, cost and alarms; none without a teacher."""
        if self.teacher is None:
            return None
        models = Counter(s.model for s in self.solutions if s.by != "own")
        return {
            "models": dict(sorted(models.items())),
            "prompt_tokens": self.teacher.prompt_tokens,
            "completion_tokens": self.teacher.completion_tokens,
            "cost": self.teacher.cost,
            "tries_estimated": self.teacher.estimated,
            "replies_without_a_count": self.teacher.unknown,
            "alarms": self.alarms,
        }

    def _solutions_by(self, by: By, problems: Sequence[Problem]) -> list[Reply | None]:
        section, told = self.config.distill, by == "rationalized"
        calls = [
            (problem, call)
            for problem in problems
            for call in ask_for_rationale(problem, section.language, section.n, told=told)
        ]
        replies = self._replies([call for _, call in calls], f"distill: {by}")
        solutions = []
        for (problem, call), r in zip(calls, replies, strict=True):
            if r is None:
                self.drops.append(drop_of(problem.id, "no_reply", f"{by} {call.index}"))
            else:
                solutions.append(Solution(problem, r.text, r.finish_reason, by, r.model, r.index))
        self._verify(solutions)
        return replies

    def _replies(
        self, calls: Sequence[Call], title: str, short: bool = False
    ) -> list[Reply | None]:
        """The replies; all calls of the stage are in one log, so that one budget pays for them."""
        log = self.out / REPLIES
        self.teacher = ask_teacher(self.config.teacher, calls, log, title=title, short=short)
        self.failed += len(self.teacher.failures)
        return list(self.teacher.replies)

    def _verify(self, solutions: Sequence[Solution]) -> None:
        """Every check that needs one completion only."""
        # The template to learn by: that of this run, or of the next one, which reasons.
        reasons = self.renderer.teaches_rationales
        renderer = self.renderer if reasons else Renderer(load_template(REASONING))
        self.solutions += solutions
        results = [verified(s, self.config.distill.language, renderer) for s in solutions]
        self.drops += [result for result in results if isinstance(result, Drop)]
        passed = [result for result in results if not isinstance(result, Drop)]
        if not passed:
            return
        prompts = [renderer.render(answer.problem, "answer") for answer in passed]
        targets = [renderer.target(answer.problem) for answer in passed]
        completions = completion_ids(self.tokenizer, prompts, targets)
        for answer, prompt, completion in zip(
            passed, prompt_ids(self.tokenizer, prompts), completions, strict=True
        ):
            if drop := fits(answer, prompt, completion, self.base.context):
                self.drops.append(drop)
            else:
                self.verified.append(answer)

    def _leading(self, told: Sequence[VerifiedSolution]) -> list[VerifiedSolution]:
        """Rationales by which a model that was not told answers right, the choices in another order."""
        moved = []
        for answer in told:
            try:
                moved.append((answer, in_another_order(answer.problem, self.config.seed)))
            except ValueError as error:
                self.drops.append(answer.solution.drop("names_choices_unclearly", str(error)))
        kept = []
        counts = self._judged([problem for _, problem in moved])
        for (answer, _), right in zip(moved, counts, strict=True):
            if right >= ENOUGH:
                kept.append(answer)
            else:
                detail = f"{right} of {DRAWS} right"
                self.drops.append(answer.solution.drop("does_not_lead_to_the_answer", detail))
        return kept

    def _judged(self, shown: Sequence[Problem]) -> list[int]:
        """Right answers of DRAWS by the run's policy, or by the teacher where there is none."""
        if POLICY not in self.inputs:
            title = "distill: judged by the teacher"
            return right_replies(shown, self._replies(calls_to_judge(shown), title, short=True))
        config, adapter = self.config, self.inputs[POLICY]
        check_adapter(adapter, self.base, self.renderer.hash)
        with open_engine(config.engine, config.model, self.base, [adapter]) as engine:
            path = self.out / "judged.jsonl"
            return judged_by(
                engine, adapter, self.renderer, shown, config.sample, path, config.seed
            )


def stage_for(config: Config, run_dir: Path) -> Stage:
    """The stage with what the settings need; raises KoalignError if they leave nothing to learn from."""
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
        # The address is no part of the plan, but its presence is.
        stage = replace(stage, run=partial(run, has_teacher=False))
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
        inputs += [POLICY, *ENGINE]
    return replace(stage, sections=tuple(sections), inputs=tuple(inputs))


def _refuse_nothing(report: Mapping[str, Any], out: Path) -> None:
    """Raises KoalignError where nothing is left; prints what the share of own ones cost."""
    cut, own = report["dropped"].get("over_teacher_share", 0), report["kept"]["own"]
    if not report["problems_explained"]:
        reasons = in_words(report["dropped"]) if report["dropped"] else "nothing was asked"
        remedy = "; distill.own_per_teacher: 0 keeps the teacher's" if cut else ""
        raise KoalignError(
            f"distill: no rationale is left ({reasons}); see {out / 'dropped.jsonl'}{remedy}"
        )
    if cut:
        warn(
            f"distill: {cut} rationales of the teacher are left out, since there are only {own} own "
            "ones; distill.own_per_teacher sets their share"
        )


STAGE = Stage(
    name="distill",
    command="distill",
    run=run,
    sections=("model", "prompt", "teacher", "distill", "seed"),
    inputs=PREPARED,
    looks_at=HELD_OUT,
    keeps=PAID,
    version=14,
)
