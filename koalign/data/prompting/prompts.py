"""prompts: problem (and hint, and shots) -> Prompt. The one place where text for a model is made.

What stands in a prompt is said by a template, a YAML file of a few keys (`templates/`, or the user's
own). Training, sampling, scoring and solving render through the same functions.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import Field

from koalign.data.prompting.rendering import checked_length, template_errors
from koalign.jsonl import parse_record
from koalign.records import KoalignError, Message, Problem, Prompt, Record, content_hash
from koalign.yaml_text import read_mapping

TEMPLATES = Path(__file__).parent.parent / "templates"
DEFAULT = "quote-then-number"
HIDDEN_STEM = "알맞은 것은?"
Thinking = Literal["off", "on", "auto"]
Purpose = Literal["answer", "abstraction"]
Kind = Literal["choice", "short", "long", "span"]

_JINJA = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
# Jinja's own tojson writes Hangul as \\uXXXX.
_JINJA.filters["tojson_ko"] = lambda value: json.dumps(value, ensure_ascii=False)


class Template(Record):
    """What a model is asked and taught, as Jinja in the words of a problem.

    `prompt` and `target` see `question`, `passage`, `box`, `choices` (each with `label` and `text`),
    `labels` (those of the choices, joined), `hint`, `subject`, `kind`, `rationale` and `purpose`
    (answer or abstraction); `target` sees also the gold `number`, `label`, `choice` and `answer`.
    """

    name: str
    about: str
    """What it is for, and where it comes from."""
    system: str = ""
    prompt: str
    target: str
    """The completion that supervised fine-tuning teaches."""
    labels: tuple[str, ...] = Field(default=tuple("123456789"), min_length=2)
    """What the choices are called, in order; numbers and letters go on to the tenth by themselves."""
    chat: bool = True
    """Whether it is a turn of the model's chat template; else the text is continued as it stands."""
    delimiter: str = ""
    """Without chat: what stands between prompt and completion, and belongs to the completion."""
    separator: str = "\n\n"
    """Without chat: what stands between shots."""
    needs_rationale: bool = False
    """Whether a problem without a rationale cannot be taught."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    """The kinds of problems that it can ask."""
    abstractions: bool = True
    """Whether it can ask for an abstraction and show one."""

    @property
    def ten_labels(self) -> tuple[str, ...]:
        """The labels, of which numbers and letters go on to the tenth."""
        return _ten_labels(self.labels)


@dataclass(frozen=True)
class Renderer:
    """A template with everything else that decides the bytes a model reads."""

    template: Template
    thinking: Thinking = "off"
    """Whether a model that can think first does: said to its chat template, the same in training and
    at inference; auto leaves it to the template."""
    shots: int = 0
    pool: Sequence[Problem] = field(default=(), repr=False)
    """Answered problems to take shots from; never of the test split."""

    def __post_init__(self) -> None:
        if any(problem.split == "test" for problem in self.pool):
            raise KoalignError("prompt.shots: shots are never taken from the test split")

    @property
    def hash(self) -> str:
        """Stands in every manifest and adapter card: another hash means another prompt."""
        content = self.template.model_dump(mode="json", exclude={"name", "about"})
        return content_hash(content, self.thinking, self.shots)

    @property
    def needs_rationale(self) -> bool:
        """Whether a problem without a rationale cannot be taught: there is nothing to think."""
        return self.template.needs_rationale or self.thinking == "on"

    @property
    def teaches_rationales(self) -> bool:
        """Whether a rationale stands in what is taught."""
        return self.thinking == "on" or "rationale" in self.template.target

    def can_teach(self, problem: Problem) -> bool:
        """Whether there is all that the target of this problem says."""
        explains = problem.rationale or problem.rationales
        return bool(problem.answers and (explains or not self.needs_rationale))

    def can_verify(self, problem: Problem) -> bool:
        """Whether a rule can tell a right answer to this problem, asked this way, from a wrong one."""
        kinds = self.template.kinds
        return bool(problem.answers and problem.kind in kinds and problem.kind != "long")

    def render(
        self,
        problem: Problem,
        purpose: Purpose,
        hint: str = "",
        *,
        hidden: bool = False,
        shots: Sequence[Problem] | None = None,
    ) -> Prompt:
        """The prompt that asks for the answer, with or without a hint, or for an abstraction.

        An empty hint gives the bare prompt byte for byte. `hidden` shows 보기 and choices, and nothing to
        answer. `shots` stand for those that the renderer would take itself. Raises KoalignError where
        the template cannot say it.
        """
        if problem.kind not in self.template.kinds:
            raise KoalignError(
                f"template {self.template.name}: asks {', '.join(self.template.kinds)}, and problem "
                f"{problem.name} is of kind {problem.kind}"
            )
        if (hint or purpose == "abstraction") and not self.template.abstractions:
            raise KoalignError(f"template {self.template.name}: has no place for abstractions")
        turns: list[Message] = []
        if self.template.system:
            turns.append(Message(role="system", text=self.template.system))
        if shots is None:
            shots = self.shots_for(problem) if purpose == "answer" else ()
        for shot in shots:
            turns += self._turns_of(shot)
        shown = _without_stem(problem) if hidden else problem
        turns.append(Message(role="user", text=self._prompt(shown, purpose, hint)))
        return Prompt(
            problem_id=problem.id,
            purpose=purpose,
            messages=tuple(turns),
            template=self.template.name,
            chat=self.template.chat,
            delimiter=self.template.delimiter,
            separator=self.template.separator,
            thinking=self.thinking,
        )

    def target(self, problem: Problem) -> str:
        """The completion that supervised fine-tuning teaches; needs a gold answer."""
        if self.thinking == "on":
            return f"{THINK}{problem.rationale}{THOUGHT}{self.template_answer(problem)}"
        return self.template_answer(problem)

    def targets(self, problem: Problem) -> list[str]:
        """Every completion that supervised fine-tuning teaches: one for each way to explain the answer."""
        return list(dict.fromkeys(map(self.target, _by_rationale(problem))))

    def _prompt(self, problem: Problem, purpose: Purpose, hint: str) -> str:
        words = {**_words(self.template, problem), "purpose": purpose, "hint": hint}
        return _fill(self.template, "prompt", words, problem)

    def template_answer(self, problem: Problem) -> str:
        """The target without thoughts."""
        if not problem.answers:
            raise ValueError(f"problem {problem.id} has no gold answer to teach")
        words = _words(self.template, problem)
        answer = problem.answers[0]
        gold = {"number": "", "label": "", "choice": "", "answer": answer}
        if problem.choices:
            number = int(answer)
            choice = problem.choices[number - 1]
            label = self.template.ten_labels[number - 1]
            gold = {"number": answer, "label": label, "choice": choice, "answer": choice}
        return _fill(self.template, "target", {**words, **gold}, problem)

    def _turns_of(self, shot: Problem) -> tuple[Message, Message]:
        """The problem and its answer, rendered once: a few shots stand in thousands of prompts."""
        if shot not in self._shown:
            question = Message(role="user", text=self._prompt(shot, "answer", ""))
            text = self.template_answer(_by_rationale(shot)[0])
            answer = Message(role="assistant", text=text)
            self._shown[shot] = question, answer
        return self._shown[shot]

    @cached_property
    def _shown(self) -> dict[Problem, tuple[Message, Message]]:
        return {}

    @cached_property
    def _by_subject(self) -> Mapping[str, list[Problem]]:
        found: dict[str, list[Problem]] = defaultdict(list)
        for problem in self.pool:
            explains = problem.rationale or problem.rationales
            if problem.answers and (explains or not self.template.needs_rationale):
                found[problem.subject].append(problem)
        return found

    def shots_for(self, problem: Problem) -> list[Problem]:
        """The first shots of the pool on the problem's subject, never itself nor its passage.

        Raises KoalignError where there are too few.
        """
        if not self.shots:
            return []
        allowed = [
            other
            for other in self._by_subject[problem.subject]
            if other.id != problem.id and not (other.group and other.group == problem.group)
        ]
        if len(allowed) < self.shots:
            about = f" on {problem.subject}" if problem.subject else ""
            raise KoalignError(
                f"prompt.shots: {self.shots} wanted, and there are {len(allowed)}{about} for "
                f"problem {problem.name}; lower it, or name another prompt.shots_from"
            )
        return allowed[: self.shots]


THINK, THOUGHT = "<think>\n", "\n</think>\n\n"
"""Around the thoughts of Qwen3 and of those who follow it."""


@cache
def load_template(name: str) -> Template:
    """A template that ships with koalign, by its name, or the user's own YAML file, by its path.

    Raises KoalignError with the known names, and with file and key where one is broken.
    """
    path = TEMPLATES / f"{name}.yaml" if name in template_names() else Path(name)
    if path.suffix not in (".yaml", ".yml") or len(name) > 4000 or not path.is_file():
        raise KoalignError(
            f"template: {name[:60]!r} is neither a template file (.yaml) nor one of "
            f"{', '.join(template_names())}"
        )
    template = parse_record(Template, {"name": path.stem, **read_mapping(path)}, str(path))
    for key in ("prompt", "target"):
        _compiled(template, key)
    return template


def template_names() -> list[str]:
    """The templates that ship with koalign."""
    return sorted(path.stem for path in TEMPLATES.glob("*.yaml"))


@cache
def _ten_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    for symbols in ("ABCDEFGHIJ", [str(number) for number in range(1, 11)], "①②③④⑤⑥⑦⑧⑨⑩"):
        ten = tuple(labels[0].replace(symbols[0], symbol) for symbol in symbols)
        if ten[: len(labels)] == labels:
            return ten
    return labels


def _by_rationale(problem: Problem) -> list[Problem]:
    """The problem once for each of its models' rationales, as its own; as it stands without any."""
    plain = problem.model_copy(update={"rationales": ()})
    texts = [one.text for one in problem.rationales] or [problem.rationale]
    return [plain.model_copy(update={"rationale": text}) for text in texts]


def _without_stem(problem: Problem) -> Problem:
    """The same 보기 and choices with nothing to answer: what can be known from these and the hint alone.

    The 보기 stays, or a hint about its statements could not be read as the answer that it tells.
    """
    return problem.model_copy(update={"question": HIDDEN_STEM, "passage": ""})


def _words(template: Template, problem: Problem) -> dict[str, Any]:
    if len(problem.choices) > len(template.ten_labels):
        raise KoalignError(
            f"template {template.name}: {len(template.ten_labels)} labels, and problem {problem.name} "
            f"has {len(problem.choices)} choices"
        )
    choices = [
        {"label": label, "text": text}
        for label, text in zip(template.ten_labels, problem.choices, strict=False)
    ]
    return {
        "question": problem.question,
        "passage": problem.passage,
        "box": problem.box,
        "choices": choices,
        "labels": ", ".join(choice["label"] for choice in choices),
        "subject": problem.subject,
        "kind": problem.kind,
        "rationale": problem.rationale,
    }


def _fill(template: Template, key: str, words: Mapping[str, Any], problem: Problem) -> str:
    title = f"template {template.name}: {key}"
    with template_errors(title, lambda: f" (at problem {problem.name})"):
        text = checked_length(_compiled(template, key).render(words))
    # What is only continued may itself end a line: a published prompt is kept to the byte.
    return text.rstrip("\n") if template.chat else text


@cache
def _compiled(template: Template, key: Literal["prompt", "target"]) -> jinja2.Template:
    source = template.prompt if key == "prompt" else template.target
    with template_errors(f"template {template.name}: {key}"):  # constants are computed here
        return _JINJA.from_string(source)
