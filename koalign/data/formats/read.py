"""read: exam files -> Problems, Rankings and Drops, one file a family; rows in = what comes out."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from pydantic import ValidationError

from koalign.data.formats.column_names import LONG
from koalign.data.formats.documents import Document, Row, first_rows
from koalign.data.formats.drops import drop
from koalign.data.formats.fields import AMBIGUOUS, UNCLEAR, ZERO, Refused, is_missing, optional
from koalign.data.formats.format import Columns, Format
from koalign.data.formats.generic import LOOKED_AT, free_kind, mapped, rights_text
from koalign.data.formats.kinds import (
    guess_kind,
    kind_beside,
    several_in_one,
    two_choices,
    with_choices,
    with_kind,
)
from koalign.data.formats.matching import ambiguous_told, match, texts_told, told
from koalign.data.formats.noticed import Noticed
from koalign.data.formats.reading import Reading
from koalign.data.formats.set_passages import SetPassages
from koalign.data.formats.shared_passages import SharedPassages
from koalign.data.formats.split_names import split_in_cell
from koalign.data.formats.tidy import tidy
from koalign.data.formats.unused_columns import split_field
from koalign.jsonl import field_errors
from koalign.naming import counted
from koalign.records import Drop, FreeKind, KoalignError, Problem, Ranking, content_hash
from koalign.text.korean import fold, fold_width
from koalign.text.visible import shown

MANY_ZEROS = 9
"""More answers 0 than so many times those of the last choice: the answers count from 0. Where they count
from 1, 0 stands for no answer, and the last choice is right in a fourth of the rows. A rule of thumb."""
OTHER_SPLIT = "its name says"
"""How the reason begins for which a file of another split was left out."""
OTHER_ROWS = "rows say another split"
"""How the reason ends for which rows were."""


def read(
    documents: Iterable[Document],
    format: str | None = None,
    *,
    split: str | None = None,
    columns: Columns | None = None,
    answer_from: int | None = None,
    kind: FreeKind | None = None,
    needs_answers: bool = True,
) -> Reading:
    """Read documents as the named format, or each as the first format that it looks like.

    `answer_from` is the number of the first choice, by default 1. `kind` is that of problems without
    choices where a row says none; without it their answers decide (`guess_kind`). A row whose gold answer
    alone cannot be read is a drop where it `needs_answers`, else a problem without one.

    With `split`, rows and files that call themselves another split are left out and listed, as are files
    that look like no format. Text is in NFC. Raises KoalignError for an unknown format.
    """
    from koalign.data.formats.families import FORMATS

    known = {candidate.name: candidate for candidate in FORMATS}
    if format is not None and format not in known:
        raise KoalignError(f"format {format!r} is not known; known are {', '.join(known)}")
    if columns is not None and format is not None:
        raise KoalignError(f"format {format!r} and columns: say one of them")
    candidates = [mapped(columns)] if columns is not None else list(FORMATS)
    if format is not None:
        candidates = [known[format]]
    if answer_from is None and columns is not None and "answer_from" in columns:
        answer_from = int(columns["answer_from"] == 1)
    reading = Reading()
    for document in documents:
        if document.split:
            reading.splits[document.name] = document.split
        if split and document.split not in ("", split):
            reading.not_read[document.name] = f"{OTHER_SPLIT} {document.split}"
            continue
        given = {"answer_from": answer_from, "kind": kind}
        may_guess = columns is None and format is None
        matched = match(document, candidates, given, may_guess=may_guess)
        if isinstance(matched, str):
            others = ", ".join(document.other_sheets)
            where = f"sheet {document.sheet!r} is read, {others} not: " if others else ""
            reading.not_read[document.name] = where + matched
            continue
        table, fitting, guessed = matched
        notes = list(table.notes)
        if guessed:
            reading.columns[document.name] = guessed.columns
            notes.append(told(guessed))
            notes += texts_told(document, guessed, given)
            if guessed.elsewhere:
                reading.shared[document.name] = guessed.elsewhere
        if kind and not fitting.guesses_kind:
            notes.append(f"kind: {kind} plays no part, for {fitting.name} has kinds of its own")
        if rights_text(guessed.columns if guessed else columns or {}):
            notes.append(
                "choices stand in the order of their texts, for the right one has a column"
            )
        for name in fitting.unread_texts(table):
            notes.append(f"{shown(name)!r} holds texts, and format {fitting.name} does not read it")
        if table.header_line != document.header_line:
            above = max(document.header, key=len, default="")
            not_read = f"; {shown(above[:40])!r} above it is not read" * (len(above) > LONG)
            notes.append(f"the header is on line {table.header_line}{not_read}")
        for note in filter(None, (*notes, fitting.note)):
            reading.notes.setdefault(note, []).append(document.name)
        reading.files[document.name] = fitting.name
        reading.encodings[document.name] = document.encoding
        _read_rows(table, fitting, split, answer_from, kind, reading, needs_answers=needs_answers)
    return reading


def _read_rows(
    document: Document,
    format: Format,
    split: str | None,
    answer_from: int | None,
    kind: FreeKind | None,
    into: Reading,
    *,
    needs_answers: bool,
) -> None:
    other_splits = zeros = unclear = ambiguous = 0
    noticed = Noticed(in_csv=bool(document.header and document.encoding))
    open_kind = array("q")
    shared = SharedPassages(format.columns)
    by_row = "" if format.columns else split_field(first_rows(format.rows(document), LOOKED_AT))
    sets = SetPassages(format.columns)
    for row in shared.in_each(sets.in_each(format.rows(document))):
        if answer_from == 0 and isinstance(row, Row):
            row = replace(row, answer_from=0)
        if by_row and isinstance(row, Row):
            cell = row.fields.get(by_row)
            of_row = split_in_cell(by_row, "" if is_missing(cell) else str(cell))
            row = replace(row, split=of_row or row.split)
        record = row if isinstance(row, Drop) else _read_row(row, format, answer_from)
        if isinstance(row, Row) and isinstance(record, Drop) and record.reason.startswith("answer"):
            zeros += record.reason == ZERO
            ambiguous += record.reason == AMBIGUOUS
            unclear += record.reason == UNCLEAR
            if not needs_answers:
                record = _read_row(_without_answer(row, record, format), format, answer_from)
        problem = record.problem if isinstance(record, Ranking) else record
        if split and isinstance(problem, Problem) and problem.split not in ("", split):
            other_splits += 1
        else:
            said = isinstance(row, Row) and free_kind(row.fields.get("kind"))
            if format.guesses_kind and isinstance(record, Problem) and not (record.choices or said):
                open_kind.append(len(into.records))
            noticed.see(record, row.place)
            into.records.append(record)
            into.places.append(row.place)
            if format.text:
                if isinstance(row, Drop) or isinstance(record, Drop):
                    into.texts.append("")
                else:
                    into.texts.append(optional(row, format.text))
    _set_kind(document.name, open_kind, kind, into)
    is_table = bool(document.header) and format.guesses_kind
    may_want = is_table and format.columns and "blank_passage" not in format.columns
    if doubt := shared.doubt or (noticed.doubt() if may_want else ""):
        into.shared[document.name] = doubt
    notes = (
        *document.doubts(),
        shared.note,
        sets.note,
        ambiguous_told(document, format.columns, ambiguous) if ambiguous and needs_answers else "",
        *noticed.notes(
            is_table=is_table, in_one_cell=isinstance(format.columns.get("choices"), str)
        ),
    )
    for note in filter(None, notes):
        into.notes.setdefault(note, []).append(document.name)
    if other_splits:
        into.not_read[document.name] = f"{other_splits} {OTHER_ROWS}"
    if unclear and not needs_answers:
        note = (
            "gold answers may count from 0 or 1 and are left aside; answer_from: 0 or 1 reads them"
        )
        into.notes.setdefault(note, []).append(document.name)
    # Where no answers are needed, unclear ones were left aside.
    odd = zeros + unclear * needs_answers
    if answer_from is None and odd > MANY_ZEROS * noticed.last_choices:
        into.from_zero[document.name] = zeros, unclear


def _without_answer(row: Row, dropped: Drop, format: Format) -> Row:
    """The row without the gold answer that cannot be read; the drop names its field first."""
    unread = {dropped.detail.partition(":")[0], "answer", "answers", format.answer}
    fields = {name: value for name, value in row.fields.items() if name not in unread}
    return replace(row, fields=fields)


def _set_kind(name: str, numbers: Sequence[int], kind: FreeKind | None, into: Reading) -> None:
    """Make these records of a document of this kind, or of the one that their answers show."""
    if kind is None and (two := two_choices(_problems_at(numbers, into))):
        rest = []
        for number, problem in zip(numbers, _problems_at(numbers, into), strict=True):
            into.records[number] = judged = with_choices(problem, two)
            rest += [] if judged.choices else [number]
        judged_of = f"{len(numbers) - len(rest)} of {counted(len(numbers), 'problem')}"
        note = (
            f"answers without choices are {two[0]} or {two[1]}: {judged_of}, with these two as choices. "
            "`kind: short` of the source says otherwise"
        )
        into.notes.setdefault(note, []).append(name)
        numbers = rest
    if kind is None and (guessed := guess_kind(_problems_at(numbers, into))):
        usual, note = guessed
        into.notes.setdefault(note, []).append(name)
        for number, problem in zip(numbers, _problems_at(numbers, into), strict=True):
            into.records[number] = with_kind(problem, kind_beside(problem, usual))
    if kind is not None:
        for number, problem in zip(numbers, _problems_at(numbers, into), strict=True):
            into.records[number] = with_kind(problem, kind)
    if several := several_in_one(_problems_at(numbers, into)):
        into.notes.setdefault(several, []).append(name)


def _problems_at(numbers: Sequence[int], reading: Reading) -> Iterator[Problem]:
    return (record for n in numbers if isinstance(record := reading.records[n], Problem))


def _read_row(row: Row, format: Format, answer_from: int | None) -> Problem | Ranking | Drop:
    try:
        record = format.problem(row)
        if isinstance(record, Problem) and _are_alike(record):
            raise Refused("answer_is_every_choice", f"all choices say {record.choices[0]!r}")
        if answer_from is None and isinstance(record, Problem) and format.is_unclear(row, record):
            raise Refused(UNCLEAR, f"answer: choice {', '.join(record.answers)}, or the next one")
    except Refused as refused:
        return drop(row.place, refused.reason, refused.detail, _key_of(row, format))
    except ValidationError as error:
        first = field_errors(error)[0]
        detail = f"{first.field}: {first.message}" if first.field else first.message
        return drop(row.place, "invalid", detail, _key_of(row, format))
    if isinstance(record, Ranking):
        return record.model_copy(update={"problem": _named(record.problem, format, row)})
    return _named(record, format, row)


def _are_alike(problem: Problem) -> bool:
    """Whether an answer is one of choices that all say the same, as `(그림)` does for pictures."""
    different = {fold_width(choice) for choice in problem.choices}
    return bool(problem.answers) and len(problem.choices) > 1 and len(different) == 1


def _key_of(row: Row, format: Format) -> str:
    """What a row that cannot be read calls itself."""
    name = next(filter(None, map(row.fields.get, (format.key, "key", "id"))), None)
    return shown(str(name)) if isinstance(name, str | int) else ""


def _named(problem: Problem, format: Format, row: Row) -> Problem:
    """The problem with the source, split and group that its place tells; one passage is one group."""
    problem = tidy(problem)
    passage, group = _shared(problem.passage) if problem.passage else ("", "")
    return problem.model_copy(
        update={
            "source": problem.source or format.name,
            "split": problem.split or row.split,
            "group": problem.group or group,
            "passage": passage,
        }
    )


@lru_cache(maxsize=4096)
def _shared(passage: str) -> tuple[str, str]:
    """One text in memory for equal passages, and their group."""
    return passage, content_hash(fold(passage))
