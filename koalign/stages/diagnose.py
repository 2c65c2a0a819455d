"""diagnose: problems learned and problems held out, answered by base and system -> why tests do not rise.

For one step: an adapter that answers alone. What a hint before the answer does, `evaluate` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from koalign.adapters.cards import read_card
from koalign.config.inputs import Sampling
from koalign.data.prompting.orders import Order, choice_orders, in_order
from koalign.data.prompting.prompts import Renderer
from koalign.engines.drawing import draw, refuse_no_room, requests_for
from koalign.engines.engine import Engine, Request
from koalign.evaluation.diagnosis.generalisation import Answers, Item, Reply, generalisation
from koalign.jsonl import read_json, read_jsonl, write_atomically, write_json
from koalign.records import KoalignError, Problem, Prompt, Sample, content_hash
from koalign.reports.generalisation import diagnosis_page
from koalign.run import hash_path

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
    learned = read_card(adapter).data.get("train.jsonl")
    if learned not in (None, hash_path(path)):
        raise KoalignError(
            f"{path}: {adapter} was trained on another train.jsonl ({learned}); "
            "give the --run-dir that it was trained in"
        )
    plan = run_dir / "sft" / "plan.json"
    limit = read_json(plan)["config"]["sft"]["limit"] if plan.exists() else None
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

    Both models answer greedily, within `sampling.max_tokens`, two prompts of each problem. Writes
    diagnosis.json and diagnosis.html below `out`; samples are appended there as they come, so that a
    killed diagnosis goes on. Raises KoalignError where a side has no problem that a rule can verify,
    where one is on both sides, where a prompt leaves no room for `max_tokens`, and where `out` holds
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
    asked = _prompts(engine, renderer, items, seed)
    greedy = Sampling(temperature=0, top_p=1, max_tokens=sampling.max_tokens)
    for requests, _ in asked.values():
        refuse_no_room(engine, requests, greedy, TITLE)
    _refuse_other(out, engine, adapter, asked, greedy)
    known = {problem.id: problem for _, problem in items}
    answered = []
    for name, model in (("base", None), ("system", adapter)):
        replies = {
            kind: _draw(engine, *prompts, model, greedy, out, f"{name}, {kind}", stop, known)
            for kind, prompts in asked.items()
        }
        answered.append(Answers(**replies))
    learned = [problem for problem in trained if renderer.can_teach(problem)]
    taught = [target for problem in learned for target in renderer.targets(problem)]
    report = {
        "model": engine.base.path,
        "weight_hash": engine.base.weight_hash,
        "adapter": str(adapter),
        "adapter_id": engine.adapter_id(adapter),
        "template": renderer.template.name,
        "template_hash": renderer.hash,
        "max_tokens": greedy.max_tokens,
        "seed": seed,
        "problems": {
            "train": sum(side == "train" for side, _ in items),
            "held_out": sum(side == "held_out" for side, _ in items),
            **{kind: len(requests) for kind, (requests, _) in asked.items()},
        },
        **generalisation(items, *answered, taught, seed),
    }
    write_json(out / DIAGNOSIS, report)
    write_atomically(out / "diagnosis.html", diagnosis_page(report))
    return report


def _some(side: str, problems: Sequence[Problem], renderer: Renderer, count: int) -> list[Problem]:
    """Those with the lowest ids, as by lot, that a rule can verify: the same as the probe takes."""
    asked = [p for p in problems if p.answers and p.kind in renderer.template.kinds]
    asked = sorted((p for p in asked if p.kind != "long"), key=lambda problem: problem.id)
    if not asked:
        raise KoalignError(
            f"{TITLE}: none of the {len(problems)} problems {side} has an answer that a rule can "
            f"verify and that template {renderer.template.name} asks for; give some that have"
        )
    return asked[:count]


Asked = dict[str, tuple[list[Request], dict[str, Prompt]]]
"""Kind of prompt -> requests to no adapter, and their prompts by problem."""


def _prompts(engine: Engine, renderer: Renderer, items: Sequence[Item], seed: int) -> Asked:
    problems = [problem for _, problem in items]
    orders = {
        problem.id: own[1]
        for problem, own in zip(problems, choice_orders(problems, 2, seed), strict=True)
        if len(own) > 1
    }
    plain = {problem.id: renderer.render(problem, "answer") for problem in problems}
    moved = {
        p.id: _in_order(renderer, p, orders[p.id], plain[p.id]) for p in problems if p.id in orders
    }
    return {
        "plain": (_requests(engine, plain, {}), plain),
        "shuffled": (_requests(engine, moved, orders), moved),
    }


def _in_order(renderer: Renderer, problem: Problem, order: Order, asked: Prompt) -> Prompt:
    """The prompt that shows the choices in this order, after the same shots as in the other."""
    question = renderer.render(in_order(problem, order), "answer").messages[-1]
    return asked.model_copy(update={"messages": (*asked.messages[:-1], question)})


def _requests(
    engine: Engine, prompts: dict[str, Prompt], orders: dict[str, Order]
) -> list[Request]:
    """Those of like length side by side, since a batch is as long as its longest."""
    requests = [
        replace(request, permutation=orders.get(request.problem_id, ()))
        for request in requests_for(engine, list(prompts.values()), None)
    ]
    return sorted(requests, key=lambda request: (len(request.prompt_ids), request.problem_id))


def _refuse_other(out: Path, engine: Engine, adapter: Path, asked: Asked, greedy: Sampling) -> None:
    """Write down what is asked of whom; raises KoalignError if samples of something else are there."""
    read = [(kind, r.problem_id, r.prompt_ids) for kind in asked for r in asked[kind][0]]
    plan = {
        "base": engine.base.weight_hash,
        "adapter": engine.adapter_id(adapter),
        "prompts": content_hash(read),
        "max_tokens": greedy.max_tokens,
    }
    path = out / "plan.json"
    if path.exists() and (made := read_json(path)) != plan:
        key = next(key for key in plan if made.get(key) != plan[key])
        raise KoalignError(
            f"{out}: holds a diagnosis with another {key} ({made.get(key)}, now {plan[key]}); "
            "take another folder, or remove this one"
        )
    write_json(path, plan)


def _draw(
    engine: Engine,
    requests: Sequence[Request],
    prompts: dict[str, Prompt],
    adapter: Path | None,
    greedy: Sampling,
    out: Path,
    title: str,
    stop: Sequence[str],
    known: dict[str, Problem],
) -> dict[str, Reply]:
    """The replies by problem; base and system share a file of samples, which name their adapter."""
    kind = title.partition(", ")[2].replace(" ", "-")
    drawn: Iterable[Sequence[Sample]] = draw(
        engine,
        [replace(request, adapter=adapter) for request in requests],
        greedy,
        out / f"samples-{kind}.jsonl",
        title=f"{TITLE}: {title}",
        stop=stop,
    )
    return {
        sample.problem_id: Reply(
            known[sample.problem_id], _text(prompts[sample.problem_id]), sample
        )
        for (sample,) in drawn
    }


def _text(prompt: Prompt) -> str:
    return "\n".join(message.text for message in prompt.messages)
