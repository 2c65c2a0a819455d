"""diagnose: trained and held-out problems, answered by base and system -> why test scores do not rise.

For an adapter that answers alone; `evaluate` measures the effect of hints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from koalign.adapters.cards import read_card
from koalign.adapters.lineage import ancestors, flat
from koalign.config.inputs import Sampling
from koalign.data.prompting.orders import choice_orders, render_in_order
from koalign.data.prompting.prompts import Renderer
from koalign.engines.drawing import draw, refuse_no_room, requests_for
from koalign.engines.engine import Engine, Request
from koalign.evaluation.diagnosis.generalisation import Answers, Item, Reply, generalisation
from koalign.hashing import PLAN, hash_path
from koalign.jsonl import read_json, read_jsonl, write_json
from koalign.manifests import read_made, well_formed
from koalign.plans import Plan
from koalign.records import KoalignError, Problem, Prompt, content_hash

DIAGNOSIS = "diagnosis.json"
TITLE = "diagnose"


def trained_on(run_dir: Path, adapter: Path) -> list[Problem]:
    """The problems of a run that its `sft` was trained on.

    Raises KoalignError where they are not there, and where the adapter was trained on others.
    """
    path = run_dir / "prepare" / "train.jsonl"
    if not path.exists():
        raise KoalignError(
            f"{path}: not there, and --diagnose needs what the adapter was trained on; "
            "give the --run-dir that it was trained in"
        )
    above = [one.path for one in flat(ancestors(adapter, [run_dir])) if one.path]
    for folder in (adapter, *above):  # of a policy after DPO its SFT knows
        learned = read_card(folder).data.get("train.jsonl")
        if learned not in (None, hash_path(path)):
            raise KoalignError(
                f"{path}: {folder} was trained on another train.jsonl ({learned}); "
                "give the --run-dir that it was trained in"
            )
    plan = run_dir / "sft" / PLAN
    with well_formed(plan):
        limit = read_made(plan, Plan).config["sft"]["limit"] if plan.exists() else None
    return read_jsonl(path, Problem)[:limit]


def diagnose(
    sampling: Sampling,
    engine: Engine,
    renderer: Renderer,
    trained: Sequence[Problem],
    held_out: Sequence[Problem],
    adapter: Path,
    out: Path,
    *,
    problems: int = 100,
    seed: int = 0,
    stop: Sequence[str] = (),
) -> dict[str, Any]:
    """Answers to at most `problems` of either side in two orders of the choices, and their signs.

    Both models answer greedily, within `max_tokens` of `sampling`, two prompts of each problem. Writes
    diagnosis.json below `out`; samples are appended there as they come, so that a
    killed diagnosis goes on. Raises KoalignError where a side has no problem that a rule can verify,
    where one is on both sides, where a prompt leaves no room for an answer, and where `out` holds
    another diagnosis.
    """
    items: list[Item] = [
        *(("train", p) for p in _some("trained on", trained, renderer, problems)),
        *(("held_out", p) for p in _some("held out", held_out, renderer, problems)),
    ]
    if twice := {p.id for p in held_out} & {p.id for p in trained}:
        raise KoalignError(
            f"{TITLE}: {len(twice)} held-out problems were trained on, such as {min(twice)}; "
            "hold others out"
        )
    questions = _questions(engine, renderer, [problem for _, problem in items], seed)
    greedy = sampling.greedy
    for shown in questions.values():
        refuse_no_room(engine, [question.request for question in shown], greedy, TITLE)
    _refuse_other(out, engine, adapter, questions, greedy)

    def replies(name: str, model: Path | None, kind: str) -> dict[str, Reply]:
        """By problem. Base and system share a file of samples, which name their adapter."""
        drawn = draw(
            engine,
            [replace(question.request, adapter=model) for question in questions[kind]],
            greedy,
            out / f"samples-{kind}.jsonl",
            title=f"{TITLE}: {name}, {kind}",
            stop=stop,
        )
        return {
            problem.id: Reply(
                problem, "\n".join(message.text for message in prompt.messages), sample
            )
            for (_, problem, prompt), (sample,) in zip(questions[kind], drawn, strict=True)
        }

    base, system = (
        Answers(**{kind: replies(name, model, kind) for kind in questions})
        for name, model in (("base", None), ("system", adapter))
    )
    targets = [t for p in trained if renderer.can_teach(p) for t in renderer.targets(p)]
    report = {
        "model": engine.base.path,
        "weight_hash": engine.base.weight_hash,
        "adapter": str(adapter),
        "adapter_id": engine.adapter_id(adapter),
        "template": renderer.template.name,
        "template_hash": renderer.hash,
        "max_tokens": greedy.most_tokens,
        "seed": seed,
        "problems": {
            "train": sum(side == "train" for side, _ in items),
            "held_out": sum(side == "held_out" for side, _ in items),
            **{kind: len(shown) for kind, shown in questions.items()},
        },
        **generalisation(items, base, system, targets, seed),
    }
    write_json(out / DIAGNOSIS, report)
    return report


def _some(side: str, problems: Sequence[Problem], renderer: Renderer, count: int) -> list[Problem]:
    """The verifiable problems with the lowest ids (hashes: a random choice), as in the probe."""
    kinds = {*renderer.template.kinds} - {"long"}
    able = sorted((p for p in problems if p.answers and p.kind in kinds), key=lambda p: p.id)
    if not able:
        raise KoalignError(
            f"{TITLE}: none of the {len(problems)} problems {side} has an answer that a rule can "
            f"verify and that template {renderer.template.name} asks for; give some that have"
        )
    return able[:count]


class _Question(NamedTuple):
    request: Request
    """For the base."""
    problem: Problem
    """With its choices as they stand."""
    prompt: Prompt


def _questions(
    engine: Engine, renderer: Renderer, problems: Sequence[Problem], seed: int
) -> dict[str, list[_Question]]:
    """Every problem as it is, and in another order where its choices may be moved."""
    orders = list(zip(problems, choice_orders(problems, 2, seed), strict=True))
    kinds = {
        "plain": [(problem, own[0]) for problem, own in orders],
        "shuffled": [(problem, own[1]) for problem, own in orders if len(own) > 1],
    }
    questions = {}
    for kind, shown in kinds.items():
        prompts = [render_in_order(renderer, problem, order) for problem, order in shown]
        requests = requests_for(engine, prompts, None)
        made = [
            _Question(replace(request, permutation=order), problem, prompt)
            for request, (problem, order), prompt in zip(requests, shown, prompts, strict=True)
        ]
        # Sorted by length: a batch is padded to its longest.
        questions[kind] = sorted(made, key=lambda q: (len(q.request.prompt_ids), q.problem.id))
    return questions


def _refuse_other(
    out: Path,
    engine: Engine,
    adapter: Path,
    questions: Mapping[str, Sequence[_Question]],
    greedy: Sampling,
) -> None:
    """Write the plan of a diagnosis; raises KoalignError if samples of another are there."""
    prompts = [
        (kind, q.problem.id, q.request.prompt_ids) for kind in questions for q in questions[kind]
    ]
    plan = {
        "base": engine.base.weight_hash,
        "adapter": engine.adapter_id(adapter),
        "prompts": content_hash(prompts),
        "max_tokens": greedy.most_tokens,
    }
    path = out / "plan.json"
    made = read_json(path) if path.exists() else plan
    known = made if isinstance(made, dict) else {}
    if others := [key for key in plan if known.get(key) != plan[key]]:
        key = others[0]
        raise KoalignError(
            f"{out}: holds a diagnosis with another {key} ({known.get(key)}, now {plan[key]}); "
            "take another folder, or remove this one"
        )
    write_json(path, plan)
