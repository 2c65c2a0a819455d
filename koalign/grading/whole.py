"""whole: a phrase that is an answer and nothing else -> its numbers; and what a reply comes to."""

from __future__ import annotations

import re
from collections.abc import Sequence

from koalign.grading import patterns
from koalign.grading.asked import Asked
from koalign.grading.closing import concluded
from koalign.grading.closing_patterns import ANSWER, DENIES, LEAVES_OPEN, SUPPOSES, TURNS
from koalign.grading.keys import without_key
from koalign.grading.labels import Labels, label_groups, number_of_remarked, number_of_text, union
from koalign.grading.lists import ITEM, filled, in_order, items, judged, marked, pointed_at
from koalign.grading.visible import canonical
from koalign.grading.yes_no import yes_or_no

_LONGEST = 600
"""Characters that are read of a phrase."""
_POINTS = re.compile(r"\A(?:#### |(?:=>|->|[→⇒∴]) ?)")
"""What a last line may begin with that is an answer."""
_SENTENCE_ENDS = re.compile("(?<=[.!?]) ")
_FIRM = re.compile(r"[①-⑩](?:번|입니다|이다)?")
"""A sentence that is a label and nothing else."""
_SMALL = re.compile(r"[a-e][).]?")
_HEADED = re.compile(
    r"(?:\A|(?<=\n))[-*• ]{0,3}(?P<heading>[^\n:=①-⑩\"'{}]{2,40}): ?(?P<rest>[^\n]{1,200})"
)
"""A line such as `마킹: ②`."""
_OF_ANSWER = re.compile(
    "(?:최종 ?)?(?:마킹|제출)|(?:가장 )?(?:올?바른|옳은|맞는|알맞은|적절한) (?:순서|배열)"
)
"""A heading over what the writer takes."""
_OTHER_ITEM = re.compile(r"[(]?([가나다라마a-e])[).:] ?([^\n]+)")
"""A choice's text behind a letter by which it was not listed."""


def whole(phrase: str, folded: Sequence[str], *, boxed: bool = False) -> tuple[int, ...]:
    """What a phrase that is an answer and nothing else says: labels, a choice's text, or both.

    A label and a text that disagree say nothing. A boxed number may be either.
    """
    phrase = without_key(phrase.strip())
    number = None
    if boxed or not patterns.NUMBER_ONLY.fullmatch(phrase):
        number = number_of_text(phrase, folded)
    if number is None and (item := _OTHER_ITEM.fullmatch(phrase)):
        place = "가나다라마abcde".index(item[1]) % 5 + 1
        return (place,) if number_of_text(item[2], folded) == place else ()
    if number is None and _SMALL.fullmatch(phrase) and phrase[:1] not in folded:
        number = "abcde".index(phrase[0]) + 1
        return (number,)
    if number:
        return label_or_text(phrase, number, folded) if boxed else (number,)
    start = before.end() if (before := patterns.BEFORE_LABEL.match(phrase)) else 0
    group = next(iter(label_groups(phrase[:_LONGEST], {start}, folded, {start})), None)
    if group is None or group.start != start:
        return ()
    rest = phrase[group.end :]
    if ITEM.search(rest):
        return ()
    if patterns.NOTHING_MORE.fullmatch(rest):
        return group.numbers
    rest = rest.lstrip(" .,:)-\n")
    own = (number_of_remarked(rest, folded),)
    return group.numbers if group.numbers == own else ()


def label_or_text(phrase: str, number: int, folded: Sequence[str]) -> tuple[int, ...]:
    """The number of the choice with this text; with the choice that it numbers, if it can be a label."""
    is_label = patterns.DIGITS.fullmatch(phrase) and 1 <= int(phrase) <= len(folded)
    return union((number,), (int(phrase),)) if is_label else (number,)


def _first_sentence(
    text: str, groups: Sequence[Labels], folded: Sequence[str], asks: Asked
) -> tuple[int, ...]:
    """The choice that the first sentence is, in a text that names no other one."""
    first = patterns.FIRST_SENTENCE.match(text)
    number = number_of_text(first[1], folded) if first and asks.right is not False else None
    if first and _FIRM.fullmatch(first[1]):
        number = next(iter(whole(first[1], folded)), None)
    seen = canonical(text)
    if not number or any({number} < {*group.numbers, number} for group in groups):
        return ()
    if any(
        doubt.search(text, first.end() if first else 0) for doubt in (TURNS, DENIES, LEAVES_OPEN)
    ):
        return ()
    others = {canonical(other) for other in folded} - {canonical(folded[number - 1])}
    return () if any(other in seen for other in others) else (number,)


def _alone(phrase: str, folded: Sequence[str]) -> tuple[int, ...]:
    return whole(phrase, folded) or in_order(phrase, folded)


def _behind_heading(text: str, folded: Sequence[str], asks: Asked) -> tuple[int, ...]:
    """The choice that alone stands in a last line, behind `마킹:` or what is asked for; no other does."""
    last = _HEADED.match(text, text.rfind("\n") + 1)
    heading = last["heading"].strip() if last else ""
    is_asked = _OF_ANSWER.fullmatch(heading) or canonical(heading) == asks.phrase[:-1]
    if not last or not is_asked or patterns.DIGITS.fullmatch(last["rest"]):
        return ()
    numbers = _alone(last["rest"], folded)
    others = {
        _alone(match["rest"], folded)
        for match in _HEADED.finditer(text, 0, last.start())
        if not (DENIES.search(match["heading"]) or ANSWER.search(match["heading"]))
    }
    return numbers if others <= {(), numbers} else ()


def at_the_end(
    text: str, groups: Sequence[Labels], folded: Sequence[str], asks: Asked
) -> tuple[int, ...]:
    """What a text without a key comes to, and its first or last line if that is an answer.

    None where these differ.
    """
    readings = {concluded(text, groups, folded, asks), yes_or_no(text, folded)}
    if not patterns.RECONSIDERS.search(text):
        readings.add(judged(text, folded, wrong_is_asked=asks.wrong))
        readings.add(pointed_at(text, folded))
        readings.add(marked(text, folded))
        readings.add(_first_sentence(text, groups, folded, asks))
        first, _, after = text.partition("\n")
        before, _, last = text.rpartition("\n")
        heading = whole(first.rstrip(" :"), folded, boxed=True)
        below = items(after)
        if not ITEM.search(after) or (1 in below and not below.issuperset(heading)):
            readings.add(heading)
        is_value = patterns.DIGITS.fullmatch(last) and re.search("[0-9]", before + "".join(folded))
        if not (is_value or ITEM.search(before)):
            last = last if "#### " in before else _POINTS.sub("", last)
            readings.add(whole(last, folded, boxed=True))
            readings.add(_behind_heading(text, folded, asks))
            *sentences, ending = _SENTENCE_ENDS.split(last)
            if sentences and _FIRM.fullmatch(ending.rstrip(".!")):
                readings.add(whole(ending, folded))
            readings.add(in_order(last, folded))
            if not (DENIES.search(last) or SUPPOSES.search(last)):
                readings.add(filled(_SENTENCE_ENDS.split(last)[-1], folded))
    readings.discard(())
    return readings.pop() if len(readings) == 1 else ()
