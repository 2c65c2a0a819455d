"""yes_no: a reply to a question that is answered by yes or no -> the choice that its first words say."""

from __future__ import annotations

import re
from collections.abc import Sequence

from koalign.grading.closing_patterns import LEAVES_OPEN

_YES = (
    r"(?:네|예|응|맞(?:습니다|아요|다|음)|옳(?:습니다|아요|다|음|은 설명입니다)|그렇(?:습니다|다)"
    r"|참(?:입니다|이다)?|[O○]|[Yy]es|[Tt]rue)"
)
_NO = (
    r"(?:아니[요오]?|아뇨|아닙니다|아니다|틀(?:립니다|렸습니다|렸다|리다|림)|그렇지 않(?:습니다|다|음)"
    r"|옳지 않(?:습니다|다|음)|맞지 않(?:습니다|다|음)|거짓(?:입니다|이다)?|그르다|[X×]|[Nn]o|[Ff]alse)"
)
_IS_YES, _IS_NO = re.compile(_YES), re.compile(_NO)
_SAYS = re.compile(rf"(?:(?P<yes>{_YES})|(?P<no>{_NO}))(?=[.!\n]|,(?! ?[0-9])|\Z)")
_UNKNOWN = re.compile("알 수 없|모[르름릅]|판단")
_POLITE = re.compile("네|예|응")
_SETS_OUT = re.compile(
    "(?:풀|살펴|알아|정리|설명)[가-힣 ]{0,6}(?:보겠|볼게|봅시다|보자|드리겠|드릴게)"
)
"""After such a `네`: it is no answer yet."""


def yes_or_no(text: str, folded: Sequence[str]) -> tuple[int, ...]:
    """The number of the choice with which a reply begins, where two of them are yes and no.

    None where there is another one but `알 수 없음`.
    Both where it says both (`네, 아닙니다`), none where what follows takes it back.
    """
    yes = [number for number, choice in enumerate(folded, 1) if _IS_YES.fullmatch(choice)]
    no = [number for number, choice in enumerate(folded, 1) if _IS_NO.fullmatch(choice)]
    rest = [
        choice for choice in folded if not (_IS_YES.fullmatch(choice) or _IS_NO.fullmatch(choice))
    ]
    is_asked = len(yes) == len(no) == 1 and all(map(_UNKNOWN.search, rest))
    first = _SAYS.match(text) if is_asked else None
    if first is None or _SETS_OUT.search(text) or (rest and _UNKNOWN.search(text)):
        return ()
    said, other = (yes, _IS_NO) if first["yes"] else (no, _IS_YES)
    behind_comma = text.startswith(",", first.end())
    again = _SAYS.match(text, first.end() + 2)
    if other.match(text, first.end() + 2) and (behind_comma or again):
        return (yes[0], no[0])
    if behind_comma and again is None and _POLITE.fullmatch(first[0]) and first[0] not in folded:
        return ()
    paragraph = text[(again or first).end() :].partition("\n")[0]
    return () if LEAVES_OPEN.search(paragraph) else (said[0],)
