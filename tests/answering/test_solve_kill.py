"""kill -9 in solve at 20 random moments: nothing lost, nothing doubled, and the same bytes in the end."""

import os
import random
import signal
import time
from pathlib import Path

import pytest
import yaml
from support.problems import CITIES, problem, write_lines

from koalign.config.files import load_config
from koalign.data.formats.sources import read_source
from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.engines.scripted import SCRIPTED_BASE
from koalign.evaluation.solving.voting import Attempt
from koalign.jsonl import iter_json_lines, read_jsonl
from koalign.stages.solve import ANSWERS, ATTEMPTS, SolveJob, can_continue, solve

pytestmark = pytest.mark.slow

KILLS = 20


def test_a_solve_killed_at_20_random_moments_loses_and_doubles_nothing(folder):
    write_lines(folder / "asked.jsonl", [problem(n) for n in range(320)])
    asked = read_source("asked.jsonl", "test").problems
    hints = [f"{one}의 기록과 {other}의 기록을 견준다." for one in CITIES for other in CITIES]
    answers = [f"고른 답: {city}\n정답: {n}" for n, city in enumerate(CITIES, start=1)]
    script = [
        {"contains": ["풀이의 실마리를 쓰시오"], "texts": [*hints, "정답: 1"]},
        {"texts": answers},
    ]
    Path("script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), encoding="utf-8")
    config = load_config([], ["engine.backend=scripted", "engine.script=script.yaml"])
    renderer = Renderer(load_template(DEFAULT))

    def job_in(work: Path) -> SolveJob:
        steps = [None, None]
        return SolveJob(config, SCRIPTED_BASE, renderer, asked, steps, work, work / ANSWERS)

    def solve_in(work: Path) -> None:
        solve(job_in(work))

    def begun(work: Path) -> int:
        child = os.fork()
        if child == 0:  # as a process of its own: it can be killed in the middle of a write
            status = 1
            try:
                solve_in(work)
                status = 0
            finally:
                os._exit(status)
        return child

    started = time.monotonic()
    solve_in(folder / "whole")
    seconds = time.monotonic() - started
    whole = {name: (folder / "whole" / name).read_bytes() for name in (ATTEMPTS, ANSWERS)}

    ids = [one.id for one in read_jsonl(folder / "whole" / ATTEMPTS, Attempt)]
    assert ids == [one.id for one in asked]
    assert [value["id"] for _, value in iter_json_lines(folder / "whole" / ANSWERS)] == ids

    rng, kills, works = random.Random(0), 0, 0
    while kills < KILLS:
        work = folder / f"killed-{works}"
        child = begun(work)
        time.sleep(rng.uniform(0, seconds / 3))
        os.kill(child, signal.SIGKILL)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL:
            kills += 1
            check(job_in(work), whole)
        else:  # it was done: the next kills are of another
            works += 1
    solve_in(folder / f"killed-{works}")
    for number in range(works + 1):
        for name, bytes_of in whole.items():
            assert (folder / f"killed-{number}" / name).read_bytes() == bytes_of


def check(job: SolveJob, whole: dict[str, bytes]) -> None:
    """What a killed process left is the beginning of what an uninterrupted one leaves."""
    for name, bytes_of in whole.items():
        if (job.work / name).exists():
            assert bytes_of.startswith((job.work / name).read_bytes())
    if job.answers.exists():
        assert can_continue(job)
        lines = job.answers.read_bytes().count(b"\n")
        attempts = job.attempts.read_bytes() if job.attempts.exists() else b""
        assert attempts.count(b"\n") >= lines
