"""claims: labels in visible text -> those that a key or a sentence says to be the answer, not denied."""

from __future__ import annotations

import re
from collections.abc import Sequence

from koalign.grading import judgement_patterns, patterns
from koalign.grading.labels import Labels, union
from koalign.grading.supposed import is_supposed

_CHANGES_OF_MIND = 1
"""More of them without a word on it, and a model goes through all choices: `1번입니다. 2번입니다. …`."""


def is_open(text: str, group: Labels) -> bool:
    """Whether what follows the labels, or their choice's own text, denies or doubts them."""
    doubts = (patterns.DENIED, patterns.HEDGED)
    return any(doubt.match(text, end) for end in (group.end, group.after) for doubt in doubts)


def asserted(
    text: str,
    groups: Sequence[Labels],
    keys: set[int],
    claim: re.Pattern[str],
) -> list[tuple[int, tuple[int, ...]]]:
    """(position, numbers) of the labels after one of the keys or before the claim, not denied.

    A choice's own text may stand between its label and the claim.
    """
    found: list[tuple[int, tuple[int, ...]]] = []
    for group in groups:
        is_called_wrong = claim is judgement_patterns.WRONG and any(
            judgement_patterns.SAID_WRONG.match(text, end) for end in (group.end, group.after)
        )
        if is_open(text, group) and not is_called_wrong:
            continue
        numbers = group.numbers
        if not (group.asked or group.start in keys):
            claimed = None
            if group.begins and not is_supposed(text, group.start):
                claimed = claim.match(text, group.end) or claim.match(text, group.after)
            if (
                not claimed
                or patterns.DENIED.match(text, claimed.end())
                or patterns.HEDGED.match(text, claimed.end())
            ):
                continue
            if claimed.groupdict().get("also"):  # 2번이 정답이고 3번도 정답이다
                if not found:
                    continue
                numbers = union(found[-1][1], numbers)
        elif judgement_patterns.CALLED_WRONG.match(
            text, group.end
        ):  # 정답은 2번이 옳지 않으므로 3번
            continue
        found.append((group.start, numbers))
    return found


def weakly_stated(text: str, groups: Sequence[Labels], *, wrong_is_asked: bool) -> tuple[int, ...]:
    """The last label that is a sentence (`3번입니다.`) or follows a turn (`그러나 … ③이다`).

    None of more than two that differ. Without any all that is called right, or wrong.
    """
    said: list[tuple[int, ...]] = []
    for group in groups:
        before = text[max(0, group.start - 40) : group.start]
        if is_open(text, group):
            continue
        sentence = patterns.SENTENCE.match(text, group.end) or patterns.SENTENCE.match(
            text, group.after
        )
        breaks_off = text.startswith("..", group.end)
        is_end = sentence or (not breaks_off and patterns.BARE_END.match(text, group.end))
        if (sentence and patterns.SENTENCE_START.search(before)) or (
            is_end and (patterns.TURN.search(before) or patterns.THIS_IS.search(before))
        ):
            said.append(group.numbers)
    if said:
        return said[-1] if len(set(said)) <= _CHANGES_OF_MIND + 1 else ()
    key, claim = (
        (judgement_patterns.WRONG_KEY, judgement_patterns.WRONG)
        if wrong_is_asked
        else (judgement_patterns.RIGHT_KEY, judgement_patterns.RIGHT)
    )
    keys = {match.end() for match in key.finditer(text)}
    claimed: tuple[int, ...] = ()
    for _, numbers in asserted(text, groups, keys, claim):
        claimed = union(claimed, numbers)
    return claimed
