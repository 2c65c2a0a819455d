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
from itertools import groupby, zip_longest

from koalign.grading import patterns
from koalign.grading.asked import asked
from koalign.grading.claims import asserted, is_open, weakly_stated
from koalign.grading.closing_patterns import AMONG
from koalign.grading.contradictions import contradicts_itself
from koalign.grading.formats import (
    FORMATS,
    formatted,
    is_boxed_value,
    spans_of_objects,
    texts_beside,
)
from koalign.grading.keys import (
    announces_text,
    has_colon,
    is_as_asked,
    keys_of,
    text_start,
    without_key,
)
from koalign.grading.labels import (
    Labels,
    has_own_text,
    label_groups,
    lettered,
    number_of_remarked,
    number_of_text,
    union,
)
from koalign.grading.lists import in_order, listed, lists_choices
from koalign.grading.names import named_by_text
from koalign.grading.visible import comparable_choice, forms, untagged, visible_text
from koalign.grading.whole import at_the_end, label_or_text, whole
from koalign.text.korean import CHOICE_MARKS

_LINE, _SHORT_LINE = 300, 100
"""Characters that are read of a line after a key; of a line that is an answer without one."""


def extract_numbers(
    text: str,
    choices: Sequence[str] = (),
    *,
    question: str = "",
    concluding: bool = False,
) -> list[tuple[int, ...]]:
    """The choice numbers of each statement, in order; more than one number: offered together.

    A letter is a number (B is 2) unless a choice's own text is a letter; a choice's whole text
    after a key is its number. A number is not checked against the number of choices. Only where no
    answer is stated, or the last one is taken back (`아니요, 3번입니다`), weaker statements count: a
    list with `정답` at one choice, a sentence that is a label, and all that is called right (`③이
    옳다`); what is called wrong, if the question or the text asks for that. `concluding`: a text
    that was not cut also states what its last sentence, or a list of all choices, comes to.
    """
    seen = visible_text(text) or ""
    asks = asked(question, seen)
    if not any("<" in choice for choice in choices):
        seen = untagged(seen)
    seen = _without_repetition(seen)
    folded = [comparable_choice(choice) for choice in choices]
    seen = patterns.ANSWER_LEAD.sub("", lettered(seen, question, folded))
    found = [
        (match.start(match.lastindex or 0), numbers)
        for match, value in formatted(seen)
        if (numbers := whole(value, folded, boxed=is_boxed_value(match)))
    ]
    beside = tuple(n for phrase in texts_beside(seen) if (n := number_of_text(phrase, folded)))
    found = [(position, union(numbers, beside)) for position, numbers in found]
    quoted = _quoted_choices(seen, folded)
    found += quoted.items()
    all_keys = keys_of(seen)
    keys = {
        key.end() for key in all_keys if not (key["quote"] or lists_choices(seen, key, folded))
    } - quoted.keys()
    as_asked = {key.end() for key in all_keys if is_as_asked(key)}
    reasons = spans_of_objects(seen)
    labels = [
        group
        for group in label_groups(seen, keys, folded, as_asked)
        if group.start not in quoted and not _is_inside(reasons, group.start)
    ]
    topics = {key.end() for key in all_keys if not (key["quote"] or has_colon(key))}
    spoken_of = {
        group.start
        for group in labels
        if group.start in topics and not _commits(seen, group, folded)
    }
    labels = [replace(g, asked=False) if g.start in spoken_of else g for g in labels]
    keys -= spoken_of
    found += asserted(seen, labels, keys, patterns.SUBJECT)
    found += asserted(seen, _by_text(seen, folded), set(), patterns.IS_ANSWER)
    found += _concluded(seen, labels, folded) + _after_text(seen, all_keys, labels, folded)
    if found:
        found.sort()
        (first, answer), (last, other) = found[0], found[-1]
        if answer != other and patterns.NEXT_PROBLEM.search(seen, first, last):
            return []
        if (
            patterns.NOT_LISTED.search(seen, last)
            or patterns.GIVES_UP.search(seen, last)
            or contradicts_itself(seen, found)
        ):
            return []
        if any(
            group.start > last
            and group.numbers == other
            and patterns.DISOWNED.match(seen, group.end)
            for group in labels
        ):
            return []
        turns = [
            turn
            for turn in patterns.TAKES_BACK.finditer(seen, last)
            if not _is_inside(reasons, turn.start())
        ]
        if turns:
            tail = [group for group in labels if group.start >= turns[0].end()]
            if weaker := weakly_stated(seen, tail, wrong_is_asked=asks.wrong):
                found.append((len(seen), weaker))
            elif any(turn["void"] or turn["at_once"] for turn in turns):
                return []
        before, _, line = seen.rpartition("\n")
        of_last_line = whole(line.strip("() "), folded) if found[-1][0] < len(before) else ()
        if of_last_line and set(of_last_line) < set(found[-1][1]):
            found.append((len(seen), of_last_line))  # \boxed{2}, and under it: (② 3)
        return [numbers for _, numbers in found]
    weaker = (
        whole(seen, folded)
        or listed(seen, labels, folded)
        or weakly_stated(seen, labels, wrong_is_asked=asks.wrong)
    )
    if concluding and not weaker:
        weaker = at_the_end(seen, labels, folded, asks)
    return [weaker] if weaker and not patterns.GIVES_UP.search(seen) else []


def extract_texts(text: str) -> list[str]:
    """The free-text answers that a completion states, in order, each to the end of its line.

    After `정답:`, as `정답은 …입니다`, or in a format. Only where there is none of these, any text
    after `정답은`, and only where there is no key, the whole text if it is one short line.
    """
    seen = visible_text(text) or ""
    found = [(match.start(), without_key(value)) for match, value in formatted(seen)]
    for pattern in FORMATS:
        seen = pattern.sub(lambda match: "\n" * len(match[0]), seen)
    keys = [key for key in keys_of(seen) if announces_text(key)]
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


def _without_repetition(text: str) -> str:
    """A text without lines that repeat the one before, and a last one that begins to."""
    lines = [line for line, _ in groupby(text.split("\n"))]
    *_, before, last = ["", *lines]
    return "\n".join(lines[:-1] if last and before.startswith(last) else lines)


def _commits(text: str, group: Labels, folded: Sequence[str]) -> bool:
    """Whether a sentence says no more of the labels after its key than that they are the answer."""
    return bool(
        len(group.numbers) > 1
        or patterns.COMMITS.match(text, group.end)
        or patterns.AFTERWARDS.match(text, group.end)
        or (
            folded[group.numbers[0] - 1 :][:1] == [text[group.start]]
            and patterns.MARKED_TEXT.match(text, group.end)
        )
        or patterns.GOES_ON.match(text, group.end)
        or has_own_text(text, group.end, group.numbers[0], folded)
    )


def _by_text(text: str, folded: Sequence[str]) -> list[Labels]:
    """The choices that a text names by their own texts."""
    return [
        Labels(name.start, name.end, name.end, (name.number,), begins=True, asked=False)
        for name in named_by_text(text, folded)
        if not AMONG.search(text[max(0, name.start - 16) : name.start])
    ]


def _is_inside(spans: Sequence[tuple[int, int]], position: int) -> bool:
    """Whether a position lies in one of the spans, which are in order."""
    before = bisect(spans, (position,))
    return before > 0 and position < spans[before - 1][1]


def _after_key(text: str, key: re.Match[str]) -> str:
    """The rest of the line after a key that announces a text; empty where it announces none."""
    if not announces_text(key):
        return ""
    rest = text[text_start(key) : key.end() + _LINE].lstrip(" :\n>")
    return rest.partition("\n")[0]


def _quoted_choices(text: str, folded: Sequence[str]) -> dict[int, tuple[int, ...]]:
    """End of a key -> number of the choice whose text, and nothing else, follows it.

    A number alone is the number of a choice even where a choice's text is a number.
    """
    found: dict[int, tuple[int, ...]] = {}
    for key in keys_of(text) if folded else ():
        phrase = _after_key(text, key)
        is_number = patterns.NUMBER_ONLY.fullmatch(forms(phrase)[-1] if has_colon(key) else phrase)
        if key["quote"] or not is_number:
            number = number_of_remarked(phrase, folded)
            first = patterns.FIRST_SENTENCE.match(phrase) if has_colon(key) else None
            if number is None and (reason := patterns.BECAUSE.match(phrase)):
                number = number_of_text(reason[1], folded)
            if number is None and (steps := in_order(phrase, folded)):
                number = steps[0]
            if number is None and first and not patterns.NUMBER_ONLY.fullmatch(first[1]):
                phrase = first[1]
                number = number_of_text(phrase, folded)
            if number is not None:
                found[key.end()] = label_or_text(forms(phrase)[-1], number, folded)
    return found


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
            or whole(text[group.start : group.start + _LINE].partition("\n")[0], folded)
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
        if not announces_text(key) or key["quote"]:
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
                number = number_of_text(quote, folded)
                is_remark = (
                    number is None
                    and has_colon(key)
                    and patterns.IN_PARENTHESES.fullmatch(between)
                    and text[group.start] in CHOICE_MARKS
                    and patterns.BARE_END.match(text, group.end)
                )
                if group.numbers == (number,) or is_remark:
                    found.append((group.start, group.numbers))
                    break
    return found


def _joined(between: str) -> int:
    return next(match.start() for match in patterns.JOINS_LABEL.finditer(between))
