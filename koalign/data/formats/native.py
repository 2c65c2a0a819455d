"""native: JSONL in koalign's own words -> Problems.

One problem a line: `question`, `choices`, `answers` (or one `answer`, a number or a text), and
optionally `passage`, `box`, `kind`, `source`, `group`, `split`; all but the question may be left out.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

from koalign.jsonl import iter_json_lines, parse_record
from koalign.records import KoalignError, Problem


def read_problems(path: Path) -> list[Problem]:
    """The problems of a JSONL file, text in NFC.

    Raises KoalignError with file, line and field for a broken line, an answer outside the choices, a
    problem that stands twice, and an empty file.
    """
    problems = []
    first_line: dict[str, int] = {}
    for number, value in iter_json_lines(path):
        place = f"{path}:{number}"
        if not isinstance(value, dict):
            raise KoalignError(f"{place}: expected a JSON object, found {type(value).__name__}")
        problem = parse_record(Problem, _normalised(value, place), place)
        if problem.id in first_line:
            raise KoalignError(
                f"{place}: the same problem as line {first_line[problem.id]}; remove one of them"
            )
        first_line[problem.id] = number
        problems.append(problem)
    if not problems:
        raise KoalignError(f"{path}: no problem in this file")
    return problems


def _normalised(value: dict[str, Any], place: str) -> dict[str, Any]:
    value = {key: _nfc(item) for key, item in value.items()}
    if "answer" in value:
        if "answers" in value:
            raise KoalignError(f"{place}: both `answer` and `answers`; keep one of them")
        value["answers"] = [value.pop("answer")]
    if isinstance(value.get("answers"), list):
        value["answers"] = [
            str(item) if isinstance(item, int) and not isinstance(item, bool) else item
            for item in value["answers"]
        ]
    if "kind" not in value and not value.get("choices"):
        value["kind"] = "short"
    return value


def _nfc(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [_nfc(item) for item in value]
    return value
