"""read_rows: made-up rows -> the bytes of a file of them, and what a reading of it holds."""

import csv
import io
import json
from typing import Any

from koalign.data.formats.documents import open_document
from koalign.data.formats.read import read
from koalign.data.formats.reading import Reading
from koalign.records import Drop, Problem, Ranking


def table(*rows: list) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def to_bytes(name: str, value: Any) -> bytes:
    """Text in UTF-8, or JSON in the form that the name of the file says."""
    if isinstance(value, str | bytes):
        return value.encode() if isinstance(value, str) else value
    lines = [value] if isinstance(value, dict) or not name.endswith(".jsonl") else value
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def reading_of(value: Any, format: str | None = None, name: str = "made_up.json") -> Reading:
    return read([open_document(name, to_bytes(name, value))], format)


def read_as(format: str, name: str, value: Any) -> Reading:
    """A file that sniffing must know as the format."""
    reading = reading_of(value, None, name)
    assert reading.files == {name: format}, reading.not_read
    return reading


def only(reading: Reading) -> Problem:
    assert not reading.drops and not reading.not_read, reading
    (problem,) = reading.problems
    assert Problem.model_validate(problem.model_dump(mode="json")) == problem
    return problem


def dropped(reading: Reading) -> Drop:
    assert not reading.problems and not reading.rankings, reading
    (drop,) = reading.drops
    return drop


def one(value: Any, format: str | None = None, name: str = "made_up.json") -> Problem:
    return only(reading_of(value, format, name))


def one_ranking(value: Any, format: str | None = None, name: str = "made_up.json") -> Ranking:
    reading = reading_of(value, format, name)
    assert not reading.drops and not reading.not_read, reading
    (ranking,) = reading.rankings
    return ranking


def refusal(value: Any, format: str | None = None, name: str = "made_up.json") -> str:
    return dropped(reading_of(value, format, name)).reason
