"""formats: visible text -> the JSON fields, boxes and tags in it that hold an answer and nothing else."""

from __future__ import annotations

import re

_OBJECT = 20_000
"""Characters that are read of a JSON object on each side of its answer."""

BOXED = re.compile(r"\\boxed ?\{((?:[^{}\n]|\{[^{}\n]{0,100}\}){1,200})\}")
_CHOICE = re.compile(
    r"""["'](?:choice|option)["']\s?:\s?(?:["']?([①-⑩]|[A-J]|[0-9]{1,2})["']?(?=[\s,}])|"([^"\n]{1,300})")"""
)
"""A field that lists the choices, where there are several of it."""
FORMATS = (
    re.compile(
        r"""["'](?:(?:최종[ _]?)?(?:정답|답변|답안|답|선택)(?:[ _]?번호)?
             |(?i:(?:(?:final|correct|chosen|selected)[ _]?)?answer(?:[ _]?(?:number|choice|option))?
               |(?:final|correct|chosen|selected)[ _]?(?:choice|option)
               |final|prediction|selected))["']\s?:\s?
            (?:"((?:[^"\\\n]|\\.){0,300})"|'([^'\n]{0,300})'|\[([^\[\]\n]{0,300})\]|(-?[\w.]{1,30}))""",
        re.VERBOSE,
    ),
    BOXED,
    _CHOICE,
    re.compile(
        r"<\|?(?i:(?:final_)?answer|답변|정답|답)\|?>\s?([^<]{0,500}?)\s?<\|?/(?i:(?:final_)?answer|답변|정답|답)\|?>"
    ),
    re.compile(r"(?:\A|(?<=\n))[Qq][.:] [^\n]{1,300}\n[Aa][.:] ?([^\n]{1,200})(?=\n|\Z)"),
)
"""JSON, LaTeX, tags and the `A.` after a `Q.` that hold an answer and nothing else."""


_TEXT_OF_ANSWER = re.compile(
    r"""["'](?:(?:정답|답|선택지)[ _]?(?:내용|텍스트)"""
    r"""|(?i:(?:answer|choice|option)[ _]?(?:text|content)))["']\s?:\s?"""
    r"""(?:"((?:[^"\\\n]|\\.){0,300})"|'([^'\n]{0,300})')"""
)


def texts_beside(text: str) -> list[str]:
    """What JSON fields such as `answer_text` say beside the number of the answer."""
    return [match[1] or match[2] or "" for match in _TEXT_OF_ANSWER.finditer(text)]


def formatted(text: str) -> list[tuple[re.Match[str], str]]:
    return [
        (match, next((group for group in match.groups() if group is not None), ""))
        for pattern in FORMATS
        for match in _matches(pattern, text)
    ]


def is_boxed_value(match: re.Match[str]) -> bool:
    """Whether it is a box that may hold the value of a choice: `\\boxed{3}번` is a label."""
    return match.re is BOXED and not match.string.startswith("번", match.end())


def _matches(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    found = [*pattern.finditer(text)]
    return [] if pattern is _CHOICE and len(found) > 1 else found


def spans_of_objects(text: str) -> list[tuple[int, int]]:
    """The JSON objects that hold an answer: what their other fields say is no statement of its own."""
    found = []
    for match in FORMATS[0].finditer(text):
        start = text.rfind("{", max(0, match.start() - _OBJECT), match.start())
        end = text.find("}", match.end(), match.end() + _OBJECT)
        if start >= 0 and end >= 0:
            found.append((start, end))
    return found
