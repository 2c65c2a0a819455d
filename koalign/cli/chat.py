"""chat: koalign chat: a conversation with the models of a run, on the terminal."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING

from koalign.cli.ask import Model, TokenEnv, Url, answered, decoded, opened, take_any_bytes
from koalign.cli.options import DEFAULT_RUN, Files, RunDir, Settings
from koalign.faults import machine_fault
from koalign.records import KoalignError, Problem
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.serving.client import Client, Solved

HELP = """\
/model NAME       another model: koalign, koalign-vote, an adapter of the run; /model alone lists them
/problem FILE N   row N of a file of problems, as the run was trained
/hint on|off      show hints
/paste            a message of several lines; a line with a dot alone ends it
/new              forget what was said
/save FILE        what was said, as JSON lines
/quit             end (Ctrl-D too)"""


def chat(
    model: Model = "koalign",
    url: Url = None,
    token_env: TokenEnv = None,
    files: Files = None,
    settings: Settings = None,
    run_dir: RunDir = DEFAULT_RUN,
) -> None:
    """Talk to the models of a run; /help lists what else can be typed."""
    with opened("chat", url, token_env, files, settings, run_dir) as client:
        _Chat(client, model).run()


class _Chat:
    """A conversation on the terminal."""

    def __init__(self, client: Client, model: str) -> None:
        self._client, self._models = client, client.models()
        self._model, self._hints = "", True
        self._history: list[dict[str, str]] = []
        self._commands: dict[str, Callable[..., None]] = {
            "help": lambda: say(HELP),
            "model": self._switch,
            "problem": self._problem,
            "hint": self._show_hints,
            "paste": self._paste,
            "new": lambda: self._history.clear(),
            "save": self._save,
        }
        self._switch(model)

    def run(self) -> None:
        """Until the end of the input."""
        take_any_bytes()
        if sys.stdin.isatty():
            with suppress(ImportError):  # some builds of Python lack it
                import readline  # noqa: F401  # keys: left, up for what was typed before
        say("/help lists the commands; /quit or Ctrl-D ends", err=True)
        while True:
            try:
                line = self._read(f"{self._model}> ")
                if line is None or line.strip() == "/quit":
                    return
                self._take(line.strip())
            except KeyboardInterrupt:  # ends an answer, or drops what was typed
                if not sys.stdin.isatty():
                    raise
                say("\n[stopped; /quit or Ctrl-D ends the chat]", err=True)
            except (KoalignError, OSError) as error:
                reason = error if isinstance(error, KoalignError) else machine_fault(error)
                say(f"koalign: {reason}", err=True)

    def _read(self, prompt: str) -> str | None:
        """A line of the input; None at its end."""
        terminal = sys.stdin.isatty()
        try:
            return input(prompt if terminal else "")
        except EOFError:
            if terminal:
                say("")
            return None

    def _take(self, line: str) -> None:
        if line.startswith("/"):
            self._command(decoded(line[1:]))
        elif line:
            self._say(line)

    def _command(self, line: str) -> None:
        try:
            name, *arguments = shlex.split(line) or [""]
        except ValueError as error:
            raise KoalignError(f"/{line}: {error}") from None
        if name not in self._commands:
            raise KoalignError(f"/{name}: no such command; /help lists them")
        try:
            call = signature(self._commands[name]).bind(*arguments)
        except TypeError:
            raise KoalignError(f"/{line}: too few or too many words; see /help") from None
        self._commands[name](*call.args)

    def _say(self, text: str) -> None:
        sent = [{k: m[k] for k in ("role", "content")} for m in self._history]
        message = {"role": "user", "content": decoded(text)}
        turn = answered(self._client, [*sent, message], self._model, self._show)
        self._heard(message, turn.hint, turn.text)

    def _heard(self, message: dict[str, str], hint: str, text: str) -> None:
        answer = {"role": "assistant", "content": text, "reasoning": hint, "model": self._model}
        self._history += [message, answer]

    def _show(self, hint: str) -> None:
        if self._hints and hint:
            say(f"[hint] {hint}\n")

    def _switch(self, name: str = "") -> None:
        if name not in self._models:
            listed = f"there are {', '.join(self._models)}"
            if name:
                first = self._models[0]
                raise KoalignError(
                    f"no model {name!r}; {listed}; take --model {first}, or /model {first}"
                )
            say(listed)
            return
        self._model = name

    def _problem(self, file: str, number: str) -> None:
        problem = read_problem(file, number)
        fields = problem.model_dump(mode="json", include=set(SHOWN))
        say(_as_text(problem))
        if self._model == "abstraction":
            self._say(_as_text(problem))
            return
        solved = self._client.solve({k: v for k, v in fields.items() if v}, self._model)
        self._show(solved.hint)
        say(solved.text)
        self._heard({"role": "user", "content": _as_text(problem)}, solved.hint, solved.text)
        say(_verdict(solved, problem))

    def _show_hints(self, switch: str) -> None:
        if switch not in ("on", "off"):
            raise KoalignError("/hint: on or off")
        self._hints = switch == "on"

    def _paste(self) -> None:
        lines: list[str] = []
        while (line := self._read("")) not in (None, "."):
            lines.append(line or "")
        self._say("\n".join(lines))

    def _save(self, file: str) -> None:
        from koalign.jsonl import write_atomically

        path = Path(file)
        lines = [json.dumps(turn, ensure_ascii=False) + "\n" for turn in self._history]
        write_atomically(path, lines, over=False)
        say(f"{path}: {len(self._history)} turns")


SHOWN = ("question", "passage", "box", "choices", "kind")
"""Fields of a problem that a solver reads."""


def read_problem(file: str, number: str) -> Problem:
    """Row `number`, from 1, of a file or source of problems; raises KoalignError."""
    from koalign.config.files import parse_source
    from koalign.config.sections import resolve_path
    from koalign.data.formats.sources import read_rows

    source = parse_source(file)
    rows = read_rows(resolve_path(source.path), **source.options)
    if not number.isdecimal() or not 1 <= int(number) <= len(rows):
        raise KoalignError(f"{file}: has rows 1 to {len(rows):,}, and no {number}")
    row = rows[int(number) - 1]
    if not isinstance(row, Problem):
        raise KoalignError(f"{row.place}: {row.reason}: {row.detail}")
    return row


def _as_text(problem: Problem) -> str:
    box = f"<보기>\n{problem.box}" if problem.box else ""
    choices = "\n".join(f"{n}. {text}" for n, text in enumerate(problem.choices, start=1))
    question = "\n".join(filter(None, (problem.question, choices)))
    return "\n\n".join(filter(None, (problem.passage, box, question)))


def _verdict(solved: Solved, problem: Problem) -> str:
    """Answer, probabilities and votes; with a gold answer, whether it is right."""
    parts = [f"answer {solved.answer or f'none ({solved.why})'}"]
    if problem.answers:
        right = solved.answer in problem.answers
        parts.append("right" if right else f"key {', '.join(problem.answers)}")
    if solved.probabilities:
        parts.append(", ".join(f"{n}: {p:.0%}" for n, p in solved.probabilities.items()))
    if sum(solved.votes.values()) > 1:
        parts.append("votes " + ", ".join(f"{n}: {count}" for n, count in solved.votes.items()))
    return f"[{'; '.join(parts)}]"
