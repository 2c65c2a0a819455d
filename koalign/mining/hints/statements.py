"""statements: a hint and the statements of a 보기 -> whether it says that one of them is true or false.

A hint may ask about a statement, compare it, or say where to look. It may not judge it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from koalign.records import Problem

SYMBOLS = "ㄱ-ㅎ㉠-㉭㉮-㉻ⓐ-ⓩ"
"""Marks of statements, as a range within the brackets of a pattern."""
_MARK = re.compile(
    r"(?:^|(?<=\s))(?:[ㄱ-ㅎ]\s?[.):]|[㉠-㉭㉮-㉻ⓐ-ⓩ①-⑳][.):]?|\(?[1-9가나다라마]\)|[1-9]\.|[-•○●▪]\s)\s*"
)
_FEWEST_LETTERS = 6
"""A shorter statement is too common to be recognized by its text."""

_NOUN = "(?:진술|설명|보기|항목|주장|의견|명제)"
_ANY_NOUN = f"(?:{_NOUN}|문장|내용|것|말)"
_PLACE = (
    r"(?:(?:첫|두|세|네|다섯|마지막)\s?번째|(?<!\d)[1-9]\s?번째?|첫째|둘째|셋째|넷째|앞의|뒤의)"
)
_LABEL = (
    rf"(?:[{SYMBOLS}](?:\s?{_ANY_NOUN})?"
    rf"|(?:{_PLACE}|나머지)\s?{_NOUN}|보기의?\s?{_PLACE}\s?{_ANY_NOUN}|나머지"
    rf"|{_NOUN}\s?\(?(?:[1-9](?!\d)|[가나다라마](?=\)))\)?번?|\([가나다라마]\))"
)
"""What names a statement: ㄱ, 두 번째 진술, 보기 1, 나머지. A list is judged where its last one is."""

_ASKED = (
    r"[가-힣]*(?:지\s[않못][가-힣]*)?(?:[은는인한린른된을일할릴될]지|[은는인한린른된]가|[을일할릴될]까"
    r"|[습입합립]니까|냐|면|여부)(?![가-힣]*다)"
    rf"|[은는인한린른된]\s?{_ANY_NOUN}(?:인지|인가|일까|으로\s볼)"
    r"|[다라]고[가-힣 ]{0,10}(?:[지까면](?![가-힣])|말|않)|고\s[그틀]"
)
"""After a verdict: it is asked for, supposed or put off (맞는지, 옳은 것인지, 참이라면)."""
_OF_ANOTHER = rf"(?:하|나)?[은는인한린른된]\s(?!{_ANY_NOUN}|이유|까닭|근거|편)"
"""After a verdict: it belongs to something else (맞는 자리, 알맞은 때)."""
_VERDICT = (
    "(?:옳|올바르|올바른|맞|틀[리린렸림려]|그르다|그릇된|(?:부?적절|타당|정확)[하한함해했]|알맞|잘못[된되됐이]"
    "|참(?=이|인|임|[.,!]|$)|거짓|사실(?=이[다고며]|임|입니다|[.,!]|$)|일치|부합|어긋[나난남났]"
    r"|[과와](?:는|도)?\s?(?:다르|다릅|달라)|반대[이되다로]|오류|[OX○×](?=이|[,.!]|$)|모순[이되]|근거가\s없|정답이|(?:지문|본문|글|기록|자료)에(?:는)?\s"
    r"(?:없|(?:나오|언급되|나와\s있)지\s?않|그대로))"
)
_STATED = rf"{_VERDICT}(?!{_ASKED})(?!{_OF_ANOTHER})"
_GAP = r"(?:(?![은는인한]지)[^.!?\n]){0,20}?"
_TOPIC = r"(?:은|는|이|가|도|만|만이|만은|\s?모두|\s?전부|\s?둘\s다|\s?셋\s다)"
_REMOVED = r"(?:을|를|만|은|는)\s?(?:지우(?!기)|지운|지워|빼(?!기)|뺀|제외[하한해])"
_JUDGED = re.compile(
    rf"{_LABEL}(?:(?:{_TOPIC}{_GAP}|[\s:]*){_STATED}|{_REMOVED})|{_PLACE}[만가이]\s{_STATED}"
)
_JUDGED_BEFORE = (
    "(?:옳은|맞는|틀린|그른|참인|거짓인|사실인|잘못된|(?:부?적절|타당|정확)한|올바른|일치하는|부합하는|어긋나는|않[는은]|다른)"
    rf"\s?{_ANY_NOUN}(?:은|는|이|가|:)?\W*"
)
_NAMED = re.compile(
    rf"{_JUDGED_BEFORE}(?:오직\s|바로\s)?(?:[{SYMBOLS}][\s,·/와과및]*)*{_LABEL}(?:이다|이고|이며|다(?![가-힣])|뿐|만|임|입니다|\s하나|\s?[.!]|\s*$)"
)
"""The other way round: 옳은 것은 ㄱ과 ㄷ이다."""
_BEFORE_TEXT = re.compile(rf"{_JUDGED_BEFORE}$")
_LEAD = 100
"""Characters before a statement that may judge it: all that stand there, each time, take quadratic time."""
_ENDS = re.compile(r"\s*(?:[.!]\s|[.!]?$)")
_AFTER_TEXT = re.compile(rf"\W{{0,3}}{_GAP}{_STATED}")
_DENIED = r"[가-힣]{1,4}지\s?(?:않|못)(?![가-힣]*(?:지|가|까|면)(?![가-힣]))"


def judges_a_statement(problem: Problem, text: str) -> bool:
    """Whether a hint calls a statement right or wrong, by its mark, its place or its text.

    So does a hint that repeats or denies a statement as its own sentence.
    """
    if _JUDGED.search(text) or _NAMED.search(text):
        return True
    marked = [*_MARK.split(problem.box)[1:], *_MARK.split(problem.question)[1:]]
    return any(
        _judges_text(text, statement, listed=bool(marked))
        for statement in marked or problem.box.splitlines()
    )


def _judges_text(text: str, statement: str, *, listed: bool) -> bool:
    """Whether the text repeats a statement with a verdict.

    Spaces, punctuation and josa may differ. Of a list of statements, a bare repetition asserts one; else
    the 보기 is material that may be quoted.
    """
    words = re.findall(r"\w+", statement)
    if sum(map(len, words)) < _FEWEST_LETTERS:
        return False
    if sum(max(1, len(word) - 1) for word in words[:-1]) > len(text):
        return False  # too long to stand in it; its pattern would be long to compile
    for found in re.finditer(_loosely(words), text):
        before = text[max(0, found.start() - _LEAD) : found.start()]
        if _AFTER_TEXT.match(text, found.end()) or _BEFORE_TEXT.search(before):
            return True
        if listed and _ENDS.match(text, found.end()):
            return True
    if not listed or len(words) < 3:
        return False
    return bool(re.search(rf"{_loosely(words[:-1])}\W*{_DENIED}", text))


def _loosely(words: Sequence[str]) -> str:
    """A pattern of the words with other endings. A word is matched so that the next two follow, and not
    again: else words that repeat would take exponential time."""
    stems = [re.escape(word[:-1] or word) for word in words]
    steps = (
        rf"(?>{stem}\w{{0,3}}\W*(?={after}\w{{0,3}}\W*{then}))"
        for stem, after, then in zip(stems, stems[1:], [*stems[2:], ""], strict=False)
    )
    return "".join(steps) + rf"{stems[-1]}\w{{0,3}}"
