"""chat: conversations, instructions and the columns of trainers -> open problems and rankings.

- trl-preference: `prompt, chosen, rejected`, each a text or a list of messages, or whole conversations
  in `chosen` and `rejected`, with the prompt in `prompt` as well or not.
- trl-prompt-completion: `prompt, completion`.
- ms-swift: `messages` and, for what should not be said, `rejected_response`.
- messages: `messages` of `role, content`.
- sharegpt: `conversations` of `from` (human, gpt, system) and `value`, and perhaps a `system` column.
- koalpaca, KoAlpaca v1.1a: JSON lines of `instruction, output, url`. The page is the key.
- alpaca: `instruction, input, output`, with `subject` where a team adds one, and LLaMA-Factory's
  `system` and `history`. The question is the system message, the instruction and the input, each
  set off by a blank line. Other columns (`type`) are annotations and not read.

A `label` of false, as TRL and ms-swift have it for KTO, or LLaMA-Factory's `kto_tag`, says that the
completion is bad. koalign trains on one prompt and one completion: a conversation of more turns is
refused, and a system message stands in front of the question, set off by a blank line.
"""

from __future__ import annotations

from koalign.data.formats.column_names import is_wrong
from koalign.data.formats.completions import open_problem, ranking
from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import Refused, as_text, is_missing, objects, optional, text
from koalign.data.formats.format import Format, having
from koalign.records import Problem, Ranking

ROLES = {
    "system": "system", "user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant",
}  # fmt: skip
Turn = tuple[str, str]
"""Role and text."""


def _turns(row: Row, name: str, role: str) -> list[Turn]:
    """The messages in a field; a bare text is one message of the given role."""
    value = row.fields.get(name)
    if is_missing(value):
        raise Refused(f"no_{name}", f"{name!r} is empty or not there")
    if not isinstance(value, list):
        return [(role, as_text(value, name))]
    return [(_role(message), _content(message)) for message in objects(row, name)]


def _content(message: Row) -> str:
    """The text of a message; of one in parts, as OpenAI has them, where all are texts."""
    name = "value" if "value" in message.fields else "content"
    parts = message.fields.get(name)
    if isinstance(parts, list) and all(
        isinstance(p, dict) and p.get("type") == "text" for p in parts
    ):
        return "\n".join(text(part, "text") for part in objects(message, name))
    return text(message, name)


def _role(message: Row) -> str:
    name = text(message, "from" if "from" in message.fields else "role")
    if name not in ROLES:
        raise Refused("unknown_role", f"{name!r}; known are {', '.join(ROLES)}")
    return ROLES[name]


def _one_turn(turns: list[Turn]) -> Turn:
    """Question and answer of a conversation; raises Refused where it is not one of each."""
    roles = [role for role, _ in turns]
    questions = [text for role, text in turns if role == "user"]
    if len(questions) > 1 or roles.count("assistant") > 1:
        raise Refused(
            "several_turns", f"{len(questions)} questions, {roles.count('assistant')} answers"
        )
    if not questions or roles[-1] != "assistant":
        raise Refused("no_question_and_answer", f"the turns are {', '.join(roles) or 'none'}")
    systems = [text for role, text in turns if role == "system"]
    return "\n\n".join([*systems, *questions]), turns[-1][1]


def _conversation(row: Row, name: str) -> Problem:
    _refuse_bad(row)
    question, answer = _one_turn([*_system(row), *_turns(row, name, "user")])
    return open_problem(question, answer, key=optional(row, "id"))


def _system(row: Row) -> list[Turn]:
    """The system message that stands in a column."""
    return [("system", content)] if (content := optional(row, "system")) else []


def _refuse_bad(row: Row) -> None:
    """Raises Refused where a row of KTO says that its completion is bad."""
    for name in ("label", "kto_tag"):
        if str(row.fields.get(name)).lower() in ("false", "0"):
            raise Refused("labelled_bad", f"a completion with {name}: false is no example")


def _prompt_completion(row: Row) -> Problem:
    _refuse_bad(row)
    turns = _system(row) + _turns(row, "prompt", "user") + _turns(row, "completion", "assistant")
    question, answer = _one_turn(turns)
    return open_problem(question, answer, key=optional(row, "id"))


def _preference(row: Row) -> Ranking:
    question, chosen = _side(row, "chosen")
    other, rejected = _side(row, "rejected")
    if question != other:
        raise Refused("two_questions", f"chosen: {question[:40]!r}, rejected: {other[:40]!r}")
    return _ranked(row, question, [chosen, rejected])


def _side(row: Row, name: str) -> Turn:
    """The question and one of its answers; a list that begins with the question holds both."""
    turns = _turns(row, name, "assistant")
    if not turns or turns[0][0] == "assistant":
        return _one_turn(_system(row) + _turns(row, "prompt", "user") + turns)
    question, answer = _one_turn(_system(row) + turns)
    if not is_missing(row.fields.get("prompt")):
        for _, turn in _turns(row, "prompt", "user"):
            if turn.strip() not in question:
                raise Refused("two_questions", f"prompt: {turn[:40]!r}, {name}: {question[:40]!r}")
    return question, answer


def _swift(row: Row) -> Problem | Ranking:
    problem = _conversation(row, "messages")
    if is_missing(row.fields.get("rejected_response")):
        return problem
    return _ranked(row, problem.question, [*problem.answers, text(row, "rejected_response")])


def _ranked(row: Row, question: str, texts: list[str]) -> Ranking:
    return ranking(Problem(question=question, kind="long", key=optional(row, "id")), texts)


def _koalpaca(row: Row) -> Problem:
    return open_problem(text(row, "instruction"), text(row, "output"), key=optional(row, "url"))


def _is_alpaca(document: Document) -> bool:
    """Wrong answers beside the output make choices of it, which instruction data does not have."""
    wrong = any(map(is_wrong, document.columns))
    return having("instruction", "output")(document) and not wrong


def _alpaca(row: Row) -> Problem:
    _refuse_bad(row)
    history = row.fields.get("history")
    if history not in ([], "[]") and not is_missing(history):
        raise Refused("several_turns", "history: turns before this one")
    parts = (optional(row, "system"), text(row, "instruction"), optional(row, "input"))
    return open_problem(
        "\n\n".join(part for part in parts if part.strip()),
        text(row, "output"),
        key=optional(row, "id"),
        subject=optional(row, "subject"),
    )


FORMATS = (
    Format(
        "trl-preference", "prompt, chosen and rejected, as TRL has them",
        having("chosen", "rejected"), _preference,
    ),
    Format(
        "trl-prompt-completion", "prompt and completion, as TRL has them",
        having("prompt", "completion"), _prompt_completion,
    ),
    Format(
        "ms-swift", "messages and a rejected response, as ms-swift has them",
        having("messages", "rejected_response"), _swift,
    ),
    Format(
        "messages", "messages of role and content",
        having("messages"), lambda row: _conversation(row, "messages"),
    ),
    Format(
        "sharegpt", "conversations of from and value",
        having("conversations"), lambda row: _conversation(row, "conversations"),
    ),
    Format(
        "koalpaca", "KoAlpaca v1.1a", having("instruction", "output", "url", without="input"), _koalpaca
    ),
    Format("alpaca", "instruction, input and output", _is_alpaca, _alpaca),
)  # fmt: skip
