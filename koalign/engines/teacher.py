"""teacher: calls -> replies of an OpenAI-compatible server, each logged before it is used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koalign.config.teacher import Teacher
from koalign.engines.call_queue import CallQueue, only_model
from koalign.engines.chat import read_key
from koalign.jsonl import JsonlAppender
from koalign.mining.distilling.teacher_alarms import text_alarms
from koalign.mining.distilling.teacher_calls import Call, Failure, Reply, call_id, failures_beside
from koalign.naming import counted
from koalign.records import KoalignError
from koalign.text.visible import say, warn


@dataclass(frozen=True)
class TeacherResult:
    """The replies, failures and costs of a sequence of calls.

    Cost and tokens are those of the whole log, with the failures that may have been paid for, so that
    they are the same sum however often the work was interrupted.
    """

    replies: tuple[Reply | None, ...]
    """In the order of the calls; None: it failed."""
    failures: tuple[Failure, ...]
    """Of this run, in the order of the calls; when the stage runs again they are sent again."""
    cost: float
    """In the currency of `teacher.price_in` and `teacher.price_out`."""
    prompt_tokens: int
    completion_tokens: int
    estimated: int
    """Tries whose answer was lost; counted at the most that they can have cost."""
    unknown: int
    """Replies that came without a count of tokens; they are not in the cost."""
    from_log: int
    """Different calls whose reply was in the log already."""
    alarms: tuple[str, ...]
    """See `teacher_alarms`."""


def refuse_no_address(section: Teacher) -> None:
    """Raises KoalignError where no server is named."""
    if section.url is None:
        raise KoalignError(
            f"{section.name}.url: not set; name a server, such as http://HOST:8000/v1"
        )


def ask_teacher(
    section: Teacher, calls: Sequence[Call], log: Path, *, title: str, short: bool = False
) -> TeacherResult:
    """The reply to each call: from the log where it is there already, else from the server.

    A reply is appended to `log` before it is used, and equal calls are one. After a kill at any moment
    the same command goes on; only what was under way is sent, and maybe paid for, twice. Failures go
    into a file beside the log and are asked again next time. That many replies are the same text is no
    alarm where they are `short`, such as the number of a choice. Raises KoalignError where no other call
    would fare better (key, address, model, `teacher.max_failures` in a row), and before a call that may
    pass `teacher.max_cost`; what was answered by then is in the log.
    """
    refuse_no_address(section)
    with (
        JsonlAppender(log, Reply) as replies,
        JsonlAppender(failures_beside(log), Failure) as failures,
    ):
        queue = CallQueue(section, replies, failures)
        model = section.model or only_model(section, read_key(section))
        ids = [call_id(call, model, _settings(section)) for call in calls]
        known = {reply.id for reply in replies.done}
        missing = {name: call for name, call in zip(ids, calls, strict=True) if name not in known}
        from_log = len({*ids} & known)
        if missing:
            _refuse_unknown_cost(queue, log)
            more = f", {from_log} more are in the log" if from_log else ""
            say(
                f"{title}: {counted(len(missing), 'call')} to {model} at {section.url}{more}",
                err=True,
            )
            asyncio.run(queue.run(missing, model, read_key(section), title))
    result = _result(queue, ids, from_log, short)
    if queue.ended:
        done = len({reply.id for reply in result.replies if reply})
        raise KoalignError(
            f"{title}: {queue.ended}. {done} of {len({*ids})} calls are answered, at a cost of "
            f"{result.cost:.4f}; the same command goes on from there"
        )
    _warn(result, title)
    return result


def _refuse_unknown_cost(queue: CallQueue, log: Path) -> None:
    if queue.section.max_cost is not None and (silent := _unknown(queue.lines)):
        raise KoalignError(
            f"{log}: {silent} replies of this log have no count of tokens, so that "
            f"{queue.section.name}.max_cost cannot be kept; set it to null"
        )


def _settings(section: Teacher) -> dict[str, Any]:
    """The settings that are sent with a call and may change the reply."""
    keys = {"temperature", "top_p", "max_tokens", "seed", "extra"}
    return section.model_dump(mode="json", include=keys)


def _result(queue: CallQueue, ids: Sequence[str], from_log: int, short: bool) -> TeacherResult:
    by_id = {line.id: line for line in queue.lines if isinstance(line, Reply)}
    replies = tuple(by_id.get(name) for name in ids)
    spent = queue.budget.spent
    return TeacherResult(
        replies=replies,
        failures=tuple(queue.failures[n] for n in dict.fromkeys(ids) if n in queue.failures),
        cost=queue.budget.cost(spent),
        prompt_tokens=spent.prompt,
        completion_tokens=spent.completion,
        estimated=sum(isinstance(line, Failure) and line.estimated for line in queue.lines),
        unknown=_unknown(queue.lines),
        from_log=from_log,
        alarms=() if short else tuple(text_alarms(replies)),
    )


def _warn(result: TeacherResult, title: str) -> None:
    if result.failures:
        first = result.failures[0]
        warn(f"{title}: {counted(len(result.failures), 'call')} failed, the first: {first.error}")
    if result.unknown:
        warn(f"{title}: {result.unknown} replies came without a count of tokens; cost is unknown")
    for alarm in result.alarms:
        warn(f"{title}: suspicious: {alarm}")


def _unknown(lines: Sequence[Reply | Failure]) -> int:
    return sum(line.prompt_tokens is None for line in lines)
