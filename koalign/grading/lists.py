"""lists: visible text that goes through the choices line by line -> the choice that it calls right."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from koalign.grading.labels import Labels, texts, union
from koalign.grading.names import written
from koalign.grading.patterns import OPEN
from koalign.grading.visible import canonical
from koalign.text.korean import CHOICE_MARKS, fold_width

_MARKS = "".join(CHOICE_MARKS)
_BULLET = re.compile(rf"[-*•· ]{{0,3}}{OPEN}")
_NEXT_ITEM = rf"\n[-*•· ]{{0,3}}{OPEN}"
_LABEL = rf"(?:[{_MARKS}]|[1-9A-J](?:[).:]|번))"
ITEM = re.compile(rf"(?:\A|\n)[-*•· ]{{0,3}}{OPEN}{_LABEL}")
"""A line that begins with a label."""
_ITEM_END = re.compile(r"(?<=\n)|(?<= / )")
_SEVERAL = re.compile(rf"\n[^\n]{{0,200}}{_NEXT_ITEM}{_LABEL}")
_LINE = rf"(?:번|[).:])?[^\n]{{0,200}}{_NEXT_ITEM}"
_FROM_THE_FIRST = re.compile(
    rf"(?:①{_LINE}②{_LINE}③|1(?![0-9]){_LINE}2(?![0-9]){_LINE}3(?![0-9])|A\b{_LINE}B\b{_LINE}C\b)"
)
"""After the line of a key: a line for each of the first three choices."""
_LISTED_RIGHT = re.compile(
    r"(?:[-–—:→=]|[(\[]) ?정답(?:입니다|이다|임)?[)\]]?[.!]?[ /\n]{0,3}\Z|[✅✔✓☑][ /\n]{0,3}\Z"
    r"|(?:←|<-) ?정답[ /\n]{0,3}\Z"
)
"""At the end of a choice's line: it is the answer."""

_READ = 2_000
"""Characters after a key that are read for a list of all choices."""

_SIGN = re.compile(r"[✅✔✓☑👈←]|<-|[(\[]정답[)\]]")
_CALLED = re.compile(
    r"(?:[-–—:→=(]|므로|[라어아]서|니까?) ?(정답|오답)(?:입니다|이다|임)?[)\]]?[.!]?\Z"
)
_CALLED_ANSWER = re.compile(r"[✔✅✓☑←] ?정답")
_STEP = re.compile(" ?(?:→|⇒|[=-]>|>) ?")
_PART = re.compile(" ?(?:→|⇒|[=-]>|>|[-‐‑–—−~,]) ?")
"""Between the steps of an order, in a reply and in a choice."""
_PLACE = re.compile(r"[㉠-㉭ⓐ-ⓩ]|[(][가나다라마A-E][)]")
_PLACES = ("㉠㉡㉢㉣㉤㉥", "ⓐⓑⓒⓓⓔ", "(가)(나)(다)(라)(마)", "(A)(B)(C)(D)(E)")
_FILLER = re.compile(rf"(?:,? ?(?:{_PLACE.pattern}) ?:? ?)|(?: [-–—/] |, )")
"""Where something is to be put in; what stands before each part of a choice that fills such places."""
_WARNS = re.compile(r"함정|오답|주의|헷갈|혼동|\?")
_JUDGED_ITEM_END = re.compile(
    rf"\n|(?:(?<=[^\n][)○×OX✅❌⭕✔]),? ?|(?<=[다요음임]\.) )(?=[{_MARKS}]|[1-9]번)"
)
_JUDGED_ITEM = re.compile(
    rf"[-*•·|\s]{{0,4}}(?:[✅❌⭕✖✔☑☐] ?|\[[ xXvV]\] )?{OPEN}"
    rf"(?:(?P<mark>[{_MARKS}])|(?:(?P<digit>[1-9])|(?P<letter>[A-J]))(?:번|[).:]| ?\|)"
    r"|(?P<text>[^\n:|(]{1,200}?) ?(?:[:|(→]|[-–—] |(?=[✅✔✓☑✘✗❌✖⭕←])|\Z))"
)
_JUDGED = re.compile(
    r"(?:(?<=[\s|:→⇒=,—–(\[.…-])|\A|(?<=[①-⑩]))(?:"
    r"(?P<right>\[[xXvV]\]|[O○◯⭕✅✔✓☑](?![A-Za-z0-9])|옳(?:은|음|다|습)|맞(?:음|는(?!지|가|다)"
    r"|다(?!면)|습)"
    r"|참(?![가-힣])|올?바르게 [가-힣]{1,6}(?:었다|였다|됨|됐다|되었다|되었습니다|되어 있다)"
    r"|적절(?:함|하다|합|한 )|바른 )"
    r"|(?P<wrong>\[ \]|☐|[X×✗✘❌✖](?![A-Za-z0-9])|옳지 않|틀[리립린림렸]|거짓|오답|잘못|부적절"
    r"|적절하지 않|맞지 않|아님))"
)
"""In a line on a choice: it is right, or wrong."""


def lists_choices(text: str, key: re.Match[str], folded: Sequence[str]) -> bool:
    """Whether a key is followed by lines for several choices, or by all: none of them is the answer."""
    if _letters(text[key.end() : key.end() + _READ]).startswith(_listings(tuple(folded))):
        return True
    if key["lead"]:
        return _SEVERAL.match(text, key.end("lead")) is not None
    return "\n" in key[0] and _FROM_THE_FIRST.match(text, key.end()) is not None


@lru_cache(maxsize=256)
def _listings(folded: tuple[str, ...]) -> tuple[str, ...]:
    """The letters of a list of all choices with their numbers, circled numbers or letters."""
    rows = (
        _letters("".join(map(str.__add__, labels, folded)))
        for labels in ("123456789", _MARKS, "ABCDEFGHIJ")
    )
    return tuple(rows) if len(folded) > 1 and all(map(_letters, folded)) else ()


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def listed(text: str, groups: Sequence[Labels], folded: Sequence[str]) -> tuple[int, ...]:
    """The choices at whose line's end stands `정답`, in a text that goes through them."""
    starts = {group.start: group for group in groups}
    right: tuple[int, ...] = ()
    at = 0
    for line in _ITEM_END.split(text):
        bullet = _BULLET.match(line)
        group = starts.get(at + (bullet.end() if bullet else 0))
        if (
            group
            and "오답" not in line
            and _LISTED_RIGHT.search(line[-16:])
            and not _is_of_another(line[group.end - at :], group.numbers[0], folded)
        ):
            right = union(right, group.numbers)
        at += len(line)
    return right


def _number(item: re.Match[str], named: Mapping[str, int]) -> int:
    """The number of the choice that a line is on, by its label or its text; 0: of none."""
    if item["mark"]:
        return CHOICE_MARKS[item["mark"]]
    if item["digit"] or item["letter"]:
        return int(item["digit"] or "_ABCDEFGHIJ".index(item["letter"]))
    return named.get(canonical(fold_width(item["text"])), 0)


def items(text: str) -> set[int]:
    """The numbers with which lines begin."""
    found = map(_JUDGED_ITEM.match, text.split("\n"))
    return {_number(item, {}) for item in found if item}


def _is_of_another(rest: str, number: int, folded: Sequence[str]) -> bool:
    """Whether after its label a line goes on with the text of another choice: other numbers."""
    written = canonical(fold_width(rest.lstrip(" .:)-")))
    own = canonical(folded[number - 1]) if 1 <= number <= len(folded) else ""
    others = [form for form, n in texts(folded).items() if n != number]
    return any(map(written.startswith, others)) and not (own and written.startswith(own))


def marked(text: str, folded: Sequence[str]) -> tuple[int, ...]:
    """The only choice that a list of all choices calls 정답, and each other one 오답."""
    named = texts(folded)
    marks: dict[int, str] = {}
    for line in _JUDGED_ITEM_END.split(text):
        item, mark = _JUDGED_ITEM.match(line), _CALLED.search(line[-20:])
        if item and mark and (number := _number(item, named)):
            marks[number] = "several" if number in marks else mark[1]
    is_whole = sorted(marks) == [*range(1, len(folded) + 1)] and len(marks) > 2
    picked = [number for number, mark in marks.items() if mark != "오답"]
    return (picked[0],) if is_whole and len(picked) == 1 else ()


def pointed_at(text: str, folded: Sequence[str]) -> tuple[int, ...]:
    """The choice whose line alone bears a sign (`✅`, `←`), in a list of all choices."""
    named = texts(folded)
    signed: dict[int, bool] = {}
    for line in text.split("\n"):
        if not (item := _JUDGED_ITEM.match(line)) or not (number := _number(item, named)):
            continue
        called_wrong = not _CALLED_ANSWER.search(line) and any(
            match.lastgroup == "wrong" for match in _JUDGED.finditer(line)
        )
        is_of_another = not item["text"] and _is_of_another(line[item.end() :], number, folded)
        if number in signed or called_wrong or is_of_another or _WARNS.search(line):
            return ()
        signed[number] = bool(_SIGN.search(line))
    picked = [number for number, is_signed in signed.items() if is_signed]
    is_whole = sorted(signed) == [*range(1, len(folded) + 1)] and len(signed) > 2
    return tuple(picked) if is_whole and len(picked) == 1 else ()


def in_order(line: str, folded: Sequence[str]) -> tuple[int, ...]:
    """The only choice whose parts a line goes through in their order: `(가) 1919년 → (라) 1926년 → …`."""
    steps = [canonical(step) for step in _STEP.split(line)]
    fitting = [
        number
        for number, parts in enumerate(_orders(tuple(folded)), 1)
        if len(parts) == len(steps) > 2 and all(map(str.startswith, steps, parts)) and all(parts)
    ]
    return tuple(fitting) if len(fitting) == 1 else ()


@lru_cache(maxsize=256)
def _orders(folded: tuple[str, ...]) -> list[list[str]]:
    """The parts of each choice that is an order."""
    return [[canonical(part) for part in _PART.split(choice)] for choice in folded]


def filled(line: str, folded: Sequence[str]) -> tuple[int, ...]:
    """The only choice whose parts a line puts into places in their order: `㉠에는 상승, ㉡에는 증가`."""
    _, *said = _PLACE.split(line)
    places = "".join(_PLACE.findall(line))
    fillers = [
        parts if len(parts) == len(said) > 1 and _are_places(places, choice) else []
        for choice, parts in zip(folded, _fillers(tuple(folded)), strict=True)
    ]
    options = [[parts[place] for parts in fillers if parts] for place in range(len(said))]
    named = [*map(_named_part, said, options)]
    fitting = [number for number, parts in enumerate(fillers, 1) if parts == named and all(named)]
    return tuple(fitting) if len(fitting) == 1 else ()


def _named_part(phrase: str, parts: Sequence[str]) -> str:
    """The only one of some parts of choices that a phrase names, else nothing."""
    named = [part for part in parts if written(part).search(phrase)]
    longest = max(named, key=len, default="")
    return longest if all(part in longest for part in named) else ""


def _are_places(places: str, choice: str) -> bool:
    """Whether places are those that a choice names; where it names none, the first ones."""
    own = "".join(_PLACE.findall(choice))
    return places == own if own else any(row.startswith(places) for row in _PLACES)


@lru_cache(maxsize=256)
def _fillers(folded: tuple[str, ...]) -> list[list[str]]:
    """The parts of each choice that fills several places."""
    return [
        [canonical(part) for part in _FILLER.split(choice) if part.strip(" ,:")]
        for choice in folded
    ]


def judged(text: str, folded: Sequence[str], *, wrong_is_asked: bool) -> tuple[int, ...]:
    """The only choice that a list of all choices calls right; wrong, if that is asked."""
    named = texts(folded)
    right: dict[int, bool] = {}
    for line in _JUDGED_ITEM_END.split(text):
        if not (item := _JUDGED_ITEM.match(line)):
            continue
        number = _number(item, named)
        own = folded[number - 1] if 1 <= number <= len(folded) else ""
        said = line.replace(own, " ") if len(own) > 1 else line
        verdicts = {match.lastgroup for match in _JUDGED.finditer(said)}
        if number and len(verdicts) == 1:
            if number in right:
                return ()
            right[number] = verdicts == {"right"}
    picked = [number for number, is_right in right.items() if is_right != wrong_is_asked]
    is_whole = sorted(right) == [*range(1, len(folded) + 1)] and len(right) > 2
    return tuple(picked) if is_whole and len(picked) == 1 else ()
