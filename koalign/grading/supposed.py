"""supposed: the words before a statement -> whether it is only supposed, an example, or another's."""

from __future__ import annotations

import re

_WORDS_BEFORE = 100
"""Characters that are read before a statement."""

# Words after which a condition sums up what was seen: `종합할 때`, `한 가지만 고른다면`.
_SUMS_UP = "고려|감안|비교|판단|생각|분석|검토|확인|계산|대입|정리|적용|종합"
_CHANGES = (
    "(?:바[꾸꿀꿨꾼뀌뀔뀐]|달라[지질진졌]|변[하한할했]|변경[하한할했되된될됐]|빠[지진질졌]"
    "|추가[하한할했되된될됐]|없)"
)
_SUPPOSED = re.compile(
    r"(?:만약|만일)[^.!\n]{1,100}면,? \Z"
    r"|(?:가정|전제|상정)(?:하면|한다면|할 때|하에),? \Z"
    rf"|{_CHANGES}[가-힣]{{0,3}}(?:면| (?:때|경우)(?:는|에는|에)?),? \Z"
    rf"|(?<!{_SUMS_UP})[인일한할된될] (?:때|경우)(?:는|에는|에)?,? \Z"
    r"|[가-힣]다면,? [^.,!?\n]{1,30}(?:되어|되므로|이므로|이라서) \Z"
    r"|(?:(?<![줄붙])이|아니|[않없있같옳맞많적높낮]으|크|작으|다르|틀리)면,? \Z"
    r"|(?<!그렇|고른|꼽는|따진|말한|려한|합한|약한|리한|단한|택한|교한|석한|고르)(?<!야 한)(?<!본)"
    r"(?<! [저나])(?<!\A[저나])[다라]면,? \Z"
)
_SHOWN = re.compile(
    r"(?<![가-힣])(?:가정|거짓|오답|예시?|반례|함정|(?:틀린|잘못된) (?:예시?|진술|답|풀이))"
    r"(?: ?[:)\]>])+ ?[\"']?\Z"
    r"|(?<![가-힣])(?:예를 들어|예컨대|가령),? [\"']?\Z"
    r"|(?:형식|양식|표기)(?:은|는| ?:)[ \n]?[\"']?\Z"
)
_OF_OTHERS = re.compile(
    r"(?<![가-힣])(?:이전|지난(?:번)?|다른|앞선?|앞의|다음) (?:문제|문항|시험|질문|회차)(?: (?:시험|문제))?"
    r"(?:의|에서는?)? \Z"
    r"|(?:어제|아까|지난번에?|전에) [^.!?\n]{0,40}(?:문제|문항)[^.!?\n]{0,20}의 \Z"
    r"|(?:관련|비슷한|유사|연습|추가) (?:문제|문항) ?:[^\n]{0,80}\Z"
    r"|(?:작년|재작년|지난해|예전|기출)[가-힣 ]{0,10}(?:의|에서) \Z"
    r"|(?:학생|수험생|(?:(?<![가-힣] )|(?<=(?:어떤|많은|다른|일부|몇몇) ))사람|친구|응답자|선생님"
    r"|[가-힣](?:들|씨))(?:들)?"
    r"(?:은|는|이|가) (?:흔히 |주로 |보통 |대부분 )?[\"“']?\Z"
    r"|(?:학생|수험생|응시자|사람)들이 [^.!?\n]{0,20}(?:고른|선택한|찍은|택한) \Z"
    r"|(?:많은|일부|대부분의?|몇몇) (?:학생|수험생|응시자|사람)(?:들)?(?:은|는|이|가) [^.!?\n]{0,60}\Z"
    r"|(?:\A|\n)(?:학생|수험생|응답자|친구|토론자) ?[A-Za-z0-9가-힣]{0,3} ?:[^\n]{0,60}\Z"
    r"|(?:\A|\n)(?![^\n:]{0,20}(?:답|결론|선택|해설|풀이|이유|[Aa]nswer))"
    r"[^\n:\"]{1,20}: ?\"[^\"\n]{0,60}\Z"
    r"|(?:처음|애초|당초)(?:에는|엔|에)? (?:저는 |나는 )?\Z"
    r"|(?i:some|others|people|many|students?)\b[^.!?\n]{0,20} (?:say|think|believe|claim)s? "
    r"(?:that )?(?:the )?\Z"
    r"|(?:n't|not) (?:think|believe|say) (?:that )?(?:the )?(?:correct )?\Z"
)
"""Of another problem, what others or a speaker (`갑: "…"`, `학생 A: …`) say, thought at first or not."""


def is_supposed(text: str, position: int) -> bool:
    """Whether a statement that begins there is not meant: a condition, an example, another's words."""
    start = max(0, position - _WORDS_BEFORE)
    return any(part.search(text, start, position) for part in (_SUPPOSED, _SHOWN, _OF_OTHERS))
