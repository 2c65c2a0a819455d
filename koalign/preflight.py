"""preflight: config, data and machine -> everything that would stop a run later, found before it begins.

The checks are those of the stages. What one of them raises is a finding here, so that all are seen at once.
"""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from koalign.config.inputs import Source
from koalign.config.sections import Config, resolve_path
from koalign.config.teacher import Teacher
from koalign.data.formats.reading import Reading
from koalign.data.formats.sources import read_source
from koalign.data.preparing.preparation import SPLITS, Preparation
from koalign.data.prompting.examples import teachable
from koalign.data.prompting.prompts import Renderer
from koalign.data.prompting.tokens import refuse_other_model
from koalign.engines.chat import key_in_environment, read_key
from koalign.engines.embedding import refuse_no_embedding
from koalign.engines.opening import backend_of
from koalign.engines.teacher import refuse_no_address
from koalign.guard import context_of, needs_probe
from koalign.hashing import PLAN
from koalign.jsonl import read_jsonl, read_record
from koalign.manifests import ROUND, read_manifest
from koalign.planning.changes import refuse_offload_without_room
from koalign.planning.shape import Shape
from koalign.plans import HUB, Plan, is_blank, other_plan
from koalign.records import KoalignError, Problem, Ranking
from koalign.renderer import open_renderer
from koalign.retrieval.lexical import require_tantivy
from koalign.run import Stage, find_inputs, plan_of
from koalign.stages.evaluate import refuse_unanswered
from koalign.stages.pipeline import left_in
from koalign.stages.prepare import READ_BACK, read_hints, refuse_unreadable_targets
from koalign.stages.solve import refuse_other_solving
from koalign.tracking.push import refuse_unready

QUICK = 1 << 20
"""Bytes of data that are read before every run; of more `--dry-run` reads all, and else `prepare`."""
NO_DEV = "no problem in dev (data.dev, data.dev_share) that a rule can verify"
T = TypeVar("T")


def findings(
    config: Config,
    stages: Sequence[Stage],
    run_dir: Path,
    *,
    force: bool,
    shape: Shape | None,
    disk: float,
    read_all: bool,
) -> list[str]:
    """What stops a run, each with its remedy; nothing is written.

    `shape`: none for a scripted engine, which has no weights. `disk`: bytes that the run needs. `read_all`:
    whether data of any size is read.
    """
    flight = _Preflight(config, stages, run_dir, force, shape)
    flight.model()
    flight.settings()
    flight.servers(dry_run=read_all)
    flight.tracking()
    flight.made()
    flight.data(read_all)
    flight.disk(disk)
    return list(dict.fromkeys(flight.found))


def data_findings(config: Config, stages: Sequence[Stage], run_dir: Path) -> list[str]:
    """What stops a run in the data that prepare has just written."""
    flight = _Preflight(config, stages, run_dir, False, None)
    flight.data(False)
    return flight.found


class _Preflight:
    def __init__(
        self,
        config: Config,
        stages: Sequence[Stage],
        run_dir: Path,
        force: bool,
        shape: Shape | None,
    ) -> None:
        self.config, self.run_dir, self.force = config, run_dir, force
        self.shape = shape
        self.found: list[str] = []
        # A stage that ended the chain early made nothing for those that are left out after it.
        left = None if force else self.catch(lambda: left_in(stages, run_dir, config))
        self.stages = stages if left is None else left
        self.names = {stage.name for stage in self.stages}

    def catch(self, check: Callable[[], T]) -> T | None:
        """What a check returns; None, and a finding, where it raises KoalignError."""
        try:
            return check()
        except KoalignError as error:
            self.found.append(str(error))
            return None

    def model(self) -> None:
        """The engine, its libraries, and whether the template fits the model."""
        model = self.config.model
        self.catch(lambda: backend_of(self.config.engine))
        if model.load_in_4bit and not importlib.util.find_spec("bitsandbytes"):
            self.found.append(
                "model.load_in_4bit: bitsandbytes is not installed; pip install bitsandbytes, or set it "
                "to false"
            )
        renderer = self.catch(lambda: open_renderer(self.config.prompt))
        folder = Path(resolve_path(model.path))
        if not renderer or not renderer.template.chat or model.chat_template or not folder.is_dir():
            return
        name, thinking, known = renderer.template.name, renderer.thinking, _chat_template(folder)
        if known is not None:
            self.catch(lambda: refuse_other_model(name, thinking, known or None))

    def settings(self) -> None:
        """Keys that do not go together."""
        config, shape = self.config, self.shape
        if "solve" in self.names:
            self.catch(lambda: refuse_other_solving(config.solve))
        if shape is None:
            return
        self.catch(lambda: refuse_offload_without_room(config, shape))
        context = self.catch(lambda: context_of(config.model, shape.context))
        sections = {"sample": config.sample, "solve": config.solve}
        if "hints" in self.names:
            sections |= {"hints": config.hints}
            if config.candidates.source in ("policy", "base"):
                sections |= {"candidates": config.candidates}
        if "index" in self.names:
            self.catch(require_tantivy)
            if name := config.corpus.embedding:
                self.catch(partial(refuse_no_embedding, name, "corpus.embedding"))
        if "passages" in self.names:
            sections |= {"passages": config.passages}
        for name, section in sections.items():
            if context and section.least_room >= context:
                self.found.append(
                    f"{name}.max_tokens: {section.most_tokens} leave no room for a prompt in the context "
                    f"of {context}; lower it, or raise model.max_length"
                )
        if config.sft.epochs == "auto" and not config.probe.problems:
            self.found.append(str(needs_probe("sft", "probe.problems is 0", "raise it")))
        if config.sft.epochs == "auto" and not (config.data.dev or config.data.dev_share):
            self.found.append(str(needs_probe("sft", NO_DEV, "set data.dev")))

    def servers(self, *, dry_run: bool) -> None:
        """Address, key and client of a teacher that writes hints, and of a judge."""
        config = self.config
        if config.candidates.source == "teacher" and self._to_do("candidates"):
            self._server(config.teacher, "candidates.source: a teacher", dry_run)
        if config.has_judge and self._to_do("pairs", "evaluate"):
            self._server(config.judge, "judge.url: a judge", dry_run)

    def _to_do(self, *names: str) -> bool:
        """Whether one of these stages, of any round, is still to be made."""
        own = [name for name in self.names if name.partition(ROUND)[0] in names]
        return any(self.force or not self._is_done(self.run_dir / name) for name in own)

    def _server(self, section: Teacher, user: str, dry_run: bool) -> None:
        self.catch(lambda: refuse_no_address(section))
        if section.url:
            read = key_in_environment if dry_run else read_key  # only a run may ask for permission
            self.catch(lambda: read(section))
        if not importlib.util.find_spec("openai"):
            self.found.append(f"{user} needs the openai client; pip install 'koalign[endpoint]'")

    def tracking(self) -> None:
        """Keys of trackers, and whether they answer."""
        self.catch(lambda: refuse_unready(self.config.tracking))

    def made(self) -> None:
        """Stages made with other settings, and inputs that are neither there nor to be made."""
        to_do: set[str] = set()
        for stage in self.stages:
            out = self.run_dir / stage.name
            if not self.force and (out / PLAN).exists():
                self.catch(partial(self._refuse_other_settings, stage, out))
            if not self.force and self._is_done(out):
                continue
            to_do.add(stage.name)
            for name in stage.inputs:
                maker = stage.at.get(name, name).partition("/")[0]
                if maker not in to_do:
                    self.catch(partial(find_inputs, stage, [name], self.config, self.run_dir))

    def _is_done(self, out: Path) -> bool:
        return self.catch(lambda: read_manifest(out)) is not None

    def _refuse_other_settings(self, stage: Stage, out: Path) -> None:
        """As `execute` does, but for what only reading all inputs would tell."""
        try:
            made = read_record(out / PLAN, Plan)
        except KoalignError:
            return  # the stage itself says what is to be done about it
        other = other_plan(out, plan_of(stage, self.config, made.inputs), {})
        if other and not is_blank(out, stage.keeps) and (stage.continues or self._is_done(out)):
            raise KoalignError(
                f"{out} was made with {other}; take another --run-dir, or --force to make it again"
            )

    def data(self, read_all: bool) -> None:
        """Splits that are there, with problems that the template asks and a rule verifies."""
        config = self.config
        if not config.data.test:
            self.catch(lambda: refuse_unanswered([]))
        prepared = self._prepared()
        splits = prepared or self._sources(read_all)
        renderer = self.catch(lambda: open_renderer(config.prompt)) if splits else None
        if splits and renderer:
            self._problems(splits, renderer)
        hints = Path(resolve_path(config.data.hints or ""))
        if splits and not prepared and hints.is_file():
            self.catch(lambda: read_hints(splits, hints, config.data))

    def _problems(self, splits: Preparation, renderer: Renderer) -> None:
        config, template = self.config, renderer.template
        kinds = ", ".join(sorted({problem.kind for problem in splits.splits["train"]}))
        before = len(self.found)
        self.catch(lambda: splits.set_aside(template.kinds, len(template.ten_labels)))
        if len(self.found) > before:
            return
        train, dev, test = (splits.splits[name] for name in SPLITS)
        self.catch(lambda: refuse_unreadable_targets(renderer, train[:READ_BACK]))
        self.catch(lambda: teachable(renderer, train))
        verifiable = any(map(renderer.can_verify, train))
        # Where an evaluation follows, the chain ends with SFT.
        if not (splits.rankings or verifiable or config.has_judge or "evaluate" in self.names):
            self.found.append(
                f"data.train: no rule can verify answers of kind {kinds}, and samples become pairs only "
                "where one can; take problems of kind choice, short or span, rankings, or a judge"
            )
        if config.data.test:
            self.catch(lambda: refuse_unanswered(test))
        to_plateau = self.shape and config.sft.epochs == "auto"
        if (
            to_plateau
            and config.data.dev
            and not any(map(renderer.can_verify if verifiable else renderer.can_teach, dev))
        ):
            self.found.append(str(needs_probe("sft", NO_DEV, "set data.dev")))

    def _prepared(self) -> Preparation | None:
        """The splits that prepare wrote."""
        folder, prepared = self.run_dir / "prepare", Preparation()
        if self.force or not self._is_done(folder):
            return None
        for name in SPLITS:
            path = folder / f"{name}.jsonl"
            problems = self.catch(partial(read_jsonl, path, Problem)) or []
            prepared.add_problems(name, ((problem, "") for problem in problems))
        rankings = partial(read_jsonl, folder / "rankings.jsonl", Ranking)
        prepared.rankings = self.catch(rankings) or []
        return prepared

    def _sources(self, read_all: bool) -> Preparation | None:
        """The splits as their sources say; none where one cannot be read, or they are large."""
        data, prepared = self.config.data, Preparation()
        sources = [(name, source) for name in SPLITS for source in getattr(data, name)]
        if not read_all and sum(_size(source.path) for _, source in sources) > QUICK:
            return None
        before = len(self.found)
        for name, source in sources:
            reading = self.catch(partial(_read, name, source))
            if reading:
                prepared.add(name, reading)
        return prepared if len(self.found) == before else None

    def disk(self, needed: float) -> None:
        places = (self.run_dir, *self.run_dir.absolute().parents)
        free = shutil.disk_usage(next(path for path in places if path.exists())).free
        if needed > free:
            self.found.append(
                f"--run-dir: {free / 1e9:.1f} GB of disk are free at {self.run_dir}, and the run needs "
                f"{needed / 1e9:.1f}; free some, or take another --run-dir"
            )


def _read(name: str, source: Source) -> Reading:
    return read_source(resolve_path(source.path), name, **source.options)


def _size(source: str) -> float:
    """Bytes of a source; of one on the hub nobody knows."""
    if source.startswith(HUB):
        return math.inf
    path = Path(resolve_path(source))
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _chat_template(folder: Path) -> str | None:
    """The chat template in a model's folder, empty where it has none; None: only loading would tell."""
    own = folder / "chat_template.jinja"
    try:
        if own.exists():
            return own.read_text(encoding="utf-8")
        known: Any = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        template = known.get("chat_template", "")
    except (OSError, ValueError, AttributeError):
        return None  # the loader of the tokenizer says what is wrong with it
    return template if isinstance(template, str) else None
