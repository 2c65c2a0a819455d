"""closing: visible text that announces no answer -> the choice that its last sentence says to be the one.

A sentence does so where it names one choice only, says that something is that choice (`범인은 영희다`)
or that the writer takes it (`4번을 고르겠습니다`), and has no word that denies, doubts, supposes or
reports. Sentences that disagree say nothing.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from koalign.grading import patterns
from koalign.grading.labels import Labels, texts
from koalign.grading.patterns import CHOICE_WORD, CLOSE, END, HENCE, NOUN, OPEN, THINKS
from koalign.grading.supposed import is_supposed
from koalign.text.korean import CHOICE_MARKS

_SENTENCE = re.compile(
    r"""[^\n]*?(?:
        (?:(?<=[가-힣)\]}"'」』%$])[.!~]{1,3}|(?<=[a-z])[.!](?=\ [A-Z"'])|\?)["'」』)]?(?=[\ \n]|\Z)
        |\n|\Z)""",
    re.VERBOSE,
)
_NOTE = re.compile(r"\s*\([^()\n]*\)[.!]?\s*")
_BULLET = rf"(?:[-*•·#>\s\ufe0f]|{patterns.CHEERS}){{0,6}}"
_SO = "(?i:so|thus|hence|therefore)(?![a-z])"
_CONCLUDES = re.compile(rf"{_BULLET}(?:{HENCE}|결론|최종적으로|[→⇒]|[=-]>|{_SO})")
_CLAUSE = re.compile(
    rf"(?<![가-힣])(?:{HENCE}|결론(?:적으로|은)?|최종적으로|곧)(?![가-힣])[,:]? ?"
    rf"|[→⇒] ?|[=-]> ?|(?<![A-Za-z]){_SO},? "
    r"|(?:므로|니까|[이으]니|때문에|라서|지만|으나|는데|아니라|말고),? "
)
"""After what a sentence comes to what it says: a conclusion, a reason, the other side."""

_SUPPOSES = re.compile(
    r"\?|만약|만일|(?<![저나])라면|다면|으면|[이니]면[ ,]|[되꾸뀌]면|(?<!따)지면|경우|가정|확실하[지진]"
    r"|아마|혹시|예를 들|학생|수험생|친구|응답|해설지|선생|흔히|대부분|일부|누군가|고 (?:했|하는|주장)"
    r"|\b(?i:if|might|may|maybe|perhaps)\b"
)
"""Anywhere in the sentence: it is not the writer's, or not sure."""
_DENIES = re.compile(
    r"않|아니|아닌|아닙|없|못|틀[리렸린림]|잘못|오답|거짓|부적|멀|어긋|배치|위배|반대|반례|함정|제외"
    r"|탈락|소거|지[운우울]|매력|헷갈|혼동|착각|오해|쉬운|쉽|후보|의심|다음(?! 중)|(?<!가장 )먼저|나중"
    r"|앞[선의]|살펴|검토|고민|애매|차선|각각|또한|예시"
    r"|것 같|듯|모르|모릅| 수도 | 수 있|인가|일까|는지"
    r"|인지|을까|가능성|추측|짐작|횟수|차례|제거|삭제|오류|논란|예상|배울|네가|당신"
    r"|n't|\b(?:not|no|never|wrong|incorrect|except|tempted|before|after|distractor|eliminated)\b"
)
"""In the clause that names the choice: it is denied, doubted, or something else than the answer."""
_ANSWER = re.compile(
    r"(?:정답|(?<![가-힣])답)(?!이 (?:되는|될 수 있는) | ?(?:선택지|선지|보기)(?:는|은) )|(?i:answer)"
)
"""Of a sentence with such a word the stricter reading of keys has decided."""
_RIGHT_WORD = re.compile(r"옳|맞|적절|바르|바른|알맞|타당|일치|부합")
_TURNS = re.compile(
    r"이제|그러면|[가-힣]면 ?\Z|봅시다|보세요|보자|하지만|그러나|그런데|다만|다시|모르|모릅|확실하"
    r"|않|없|아니|오류|\?"
)
"""After such a sentence: it is not the end, or taken back."""

_ADVERB = r"(?:(?:바로|역시|오직|단연|결국|곧|즉|확실히|분명히|당연히|무조건),? )?"
_OPENS = rf"{_ADVERB}{CHOICE_WORD}{OPEN}\Z"
_IS_BEFORE = re.compile(
    rf"(?:[\w)\]}}\"'」』$](?:은|는|란|건|인)|(?:고르|찾|구하|풀|계산하)면,?|=|(?:결론|선택) ?:"
    rf"|\b(?:is|are|was|be)) ?{_OPENS}"
)
_IS_THE_ONE = re.compile(
    rf"(?:것|답안|설명|선택지|선지|보기|문장|진술|내용|(?:선지|보기|번호)로)(?:은|는) ?{_OPENS}"
    rf"|\b(?:best|right|correct) (?:one|choice|option) is {_OPENS}"
)
"""Before a choice's text, or a label in a conclusion; before a label anywhere."""
_AMONG = re.compile(rf"(?:[과와·]|(?<![가-힣]),|및|그리고|이?나|또는|혹은|\b(?:or|and)) ?{OPEN}\Z")
_WRITER = re.compile(
    rf"{_BULLET}(?:(?:네|예|음),? )?(?:(?:저|나)(?:는|도|라면),? |제가 |내가 )?"
    rf"(?:(?:최종 )?(?:정답|답안?)으로 )?{_OPENS}"
)
_I_TAKE = re.compile(
    r"\b(?:I(?:'m| am|'ll| will|'d| would)?(?: have to)? (?:go|going|choose|pick|select|opt|settle|say)"
    rf"(?: with| for| on)? (?:the )?|(?:[Ii]t|[Tt]hat)(?:'s| is| must be| has to be) ){_OPENS}"
)
_IS_AFTER = re.compile(
    rf"{CLOSE}(?:{patterns.BARE_END.pattern}|{NOUN}(?:뿐(?:입니다|이다)|에 해당(?:합니다|한다|함)"
    rf"|(?:이|가) (?:되겠습니다|됩니다|된다)){END})"
)
_TAKEN = re.compile(
    rf"{CLOSE}{NOUN}(?:을|를|으?로|에)? ?(?:(?:정답|답)으로 |최종(?:적으로)? )?(?:"
    r"(?:선택|택|결정|확정|채택|선정|제출|제시|표시|마킹|정)(?:합니다|한다|하겠습니다|하겠다|할게요|했습니다|했다|함)?"
    r"|고(?:릅니다|른다|르겠습니다|르겠다|를게요|름|랐습니다|랐다|르면 (?:된다|됩니다))"
    r"|(?:고르|택하|선택하)는 (?:것이|게) (?:맞|옳|타당|적절|좋)[가-힣]{1,4}"
    rf"|골라야 (?:한다|합니다)|하겠습니다|하겠다|할게요|가겠습니다|갑니다){END}"
)
_FITS = re.compile(
    rf"{CLOSE}{NOUN} ?(?:만이?|이|가|모두) (?:가장 |더 )?(?:"
    r"(?:정답|답|맞|옳|적절|적합|알맞|올바르|타당|자연스)[가-힣]{0,5}"
    rf"|(?:이에|여기에) 해당(?:한다|합니다)|들어(?:간다|갑니다|가야 (?:한다|합니다))){END}"
)
_IS_BEST = re.compile(
    rf"{CLOSE} is (?:the )?(?:correct|right|best|most (?:appropriate|suitable|accurate))\b"
    rf"[\w ]{{0,12}}{END}"
)
_MOST = re.compile(
    rf"{CLOSE}(?:의 [가-힣 ]{{1,15}})?(?:이|가) 가장 (?:높|낫|좋|[적타]|알맞|가깝|정확|급하|중요)"
    rf"[가-힣]{{0,4}}다(?:{END}|고 {THINKS})"
)
_ENDS = re.compile(CLOSE + END)
_JOINED = re.compile(
    r"[ ().:,'\"「」『』·=$*–-]{0,5}(?:번|인|에 해당하는|이며|이고|으?로|즉)?[ (:,'\"「『]{0,3}"
)

_ANNOUNCED = re.compile(rf"(?:선택지|선지|보기|옵션|[Oo]ption|[Cc]hoice) ?{OPEN}\Z")
_LETTER_ITEM = re.compile(r"(?:\A|(?<=\n))[-*• ]{0,3}[(]?([A-J])[).:]")
_WRITTEN_AS = {"-": "[-‐‑–—−]", ",": "(?:,|과|와|및|·|그리고){1,2}"}
_MOST_COMMAS = 8
"""In a choice whose commas a sentence may write as `과` or `및`."""
_COUNTED = re.compile("[0-9한두세네] ?(?:번|회|차례)")


@dataclass(frozen=True)
class _Name:
    """A choice that is named by its label or its text, and where."""

    start: int
    end: int
    number: int
    is_text: bool


@lru_cache(maxsize=4096)
def _written(text: str) -> re.Pattern[str]:
    """A choice's canonical text as a sentence writes it."""
    # Commas in a row, or many, stand as they are: they would match in exponentially many ways.
    written_as = _WRITTEN_AS if text.count(",") <= _MOST_COMMAS else {}
    parts = (written_as.get(part) or re.escape(part) for part in re.findall(",+|[^,]", text))
    return re.compile(
        r"(?<![^\s\"'「『《(\[{$=:→⇒>])"
        + "[ $]{0,3}".join(parts)
        + r"(?:\([\u4e00-\u9fff]{1,30}\))?(?![0-9A-Za-z√π^+/%°²³]|[.,][0-9]| ?[-+*/×] ?[0-9])"
    )


@dataclass(frozen=True)
class _Sentence:
    start: int
    end: int
    names: tuple[_Name, ...]


def concluded(
    text: str, groups: Sequence[Labels], folded: Sequence[str], *, wrong_is_asked: bool
) -> tuple[int, ...]:
    """The number of the choice that the last sentence which names one says to be the one; else none.

    After it only notes, and what takes nothing back. Where it is no conclusion, no other sentence
    says the same of another choice, and a choice's text stands for it only if no other is named.
    """
    if any(mark in text for text in folded for mark in CHOICE_MARKS):
        return ()
    sentences = _sentences(text, groups, folded)
    naming = [sentence for sentence in sentences if sentence.names and not _is_note(text, sentence)]
    if not naming:
        return ()
    last = naming[-1]
    said = _said(text, last, wrong_is_asked=wrong_is_asked)
    is_conclusion = _clause_start(text, last) > last.start
    by_text = all(name.is_text for name in last.names)
    rest = [s for s in sentences[sentences.index(last) + 1 :] if not _is_note(text, s)]
    if said is None or any(_TURNS.search(text, after.start, after.end) for after in rest):
        return ()
    others = [
        sentence
        for sentence in naming[:-1]
        if (not is_conclusion or _CONCLUDES.match(text, sentence.start, sentence.end))
        and (by_text or not all(name.is_text for name in sentence.names))
    ]
    if any(
        _said(text, other, wrong_is_asked=wrong_is_asked) not in (None, said) for other in others
    ):
        return ()
    named = {name.number for sentence in naming for name in sentence.names}
    is_bare = _WRITER.match(text, last.start, last.names[0].start)
    own = folded[said - 1] if 1 <= said <= len(folded) else ""
    alone = named == {said} and not rest and not own[-1:].isdigit()
    return (said,) if is_conclusion or alone or not (by_text or is_bare) else ()


def _sentences(text: str, groups: Sequence[Labels], folded: Sequence[str]) -> list[_Sentence]:
    listed = len(set(_LETTER_ITEM.findall(text))) > 1
    counted = any(_COUNTED.search(choice) for choice in folded)
    labels = [
        _Name(group.start, group.end, number, is_text=False)
        for group in groups
        if _is_label(text, group, folded, listed=listed, counted=counted)
        for number in group.numbers
    ]
    starts = [label.start for label in labels]
    written = [
        (_written(form), number)
        for form, number in sorted(texts(folded).items(), key=lambda item: -len(item[0]))
    ]
    found = []
    for match in _SENTENCE.finditer(text):
        start, end = match.span()
        names = labels[bisect_left(starts, start) : bisect_left(starts, end)]
        taken: set[int] = set()
        for pattern, number in written:
            for spot in pattern.finditer(text, start, end):
                if not {spot.start(), spot.end() - 1} & taken:
                    names.append(_Name(*spot.span(), number, is_text=True))
                    taken.update(range(*spot.span()))
        if match[0].strip():
            found.append(_Sentence(start, end, tuple(sorted(names, key=lambda name: name.start))))
    return found


def _is_label(
    text: str, group: Labels, folded: Sequence[str], *, listed: bool, counted: bool
) -> bool:
    """Whether labels can be nothing else: no letter of its own, no `3번` where choices are counts."""
    label = text[group.start : group.end].rstrip(" )]}>\"'」』》】$*")
    if label.endswith("번"):
        return not counted
    if label[-1] in CHOICE_MARKS or not label[-1].isascii():
        return True
    before = text[max(0, group.start - 40) : group.start]
    if _ANNOUNCED.search(before) or (label.isalpha() and _I_TAKE.search(before)):
        return True
    listed = listed or (before.endswith("(") and text[group.start + 1 : group.start + 2] == ")")
    if not listed or not label[-1].isalpha():
        return False
    is_word = re.compile(rf"(?<![A-Za-z]){label[-1]}(?![A-Za-z])")
    return not any(map(is_word.search, folded))


def _is_note(text: str, sentence: _Sentence) -> bool:
    return _NOTE.fullmatch(text, sentence.start, sentence.end) is not None


def _clause_start(text: str, sentence: _Sentence) -> int:
    """Where the clause begins that names the last choice of a sentence."""
    ends = [
        match.end() for match in _CLAUSE.finditer(text, sentence.start, sentence.names[-1].start)
    ]
    return ends[-1] if ends else sentence.start


def _said(text: str, sentence: _Sentence, *, wrong_is_asked: bool) -> int | None:
    """The choice that a sentence says to be the one."""
    if not sentence.names:
        return None
    clause = _clause_start(text, sentence)
    names = [name for name in sentence.names if name.start >= clause]
    start, end = names[-1].start, max(name.end for name in names)
    for name in reversed(names[:-1]):
        if name.end >= start or _JOINED.fullmatch(text, name.end, start):
            start = name.start  # ③ (가) 세포막, 영조(3번)
        elif names[-1].is_text and not name.is_text:
            return None  # ③은 영조이다
    before, around = text[clause:start], text[clause:start] + " " + text[end : sentence.end]
    if (
        len({name.number for name in names}) > 1
        or _SUPPOSES.search(text[sentence.start : clause] + around)
        or _DENIES.search(around)
        or _AMONG.search(before)
        or any(
            is_supposed(text, key.start()) for key in _ANSWER.finditer(text, sentence.start, start)
        )
        or (wrong_is_asked and _RIGHT_WORD.search(around))
        or is_supposed(text, start)
    ):
        return None
    begins = clause > sentence.start or len(sentence.names) == len(names)
    is_sure = clause > sentence.start or any(name.is_text for name in names)
    is_before = _IS_BEFORE if is_sure else _IS_THE_ONE

    def follows(pattern: re.Pattern[str]) -> bool:
        return pattern.match(text, end, sentence.end) is not None

    if follows(_TAKEN) and _WRITER.fullmatch(before):
        return names[0].number
    if _ANSWER.search(text, sentence.start, start) and not names[-1].is_text:
        return None
    is_said = (
        (
            follows(_IS_AFTER)
            and (is_before.search(before) or (begins and _WRITER.fullmatch(before)))
        )
        or (follows(_ENDS) and _I_TAKE.search(before))
        or (follows(_FITS) and names[-1].is_text)
        or follows(_IS_BEST)
        or (follows(_MOST) and _CONCLUDES.match(text, sentence.start))
    )
    return names[0].number if is_said else None
