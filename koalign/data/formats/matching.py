"""matching: a document -> the format that it is read as, or why it has none and what to write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from koalign.data.formats.documents import Document
from koalign.data.formats.format import Columns, Format, Guess, source_in_yaml
from koalign.data.formats.generic import mapped
from koalign.data.formats.guessing import guess, most_likely
from koalign.data.formats.unused_columns import PICTURE
from koalign.text.visible import shown
from koalign.yaml_text import in_yaml


def match(
    document: Document, candidates: Sequence[Format], given: Mapping[str, Any], *, may_guess: bool
) -> tuple[Document, Format, Guess | None] | str:
    """The document, perhaps with its header on a lower line, and its format; or why it has none."""
    fitting = _fitting(document, candidates, may_guess=may_guess)
    if fitting and (not may_guess or fitting.knows_fields(document)):
        return document, fitting, None
    tables = [*document.headers()] or [document]
    guesses: list[Guess | None] = []
    for table in tables:
        lower = _fitting(table, candidates, may_guess=may_guess)
        if lower and (not may_guess or lower.knows_fields(table)):
            return table, lower, None
        guessed = guess(table) if may_guess else None
        # A field that is misspelt has no meaning, and is no reason to read the rest without it.
        if guessed and not guessed.doubt and not (fitting and fitting.misspells(guessed.unused)):
            return table, mapped(guessed.columns), guessed
        guesses.append(guessed)
    best = most_likely(tables, guesses) if may_guess else None
    if fitting and not (best and best.doubt and not fitting.misspells(best.unused)):
        return document, fitting, None
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
        if less := next((one for one in candidates if one.fits(document)), None):
            left_out = less.leaves_out(document)
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
    return next((one for one in fitting if not (may_guess and one.leaves_out(document))), None)


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
