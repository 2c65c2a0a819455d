"""fields: cells of a row -> checked values; whatever is wrong with one is said by `Refused`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from koalign.data.formats.documents import Row
from koalign.text.choices import korean_place, out_of_order, unnumbered
from koalign.text.korean import CHOICE_MARKS, clean, fold, fold_width
from koalign.text.tex import restored

ZERO = "answer_is_zero"
"""Reason of a row whose answer is 0 where answers count from 1."""
AMBIGUOUS = "answer_is_ambiguous"
"""Reason of a row whose answer is the text of a choice and the label of another."""
NO_NUMBER = "answer_is_no_number"
"""Reason of a row whose answer is neither a label nor the text of a choice."""
UNCLEAR = "answer_from_0_or_1"
"""Reason of a row whose choices are numbered from 0, and whose answer may be such a number or a place."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DASHES = ("-", "–", "—", "－")
_LABEL = re.compile(
    r"(?:정?답(?:은|:| :)? ?)?(?:제 ?)?[(\[]? ?(?<![0-9a-z])"
    rf"([0-9]{{1,2}}|[a-z]|[{''.join(CHOICE_MARKS)}])(?![0-9a-z])"
    r"(?: ?번)?(?: ?[)\]])?(?: ?(?:입니다|이다|임))?(?:\.(?![0-9]))?"
)
"""A label in a folded text; its group is the symbol."""
_BETWEEN = re.compile(r"[\s,/·、;&]|및|와|과|또는|and|or|\(?복수 ?정답\)?|\(?해설 ?참[조고]\)?")
"""What may stand between labels and after them."""
_BESIDE = re.compile(r"[^\W가-힣] ?번? ?[(\[] ?[^\W가-힣]")
"""A label and, in brackets, points or the answer of another form: `3(2)`."""
_POINTS = re.compile(r"[(\[] ?[0-9]{1,2}(?:\.[0-9])? ?점 ?[)\]]")
_LABEL_AND_MORE = re.compile(
    rf"(?:[{''.join(CHOICE_MARKS)}]|[(\[]? ?[0-9a-z]{{1,2}} ?(?:번|[)\]]|번?\.(?= )))"
    r"(?:(?<=\.) )? ?[0-9a-z]{1,2}"
)
"""A label and, with nothing but a blank between, what may be the text of its choice: `③ 5`, `3) 5`."""
_ONE, _ZERO_OR_ONE = {"1", "True"}, {"0", "1", "True", "False"}
"""A mark for each choice, 1 at the right one."""
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Refused(Exception):
    """A row that cannot be read: a reason of few words, and what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def wrong_type(name: str, wanted: str, value: Any) -> Refused:
    """Refused because a field holds a value of another type."""
    return Refused("wrong_type", f"{name}: {wanted} expected, found {type(value).__name__}")


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: null, NaN, or no text; CSV writes NaN as `nan` or `NaN`."""
    if isinstance(value, float):
        return math.isnan(value)
    if isinstance(value, str):
        return value.strip() in ("", "nan", "NaN")
    return value is None


def as_text(value: Any, name: str) -> str:
    """The text of a value, in the one form of `clean`; whole numbers are written out.

    Raises Refused for anything else, and for half of a surrogate pair, which no file can hold.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        whole = isinstance(value, float) and value.is_integer()
        value = str(int(value) if whole else value)
    if not isinstance(value, str):
        raise wrong_type(name, "text", value)
    if _LONE_SURROGATE.search(value):
        raise Refused("broken_text", f"{name}: half of a surrogate pair")
    return clean(restored(value))


def text(row: Row, name: str, field: str = "") -> str:
    """A column that must hold text; raises Refused if it is missing.

    `field`: what it is of a problem, for the reason; without, its name, which is then English.
    """
    reason = f"no_{field or _word(name)}"
    value = row.fields.get(name)
    if _is_null(value):
        raise Refused(reason, f"{name!r} is empty or not there")
    content = as_text(value, name)
    if not content.strip():
        raise Refused(reason, f"{name!r} is empty")
    return content


def optional(row: Row, name: str) -> str:
    """A field that may be missing: its text, or none."""
    value = row.fields.get(name)
    return "" if is_missing(value) else as_text(value, name)


def texts(value: Any, name: str) -> tuple[str, ...]:
    """A list of texts, none of them empty; raises Refused otherwise."""
    choices = tuple("" if _is_null(i) else as_text(i, name) for i in as_list(value, name))
    for place, choice in enumerate(choices, start=1):
        if not choice.strip():
            raise Refused("empty_choice", f"{name}: number {place} is empty")
    return choices


def offered(values: Sequence[Any]) -> Sequence[Any]:
    """The choices of a row in a mixed table, without the empty ones that end it.

    Empty is null, NaN, no text, and `-`, unless another choice is a sign too (`+`, `×`).
    """
    given = list(values)
    while given and is_missing(given[-1]):
        given.pop()
    words = given.copy()
    while words and (is_missing(words[-1]) or words[-1] in DASHES):
        words.pop()
    are_signs = any(isinstance(word, str) and not re.search(r"\w", word) for word in words)
    return given if are_signs else words


def inner(row: Row, name: str) -> Row:
    """The object in a field, as a row at the same place; raises Refused if it is none."""
    value = row.fields.get(name)
    if not isinstance(value, dict):
        raise wrong_type(name, "an object", value)
    return replace(row, fields=value)


def objects(row: Row, name: str) -> list[Row]:
    """The objects of the list in a field, as rows at the same place; raises Refused if it is none."""
    values = as_list(row.fields.get(name), name)
    return [inner(replace(row, fields={name: value}), name) for value in values]


def as_list(value: Any, name: str) -> Sequence[Any]:
    """The value, if it is a list; raises Refused otherwise."""
    if not isinstance(value, list | tuple):
        raise wrong_type(name, "a list", value)
    return value


def columns(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    """Choices that stand in a column each."""
    return texts([row.fields.get(name) for name in names], "/".join(names))


def gold(
    value: Any,
    choices: Sequence[str],
    name: str = "answer",
    first: int = 1,
    *,
    may_be_text: bool = True,
    number_is_label: bool = True,
) -> tuple[str, ...]:
    """The 1-based answers from a key that counts from `first`; none if missing.

    A number; a label as Korean keys have it (③, 3번, (3), 3., 제3번, ３, C); several of them, each of them
    right (`1,3`, ①③, a list); the text of a choice; or both (③ 조선). Marks and letters show their own
    number, whatever `first` is. Raises Refused for anything else, for a number outside the choices, and
    for a text that is one choice and the label of another, a number alone only if not `number_is_label`.
    """
    if is_missing(value):
        return ()
    if isinstance(value, list) and not any(isinstance(part, list) for part in value):
        if len(value) == len(choices) > 2 and {*map(str, value)} <= _ZERO_OR_ONE:
            return tuple(str(n) for n, mark in enumerate(value, start=1) if str(mark) in _ONE)
        how: dict[str, Any] = {"may_be_text": may_be_text, "number_is_label": number_is_label}
        named = (number for part in value for number in gold(part, choices, name, first, **how))
        return tuple(dict.fromkeys(named))
    if out_of_order(choices) and not (may_be_text and _same_text(str(value), choices)):
        raise Refused(
            "labels_out_of_order", f"{name}: {value!r}; write the text of the right choice"
        )
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    written = str(value).strip() if isinstance(value, int | str) else ""
    is_number = re.fullmatch(r"[0-9]{1,2}(\.0)?", written)
    if is_number and (number_is_label or not isinstance(value, str)):
        return _among([int(written.removesuffix(".0")) - first + 1], value, len(choices), name)
    if not isinstance(value, str):  # `True` is no number
        raise Refused(NO_NUMBER, f"{name}: {value!r}")
    numbers = _with_text(value, choices) or [_number(symbol, first) for symbol in labels(value)]
    place = korean_place(value)
    if not numbers and 0 < place <= len(choices) and unnumbered(choices) != tuple(choices):
        numbers = [place]  # of `(가) CO2`, `(나) NaCl`: the choices carry such labels
    same = _same_text(value, choices) if may_be_text else []
    if same and numbers != same and all(0 < n <= len(choices) for n in numbers) and numbers:
        raise Refused(
            AMBIGUOUS,
            f"{name}: {value!r} is the text of choice {same[0]} and the label of another; "
            "`answer_is` of `columns` says which is meant",
        )
    if same:
        return choice_text(value, choices, name)
    if not numbers:
        hint = f"; write {place} if that is the choice" if place else ""
        raise Refused(NO_NUMBER, f"{name}: {value!r}{hint}")
    return _among(numbers, value, len(choices), name)


def labels(value: str) -> list[str]:
    """The symbols of the labels that a text consists of, such as 1 and 3; none where it says more."""
    folded = _POINTS.sub("", fold(value))
    if _LABEL_AND_MORE.fullmatch(folded):
        return []
    more = _BESIDE.search(folded) or _BETWEEN.sub("", _LABEL.sub("", folded))
    return [] if more else _LABEL.findall(folded)


def _number(symbol: str, first: int) -> int:
    if symbol.isdecimal():
        return int(symbol) - first + 1
    return CHOICE_MARKS.get(symbol) or LETTERS.index(symbol.upper()) + 1


def _with_text(value: str, choices: Sequence[str]) -> list[int]:
    """The number of a label that the text of its own choice follows."""
    folded = fold(value)
    label = _LABEL.match(folded)
    number = _number(label[1], 1) if label else 0
    if label is None or not 1 <= number <= len(choices):
        return []
    rest = fold_width(value)[label.end() :].strip()
    return [number] if _same_text(rest, choices) == [number] else []


def _among(numbers: Sequence[int], value: Any, choices: int, name: str) -> tuple[str, ...]:
    for number in numbers:
        if number == 0:
            raise Refused(ZERO, f"{name}: {value!r}, and the first choice is 1")
        if not 1 <= number <= choices:
            raise Refused(
                "answer_outside_choices", f"{name}: {value!r}, and there are {choices} choices"
            )
    return tuple(str(number) for number in dict.fromkeys(numbers))


def letter(value: Any, choices: int, name: str = "answer") -> tuple[str, ...]:
    """The 1-based answer from a letter, `B`, `B.` or `(B)`; none if missing; raises Refused otherwise."""
    if is_missing(value):
        return ()
    label = _LABEL.fullmatch(fold(str(value)))
    if label is None or label[1].upper() not in LETTERS:
        raise Refused("answer_is_no_letter", f"{name}: {value!r}")
    return _among([_number(label[1], 1)], value, choices, name)


def choice_text(value: Any, choices: Sequence[str], name: str = "answer") -> tuple[str, ...]:
    """The 1-based answer from the text of a choice; none if missing. Of choices that say the same, all.

    Raises Refused if no choice says that, or two that differ in letter case.
    """
    if is_missing(value):
        return ()
    wanted = as_text(value, name)
    same = _same_text(wanted, choices)
    if not same:
        raise Refused("answer_is_no_choice", f"{name}: {wanted[:60]!r} is not among the choices")
    if len({fold_width(choices[number - 1]) for number in same}) > 1:
        raise Refused(
            "answer_is_two_choices", f"{name}: {wanted[:60]!r}, but for letter case or blanks"
        )
    return tuple(map(str, same))


def _same_text(wanted: str, choices: Sequence[str]) -> list[int]:
    """The numbers of the choices of this text; folded where none is the same to the letter.

    Then letter case is ignored, blanks last (`ㄱ,ㄴ`, `ㄱ, ㄴ`): of Co and CO each is the one that it says.
    """
    for texts in (choices, unnumbered(choices), out_of_order(choices)):
        for form in (str, fold_width, fold, _without_blanks):
            formed = form(wanted)
            if same := [n for n, text in enumerate(texts, start=1) if form(text) == formed]:
                return same
    return []


def _without_blanks(text: str) -> str:
    return fold(text).replace(" ", "")


def is_label(value: Any, most: float = math.inf) -> bool:
    """Whether a cell holds a number, as that of a row or a choice: `3`, `1-2`, `③`, `3번`, `C`."""
    written = str(value).strip()
    if re.fullmatch(r"[0-9]{1,9}([.-][0-9]{1,9})?", written):
        return float(written.replace("-", ".")) <= most
    symbols = labels(written)
    return bool(symbols) and all(
        int(symbol) <= most if symbol.isdecimal() else symbol in CHOICE_MARKS or symbol in "abcde"
        for symbol in symbols
    )


def _is_null(value: Any) -> bool:
    """Null or NaN; unlike `is_missing` not the text `nan`, which may be what a choice says."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _word(name: str) -> str:
    return re.sub(r"\W+", "_", name.lower()).strip("_") or "field"
