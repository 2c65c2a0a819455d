"""served: a run and its config -> the models that a server offers, and what they stand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from koalign.adapters.cards import adapter_id, check_adapter, is_pruned, read_card
from koalign.adapters.names import find_adapters, made_in, steps_of
from koalign.answering.passages import (
    PassageFinder,
    refuse_query,
    refuse_steps,
)
from koalign.config.sections import Config, Solve
from koalign.data.prompting.prompts import Purpose, Renderer
from koalign.engines.opening import base_of_run
from koalign.jsonl import read_record
from koalign.manifests import output_of
from koalign.records import Base, KoalignError, content_hash
from koalign.renderer import open_renderer
from koalign.stages.pipeline import refuse_outdated_passages
from koalign.text.visible import say

CHAIN, VOTE = "koalign", "koalign-vote"
GREEDY = {"hints": 1, "answers": 1, "bare": 0, "temperature": 0.0, "hint_temperature": 0.0}
"""`koalign solve --greedy`."""


@dataclass(frozen=True)
class ServedModel:
    """A model by the name that a request gives."""

    name: str
    steps: tuple[Path, ...]
    """Of two the first generates a hint."""
    ids: tuple[str, ...]
    """Of the adapters of the steps, taken before they were checked."""
    section: Solve
    """How it samples."""
    purpose: Purpose = "answer"
    """abstraction: it writes a hint, and answers nothing."""

    @property
    def fixed(self) -> bool:
        """Whether a request cannot change how it samples."""
        return self.name in (CHAIN, VOTE)


@dataclass(frozen=True)
class ServedRun:
    """What a server stands on."""

    run_dir: Path
    config: Config
    base: Base
    renderer: Renderer
    models: Mapping[str, ServedModel]
    finder: PassageFinder | None = None
    """Of the models with `solve.passages`."""

    @property
    def adapters(self) -> list[Path]:
        """The adapter folders of all models, each once."""
        return list(dict.fromkeys(step for model in self.models.values() for step in model.steps))

    @property
    def ids(self) -> dict[Path, str]:
        """Adapter folder -> the id of the adapter that was checked."""
        models = self.models.values()
        return {step: its for m in models for step, its in zip(m.steps, m.ids, strict=True)}

    @property
    def id(self) -> str:
        """Changes with the base, an adapter or the prompts."""
        return content_hash(self.base.weight_hash, sorted(self.ids.values()), self.renderer.hash)


def open_run(run_dir: Path, config: Config, names: str | None = None) -> ServedRun:
    """The models of a run; `names`: the steps of `koalign`, as `--adapters` of solve has them.

    Raises KoalignError for a run without adapters, for passages whose queries an adapter wrote, and where
    base or prompts are not those of the run.
    An adapter with other prompts, such as that of a control, is left out.
    """
    if not (run_dir / "prepare").exists():
        raise KoalignError(f"{run_dir}: no run here; run `koalign sft` first (or `koalign run`)")
    base = read_record(output_of(run_dir, "prepare/base.json", "serve"), Base)
    base = base_of_run(config.engine, config.model, base, run_dir)
    renderer = open_renderer(config.prompt, output_of(run_dir, "prepare/shots.jsonl", "serve"))
    models = _chain(run_dir, config, base, renderer, names) | _single(
        run_dir, config, base, renderer
    )
    if not models:
        raise KoalignError(
            f"{run_dir}: has no adapter to serve; run `koalign sft` first (or `koalign run`)"
        )
    finder = None
    if config.solve.passages:
        if config.retrieve.adapter is not None:
            raise KoalignError(
                "solve.passages: a server is asked problems that are not of the run, and retrieve.adapter "
                "has written queries for those alone; set solve.passages to 0, or retrieve without it"
            )
        refuse_outdated_passages(config, run_dir)
        finder = PassageFinder(config, run_dir).open()
    return ServedRun(run_dir, config, base, renderer, models, finder)


def _chain(
    run_dir: Path, config: Config, base: Base, renderer: Renderer, names: str | None
) -> dict[str, ServedModel]:
    """koalign and koalign-vote; none where the run ends before its role adapters and none are named."""
    made = made_in(run_dir)
    own = steps_of(config.solve.adapters)
    if names is None and set(own) <= {"abstraction", "answer"} and not set(own) <= set(made):
        refuse_steps(config.solve, own)
        return {}
    named = names or config.solve.adapters
    found = find_adapters(named, run_dir, config.dpo.rounds)
    refuse_query(named, found, "a server")
    refuse_steps(config.solve, found)
    steps: list[Path] = []
    ids: list[str] = []
    for step in found:
        if step is None:
            raise KoalignError("--adapters: the base is not served, only adapters on it")
        ids.append(adapter_id(step))
        check_adapter(step, base, renderer.hash)
        steps.append(step)
    greedy = config.solve.model_copy(update=GREEDY)
    return {
        CHAIN: ServedModel(CHAIN, tuple(steps), tuple(ids), greedy),
        VOTE: ServedModel(VOTE, tuple(steps), tuple(ids), config.solve),
    }


def _single(
    run_dir: Path, config: Config, base: Base, renderer: Renderer
) -> dict[str, ServedModel]:
    """Each adapter of the run by its name; of these the reader alone is shown passages."""
    greedy = config.solve.model_copy(update=GREEDY)
    bare = greedy.model_copy(update={"passages": 0})
    models = {}
    for name in made_in(run_dir):
        folder = output_of(run_dir, f"{name}/adapter", "serve")
        if is_pruned(folder):
            continue
        its, card = adapter_id(folder), read_card(folder)
        if card.template_hash not in (None, renderer.hash):
            say(f"{name}: not served, it was trained with other prompts", err=True)
            continue
        check_adapter(folder, base, renderer.hash)
        purpose: Purpose = "abstraction" if card.role == "abstraction" else "answer"
        section = greedy if card.role == "reader" else bare
        models[name] = ServedModel(name, (folder,), (its,), section, purpose)
    return models
