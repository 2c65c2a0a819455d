"""problems: a message, or the fields of a request -> a Problem as the run was trained on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from koalign.data.formats.documents import Row
from koalign.data.formats.fields import Refused
from koalign.data.formats.native import problem as native
from koalign.data.prompting.choices import split_choices
from koalign.jsonl import field_errors
from koalign.records import Problem
from koalign.serving.errors import ApiError
from koalign.text.visible import shown

_ASKS = re.compile(
    r"[?？]|것[은을]|것\s*+[.:]?\s*+$|고르|고른|답하|쓰시오|하시오|알맞|적절|옳은|옳지|올바른|틀린|맞는|않은|다음\s*중|들어갈"
    r"|무엇|어느|누구"
)
"""What a question of an exam says. A list without it is a list, and no choices."""
_INTRODUCTION = re.compile(
    r"^(?:\[[\d~\-– ]+\]\s*)?다음(?:은|을|의)?\s[^\n]*(?:시오|세요|십시오)[.]?\s*\n+"
)
_BOX = re.compile(r"\n?[<〈《\[【]\s*보\s*기\s*[>〉》\]】][ \t]*\n?")
_LABEL = re.compile(r"^(?:문제|질문|문항|Q)\s*\d*\s*[:.)]\s*")
_NUMBER = re.compile(r"^\d{1,3}\s*[.)]\s+")
_PARAGRAPHS = re.compile(r"\n[ \t]*\n+")


def problem_in(text: str) -> Problem | None:
    """The problem that a message holds: a question with choices, with a passage and a 보기 before it.

    None where it holds no choices, or nothing that asks. The last paragraph before the choices is the
    question; a paragraph behind the choices (`정답만 쓰시오`) is left out.
    """
    split = split_choices(text.replace("\r\n", "\n").strip())
    if split is None:
        return None
    stem, choices = split
    last = _PARAGRAPHS.split(choices[-1])[0]
    passage, box, question = _parts(stem)
    texts = [" ".join(choice.split("\n")).strip() for choice in (*choices[:-1], last)]
    if not question or not _ASKS.search(question) or not all(texts):
        return None
    return Problem(question=question, passage=passage, box=box, choices=tuple(texts))


def _parts(stem: str) -> tuple[str, str, str]:
    """Passage, 보기 and question of what stands before the choices."""
    paragraphs = [part.strip() for part in _PARAGRAPHS.split(_INTRODUCTION.sub("", stem, count=1))]
    *before, question = [part for part in paragraphs if part] or [""]
    shown_before = "\n\n".join(before)
    marks = list(_BOX.finditer(shown_before))
    passage, box = shown_before, ""
    if marks and marks[-1].end() < len(shown_before):
        passage, box = shown_before[: marks[-1].start()], shown_before[marks[-1].end() :]
    question = _NUMBER.sub("", _LABEL.sub("", question))
    return passage.strip(), box.strip(), question.strip()


def problem_of(fields: Mapping[str, Any]) -> Problem:
    """The problem in the fields of a request, as a line of a file has them; raises ApiError."""
    try:
        return native(Row("the request", dict(fields), "", ""))
    except Refused as error:
        reason = f"{error.reason.replace('_', ' ')}: {shown(error.detail)}"
        raise ApiError(400, f"the problem: {reason}", param="question") from None
    except ValidationError as error:
        field, message, *_ = field_errors(error)[0]
        place = f"{field}: " if field else ""
        raise ApiError(400, f"the problem: {place}{shown(message)}", param=field or None) from None
