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

from koalign.grading import closing_patterns as words
from koalign.grading import judgement_patterns
from koalign.grading.asked import MARKS, Asked
from koalign.grading.labels import Labels
from koalign.grading.names import Name, named_by_text
from koalign.grading.patterns import OPEN, REMARK
from koalign.grading.supposed import is_supposed
from koalign.grading.visible import canonical
from koalign.text.korean import CHOICE_MARKS

_ANNOUNCED = re.compile(rf"(?:선택지|선지|보기|옵션|[Oo]ption|[Cc]hoice) ?{OPEN}\Z")
_LETTER_ITEM = re.compile(r"(?:\A|(?<=\n))[-*• ]{0,3}[(]?([A-J])[).:]")
_COUNTED = re.compile("[0-9한두세네] ?(?:번|회|차례)")


@dataclass(frozen=True)
class _Claim:
    """The choice that a sentence says to be the one."""

    number: int
    outright: bool
    """In words that can say nothing else: `A를 고르겠습니다`, `A가 정답이다`, or those of the question."""


@dataclass(frozen=True)
class _Sentence:
    start: int
    end: int
    names: tuple[Name, ...]


def concluded(
    text: str, groups: Sequence[Labels], folded: Sequence[str], asks: Asked
) -> tuple[int, ...]:
    """The number of the choice that the last sentence which names one says to be the one; else none.

    After it only notes, and what takes nothing back. Where it is no conclusion, no other sentence
    says the same of another choice, and a choice's text stands for it only if no other is named, or
    if the sentence says outright that it is the answer. Such a sentence need not be the last one.
    """
    if any(mark in text for text in folded for mark in CHOICE_MARKS):
        return ()
    sentences = _sentences(text, groups, folded, asks)
    naming = [sentence for sentence in sentences if sentence.names and not _is_note(text, sentence)]
    claims = [(sentence, claim) for sentence in naming if (claim := _said(text, sentence, asks))]
    if not claims:
        return ()
    last, claim = claims[-1]
    said = claim.number
    rest = [s for s in sentences[sentences.index(last) + 1 :] if not _is_note(text, s)]
    later = naming[naming.index(last) + 1 :]
    if (later and not claim.outright) or any(_says_more(text, other, said) for other in later):
        return ()
    is_conclusion = _clause_start(text, last) > last.start
    turns = words.LEAVES_CONCLUSION_OPEN if is_conclusion else words.TURNS
    turns = words.LEAVES_OPEN if claim.outright else turns
    if any(
        turns.search(text, after.start, after.end)
        for after in rest
        if not (claim.outright and words.IMAGINES.match(text, after.start, after.end))
    ):
        return ()
    by_text = all(name.is_text for name in last.names)
    if any(
        other.number != said
        and (
            other.outright
            or (
                (
                    not (is_conclusion or claim.outright)
                    or words.CONCLUDES.match(text, sentence.start, sentence.end)
                )
                and (by_text or not all(name.is_text for name in sentence.names))
            )
        )
        for sentence, other in claims[:-1]
    ):
        return ()
    named = {name.number for sentence in naming for name in sentence.names}
    is_bare = words.WRITER.match(text, last.start, last.names[0].start)
    own = folded[said - 1] if 1 <= said <= len(folded) else ""
    alone = named == {said} and (_is_rest(text, own, rest) if rest else not own[-1:].isdigit())
    is_enough = claim.outright or is_conclusion or alone or not (by_text or is_bare)
    return (said,) if is_enough else ()


def _is_rest(text: str, own: str, rest: Sequence[_Sentence]) -> bool:
    """Whether the sentences behind a choice's own text leave it as it is: the text is whole.

    A number may be a step of a calculation.
    """
    return (
        words.WHOLE.search(text) is not None
        and not any(map(str.isdigit, own))
        and not any(
            pattern.search(text, after.start, after.end)
            for pattern in (words.LEAVES_OPEN, words.COMES_TO)
            for after in rest
        )
    )


def _sentences(
    text: str, groups: Sequence[Labels], folded: Sequence[str], asks: Asked
) -> list[_Sentence]:
    listed = len(set(_LETTER_ITEM.findall(text))) > 1
    counted = any(_COUNTED.search(choice) for choice in folded)
    labels = [
        Name(group.start, group.end, number, is_text=False)
        for group in groups
        if _is_label(text, group, folded, asks, listed=listed, counted=counted)
        for number in group.numbers
    ]
    starts = [label.start for label in labels]
    by_text = named_by_text(text, folded)
    text_starts = [name.start for name in by_text]
    found = []
    for match in words.SENTENCE.finditer(text):
        start, end = match.span()
        names = labels[bisect_left(starts, start) : bisect_left(starts, end)]
        names += by_text[bisect_left(text_starts, start) : bisect_left(text_starts, end)]
        if match[0].strip():
            found.append(_Sentence(start, end, tuple(sorted(names, key=lambda name: name.start))))
    return found


def _is_label(
    text: str, group: Labels, folded: Sequence[str], asks: Asked, *, listed: bool, counted: bool
) -> bool:
    """Whether labels can be nothing else: no letter of its own, no `3번` where choices are counts."""
    label = text[group.start : group.end].rstrip(" )]}>\"'」』》】$*")
    if label.endswith("번"):
        return not counted
    if label[-1] in CHOICE_MARKS or not label[-1].isascii():
        return True
    before = text[max(0, group.start - 40) : group.start]
    if _ANNOUNCED.search(before) or words.I_TAKE.search(before):
        return True
    listed = listed or words.CHOSEN.match(text, group.end) is not None
    listed = listed or (
        words.SO_IT_IS.search(before.rpartition("\n")[2]) is not None
        and words.ENDS_SO.match(text, group.end) is not None
    )
    listed = listed or (before.endswith("(") and text[group.start + 1 : group.start + 2] == ")")
    if not listed or asks.has_letters or not label[-1].isalpha():
        return False
    is_word = re.compile(rf"(?<![A-Za-z]){label[-1]}(?![A-Za-z])")
    return not any(map(is_word.search, folded))


def _is_note(text: str, sentence: _Sentence) -> bool:
    return words.NOTE.fullmatch(text, sentence.start, sentence.end) is not None


def _clause_start(text: str, sentence: _Sentence) -> int:
    """Where the clause begins that names the last choice of a sentence."""
    ends = [
        match.end()
        for match in words.CLAUSE.finditer(text, sentence.start, sentence.names[-1].start)
    ]
    return ends[-1] if ends else sentence.start


def _says_more(text: str, sentence: _Sentence, said: int) -> bool:
    """Whether a sentence after an outright one comes to something, or is but another choice."""
    name = sentence.names[-1]
    return bool(
        words.COMES_TO.search(text, sentence.start, name.start)
        or (
            name.number != said
            and words.IS_AFTER.match(text, name.end, sentence.end)
            and not words.TOPIC.search(text, sentence.start, name.start)
        )
    )


def _repeats_question(after: str, asks: Asked) -> bool:
    """Whether words after a choice say of it what is asked for: `…가 원소에 해당한다`, `…가 수도이다`."""
    subject = words.SUBJECT.match(after)
    said = canonical(after[subject.end() :]) if subject else ""
    is_denied = words.DENIES.search(said) is not None
    is_asked_so = words.DENIES.search(asks.phrase) is not None
    return is_denied == is_asked_so and any(
        part and said.startswith(part) and end.fullmatch(said, len(part))
        for part, end in ((asks.predicate, words.STATED), (asks.phrase[:-1], words.NAMED))
    )


def _said(text: str, sentence: _Sentence, asks: Asked) -> _Claim | None:
    """The choice that a sentence says to be the one."""
    if not sentence.names:
        return None
    clause = _clause_start(text, sentence)
    names = [name for name in sentence.names if name.start >= clause]
    start, end = names[-1].start, max(name.end for name in names)
    for name in reversed(names[:-1]):
        if name.end >= start or words.JOINED.fullmatch(text, name.end, start):
            start = name.start  # ③ (가) 세포막, 영조(3번)
        elif names[-1].is_text and not name.is_text:
            return None  # ③은 영조이다
    if names[-1].is_text and (gloss := REMARK.match(text, end, sentence.end)):
        end = gloss.end()
    named = {name.number for name in sentence.names}
    if len(named) > 1 and len(words.ARROW.findall(text, sentence.start, start)) > 1:
        return None  # an order of choices
    number = names[0].number
    wrong_asked = words.WRONG_ASKED.search(text, clause, start) if asks.wrong else None
    from_here = wrong_asked.end() if wrong_asked else clause
    is_after = words.IS_AFTER.match(text, end, sentence.end)
    before, after = text[from_here:start], text[is_after.end() if is_after else end : sentence.end]
    is_conclusion = clause > sentence.start
    taken = words.TAKEN.match(text, end, sentence.end) and (
        words.WRITER.fullmatch(before)
        or (is_conclusion and words.SUCH_A.fullmatch(before))
        or (words.TO_TAKE.search(text, end, sentence.end) and words.OF_IT.fullmatch(before))
    )
    if taken and words.NAMES_ONE.match(text, end) and not (wrong_asked or "답" in before):
        taken = None  # 예로는 A를 들 수 있다
    is_by_text = all(name.is_text for name in names)
    if asks.wrong and is_by_text and words.SAYS_WRONG.match(text, end, sentence.end):
        doubted = words.SUPPOSES.search(text, sentence.start, sentence.end)
        return None if doubted or words.AMONG.search(before) else _Claim(number, outright=True)
    remains = words.REMAINS.match(text, end, sentence.end) or (
        words.REMAINING.search(before) and words.IS_AFTER.match(text, end, sentence.end)
    )
    repeats = _repeats_question(text[end : sentence.end], asks) and not words.TOPIC.search(before)
    fits = words.FITS.match(text, end, sentence.end)
    is_answer = fits and (fits["answer"] or words.AS_ANSWER.search(before))
    around = (words.ATTRIBUTE.sub("", before) if is_answer else before) + " " + after
    around = "" if taken or remains else before if repeats else around
    reported = "" if taken and words.I_SAY.search(before) else text[sentence.start : from_here]
    if (
        len({name.number for name in names}) > 1
        or words.SUPPOSES.search(reported + before + " " + after)
        or words.DENIES.search(around)
        or words.AMONG.search(before)
        or any(
            is_supposed(text, key.start())
            for key in words.ANSWER.finditer(text, sentence.start, start)
        )
        or (asks.wrong and not is_answer and words.RIGHT_WORD.search(around))
        or is_supposed(text, start)
        or (asks.marks and set(MARKS.findall(before)) - asks.marks)
    ):
        return None
    if taken or remains or repeats:
        return _Claim(number, outright=True)
    begins = is_conclusion or len(sentence.names) == len(names)
    is_sure = is_conclusion or any(name.is_text for name in names)
    is_by_fact = clause == sentence.start and is_by_text
    is_before = words.IS_BEFORE if is_sure else words.IS_THE_ONE

    def follows(pattern: re.Pattern[str]) -> re.Match[str] | None:
        return pattern.match(text, end, sentence.end)

    if asks.right is False and not asks.wrong and follows(words.IS_ODD):
        return _Claim(number, outright=True)
    if words.ANSWER.search(text, sentence.start, start) and not (names[-1].is_text or is_answer):
        return None
    if fits and (names[-1].is_text or fits["this"] or is_answer):
        if asks.right is False and fits["right"] and not is_answer:
            return None
        return _Claim(number, outright=bool(asks.right or is_answer or fits["this"]))
    if follows(words.IS_AFTER) and (
        is_before.search(before) or (begins and words.WRITER.fullmatch(before))
    ):
        as_asked = (
            wrong_asked
            or words.AS_ASKED.search(before)
            or (asks.right and judgement_patterns.RIGHT_KEY.search(before))
            or (asks.phrase and asks.phrase in canonical(text[clause:start]))
        )
        if asks.right is False and is_by_fact and not (wrong_asked or as_asked):
            return None  # what A is says little where the question asks for what is none
        return _Claim(number, outright=bool(as_asked))
    is_pair = {name.is_text for name in names} == {True, False} and follows(words.IS_AFTER)
    is_said = (
        is_pair
        or (follows(words.ENDS) and words.I_TAKE.search(before))
        or follows(words.IS_BEST)
        or (follows(words.MOST) and words.CONCLUDES.match(text, sentence.start))
    )
    return _Claim(number, outright=False) if is_said else None
