"""extract: completion -> the answers that it states, in order. Says nothing of right and wrong.

What can be seen comes first (`visible_text`: no thoughts, one way of writing). Patterns then find keys
(`정답은`, `Answer:`), labels (`③`, `3번`, `(B)`) and formats (JSON, boxed, tags). A label is stated
where a key stands right before it, or `이 정답이다` right after it; where `결론:` or `따라서` announces
it and the sentence ends with it; after a key and its own choice's text, or a reason. What is denied,
doubted or taken back is not stated.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from koalign.grading import patterns
from koalign.grading.claims import asserted, is_open, weakly_stated
from koalign.grading.closing import concluded
from koalign.grading.labels import Labels, has_own_text, label_groups, number_of_text, union
from koalign.grading.lists import ITEM, judged, listed, lists_choices
from koalign.grading.supposed import is_supposed
from koalign.grading.visible import comparable_choice, forms, untagged, visible_text

_LINE, _SHORT_LINE, _OBJECT = 300, 100, 20_000
"""Characters that are read of a line after a key; of a line that is an answer without one; of a JSON
object on each side of its answer."""


def extract_numbers(
    text: str,
    choices: Sequence[str] = (),
    *,
    wrong_is_asked: bool = False,
    concluding: bool = False,
) -> list[tuple[int, ...]]:
    """The choice numbers of each statement, in order; more than one number: offered together.

    A letter is a number (B is 2) unless a choice's own text is a letter; a choice's whole text
    after a key is its number. A number is not checked against the number of choices. Only where no
    answer is stated, or the last one is taken back (`아니요, 3번입니다`), weaker statements count: a
    list with `정답` at one choice, a sentence that is a label, and all that is called right (`③이
    옳다`); what is called wrong, if `wrong_is_asked` or the text says that it is. `concluding`: a text
    that was not cut also states what its last sentence, or a list of all choices, comes to.
    """
    seen = visible_text(text) or ""
    wrong_is_asked = wrong_is_asked or bool(patterns.WRONG_IS_ASKED.search(seen))
    if not any("<" in choice for choice in choices):
        seen = untagged(seen)
    folded = [comparable_choice(choice) for choice in choices]
    found = [
        (match.start(match.lastindex or 0), numbers)
        for match, value in _formatted(seen)
        if (numbers := _whole(value, folded, boxed=match.re is patterns.BOXED))
    ]
    quoted = _quoted_choices(seen, folded)
    found += quoted.items()
    all_keys = _keys(seen)
    keys = {
        key.end() for key in all_keys if not (key["quote"] or lists_choices(seen, key))
    } - quoted.keys()
    reasons = _spans_of_objects(seen)
    labels = [
        group
        for group in label_groups(seen, keys, folded)
        if group.start not in quoted and not _is_inside(reasons, group.start)
    ]
    topics = {key.end() for key in all_keys if not (key["quote"] or _has_colon(key))}
    spoken_of = {
        group.start
        for group in labels
        if group.start in topics and not _commits(seen, group, folded)
    }
    labels = [replace(g, asked=False) if g.start in spoken_of else g for g in labels]
    keys -= spoken_of
    found += asserted(seen, labels, keys, patterns.SUBJECT, folded)
    found += _concluded(seen, labels, folded) + _after_text(seen, all_keys, labels, folded)
    if found:
        found.sort()
        (first, answer), (last, other) = found[0], found[-1]
        if answer != other and patterns.NEXT_PROBLEM.search(seen, first, last):
            return []
        if patterns.GIVES_UP.search(seen, last):
            return []
        turns = [
            turn
            for turn in patterns.TAKES_BACK.finditer(seen, last)
            if not _is_inside(reasons, turn.start())
        ]
        if turns:
            tail = [group for group in labels if group.start >= turns[0].end()]
            if weaker := weakly_stated(seen, tail, wrong_is_asked=wrong_is_asked):
                found.append((len(seen), weaker))
            elif any(turn["void"] for turn in turns):
                return []
        return [numbers for _, numbers in found]
    weaker = (
        _whole(seen, folded)
        or listed(seen, labels)
        or weakly_stated(seen, labels, wrong_is_asked=wrong_is_asked)
    )
    if concluding and not weaker:
        weaker = _at_the_end(seen, labels, folded, wrong_is_asked=wrong_is_asked)
    return [weaker] if weaker else []


def extract_texts(text: str) -> list[str]:
    """The free-text answers that a completion states, in order, each to the end of its line.

    After `정답:`, as `정답은 …입니다`, or in a format. Only where there is none of these, any text
    after `정답은`, and only where there is no key, the whole text if it is one short line.
    """
    seen = visible_text(text) or ""
    found = [(match.start(), without_key(value)) for match, value in _formatted(seen)]
    for pattern in patterns.FORMATS:
        seen = pattern.sub(lambda match: "\n" * len(match[0]), seen)
    keys = [key for key in _keys(seen) if _announces_text(key)]
    is_short = "\n" not in seen and len(seen) <= _SHORT_LINE
    unsure = [(0, seen)] if is_short and not keys else []
    for key in keys:
        line = _after_key(seen, key)
        if line and not patterns.DENIAL_ENDS.search(line):
            sure = bool(patterns.COPULA.match(line)) or not (key["sep"] or "").endswith(
                ("은", "는")
            )
            (found if sure else unsure).append((key.start(), patterns.REPLACED.sub("", line)))
    return [phrase for _, phrase in sorted(found or unsure) if phrase.strip()]


def without_key(phrase: str) -> str:
    """A phrase without the `정답:` that it begins with, if it does."""
    key = patterns.KEY.match(phrase)
    return phrase[_text_start(key) :].strip() if key and _announces_text(key) else phrase


def _keys(text: str) -> list[re.Match[str]]:
    """What announces answers, where the sentence means it."""
    return [key for key in patterns.KEY.finditer(text) if not is_supposed(text, key.start())]


def _has_colon(key: re.Match[str]) -> bool:
    return bool(key["is"] or (key["sep"] or "은")[-1] not in "은는이을")


def _commits(text: str, group: Labels, folded: Sequence[str]) -> bool:
    """Whether a sentence says no more of the labels after its key than that they are the answer."""
    return bool(
        len(group.numbers) > 1
        or patterns.COMMITS.match(text, group.end)
        or patterns.AFTERWARDS.match(text, group.end)
        or patterns.GOES_ON.match(text, group.end)
        or has_own_text(text, group.end, group.numbers[0], folded)
    )


def _formatted(text: str) -> list[tuple[re.Match[str], str]]:
    return [
        (match, next((group for group in match.groups() if group is not None), ""))
        for pattern in patterns.FORMATS
        for match in pattern.finditer(text)
    ]


def _spans_of_objects(text: str) -> list[tuple[int, int]]:
    """The JSON objects that hold an answer: what their other fields say is no statement of its own."""
    found = []
    for match in patterns.FORMATS[0].finditer(text):
        start = text.rfind("{", max(0, match.start() - _OBJECT), match.start())
        end = text.find("}", match.end(), match.end() + _OBJECT)
        if start >= 0 and end >= 0:
            found.append((start, end))
    return found


def _is_inside(spans: Sequence[tuple[int, int]], position: int) -> bool:
    """Whether a position lies in one of the spans, which are in order."""
    before = bisect(spans, (position,))
    return before > 0 and position < spans[before - 1][1]


def _announces_text(key: re.Match[str]) -> bool:
    return bool(key["quote"] or key["sep"] or key["is"])


def _text_start(key: re.Match[str]) -> int:
    return key.end("quote") if key["quote"] else key.end("sep") if key["sep"] else key.end("is")


def _after_key(text: str, key: re.Match[str]) -> str:
    """The rest of the line after a key that announces a text; empty where it announces none."""
    if not _announces_text(key):
        return ""
    rest = text[_text_start(key) : key.end() + _LINE].lstrip(" :\n")
    return rest.partition("\n")[0]


def _quoted_choices(text: str, folded: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """End of a key -> number of the choice whose text, and nothing else, follows it.

    A number alone is the number of a choice even where a choice's text is a number.
    """
    found: dict[int, tuple[int, ...]] = {}
    for key in _keys(text) if folded else ():
        phrase = _after_key(text, key)
        if key["quote"] or not patterns.NUMBER_ONLY.fullmatch(phrase):
            number = number_of_text(phrase, folded)
            if number is not None:
                found[key.end()] = _label_or_text(forms(phrase)[-1], number, folded)
    return found


def _label_or_text(phrase: str, number: int, folded: Sequence[str]) -> tuple[int, ...]:
    """The number of the choice with this text; with the choice that it numbers, if it can be a label."""
    is_label = patterns.DIGITS.fullmatch(phrase) and 1 <= int(phrase) <= len(folded)
    return union((number,), (int(phrase),)) if is_label else (number,)


def _at_the_end(
    text: str, groups: Sequence[Labels], folded: Sequence[str], *, wrong_is_asked: bool
) -> tuple[int, ...]:
    """What a text without a key comes to, and its first or last line if that is an answer.

    None where these differ.
    """
    readings = {concluded(text, groups, folded, wrong_is_asked=wrong_is_asked)}
    if not patterns.RECONSIDERS.search(text):
        readings.add(judged(text, folded, wrong_is_asked=wrong_is_asked))
        first, _, after = text.partition("\n")
        before, _, last = text.rpartition("\n")
        if not ITEM.search(after):
            readings.add(_whole(first, folded, boxed=True))
        if not (patterns.DIGITS.fullmatch(last) or ITEM.search(before)):
            last = last if "#### " in before else last.removeprefix("#### ")
            readings.add(_whole(last, folded, boxed=True))
    readings.discard(())
    return readings.pop() if len(readings) == 1 else ()


def _whole(phrase: str, folded: Sequence[str], *, boxed: bool = False) -> tuple[int, ...]:
    """What a phrase that is an answer and nothing else says: labels, a choice's text, or both.

    A label and a text that disagree say nothing. A boxed number may be either.
    """
    phrase = without_key(phrase.strip())
    number = None
    if boxed or not patterns.NUMBER_ONLY.fullmatch(phrase):
        number = number_of_text(phrase, folded)
    if number:
        return _label_or_text(phrase, number, folded) if boxed else (number,)
    start = before.end() if (before := patterns.BEFORE_LABEL.match(phrase)) else 0
    group = next(iter(label_groups(phrase[: 2 * _LINE], {start}, folded)), None)
    if group is None or group.start != start:
        return ()
    rest = phrase[group.end :]
    if ITEM.search(rest):
        return ()
    if patterns.NOTHING_MORE.fullmatch(rest):
        return group.numbers
    number = number_of_text(rest.lstrip(" .:)-\n"), folded)
    return group.numbers if group.numbers == (number,) else ()


def _concluded(
    text: str, groups: Sequence[Labels], folded: Sequence[str]
) -> list[tuple[int, tuple[int, ...]]]:
    """(position, numbers) of the labels that `결론:` or `따라서` announces and that end their sentence."""
    ends = {match.end() for match in patterns.CONCLUSION.finditer(text)}
    return [
        (group.start, group.numbers)
        for group in groups
        if group.start in ends
        and not is_open(text, group)
        and (
            patterns.BARE_END.match(text, group.end)
            or patterns.SENTENCE.match(text, group.end)
            or _whole(text[group.start : group.start + _LINE].partition("\n")[0], folded)
            == group.numbers
        )
    ]


def _after_text(
    text: str, keys: Sequence[re.Match[str]], groups: Sequence[Labels], folded: Sequence[str]
) -> list[tuple[int, tuple[int, ...]]]:
    """(position, numbers) of the labels after a key and a choice's text, or after a reason."""
    found: list[tuple[int, tuple[int, ...]]] = []
    starts = [group.start for group in groups]
    for key, following in zip_longest(keys, keys[1:]):
        if not _announces_text(key) or key["quote"]:
            continue
        end = min(key.end() + _LINE, following.start() if following else len(text))
        for group in groups[bisect(starts, key.end()) : bisect(starts, end)]:
            between = text[key.end() : group.start]
            if "\n" in between:
                break
            if is_open(text, group):
                continue
            if reason := patterns.REASON.fullmatch(between):
                if patterns.BARE_END.match(text, group.end):
                    number = number_of_text(reason["what"], folded)
                    found.append((group.start, union((number,) if number else (), group.numbers)))
                    break
            else:
                quote = patterns.REPLACED.sub("", between[: _joined(between)])
                if group.numbers == (number_of_text(quote, folded),):
                    found.append((group.start, group.numbers))
                    break
    return found


def _joined(between: str) -> int:
    return next(match.start() for match in patterns.JOINS_LABEL.finditer(between))
