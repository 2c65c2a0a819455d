"""lists: visible text that goes through the choices line by line -> the choice that it calls right."""

from __future__ import annotations

import re
from collections.abc import Sequence

from koalign.grading.labels import Labels, texts, union
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

_JUDGED_ITEM_END = re.compile(rf"\n|(?<=[^\n][)○×OX✅❌⭕✔]),? ?(?=[{_MARKS}]|[1-9]번)")
_JUDGED_ITEM = re.compile(
    rf"[-*•·|\s]{{0,4}}(?:[✅❌⭕✖✔☑☐] ?|\[[ xXvV]\] )?{OPEN}"
    rf"(?:(?P<mark>[{_MARKS}])|(?:(?P<digit>[1-9])|(?P<letter>[A-J]))(?:번|[).:]| ?\|)"
    r"|(?P<text>[^\n:|(]{1,200}?) ?(?:[:|(→]|[-–—] |\Z))"
)
_JUDGED = re.compile(
    r"(?:(?<=[\s|:→⇒=,—–(\[.…-])|\A|(?<=[①-⑩]))(?:"
    r"(?P<right>\[[xXvV]\]|[O○◯⭕✅✔✓☑](?![A-Za-z0-9])|옳(?:은|음|다|습)|맞(?:음|는(?!지|가|다)|다(?!면)|습)"
    r"|참(?![가-힣])|적절(?:함|하다|합|한 )|바른 )"
    r"|(?P<wrong>\[ \]|☐|[X×✗❌✖](?![A-Za-z0-9])|옳지 않|틀[리린림렸]|거짓|오답|잘못|부적절"
    r"|적절하지 않|맞지 않|아님))"
)
"""In a line on a choice: it is right, or wrong."""


def lists_choices(text: str, key: re.Match[str]) -> bool:
    """Whether a key is followed by lines for several choices: none of them is the answer."""
    if key["lead"]:
        return _SEVERAL.match(text, key.end("lead")) is not None
    return "\n" in key[0] and _FROM_THE_FIRST.match(text, key.end()) is not None


def listed(text: str, groups: Sequence[Labels]) -> tuple[int, ...]:
    """The choices at whose line's end stands `정답`, in a text that goes through them."""
    starts = {group.start: group for group in groups}
    right: tuple[int, ...] = ()
    at = 0
    for line in _ITEM_END.split(text):
        bullet = _BULLET.match(line)
        group = starts.get(at + (bullet.end() if bullet else 0))
        if group and "오답" not in line and _LISTED_RIGHT.search(line[-16:]):
            right = union(right, group.numbers)
        at += len(line)
    return right


def judged(text: str, folded: Sequence[str], *, wrong_is_asked: bool) -> tuple[int, ...]:
    """The only choice that a list of all choices calls right; wrong, if that is asked."""
    named = texts(folded)
    right: dict[int, bool] = {}
    for line in _JUDGED_ITEM_END.split(text):
        if not (item := _JUDGED_ITEM.match(line)):
            continue
        if item["mark"]:
            number = CHOICE_MARKS[item["mark"]]
        elif item["digit"] or item["letter"]:
            number = int(item["digit"] or "_ABCDEFGHIJ".index(item["letter"]))
        else:
            number = named.get(canonical(fold_width(item["text"])), 0)
        verdicts = {match.lastgroup for match in _JUDGED.finditer(line)}
        if number and len(verdicts) == 1:
            if number in right:
                return ()
            right[number] = verdicts == {"right"}
    picked = [number for number, is_right in right.items() if is_right != wrong_is_asked]
    is_whole = sorted(right) == [*range(1, len(folded) + 1)] and len(right) > 2
    return tuple(picked) if is_whole and len(picked) == 1 else ()
