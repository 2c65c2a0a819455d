"""protocols: a YAML file -> what a benchmark asks, how it is scored, and what its figure is a mean of.

A figure can be compared with a published one only where prompt, shots, scoring and average are the same.
`name@source` is a protocol that was published: its prompts are those of its source to the byte, but for
what every reader does to text (NFC, LF line ends, conjoining choseong as jamo: `text.clean`). The files
stand in `data/protocols/`; a user's own file `extends` one of them or names a template.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from koalign.data.prompting.prompts import TEMPLATES, load_template, template_names
from koalign.evaluation.results import Mode
from koalign.jsonl import parse_record
from koalign.records import KoalignError, Problem, Record
from koalign.yaml_text import read_mapping

PROTOCOLS = TEMPLATES.parent / "protocols"
CHOICE_METRICS = frozenset({"acc", "acc_norm", "f1", "macro_f1", "points"})
"""What can be measured of answers to choice problems."""
TEXT_METRICS = CHOICE_METRICS | {"rouge_l"}
"""And of answers that koalign reads: ROUGE-L of long ones (`grading/overlap.py`)."""
_METRICS = {
    "letter": ("exact_match",), "simple-evals": ("acc",), "klue-mrc": ("em", "rouge_w"),
    "korquad": ("em", "f1"), "nikl-culture": ("final",), "nikl-rule": ("final",),
}  # fmt: skip
"""Grading -> what it measures, in this order."""


class Protocol(Record):
    """What is asked, how an answer is scored, and what the figures are means of."""

    name: str = Field(min_length=1, max_length=100)
    """Also the folder of its results."""
    about: str
    template: str
    """Name or path of the prompt template."""
    formats: tuple[str, ...] = ()
    """The formats whose problems it can ask; empty: any."""
    mode: Mode = "generate"
    """Whether candidates are scored by their log-probabilities, or a completion is read."""
    candidates: Literal["label", "every label", "label by id", "choice text"] = "label"
    """What is scored: the labels of the choices; all labels of the template, however many choices there
    are; CLIcK's A to D, and E where the id says CSAT; the texts of the choices."""
    whole_query: bool = False
    """Whether the prompt that the source publishes (`Problem.key`) is asked as it stands."""
    grading: Literal[
        "koalign", "letter", "simple-evals", "klue-mrc", "korquad", "nikl-culture", "nikl-rule"
    ] = "koalign"
    """How a completion is read and scored (`item_scores.py`)."""
    shots: int = Field(default=0, ge=0)
    """Unless another number is asked for."""
    shot_order: Literal["first", "lm-eval"] = "first"
    """The first of the pool on the problem's subject; or drawn as lm-eval-harness draws them."""
    shots_from: Literal["train", "dev", "test"] = "dev"
    """The split of the pool."""
    own_shot: bool = False
    """Whether an item may stand among its own shots: of CSAT-QA lm-eval-harness does not look."""
    metrics: tuple[str, ...] = ("acc",)
    """The headline first."""
    measured: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Metric -> its subjects, where it is not taken of all."""
    average: Literal["micro", "macro"] = "micro"
    """Over items, or over subjects."""
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Group -> its subjects; each has a figure of its own."""
    subjects: tuple[str, ...] = ()
    """What the figure is of, where there are no groups; other subjects stand beside it. Empty: all."""
    max_tokens: int | None = Field(default=None, gt=0)
    temperature: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    top_p: float = Field(default=1.0, gt=0, le=1)
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Texts at which a completion is over, and which are no part of it."""

    @model_validator(mode="after")
    def _measures_what_its_grading_can(self) -> Protocol:
        known = _METRICS.get(self.grading, tuple(sorted(TEXT_METRICS)))
        fixed = self.grading in _METRICS and self.metrics != known
        if fixed or not self.metrics or {*self.metrics, *self.measured} - {*known}:
            every = "exactly" if self.grading in _METRICS else "some of"
            raise ValueError(f"metrics: grading {self.grading} has {every} [{', '.join(known)}]")
        if unused := [metric for metric in self.measured if metric not in self.metrics]:
            raise ValueError(f"measured: {unused[0]!r} is not among the metrics")
        if self.mode == "choice" and self.grading != "koalign":
            raise ValueError("grading: in mode choice there is no text to grade; leave it out")
        return self

    def greedily(self, max_tokens: int | None) -> Protocol:
        """The protocol with greedy answers of at most so many tokens; None: as `solve.max_tokens: null`."""
        greedy = {"temperature": 0.0, "top_p": 1.0, "max_tokens": max_tokens}
        return self.model_copy(update=greedy)

    @property
    def covers(self) -> tuple[str, ...]:
        """The subjects of the whole benchmark; empty: whatever there is."""
        return self.subjects or tuple(s for subjects in self.groups.values() for s in subjects)


@cache
def load_protocol(name: str, max_tokens: int | None = None) -> Protocol:
    """The protocol of a name or of the user's own YAML file; a template stands for one, too.

    A template is asked greedily for at most `max_tokens` tokens, and koalign grades. Raises KoalignError
    with the nearest name for what is none of these, and with file and key where a file is broken.
    """
    if name in protocol_names():
        path = PROTOCOLS / f"{name}.yaml"
    elif name in template_names():
        return _of_template(name, max_tokens)
    else:
        path = Path(name)
        if path.suffix not in (".yaml", ".yml") or len(name) > 4000 or not path.is_file():
            raise KoalignError(
                f"protocol: {name[:60]!r} is neither a protocol nor a template{_nearest(name)} "
                f"(protocols are {', '.join(protocol_names())}; or a YAML file of your own)"
            )
    values = _values(path)
    if "prompt" in values:
        return _of_template(name, max_tokens)
    protocol = parse_record(Protocol, {"name": path.stem, **values}, str(path))
    try:
        load_template(protocol.template)
    except KoalignError as error:
        raise KoalignError(f"{path}: {error}") from None
    return protocol


def protocol_names() -> list[str]:
    """The protocols that ship with koalign."""
    return sorted(path.stem for path in PROTOCOLS.glob("*.yaml"))


def _values(path: Path) -> dict[str, Any]:
    """The keys of a protocol's file, over those of the protocol that it extends."""
    values = read_mapping(path)
    base = values.pop("extends", None)
    if base is None:
        return values
    if base not in protocol_names():
        raise KoalignError(f"{path}: extends: {base!r} is no protocol{_nearest(str(base))}")
    return {**_values(PROTOCOLS / f"{base}.yaml"), **values}


def _of_template(name: str, max_tokens: int | None) -> Protocol:
    template = load_template(name)
    return Protocol(name=template.name, about=template.about, template=name).greedily(max_tokens)


def for_kinds(protocol: Protocol, problems: Sequence[Problem]) -> Protocol:
    """The protocol as it measures these problems, where it measures accuracy and koalign reads the answers.

    A long answer earns its ROUGE-L and any other its accuracy; the figure of most items stands first.
    """
    long = sum(problem.kind == "long" for problem in problems)
    able = protocol.mode == "generate" and protocol.grading == "koalign"
    if not (long and able and protocol.metrics == ("acc",)):
        return protocol
    metrics = ["rouge_l", "acc"] if 2 * long > len(problems) else ["acc", "rouge_l"]
    measured = tuple(metrics if long < len(problems) else ["rouge_l"])
    return protocol.model_copy(update={"metrics": measured})


def _nearest(name: str) -> str:
    near = get_close_matches(name, [*protocol_names(), *template_names()], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def in_mode(protocol: Protocol, mode: Mode) -> Protocol:
    """The protocol in this mode: candidates scored where it has a completion read, or the other way.

    Then it measures what the mode can, at least accuracy. A text that is only continued is over where
    the next shot would begin.
    """
    if mode == protocol.mode:
        return protocol
    template = load_template(protocol.template)
    able = CHOICE_METRICS if mode == "choice" else TEXT_METRICS - {"acc_norm"}
    return protocol.model_copy(
        update={
            "mode": mode,
            "grading": "koalign",
            "metrics": tuple(m for m in protocol.metrics if m in able) or ("acc",),
            "stop": () if template.chat else (template.separator,),
        }
    )
