"""matching: a document -> the format that it is read as, or why it has none and what to write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from koalign.data.formats import column_names
from koalign.data.formats.documents import Document, first_rows
from koalign.data.formats.format import Columns, Format, Guess, source_in_yaml
from koalign.data.formats.generic import LOOKED_AT, mapped
from koalign.data.formats.guessing import Guessing
from koalign.data.formats.shapes import EXCHANGE, is_transposed, without_gold
from koalign.data.formats.unused_columns import PICTURE, rows_below
from koalign.text.visible import shown
from koalign.yaml_text import in_yaml


def match(
    document: Document, candidates: Sequence[Format], given: Mapping[str, Any], *, may_guess: bool
) -> tuple[Document, Format, Guess | None] | str:
    """The document, perhaps with its header on a lower line, and its format; or why it has none."""
    fitting = _fitting(document, candidates, may_guess=may_guess)
    if fitting:
        return document, fitting, None
    if may_guess and (why := without_gold(document.columns)):
        return why
    tables = [*document.headers()] or [document]
    guesses: list[Guess | None] = []
    for table in tables:
        lower = _fitting(table, candidates, may_guess=may_guess)
        if lower:
            return table, lower, None
        guessed = guess(table) if may_guess else None
        if guessed and not guessed.doubt:
            return table, mapped(guessed.columns), guessed
        guesses.append(guessed)
    best = most_likely(tables, guesses) if may_guess else None
    if needs := candidates[0].needs:
        table = max(tables, key=lambda table: len(table.columns & set(needs)))
        missing = next(name for name in needs if name not in table.columns)
        return f"has no column {missing!r}; there are {_found(table)}"
    if best:
        source = source_in_yaml(
            document.name,
            sheet=document.sheet,
            columns=best.completed,
            **{
                "answer_from": best.answer_from,
                **{k: v for k, v in given.items() if v is not None},
            },
        )
        is_open = best.completed.get("choices") == ["?"]
        no_choices = ", without `choices` where there are none" if is_open else ""
        wanted = "any known format"
        less = next((one for one in candidates if one.fits(document)), None)
        if less and (left_out := less.leaves_out(document)):
            wanted = f"a format that reads {left_out!r} (`format: {less.name}` leaves it out)"
        return (
            f"does not look like {wanted}, and its columns cannot be guessed: "
            f"{best.doubt}. There are {_found(best.table)}. "
            + (best.remedy or f"Say which is what{no_choices}: {source}")
        )
    wanted = candidates[0].name if len(candidates) == 1 else "any known format"
    other = next(
        (source_in_yaml(document.name, sheet=s, **given) for s in document.other_sheets), ""
    )
    remedy = f"; for another sheet write {other}" if other else ""
    return f"does not look like {wanted} (found: {_found(document)}){remedy}"


def _fitting(document: Document, candidates: Sequence[Format], *, may_guess: bool) -> Format | None:
    """The first format that a document looks like, and that leaves no text of its rows out."""
    fitting = (one for one in candidates if one.fits(document))
    if may_guess:
        fitting = (
            one for one in fitting if one.is_certain(document) and not one.leaves_out(document)
        )
    return next(fitting, None)


def _found(document: Document) -> str:
    if document.trouble:
        return document.trouble
    names = [*document.header] or sorted(document.columns)
    if not names and isinstance(document.value, dict):
        keys = shown(", ".join(map(str, [*document.value][:20])))
        return f"one object with {keys}, and not one list of rows"
    return shown(", ".join(names[:20])) or "no rows of named fields"


def told(guessed: Guess) -> str:
    """What was guessed, and what was left out."""
    unused = f"; not used: {shown(', '.join(guessed.unused))}" if guessed.unused else ""
    return f"columns guessed: {in_yaml(guessed.columns)}{unused}"


def texts_told(document: Document, guessed: Guess, given: Mapping[str, Any]) -> Iterator[str]:
    """Of each column that was left out and holds texts, and the source that reads it."""
    field = next((key for key in ("passage", "box") if key not in guessed.columns), "question")
    for name, text in guessed.texts.items():
        both = [str(guessed.columns["question"]), name] if field == "question" else name
        columns = {**guessed.columns, field: both}
        source = source_in_yaml(document.name, sheet=document.sheet, columns=columns, **given)
        remedy = f"if it is a part of the problem write {source}"
        if PICTURE.search(text):
            remedy = "pictures are not read"
        yield f"{name!r} is not read, and holds {shown(text[:40])!r}; {remedy}"


def ambiguous_told(document: Document, columns: Columns, answers: int) -> str:
    """Of so many answers that are the text of a choice and the label of another: how they are read."""
    as_text = source_in_yaml(
        document.name, sheet=document.sheet, columns={**columns, "answer_is": "text"}
    )
    return (
        f"answers that are the text of a choice and the label of another: {answers:,}; write {as_text} "
        "where they are texts, answer_is: number where they are labels"
        if columns
        else ""
    )


def guess(document: Document) -> Guess | None:
    """The columns of a table or of a list of objects; none where no name says anything."""
    names = _names(document)
    meant = {column_names.meaning(name)[0] for name in names}
    if not meant & {"question", "answer"} and not any(map(column_names.holds_choices, names)):
        return None
    rows = first_rows(document.rows(), LOOKED_AT)
    guessed = Guessing(document, names, rows).guess()
    if guessed.doubt or not (below := rows_below(document, rows)):
        return guessed
    names = tuple(dict.fromkeys([*names, *(name for fields in below for name in fields)]))
    return Guessing(document, names, [*rows, *below]).guess()


def most_likely(tables: Sequence[Document], guesses: Sequence[Guess | None]) -> Guess | None:
    """The guess of most columns, of one table with its header on this line or that.

    Without any the first header of two names, whatever they say; none for rows of one field or of none.
    """
    names, rows = _names(tables[0]), first_rows(tables[0].rows(), LOOKED_AT)
    if is_transposed(names, rows):
        doubt = f"{names[0]!r} and the names below it stand in the first column, as names of rows"
        return Guess(tables[0], {}, (), doubt, EXCHANGE)
    if known := [guessed for guessed in guesses if guessed]:
        return max(known, key=lambda guessed: len(guessed.columns))
    for table in tables:
        names = _names(table)
        if sum(not name.startswith(column_names.UNNAMED) for name in names) > 1:
            return Guessing(table, names, first_rows(table.rows(), LOOKED_AT)).guess()
    return None


def _names(document: Document) -> tuple[str, ...]:
    rows = () if document.header else first_rows(document.rows())
    return document.header or tuple(dict.fromkeys(name for row in rows for name in row))
