"""asked: a question -> whether it asks for the right or the wrong choice, and in which words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from koalign.grading import judgement_patterns
from koalign.grading.visible import canonical
from koalign.text.korean import final_consonant

_WRONG = re.compile(
    r"(?:않은|않는|틀린|아닌|잘못된|없는|거리가 먼|못한|무관한|어긋나는|배치되는"
    r"|잘못 [가-힣]{1,6}[된한은는인진])"
    r"\s?(?:것|설명|문장|진술|내용|보기|선택지|사람|부분|곳|표현|단어|낱말)"
    r"|(?:[가-힣]지 않은|틀린|잘못된) [^.?!\n]{1,20}[은는] ?\?"
    r"|(?:않는|아닌|없는|못한|먼|무관한|어긋나는|배치되는|(?:아니|않|없)[었았]던) [가-힣]{1,8}[은는] ?\?"
)
_NEGATIVE = re.compile(
    "않|아닌|아니|못|틀[린리립]|잘못|없(?!이)|다른|먼|무관|제외|어긋|반대|배치되|부적절|거짓"
)
"""A question with such a word may ask for what is wrong."""
MARKS = re.compile(r"[㉠-㉭ⓐ-ⓩ]|\([A-E가나다라마]\)")
_LETTER = re.compile("(?<![A-Za-z])[A-J](?![A-Za-z])")
_NOTE = re.compile(r"\([^()]*\)")
_QUOTED = re.compile(r"\"[^\"\n]{12,}\"|“[^”\n]{12,}”")
"""A sentence that is asked about; a word may be quoted to stress it: `\"틀린\" 것은?`."""
_PHRASE = re.compile(
    r"(?:\A|[.?!:>\n] ?)(?:다음 ?(?:중|가운데),? ?|다음 )?([^.?!:<>\"'\n]{4,80}[은는])\s?"
    r"(?:(?:누구|무엇|어느 것|어디|언제)(?:인가요?|입니까|일까요?)?)?\s?\?\s*\Z"
)
_PREDICATE = re.compile("(.+?)[가-힣]?([가-힣]) [가-힣]{1,5}[은는]")
_SHORTEST = 4
"""Characters of a phrase, without blanks, that say what is asked for."""


@dataclass(frozen=True)
class Asked:
    """What a question asks for."""

    wrong: bool
    """It asks for the wrong choice, as it says itself or the reply says of it."""
    right: bool | None
    """It has no word that could ask for a wrong one; None: it is not known."""
    marks: frozenset[str]
    """The places in it that it asks about: `㉠`, `(A)`."""
    has_letters: bool
    """It calls something `A`, so that a letter alone is no choice."""
    phrase: str
    """Its last words without blanks, as an answer repeats them: `조선의수도는`; empty: none."""
    predicate: str
    """What it asks of a choice, as far as answers repeat it: `원소에해당` of `원소에 해당하는 것은`."""


def asked(question: str, reply: str) -> Asked:
    """What a question asks for; a reply may say that the wrong one is asked."""
    wrong = bool(_WRONG.search(question) or judgement_patterns.WRONG_IS_ASKED.search(reply))
    asks = _PHRASE.search(_NOTE.sub("", question))
    phrase = canonical(asks[1]) if asks else ""
    predicate = _PREDICATE.fullmatch(asks[1]) if asks else None
    ends = ("ㄴ", "ㄹ")  # 해당하는, 창제한, 일할
    is_clause = predicate and final_consonant(predicate[2]) in ends
    said = canonical(predicate[1]) if predicate and is_clause else ""
    own = _QUOTED.sub("", _NOTE.sub("", question))
    return Asked(
        wrong=wrong,
        right=None if not question else not (wrong or _NEGATIVE.search(own)),
        marks=frozenset(MARKS.findall(question)),
        has_letters=_LETTER.search(question) is not None,
        phrase=phrase if len(phrase) >= _SHORTEST else "",
        predicate=said if len(said) >= _SHORTEST else "",
    )
