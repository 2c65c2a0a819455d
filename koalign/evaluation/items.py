"""items: a protocol and its problems -> prompts with shots, and the candidates that follow them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from koalign.data.formats.click import subject_by_id
from koalign.data.preparing.duplicates import content, unordered_content
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.evaluation.protocols import Protocol
from koalign.records import KoalignError, Problem, Prompt

_SEED = 1234
"""Of the shots of lm-eval-harness (`fewshot_random_seed`)."""

Shots = tuple[Problem, ...]


def refuse_unfit(protocol: Protocol, problems: Sequence[Problem]) -> None:
    """Raises KoalignError for a problem that the protocol cannot ask, or that has no gold answer."""
    for problem in problems:
        if protocol.formats and problem.source not in protocol.formats:
            formats, source = " and ".join(protocol.formats), problem.source or "no known format"
            why = f"asks {formats}, and {_named(problem)} is from {source}"
        elif not problem.answers:
            why = f"{_named(problem)} has no gold answer; only answered problems are evaluated"
        elif protocol.mode == "choice" and not problem.choices:
            why = f"scores choices, and {_named(problem)} has none; let it be generated"
        elif protocol.whole_query and not problem.key:
            why = (
                f"asks the published prompt, and {_named(problem)} was read without it; read the "
                "published files again"
            )
        else:
            continue
        raise KoalignError(f"protocol {protocol.name}: {why}")


def prompt_of(
    protocol: Protocol,
    renderer: Renderer,
    problem: Problem,
    shots: Sequence[Problem],
    hint: str = "",
) -> Prompt:
    """The prompt of a problem behind these shots, with a hint if there is one."""
    return renderer.render(
        _published(protocol, problem),
        "answer",
        hint,
        shots=[_published(protocol, shot) for shot in shots],
    ).model_copy(update={"problem_id": problem.id})


def candidates_of(protocol: Protocol, problem: Problem) -> tuple[str, ...]:
    """What may follow the prompt, without the delimiter; the first stands for the first choice."""
    labels = load_template(protocol.template).labels
    match protocol.candidates:
        case "choice text":
            return problem.choices
        case "every label":
            return labels
        case "label by id":
            return labels[: 5 if "CSAT" in problem.key else 4]
    ten = load_template(protocol.template).ten_labels
    if len(ten) < len(problem.choices):
        raise KoalignError(
            f"template {protocol.template}: {len(ten)} labels, and {_named(problem)} has "
            f"{len(problem.choices)} choices"
        )
    if problem.choices[9:] and ten[9].startswith(ten[0]):
        raise KoalignError(
            f"template {protocol.template}: {ten[9]!r} begins with {ten[0]!r}, so no score tells choice 10 "
            f"of {_named(problem)} from choice 1; take a template with letters, or let it be generated"
        )
    return ten[: len(problem.choices)]


def subject_of(protocol: Protocol, problem: Problem) -> str:
    """The subject that a problem counts for; of CLIcK in lm-eval-harness it is what the id says."""
    if protocol.candidates == "label by id":
        return subject_by_id(problem.key, problem.question)
    return problem.subject


def shots_of(
    protocol: Protocol,
    renderer: Renderer,
    problems: Sequence[Problem],
    shots: int | None = None,
    pool: Sequence[Problem] = (),
) -> list[Shots]:
    """The answered problems shown before each problem, as many as the protocol has or another number.

    `problems` are all of the data set in the order of its files, whatever is evaluated of them: the draw
    of lm-eval-harness runs on from item to item. `pool` is the split that the protocol takes shots from
    (of `shots_from` test by default the problems themselves).

    Raises KoalignError where the pool has too few, one of them has no gold answer, and one of them is
    itself evaluated, unless the protocol takes its shots from the test split.
    """
    shots = protocol.shots if shots is None else shots
    if not shots:
        return [()] * len(problems)
    if protocol.shots_from == "test":
        pool = pool or problems
    elif any(problem.split == "test" for problem in pool):
        raise KoalignError(
            f"protocol {protocol.name}: shots from the {protocol.shots_from} split, and the pool holds "
            "problems of the test split; name the other file"
        )
    if protocol.shot_order == "first":
        showing = replace(renderer, shots=shots, pool=tuple(pool))
        drawn = [tuple(showing.shots_for(problem)) for problem in problems]
    else:
        drawn = _as_lm_eval_draws(protocol, problems, shots, pool)
    if protocol.shots_from != "test":
        _refuse_evaluated(protocol, drawn, problems)
    return drawn


def _as_lm_eval_draws(
    protocol: Protocol, problems: Sequence[Problem], shots: int, pool: Sequence[Problem]
) -> list[Shots]:
    """What `ContextSampler` draws (lm_eval/api/samplers.py): each subject is a task with its own state.

    Where the item itself may be drawn, one more is, and the item is taken out; where it stands in the
    pool more than once and too few are left, there is a second draw without it.
    """
    tasks: dict[str, list[Problem]] = defaultdict(list)
    for problem in pool:
        tasks[subject_of(protocol, problem)].append(problem)
    states: dict[str, random.Random] = defaultdict(lambda: random.Random(_SEED))
    one_more = protocol.shots_from == "test" and not protocol.own_shot
    draws = []
    for problem in problems:
        subject = subject_of(protocol, problem)
        state, task = states[subject], tasks[subject]
        others = [other for other in task if other != problem] if one_more else task
        if len(others) < shots or len(task) < shots + one_more:
            raise KoalignError(
                f"protocol {protocol.name}: {shots} shots of the {protocol.shots_from} split wanted, and "
                f"there are {len(others)} on {subject or 'no subject'}; lower the number"
            )
        drawn = state.sample(task, shots + one_more)
        if one_more:
            drawn = [other for other in drawn if other != problem][:shots]
        if len(drawn) < shots:
            drawn = state.sample(others, shots)
        refuse_unfit(protocol, drawn)
        draws.append(tuple(drawn))
    return draws


def _named(problem: Problem) -> str:
    return f"problem {problem.name}"


def _refuse_evaluated(
    protocol: Protocol, drawn: Sequence[Shots], problems: Sequence[Problem]
) -> None:
    known = {key for p in problems for key in (content(p), unordered_content(p))}
    for shot in dict.fromkeys(shot for shots in drawn for shot in shots):
        if content(shot) in known or unordered_content(shot) in known:
            raise KoalignError(
                f"protocol {protocol.name}: the shot {_named(shot)} is evaluated, too; take shots from "
                "another split"
            )


def _published(protocol: Protocol, problem: Problem) -> Problem:
    return problem.model_copy(update={"question": problem.key}) if protocol.whole_query else problem
