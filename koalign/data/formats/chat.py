"""chat: conversations, instructions and the columns of trainers -> open problems and rankings.

- trl-preference: `prompt, chosen, rejected`, each a text or a list of messages, or whole conversations
  in `chosen` and `rejected`, with the prompt in `prompt` as well or not. The prompt may be an
  `instruction` (and `input`), `question`, `query` or `conversations`, the answers `chosen_response` or
  `response` and `rejected_response`.
- trl-prompt-completion: `prompt, completion`.
- ms-swift: `messages` and, for what should not be said, `rejected_response`.
- messages: `messages` of `role, content`.
- sharegpt: `conversations` of `from` (human, gpt, system) and `value`, and perhaps a `system` column.
- koalpaca, KoAlpaca v1.1a: JSON lines of `instruction, output, url`. The page is the key.
- alpaca: `instruction, input, output`, with `subject` where a team adds one, and LLaMA-Factory's
  `system` and `history`. The question is the system message, the instruction and the input, each
  set off by a blank line; below choices that end the instruction the input is the passage. Other columns
  (`type`) are annotations and not read. So with `query, response`, `question, response` and Dolly's
  `context`, which is the passage.

A `label` of false, as TRL and ms-swift have it for KTO, or LLaMA-Factory's `kto_tag`, says that the
completion is bad. koalign trains on one prompt and one completion: a conversation of more turns is
refused, and a system message stands in front of the question, set off by a blank line.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache

from koalign.data.formats.column_names import is_wrong, language, meaning, word
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
ASKS = (
    "prompt",
    "instruction",
    "question",
    "query",
    "질문",
    "conversations",
    "conversation",
    "messages",
)
"""Fields that ask; in other languages and cases the same words."""
REPLIES = ("output", "response", "completion")
CHOSEN, REJECTED = ("chosen", "chosenresponse", "response"), ("rejected", "rejectedresponse")
SYSTEM = ("system", "systemprompt")
PASSAGE = ("context", "passage")


def _field(names: Collection[str], words: tuple[str, ...]) -> str:
    """The first of the names that is one of these words, in Korean before other languages; or empty."""
    return _found(tuple(names), words)


@lru_cache(maxsize=4096)
def _found(names: tuple[str, ...], words: tuple[str, ...]) -> str:
    found = [name for name in names if word(name) in words]
    return min(found, key=lambda name: (words.index(word(name)), language(name)), default="")


def _turns(row: Row, name: str, role: str) -> list[Turn]:
    """The messages in a field; a bare text is one message of the given role."""
    value = row.fields.get(name)
    if is_missing(value):
        raise Refused(f"no_{name}", f"{name!r} is empty or not there")
    if isinstance(value, dict):
        row = replace(row, fields={name: [value]})
    elif not isinstance(value, list):
        return [(role, as_text(value, name))]
    turns = []
    for message in objects(row, name):
        if {*message.fields} <= {*ROLES}:  # `{"human": "…", "assistant": "…"}`
            turns += [(ROLES[said], text(message, said)) for said in message.fields]
        else:
            turns.append((_role(message), _content(message)))
    return turns


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
    content = optional(row, _field(row.fields, SYSTEM))
    return [("system", content)] if content.strip() else []


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
    question, chosen = _side(row, _field(row.fields, CHOSEN) or "chosen")
    name = _field(row.fields, REJECTED) or "rejected"
    worse = row.fields.get(name)
    if isinstance(worse, list) and worse and all(isinstance(part, str) for part in worse):
        if len(worse) > 1:
            raise Refused("no_order", f"{name} has {len(worse)} texts; write a row for each")
        row = replace(row, fields=row.fields | {name: worse[0]})
    other, rejected = _side(row, name)
    if question != other:
        raise Refused("two_questions", f"chosen: {question[:40]!r}, rejected: {other[:40]!r}")
    return _ranked(row, question, [chosen, rejected])


def _side(row: Row, name: str) -> Turn:
    """The question and one of its answers; a list that begins with the question holds both."""
    turns = _turns(row, name, "assistant")
    asks = _field(row.fields, ASKS) or _field(row.fields, ("input",))
    if not turns or turns[0][0] == "assistant":
        if not asks:
            raise Refused("no_prompt", f"no field asks, such as {', '.join(ASKS[:4])}; add one")
        return _one_turn(_system(row) + _with_input(row, asks) + turns)
    question, answer = _one_turn(_system(row) + turns)
    if asks and not is_missing(row.fields.get(asks)):
        for _, turn in _turns(row, asks, "user"):
            if turn.strip() not in question:
                raise Refused("two_questions", f"prompt: {turn[:40]!r}, {name}: {question[:40]!r}")
    return question, answer


def _with_input(row: Row, asks: str) -> list[Turn]:
    """The turns in the field that asks, with Alpaca's input below a text."""
    turns = _turns(row, asks, "user")
    if "input" in (name := _field(row.fields, ("input",))) and name != asks and len(turns) == 1:
        more = optional(row, name)
        return [(turns[0][0], "\n\n".join(part for part in (turns[0][1], more) if part.strip()))]
    return turns


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
    names = document.columns
    if any(map(is_wrong, names)):
        return False
    answers = (name for name in names if meaning(name)[0] in ("answer", "index"))
    others = [name for name in answers if word(name) != "label"]
    usual = having("instruction", "output")(document)
    return usual or bool(_field(names, ASKS[1:5]) and _field(names, REPLIES) and not others)


def _alpaca(row: Row) -> Problem:
    _refuse_bad(row)
    history = row.fields.get("history")
    if history not in ([], "[]") and not is_missing(history):
        raise Refused("several_turns", "history: turns before this one")
    asks, reply = _field(row.fields, ASKS[1:5]), _field(row.fields, REPLIES)
    given = [optional(row, _field(row.fields, names)) for names in (SYSTEM, ("input",))]
    parts = (given[0], text(row, asks or "instruction"))
    problem = open_problem(
        "\n\n".join(part for part in parts if part.strip()),
        text(row, reply or "output"),
        below=given[1],
        key=optional(row, "id"),
        subject=optional(row, "subject"),
    )
    passage = optional(row, _field(row.fields, PASSAGE)) or problem.passage
    return problem.model_copy(update={"passage": passage})


def _is_preference(document: Document) -> bool:
    names = document.columns
    return bool(_field(names, CHOSEN) and _field(names, REJECTED)) and "messages" not in names


def _has_conversation(document: Document) -> bool:
    return _field(document.columns, ASKS[5:7]) != ""


FORMATS = (
    Format(
        "trl-preference", "prompt, chosen and rejected, as TRL has them",
        _is_preference, _preference,
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
        _has_conversation, lambda row: _conversation(row, _field(row.fields, ASKS[5:7])),
    ),
    Format(
        "koalpaca", "KoAlpaca v1.1a", having("instruction", "output", "url", without="input"), _koalpaca
    ),
    Format("alpaca", "instruction, input and output, also query and response", _is_alpaca, _alpaca),
)  # fmt: skip
