"""comparison: a comparison of evaluations -> tables in a terminal, JSON and CSV files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rich.cells import cell_len, chop_cells

from koalign.evaluation.compared import Compared, Comparison, Flip, Row, Subject
from koalign.evaluation.stats.wording import hundredths, interval, p_value, percent, points
from koalign.jsonl import write_json
from koalign.naming import named
from koalign.reports.spreadsheet import write_sheet
from koalign.reports.views import print_lines, print_table

JSON = "comparison.json"
FILES = (JSON, "subjects.csv", "flips.csv")
"""What `--out` gets."""
SUBJECTS = 12
"""Subjects shown in the terminal, half of them the greatest losses; subjects.csv has all."""
FLIPS = 3
"""Flips of each way shown in the terminal; flips.csv has all."""
LONGEST = 60
"""Cells of an answer that are shown."""
NO_SUBJECT = "(no subject)"
T = TypeVar("T")
SUBJECT_HEAD = ("subject", "items", "points", "won", "lost", "p", "Holm")


def print_comparison(compared: Compared) -> None:
    """The evaluations and what each is compared with, subjects, flips, and at last what to doubt."""
    head, rows = _evaluations(compared, "\n")
    print_table(head, rows, _title(compared))
    for pair in compared.comparisons:
        if pair.subjects:
            _print_subjects(pair)
        for flip in ("won", "lost"):
            flips = [f for f in compared.flips if (f.a, f.b, f.flip) == (pair.a, pair.b, flip)]
            if flips:
                print_lines(_some_flips(f"{_versus(pair)}: {flip}", flips))
    print_lines(f"note: {note}" for note in compared.notes)
    print_lines((f"warning: {warning}" for warning in compared.warnings), "bold yellow")


def write_comparison(folder: Path, compared: Compared) -> None:
    """comparison.json, subjects.csv and flips.csv; the first is there only with the others of its own."""
    (folder / JSON).unlink(missing_ok=True)
    subjects = [
        [pair.a, pair.b, *part.model_dump().values()]
        for pair in compared.comparisons
        for part in pair.subjects
    ]
    flips = [{**flip.model_dump(), "gold": " / ".join(flip.gold)} for flip in compared.flips]
    write_sheet(folder / "subjects.csv", [["a", "b", *Subject.model_fields], *subjects])
    write_sheet(folder / "flips.csv", [list(Flip.model_fields), *(list(f.values()) for f in flips)])
    write_json(folder / JSON, compared.model_dump(mode="json"))


def _title(compared: Compared) -> str:
    first, varying = compared.evaluations[0], _varying(compared)
    shared = [str(getattr(first, key)) for key in ("protocol", "model") if key not in varying]
    items = "items that all have" if compared.common else "items"
    return ", ".join([*shared, f"{compared.average} {compared.metric} on {compared.n:,} {items}"])


def _varying(compared: Compared) -> list[str]:
    """What stands in every row: shots and adapters, and what is not the same in all of them."""
    return [
        key
        for key in ("protocol", "model", "samples", "shots", "adapters")
        if key in ("shots", "adapters") or len({getattr(r, key) for r in compared.evaluations}) > 1
    ]


def _evaluations(compared: Compared, join: str) -> tuple[list[str], list[list[str | int]]]:
    """Head and rows: what an evaluation is, its figure, and how it compares with others."""
    keys = _varying(compared)
    against = list(dict.fromkeys(pair.b for pair in compared.comparisons))
    pairs = {(pair.a, pair.b): join.join(_outcome(pair)) for pair in compared.comparisons}
    head = ["evaluation", *keys, f"{compared.metric}, %", *(f"against {name}" for name in against)]
    return head, [
        [
            row.name,
            *(getattr(row, key) for key in keys),
            f"{hundredths(row.value)}{_range(row, hundredths)}",
            *(pairs.get((row.name, name), "") for name in against),
        ]
        for row in compared.evaluations
    ]


def _versus(pair: Comparison) -> str:
    return f"{pair.a} against {pair.b}"


def _outcome(pair: Comparison) -> list[str]:
    flips = f"won {pair.won:,}, lost {pair.lost:,}"
    tests = [f"p {p_value(pair.p)}", f"Holm {p_value(pair.p_holm)}"]
    return [
        _gain(pair), flips, f"agree {percent(pair.agreement)}", *(tests if pair.p is not None else ())
    ]  # fmt: skip


def _gain(part: Comparison | Subject) -> str:
    return points(part.difference) + _range(part, points)


def _range(part: Row | Comparison | Subject, show: Callable[[float], str]) -> str:
    return "" if part.low is None else f" ({interval(part.low, part.high, show)})"


def _print_subjects(pair: Comparison) -> None:
    shown, caption = extremes(pair.subjects)
    print_table(SUBJECT_HEAD, map(_subject_row, shown), f"{_versus(pair)}, by subject", caption)


def extremes(subjects: Sequence[T]) -> tuple[Sequence[T], str]:
    """Of many subjects the greatest losses and gains, and a caption that says so; a few as they are."""
    if len(subjects) <= SUBJECTS:
        return subjects, ""
    half = SUBJECTS // 2
    caption = f"the {half} greatest losses and gains of {len(subjects)} subjects"
    return [*subjects[:half], *subjects[-half:]], caption


def _subject_row(part: Subject) -> tuple[str | int, ...]:
    tests = p_value(part.p), p_value(part.p_holm)
    return part.subject or NO_SUBJECT, part.n, _gain(part), part.won, part.lost, *tests


def _some_flips(title: str, flips: Sequence[Flip]) -> Iterator[str]:
    """The first of them, one a line, as `answer of b → answer of a`."""
    yield f"{title} {len(flips):,}" + (f", the first {FLIPS}" if len(flips) > FLIPS else "")
    for flip in flips[:FLIPS]:
        item, subject, before, after, gold = _flip_row(flip)
        yield f"  {item} {subject}: {before} → {after}, gold {gold}"


def _flip_row(flip: Flip) -> tuple[str, ...]:
    answers = _shown(flip.answer_b), _shown(flip.answer_a), _shown(" / ".join(flip.gold))
    return named(flip.id, flip.question, flip.key), flip.subject or NO_SUBJECT, *answers


def _shown(answer: str | None) -> str:
    return "no answer" if answer is None else _cut(answer, LONGEST)


def _cut(text: str, longest: int) -> str:
    """One line of no more cells of a terminal, of which a Hangul syllable takes two."""
    line = " ".join(text.split())
    return line if cell_len(line) <= longest else f"{chop_cells(line, longest - 1)[0]}…"
