"""unused_columns: what a guess leaves unread of a table -> why it cannot be: a passage, another answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from typing import Any

from koalign.data.formats.column_names import (
    holds_a_text,
    is_prose,
    is_remark,
    meaning,
    tells_answer,
    word,
)
from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import Refused, gold, is_label, is_missing
from koalign.data.formats.format import Columns
from koalign.data.formats.generic import choices_of
from koalign.data.formats.split_names import (
    LONGEST_NAME,
    is_held_out,
    marks_a_split,
    split_in_cell,
    split_in_name,
)
from koalign.naming import counted

Rows = Sequence[Mapping[str, Any]]

_OF_THE_EXAM = re.compile(
    "성취|기준|평가|단원|키워드|태그|검수|작성|담당|학년|학기|난이도|교과서|출판|시험명|회차|시행|일시|날짜|일자|시간|기관"
    "|이름|성명|코드|번호|tag|keyword|author|level|name|time|date|skill|standard|path|code"
)
"""In names of what short texts tell of an exam or of its author."""
_TAG = re.compile("<[^<>]{1,200}>")
_OF_A_PASSAGE = re.compile("지문|passage|context")
PICTURE = re.compile(r"\.(?:png|jpe?g|gif|bmp|svg|webp)\b|<img\b", re.IGNORECASE)
_PHRASE = re.compile(rf"[^\W\d]\S*\s+\S+\s+\S*[^\W\d]|[.?!]\s*\Z|{PICTURE.pattern}", re.IGNORECASE)


def split_column(names: Sequence[str], rows: Rows) -> str:
    """The column that names the split of each row; empty without.

    Its every cell does, and not all of them one, unless that is held out; or its own name does, and the
    cells say yes or no.
    """
    for name in names:
        values = [str(value) for value in _values(name, rows)]
        splits = {*map(_split_named, _values(name, rows))}
        if "" not in splits and (len(splits) > 1 or (values and all(map(is_held_out, values)))):
            return name
        cells = ["" if is_missing(row.get(name)) else str(row[name]) for row in rows]
        if marks_a_split(name, cells):
            return name
    return ""


def split_field(rows: Rows) -> str:
    """The field that names the split of rows in a format that has none for it; empty without."""
    names = [*dict.fromkeys(name for row in rows for name in row)]
    for name in names:
        values = _values(name, rows) if meaning(name)[0] == "split" else []
        if values and all(map(_split_named, values)):
            return name
    return split_column(names, rows)


def rows_below(document: Document, rows: Rows) -> list[dict[str, Any]]:
    """The rows in which a column first holds something that is empty in the first `rows`."""
    filled = {name for row in rows for name, value in row.items() if not is_missing(value)}
    if document.header and filled >= {*document.header}:
        return []
    below = []
    for row in document.rows():
        fields = row.fields if isinstance(row, Row) else {}
        if new := {name for name in fields.keys() - filled if not is_missing(fields[name])}:
            filled |= new
            below.append(fields)
    return below


def needed(
    names: Sequence[str], rows: Rows, columns: Columns
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Why a column may not be left unread, and what it then is of `columns`."""
    numbered = [re.fullmatch(r"(.*\D)[0-9]", name.strip()) for name in names]
    stems = Counter(match[1] for match in numbered if match)  # as choices are: `오답1,오답2,오답3`
    is_open = columns.get("choices", ["?"]) == ["?"]
    if stems and is_open:
        (stem, count), *_ = stems.most_common(1)
        if count > 2:
            own = [name for name in names if re.fullmatch(rf"{re.escape(stem)}[0-9]", name.strip())]
            yield f"{count} columns {stem!r} are numbered, and none holds choices", {"choices": own}
            is_open = False
    if is_open and (own := _choices_of_answers(names, rows, columns)):
        yield (
            f"the answer is the text of {', '.join(map(repr, own))}, and no column holds choices",
            {"choices": own},
        )
    if other := _where_no_answer(names, rows, columns):
        answer = columns["answer"]
        yield (
            f"{answer!r} is empty where {other!r} is not; copy both into one column 정답",
            {"answer": "?"},
        )
    for name in names:
        splits = Counter(map(_split_named, _values(name, rows)))
        others = splits.pop("", 0)
        if others and len(splits) > 1 and splits.total() > others:
            odd = next(v for v in _values(name, rows) if not _split_named(v))
            yield f"{name!r} names splits, and {str(odd)[:40]!r} is none", {"split": name}
        if (split := str(columns.get("split", ""))) and _differ(split, name, rows):
            yield (
                f"{split!r} and {name!r} say different splits; write one column of train, dev, test",
                {},
            )
    if empty := _without_split(str(columns.get("split", "")), str(columns.get("question")), rows):
        yield (
            f"{columns['split']!r} names splits, and is empty in {counted(empty, 'row')}; fill it in",
            {"split": "?"},
        )
    if second := _second_answer(names, rows, columns):
        both = f"both {columns['answer']!r} and {second!r} look like the answer"
        if say_the_same(second, str(columns["answer"]), rows, columns, 0):
            yield f"{both}, the first counting from 0", {"answer_from": 0}
            return
        yield (
            f"{both}; several right ones go into one cell: `1,3`, of a short answer `서울#서울시`",
            {"answer": "?"},
        )
    for name in names:
        if holds_a_text(name) and any(
            isinstance(value, dict | list) for value in _values(name, rows)
        ):
            yield f"{name!r} holds objects or lists, and should hold one text", {}
    if texts := _unread_texts([n for n in names if not _repeats(n, rows, columns)], rows):
        text, field = texts[0], next((key for key in ("passage", "box") if key not in columns), "")
        held = f"{text!r} holds {str(_values(text, rows)[0])[:40]!r}, and may be a passage"
        yield (
            f"{held}; where it is none, leave it out of `columns`",
            {field: texts[0] if len(texts) == 1 else texts} if field else {},
        )


def texts_left_out(names: Sequence[str], rows: Rows, columns: Columns) -> dict[str, str]:
    """The columns most of whose cells are phrases, sentences or pictures, and an example of each."""
    texts = {}
    for name in (name for name in names if not _repeats(name, rows, columns)):
        values = [_in_one(value) for value in _values(name, rows)]
        values = [value for value in values if not isinstance(value, list | dict)]
        values = [str(value) for value in values]
        found = [value for value in values if _PHRASE.search(value)]
        is_about = is_remark(name) or _OF_THE_EXAM.search(word(name))
        if 2 * len(found) > len(values) and not is_about:
            texts[name] = found[0]
    return texts


def _without_split(split: str, question: str, rows: Rows) -> int:
    """How many problems say none, where others say different ones, as below a merged cell."""
    said = {split_in_cell(split, str(value)) for value in _values(split, rows)}
    empty = [
        row for row in rows if is_missing(row.get(split)) and not is_missing(row.get(question))
    ]
    return len(empty) if len(said) > 1 and not split_in_cell(split, "") else 0


def _choices_of_answers(names: Sequence[str], rows: Rows, columns: Columns) -> list[str]:
    """The columns, from the first to the last of them, one of which says what the answer does."""
    answer = str(columns.get("answer", ""))
    given = [row for row in rows if not is_missing(row.get(answer))]
    given = [row for row in given if not is_label(row[answer], most=5)]
    same = [[name for name in names if row.get(name) == row[answer]] for row in given]
    of_answer = [names.index(name) for one in same for name in one]
    if 2 * sum(map(bool, same)) <= len(given) or len({*of_answer}) < 2:
        return []
    return [*names[min(of_answer) : max(of_answer) + 1]]


def _where_no_answer(names: Sequence[str], rows: Rows, columns: Columns) -> str:
    """The first column that holds something only where the answer is empty, and there mostly."""
    answer = str(columns.get("answer", ""))
    empty = [row for row in rows if is_missing(row.get(answer))]
    for name in names if answer else ():
        filled = [row for row in empty if not is_missing(row.get(name))]
        if (
            filled
            and 2 * len(filled) > len(empty)
            and len(filled) == len(_values(name, rows))
            and not is_remark(name)
        ):
            return name
    return ""


def _differ(split: str, flag: str, rows: Rows) -> bool:
    """Whether a column says of a row that it is of a split, and the column of splits says another."""
    cells = [["" if is_missing(row.get(n)) else str(row[n]) for n in (split, flag)] for row in rows]
    return marks_a_split(flag, [cell for _, cell in cells]) and any(
        split_in_cell(flag, cell) not in ("train", split_in_cell(split, said))
        for said, cell in cells
    )


def _in_one(value: Any) -> Any:
    """A list of texts as one text."""
    is_texts = isinstance(value, list) and all(isinstance(part, str) for part in value)
    return "\n".join(value) if is_texts else value


def passage_elsewhere(names: Sequence[str], rows: Rows) -> str:
    """Why passages stand elsewhere: a column says by a number or an id which one a row has."""
    for name in names:
        values = _values(name, rows)
        is_id = meaning(name)[0] == "passage_id" and _OF_A_PASSAGE.search(word(name))
        if is_id or (
            meaning(name)[0] == "passage" and 2 * sum(map(is_label, values)) > len(values)
        ):
            held = f"{name!r} holds {str(values[0])[:40]!r}"
            return f"{held}, which stands for a passage that no column holds"
    return ""


def _unread_texts(names: Sequence[str], rows: Rows) -> list[str]:
    """The columns most of whose cells are long, and whose names are not of a remark."""
    long = []
    for name in names:
        values = [_in_one(value) for value in _values(name, rows)]
        if not is_remark(name) and 2 * sum(map(is_prose, values)) > len(values):
            long.append(name)
    return long


def _repeats(name: str, rows: Rows, columns: Columns) -> bool:
    """Whether a column mostly says what the question does, but for tags and blanks: `prompt_html`."""
    question = str(columns.get("question", ""))
    filled = [row for row in rows if not is_missing(row.get(name))]
    same = sum(_without_tags(row[name]) == _without_tags(row.get(question)) for row in filled)
    return 2 * same > len(filled)


def _without_tags(value: Any) -> str:
    return re.sub(r"\s+", "", unescape(_TAG.sub("", str(value))))


def _second_answer(names: Sequence[str], rows: Rows, columns: Columns) -> str:
    """The first column that looks like the answer too, and says another one; empty without."""
    answer = columns.get("answer")
    for name in names if answer else ():
        stem = re.sub(r"[0-9]+\Z", "", word(name))
        is_numbered = stem != word(name) and meaning(stem)[0] == "answer"
        values = _values(name, rows)
        labels = sum(is_label(value, most=5) for value in values)
        is_told = tells_answer(name)
        names_choices = (
            labels if not is_told else max(labels, _texts_of_choices(name, rows, columns))
        )
        if (is_numbered or (is_told and 2 * names_choices > len(values))) and not any(
            say_the_same(str(answer), name, rows, columns, first) for first in (1, 0)
        ):
            return name
    return ""


def _texts_of_choices(name: str, rows: Rows, columns: Columns) -> int:
    """How many cells of a column are the text of a choice of their row."""
    return sum(isinstance(_named(row, name, columns, 1), tuple) for row in rows)


def say_the_same(answer: str, name: str, rows: Rows, columns: Columns, first: int) -> bool:
    """Whether two columns name the same choices, those of the second counted from `first`."""
    return all(
        row.get(answer) == row[name]
        or _named(row, answer, columns, 1) == _named(row, name, columns, first)
        for row in rows
        if not is_missing(row.get(name))
    )


def _named(row: Mapping[str, Any], name: str, columns: Columns, first: int) -> object:
    """The choices that a cell names; an object like no other where it names none."""
    try:
        choices = choices_of(row, columns) if "choices" in columns else ()
        return gold(row.get(name), choices, first=first) or object()
    except Refused:
        return object()


def _split_named(value: Any) -> str:
    """The split that a cell names; none of an object or a long text, which may hold such a word."""
    is_short = not isinstance(value, dict | list) and len(str(value)) <= LONGEST_NAME
    return split_in_name(str(value)) if is_short else ""


def _values(name: str, rows: Rows) -> list[Any]:
    return [row[name] for row in rows if not is_missing(row.get(name))]
