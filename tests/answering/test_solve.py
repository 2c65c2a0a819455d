"""solve: hints before answers, one budget for every problem, streamed, continued, and never overwritten."""

from itertools import groupby, product
from pathlib import Path

import pytest
import yaml
from support.problems import CITIES, problem, write_lines

from koalign.answering.controls import draw_controls
from koalign.answering.solving import Solver
from koalign.cli.budget import budget_settings
from koalign.config.engine import Engine
from koalign.config.files import load_config
from koalign.config.inputs import Data, Model
from koalign.config.sections import Config, Solve
from koalign.data.formats.sources import read_source
from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.engines.scripted import SCRIPTED_BASE, ScriptedEngine
from koalign.evaluation.solving.solutions import solve_by_vote
from koalign.evaluation.solving.voting import Attempt, answers_of, spent
from koalign.records import KoalignError
from koalign.stages import solve as stage
from koalign.stages.solve import ANSWERS
from koalign.text.visible import say_once

RENDERER = Renderer(load_template(DEFAULT))
TWO = [Path("abstraction"), Path("answer")]
TEXTS = [f"고른 답: {city}\n정답: {n}" for n, city in enumerate(CITIES, start=1)]
HINTS = ["기록에서 이름을 찾는다.", "마을의 기록을 끝까지 읽고 고을을 견준다."]

NAMES = ("민수", "영희", "하준", "보람", "지영", "정훈")


class Watched(ScriptedEngine):
    """The scripted engine, which remembers what it was asked, and stops after so many batches."""

    def __init__(self, script: Path, batches: int = 10**6) -> None:
        super().__init__(Engine(backend="scripted", script=str(script)), SCRIPTED_BASE)
        self.calls: list[str] = []
        self.batches = batches

    def adapter_id(self, adapter: Path | None) -> str:
        return "" if adapter is None else adapter.name

    def generate(self, requests, sampling, **rest):
        self.calls.append(self.adapter_id(requests[0].adapter))
        if self.calls.count("abstraction") > self.batches:
            raise KeyboardInterrupt
        return super().generate(requests, sampling, **rest)

    def _texts(self, prompt_ids, adapter):  # adapters that are names only have no card
        return super()._texts(prompt_ids, None)


def script_of(folder: Path, hints: list[str]) -> Path:
    lines = [{"contains": ["풀이의 실마리를 쓰시오"], "texts": hints}, {"texts": TEXTS}]
    path = folder / "script.yaml"
    path.write_text(yaml.safe_dump(lines, allow_unicode=True), encoding="utf-8")
    return path


def problems_of(folder: Path, count: int) -> list:
    write_lines(folder / "asked.jsonl", [problem(n) for n in range(count)])
    return read_source(str(folder / "asked.jsonl"), "test").problems


def attempts_of(engine, section: Solve, problems, path: Path, steps=TWO) -> list[Attempt]:
    solver = Solver(engine, section, RENDERER, steps, seed=0)
    return [one for batch in solver.attempts(problems, path) for one in batch]


@pytest.mark.parametrize(
    "section", [Solve(), Solve(hints=3, answers=2, bare=1), Solve(hints=0, bare=5)]
)
def test_every_problem_has_the_whole_budget_whatever_becomes_of_its_hints(folder, section):
    script = script_of(folder, [*HINTS, "정답: 3", ""])
    found = attempts_of(Watched(script), section, problems_of(folder, 20), folder / "a.jsonl")
    assert (
        len({sum(hint.use == "used" for hint in one.hints) for one in found}) > 1
        or not section.hints
    )
    assert {len(answers_of(one)) for one in found} == {section.budget}
    assert {len(one.hints) for one in found} == {section.hints}


def test_all_hints_of_a_batch_are_drawn_before_all_of_its_answers(folder):
    engine = Watched(script_of(folder, HINTS))
    attempts_of(engine, Solve(), problems_of(folder, 40), folder / "a.jsonl")
    phases = [name for name, _ in groupby(engine.calls)]
    assert phases == ["abstraction", "answer"] * 3  # 16 problems a batch


def test_without_a_usable_hint_solving_is_the_bare_vote_with_the_same_seeds(folder):
    asked = problems_of(folder, 20)
    useless = attempts_of(
        Watched(script_of(folder, ["정답: 1"])), Solve(), asked, folder / "a.jsonl"
    )
    bare = attempts_of(
        Watched(script_of(folder, HINTS)), Solve(), asked, folder / "b.jsonl", TWO[1:]
    )
    for one, hinted, alone in zip(asked, useless, bare, strict=True):
        assert hinted.bare == alone.bare and len(alone.bare) == 8
        first, second = solve_by_vote(one, hinted), solve_by_vote(one, alone)
        assert (first.answer, first.votes, first.text) == (second.answer, second.votes, second.text)


def test_greedily_one_hint_and_one_answer_are_drawn(folder):
    section = Solve(hints=1, bare=0, temperature=0, hint_temperature=0)
    (one, *_) = attempts_of(
        Watched(script_of(folder, HINTS)), section, problems_of(folder, 3), folder / "a.jsonl"
    )
    assert [hint.text for hint in one.hints] == HINTS[:1] and not one.bare
    assert [answer.text for answer in one.hints[0].answers] == TEXTS[:1]


@pytest.mark.parametrize(
    ("budget", "hints", "bare"), [(2, 1, 1), (3, 2, 1), (8, 4, 4), (9, 5, 4)]
)  # fmt: skip
def test_a_budget_is_half_hints_with_an_answer_each_and_half_bare(budget, hints, bare):
    section = load_config([], budget_settings(budget, False, [])).solve
    assert (section.hints, section.answers, section.bare) == (hints, 1, bare)
    assert section.budget == budget


def test_a_budget_of_one_is_greedy():
    section = load_config([], budget_settings(1, False, [])).solve
    assert (section.budget, section.hints) == (1, 1)
    assert section.temperature == section.hint_temperature == 0


@pytest.mark.parametrize(
    "setting", ["temperature=0", "hint_temperature=0", "hints=0,bare=0", "answers=0", "bare=-1"]
)
def test_draws_that_would_all_be_the_same_or_none_are_refused(setting):
    with pytest.raises(KoalignError, match="solve"):
        load_config([], ["solve.bare=4", *(f"solve.{one}" for one in setting.split(","))])


def test_a_hint_that_leaves_no_room_for_an_answer_is_not_used(folder):
    engine = Watched(script_of(folder, ["길고 긴 실마리 " * 400, HINTS[0]]))
    engine.base = SCRIPTED_BASE.model_copy(update={"context": 4000})
    found = attempts_of(engine, Solve(max_tokens=2500), problems_of(folder, 20), folder / "a.jsonl")
    uses = {hint.use for one in found for hint in one.hints}
    assert "unfinished" in uses or "too_long" in uses
    assert {len(answers_of(one)) for one in found} == {8}


def test_with_a_default_max_tokens_a_long_problem_has_less_room_and_the_others_are_as_without_it(
    folder, capsys
):
    say_once.cache_clear()
    asked = problems_of(folder, 6)
    long = asked[3].model_copy(update={"passage": "가나다라 " * 100})
    prompts = [RENDERER.render(p, "answer").messages[-1].text for p in (*asked, long)]
    short = max(len(text.encode()) for text in prompts[:-1])
    context = short + 1024 + 900  # of it the long one leaves less than 1024
    engine = Watched(script_of(folder, HINTS))
    engine.base = SCRIPTED_BASE.model_copy(update={"context": context})
    solver = Solver(engine, Solve(), RENDERER, TWO, seed=0)
    both = [*asked[:3], long, *asked[4:]]
    assert solver.refusals(both) == {} and not capsys.readouterr().err
    with_long = attempts_of(engine, Solve(), both, folder / "a.jsonl")
    assert capsys.readouterr().err.count("solve.max_tokens: 1024, the default, is more than") == 1
    without = attempts_of(engine, Solve(), asked, folder / "b.jsonl")
    assert [a for a in with_long if a.id != long.id] == [a for a in without if a.id != asked[3].id]
    set_by_user = Solver(engine, Solve(max_tokens=1024), RENDERER, TWO, seed=0)
    assert list(set_by_user.refusals(both)) == [long.id]


def job_in(folder: Path, problems, work: Path) -> stage.SolveJob:
    engine = Engine(backend="scripted", script=str(script_of(folder, HINTS)))
    config = Config(engine=engine, model=Model(path="none"), data=Data(train="none"))
    return stage.SolveJob(config, SCRIPTED_BASE, RENDERER, problems, TWO, work, work / ANSWERS)


def solved(folder: Path, problems, work: Path, batches: int = 10**6, monkeypatch=None) -> bytes:
    script = script_of(folder, HINTS)
    monkeypatch.setattr(stage, "open_engine", lambda *_: Watched(script, batches))
    stage.solve(job_in(folder, problems, work))
    return (work / ANSWERS).read_bytes()


def test_answers_stand_in_the_file_batch_by_batch_and_an_interrupted_run_ends_in_the_same_bytes(
    folder, monkeypatch
):
    asked = problems_of(folder, 40)
    whole = solved(folder, asked, folder / "whole", monkeypatch=monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        solved(folder, asked, folder / "half", batches=1, monkeypatch=monkeypatch)
    half = (folder / "half" / ANSWERS).read_bytes()
    assert half.count(b"\n") == 16 and whole.startswith(half)
    assert stage.can_continue(job_in(folder, asked, folder / "half"))
    with (folder / "half" / ANSWERS).open("ab") as file:
        file.write(whole[len(half) : len(half) + 25])  # a line cut off in the middle
    assert stage.can_continue(job_in(folder, asked, folder / "half")) is False
    (folder / "half" / ANSWERS).write_bytes(half[:-30])
    assert stage.can_continue(job_in(folder, asked, folder / "half"))
    assert solved(folder, asked, folder / "half", monkeypatch=monkeypatch) == whole


def test_bare_answers_at_equal_tokens_cost_no_less_and_one_of_each_fewer_would(folder):
    many = [f"{one}의 기록을 {other}의 기록과 견주어 본다." for one, other in product(NAMES, NAMES)]
    engine, asked = Watched(script_of(folder, many)), problems_of(folder, 20)
    solver = Solver(engine, Solve(), RENDERER, TWO, seed=0)
    attempts = [one for batch in solver.attempts(asked, folder / "a.jsonl") for one in batch]
    controls = draw_controls(solver, asked, attempts, Path("dpo"), folder)
    tokens = sum(spent(one).generated for one in attempts)
    cost = sum(spent(one).generated for one in controls.bare)
    last = sum(one.bare[-1].tokens for one in controls.bare)
    assert cost >= tokens > cost - last
    assert {len(one.bare) for one in controls.bare} == {len(controls.bare[0].bare)}
    own, other = (
        [sum(len(hint.answers) for hint in one.hints) for one in some]
        for some in (attempts, controls.mismatched)
    )
    assert own == other
