"""choices: choices as a file writes them -> without their own numbers; and those that say the same."""

from __future__ import annotations

import re
from collections.abc import Sequence

from koalign.text.korean import CHOICE_MARKS, FULL_WIDTH, fold_width

_LISTS = (
    [str(number) for number in range(20)],
    [str(number) for number in range(1, 21)],
    ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X"],
    *(
        "ABCDEFGHIJ",
        "abcdefghij",
        "가나다라마바사아자차",
        "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊ",
        "ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ",
        "ⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹ",
    ),
)
_SIGNS = ["".join(chr(ord(first) + n) for n in range(10)) for first in "①➀❶➊⑴⒈⓵㉠㉮㈀㈎ⓐⒶ⒜"]
_HANGUL = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊ가나다라마바사아자차"
_LATIN = "[0-9]{1,2}|I{2,3}|I?V|VI{1,3}|I?X|[A-Ja-jⅠ-Ⅹⅰ-ⅹ]"
_SYMBOL = f"{_LATIN}|[{_HANGUL}]"
_NUMBERED = re.compile(
    rf"\s*(?:[(\[<](?:(?P<enclosed>{_LATIN})[)\]>]|(?P<part>[{_HANGUL}])[)\]>](?=\s))"
    r"|제?(?P<counted>[0-9]{1,2})\s?번\s?[.):]?(?=\s)"
    r"|(?P<dashed>[0-9]{1,2})\s?-(?=\s+[^\s0-9])"
    r"|(?:보기|선택지|선지|답지)\s?(?P<named>[0-9]{1,2})(?:\s?[.):]|(?=\s))"
    rf"|(?P<open>{_SYMBOL})(?:\s?\)|\s?\.(?![0-9])(?!(?<=[A-Z]\.)[A-Z](?![A-Za-z]))|\s?:(?!\s*[0-9])|\t)"
    r"|(?P<keycap>[0-9])\ufe0f?\u20e3"
    rf"|(?P<sign>[{''.join(_SIGNS)}])[.)]?)\s*"
)

_KOREAN = ["".join(chr(ord(first) + n) for n in range(10)) for first in "㉠㉮"] + [
    "가나다라마바사아자차",
    "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊ",
]
_KOREAN_LABEL = re.compile(rf"[(\[<]?\s?([{''.join(_KOREAN)}])\s?[)\]>.]?")


def korean_place(label: str) -> int:
    """The place that `다`, `(다)` or `㉢` has in its series, from 1; 0 for what is no such label."""
    match = _KOREAN_LABEL.fullmatch(label.strip())
    if match is None:
        return 0
    return 1 + next(marks.index(match[1]) for marks in _KOREAN if match[1] in marks)


_FROM_ZERO = re.compile(
    r"\s*제?[(\[<]?([0-9]{1,2})\s?"
    r"(?:(?:번\s?)?(?:[)\]>]|\.(?![0-9])|:(?!\s*[0-9]))|번(?=\s)|(?=\s\D*$)|\t)\s*"
)
"""A number that may be that of a choice; with nothing but a blank behind it no other may follow."""


def count_from_zero(choices: Sequence[str]) -> bool:
    """Whether choices carry their own numbers from 0, as `0. 가`, `1. 나`; not `0 명`, `1 명`."""
    matches = [_FROM_ZERO.match(choice.translate(FULL_WIDTH)) for choice in choices]
    found = [match for match in matches if match]
    rests = [choice[match.end() :] for choice, match in zip(choices, found, strict=False)]
    in_order = [int(match[1]) for match in found] == [*range(len(choices))]
    return in_order and all(rests) and len({*map(fold_width, rests)}) == len(rests) > 1


def unnumbered(choices: Sequence[str], shown: str = "") -> tuple[str, ...]:
    """The choices without their own numbers, if all of them carry theirs in order, in one way.

    Other marks than digits and ① stay where the problem shows them: there (가) is a part of the
    passage. So does `1번` where the rest is the same (`1번 국도`, `2번 국도`), and any mark where all rests
    are (`a.png`, `b.png`).
    """
    return _unnumbered(_unnumbered(tuple(choices), shown), shown)  # `① 1. CO2`


def out_of_order(choices: Sequence[str]) -> tuple[str, ...]:
    """Choices without labels that stand in another order: `B) 부산`, `A) 서울`; none of other choices.

    Marks that others hold inside are no labels: `㉡-㉠`, `㉠-㉡`.
    """
    matches = [_NUMBERED.match(choice.translate(FULL_WIDTH)) for choice in choices]
    found = [match for match in matches if match]
    kinds = {match.lastgroup for match in found}
    if len(choices) < 2 or len(found) < len(choices) or not kinds < {"enclosed", "open", "sign"}:
        return ()
    symbols = [match[match.lastgroup or 0] for match in found]
    rests = tuple(c[match.end() :].strip() for c, match in zip(choices, found, strict=True))
    series = ([*known[: len(symbols)]] for known in (*_LISTS[1:], *_SIGNS))
    is_other = any({*symbols} == {*known} and symbols != known for known in series)
    is_content = any(match[0].strip() in rest for match in found for rest in rests)
    return rests if is_other and not is_content and len({*rests} - {""}) == len(choices) else ()


def _unnumbered(choices: tuple[str, ...], shown: str) -> tuple[str, ...]:
    matches = [_NUMBERED.match(choice.translate(FULL_WIDTH)) for choice in choices]
    found = [match for match in matches if match]
    rests = tuple(
        choice[match.end() :].strip() for choice, match in zip(choices, found, strict=False)
    )
    kinds = {match.lastgroup for match in found}
    if len(choices) < 2 or len(found) < len(choices) or len(kinds) > 1 or not all(rests):
        return choices
    symbols = [match[match.lastgroup or 0] for match in found]
    in_order = any(symbols == [*known[: len(symbols)]] for known in (*_LISTS, *_SIGNS))
    is_number = symbols[0] in ("0", "1") or symbols[0] in CHOICE_MARKS
    of_problem = not is_number and all(_is_shown(symbol, shown) for symbol in symbols[:2])
    different = len({*map(fold_width, rests)})
    is_content = different == 1 or (kinds == {"counted"} and different < len(rests))
    return rests if in_order and not of_problem and not is_content else choices


def _is_shown(symbol: str, shown: str) -> bool:
    """Whether a problem shows a symbol as a mark: a letter on its own, a syllable before a bracket."""
    ending = r"\s?[.)\]>]" if "가" <= symbol <= "힣" else "(?![A-Za-z])"
    return re.search(rf"(?<![A-Za-z가-힣]){symbol}{ending}", shown) is not None


def with_twins(choices: Sequence[str], answers: Sequence[str]) -> tuple[str, ...]:
    """The right answers, and the numbers of the choices that say the same."""
    right = {fold_width(choices[int(answer) - 1]) for answer in answers}
    twins = (str(n) for n, text in enumerate(choices, 1) if fold_width(text) in right)
    return tuple(dict.fromkeys((*answers, *twins)))
