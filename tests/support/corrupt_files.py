"""corrupt_files: broken files of every format -> what every way of reading them gives, nothing of it lost."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

from koalign.data.formats.documents import open_documents
from koalign.data.formats.read import read
from koalign.data.formats.reading import Reading
from koalign.data.formats.sources import read_source
from koalign.jsonl import parse_record, to_json_line
from koalign.records import KoalignError, Problem, Ranking, Record
from support.exam_files import FILES, ExamFile

TABLES = [name for name, file in FILES.items() if file.suffix in (".csv", ".tsv")]
LINES = [*TABLES, *(name for name, file in FILES.items() if file.suffix == ".jsonl")]
IN_JSON = [name for name, file in FILES.items() if file.suffix in (".json", ".jsonl")]
IN_TEXT = [name for name, file in FILES.items() if not file.name.endswith((".zip", ".parquet"))]


def reading_of(data: bytes, format: str, folder: Path) -> Reading | None:
    """What `read_source` reads, none where it refuses; the format being known or named."""
    path, found = written(folder, FILES[format], data), []
    for name in (None, format):
        try:
            found.append(read_source(str(path), "dev", format=name))
        except KoalignError as error:
            assert_for_people(str(error), path)
            found.append(None)
    try:
        assert_nothing_lost(read(open_documents(path), format), path)
    except KoalignError as error:
        assert_for_people(str(error), path)
    for reading in filter(None, found):
        assert_nothing_lost(reading, path)
    return found[0]


def assert_for_people(message: str, path: Path) -> None:
    assert path.name in message
    assert len(message.splitlines()) == 1 and len(message) < len(str(path)) * 2 + 600
    assert message.encode("utf-8")


def assert_nothing_lost(reading: Reading, path: Path) -> None:
    records = [*reading.problems, *reading.rankings, *reading.drops]
    for record in records:
        line = to_json_line(record).encode("utf-8").decode("utf-8")
        assert parse_record(type(record), json.loads(line), "") == record
    for drop in reading.drops:
        assert drop.place.startswith(str(path))
        assert drop.reason and drop.detail and len(drop.detail) < 600
    assert json.dumps([reading.files, reading.not_read], ensure_ascii=False).encode("utf-8")


def problems_of(reading: Reading) -> list[Problem]:
    return [*reading.problems, *(ranking.problem for ranking in reading.rankings)]


def out_of(reading: Reading | None) -> list[Problem | Ranking]:
    return [*reading.problems, *reading.rankings] if reading else []


def written(folder: Path, file: ExamFile, data: bytes) -> Path:
    path = folder / file.name
    path.write_bytes(data)
    return path


@cache
def good(folder: Path, format: str, without: int = -1) -> list[Problem | Ranking]:
    """What comes out of the good rows, or of all but one of them, when nothing is broken."""
    file = FILES[format]
    rows = [row for number, row in enumerate(file.rows()) if number != without]
    return out_of(read_source(str(written(folder, file, file.data(rows))), "dev"))


def lost(some: list[Record], among: list[Record]) -> Counter:
    return Counter(map(to_json_line, some)) - Counter(map(to_json_line, among))
