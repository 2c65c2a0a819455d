"""extract: completion -> the answers that it states, in order. Says nothing of right and wrong.

What can be seen comes first (`visible_text`: no thoughts, one way of writing). Patterns then find keys
(`정답은`, `Answer:`), labels (`③`, `3번`, `(B)`) and formats (JSON, boxed, tags). A label is stated
where a key stands right before it, or `이 정답이다` right after it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from koalign.data.grading import patterns as patterns
from koalign.data.text.korean import CHOICE_MARKS, clean, fold

# A thought ends at its closing tag, whoever opened it: chat templates open it in the prompt.
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought|추론)\s?>", re.IGNORECASE)
_THOUGHT_START = re.compile(r"<(?:think|thinking|thought|추론)\s?>", re.IGNORECASE)

_ONE_WAY_OF_WRITING = str.maketrans(
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad`"))
    | dict.fromkeys(map(ord, "\u2018\u2019"), "'")
    | dict.fromkeys(map(ord, "\u201c\u201d"), '"')
)
_EMPHASIS = re.compile(
    r"(?<![A-Za-z0-9)*])(\*{1,3})(?=[^\s*])([^*\n]{1,300})(?<=\S)\1(?![A-Za-z0-9(*])"
)
_TEX_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf) ?\{([^{}\n]{0,300})\}")

_LINE, _SHORT_LINE = 300, 100
"""Characters that are read of a line after a key; and of a line that is an answer without one."""


def visible_text(text: str) -> str | None:
    """What can be seen of a completion, written in one way; none while a thought has not ended.

    Full width and Markdown emphasis are undone, white space is squeezed; case and line ends stay.
    """
    ends = [end.end() for end in _THOUGHT_END.finditer(text)]
    seen = text[ends[-1] :] if ends else text
    return None if _THOUGHT_START.search(seen) else _plain(seen)


def comparable(answer: str) -> str:
    """An answer folded for comparison only: emphasis, enclosing quotes and final full stop ignored."""
    return fold(unquoted(_plain(answer)))


def unquoted(phrase: str) -> str:
    """A phrase without a full stop at its end and without quotes around it."""
    phrase = phrase.strip().rstrip(".。 ")
    quoted = re.fullmatch(r"""(["'「『《])(.+)(["'」』》])""", phrase, re.DOTALL)
    return quoted[2].strip().rstrip(".。 ") if quoted else phrase


def forms(phrase: str) -> tuple[str, ...]:
    """A phrase as it stands, and without `입니다` and what follows it: 사이다 is a drink, too."""
    copula = patterns.COPULA.match(phrase)
    return (unquoted(phrase), unquoted(copula[1])) if copula else (unquoted(phrase),)


def extract_numbers(
    text: str, choices: Sequence[str] = (), *, wrong_is_asked: bool = False
) -> list[tuple[int, ...]]:
    """The choice numbers of each statement, in order; more than one number: offered together.

    A letter is a number (B is 2) unless a choice's own text is a letter; a choice's whole text
    after a key is its number. A number is not checked against the number of choices. Only where no
    answer is stated, all that is called right (`③이 옳다`) counts; what is called wrong, if
    `wrong_is_asked`.
    """
    seen = visible_text(text) or ""
    folded = [comparable(choice) for choice in choices]
    found = [
        (match.start(), numbers)
        for match, value in _formatted(seen)
        if (numbers := _whole(value, folded))
    ]
    quoted = _quoted_choices(seen, folded)
    found += [(start, (number,)) for start, number in quoted.items()]
    keys = {key.end() for key in patterns.KEY.finditer(seen) if not key["quote"]} - quoted.keys()
    reasons = _spans_of_objects(seen)
    labels = [
        group
        for group in _label_groups(seen, keys, folded)
        if group.start not in quoted and not any(a < group.start < b for a, b in reasons)
    ]
    found += _asserted(seen, labels, keys, patterns.SUBJECT)
    if found:
        return [numbers for _, numbers in sorted(found)]
    if whole := _whole(seen, folded):
        return [whole]
    key, claim = (
        (patterns.WRONG_KEY, patterns.WRONG)
        if wrong_is_asked
        else (patterns.RIGHT_KEY, patterns.RIGHT)
    )
    keys = {match.end() for match in key.finditer(seen)}
    claimed: tuple[int, ...] = ()
    for _, numbers in _asserted(seen, labels, keys, claim):
        claimed = _union(claimed, numbers)
    return [claimed] if claimed else []


def extract_texts(text: str) -> list[str]:
    """The free-text answers that a completion states, in order, each to the end of its line.

    After `정답:`, as `정답은 …입니다`, or in a format. Only where there is none of these, any text
    after `정답은`, and only where there is no key, the whole text if it is one short line.
    """
    seen = visible_text(text) or ""
    found = [(match.start(), without_key(value)) for match, value in _formatted(seen)]
    for pattern in patterns.FORMATS:
        seen = pattern.sub(lambda match: "\n" * len(match[0]), seen)
    keys = [key for key in patterns.KEY.finditer(seen) if _announces_text(key)]
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


def _union(some: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(some + others))


@dataclass(frozen=True)
class _Labels:
    """Labels offered together, and where they stand."""

    start: int
    end: int
    numbers: tuple[int, ...]
    begins: bool
    """Whether they can be the subject of a clause."""
    asked: bool
    """Whether a key stands right before them."""


def _plain(text: str) -> str:
    text = clean(text).translate(_ONE_WAY_OF_WRITING)
    lines = [" ".join(line.split()) for line in text.split("\n")]
    text = "\n".join(line for line in lines if line)
    return _TEX_TEXT.sub(r"\1", _EMPHASIS.sub(r"\2", text))


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
        start, end = text.rfind("{", 0, match.start()), text.find("}", match.end())
        if start >= 0 and end >= 0:
            found.append((start, end))
    return found


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


def _quoted_choices(text: str, folded: Sequence[str]) -> dict[int, int]:
    """End of a key -> number of the choice whose text, and nothing else, follows it.

    A number alone is the number of a choice even where a choice's text is a number.
    """
    found = {}
    for key in patterns.KEY.finditer(text) if folded else ():
        phrase = _after_key(text, key)
        if key["quote"] or not patterns.NUMBER_ONLY.fullmatch(phrase):
            number = _number_of_text(phrase, folded)
            if number is not None:
                found[key.end()] = number
    return found


def _number_of_text(phrase: str, folded: Sequence[str]) -> int | None:
    """The number of the only choice with this text."""
    longest = max(map(len, folded), default=0)
    for form in forms(phrase):
        if len(form) > 2 * longest + 8:  # not worth folding
            continue
        form = comparable(form)
        if form and folded.count(form) == 1:
            return folded.index(form) + 1
    return None


def _whole(phrase: str, folded: Sequence[str]) -> tuple[int, ...]:
    """What a phrase that is an answer and nothing else says: labels, a choice's text, or both.

    A label and a text that disagree say nothing.
    """
    phrase = without_key(phrase.strip())
    if not patterns.NUMBER_ONLY.fullmatch(phrase) and (number := _number_of_text(phrase, folded)):
        return (number,)
    start = before.end() if (before := patterns.BEFORE_LABEL.match(phrase)) else 0
    group = next(iter(_label_groups(phrase[: 2 * _LINE], {start}, folded)), None)
    if group is None or group.start != start:
        return ()
    rest = phrase[group.end :]
    if patterns.NOTHING_MORE.fullmatch(rest):
        return group.numbers
    number = _number_of_text(rest.lstrip(" .:)-\n"), folded)
    return group.numbers if group.numbers == (number,) else ()


def _label_groups(text: str, keys: set[int], folded: Sequence[str]) -> list[_Labels]:
    groups: list[_Labels] = []
    for label, number in _labels(text, keys, folded):
        start, end = label.start(), label.end()
        bare_label = not (label["mark"] or label["ordinal"] or label["counter"])
        begins = not bare_label or bool(
            patterns.CLAUSE_START.search(text[max(0, start - 24) : start])
        )
        last = groups[-1] if groups else None
        gap = text[last.end : start] if last else ""
        if last and _are_together(text, last.end, gap, label):
            groups[-1] = replace(last, end=end, numbers=_union(last.numbers, (number,)))
        elif last and patterns.INSTEAD.fullmatch(gap):
            groups[-1] = _Labels(start, end, (number,), begins or last.begins, last.asked)
        else:
            groups.append(_Labels(start, end, (number,), begins, start in keys))
    return groups


def _are_together(text: str, end: int, gap: str, label: re.Match[str]) -> bool:
    if not gap.strip():  # ①③
        return gap != "\n" and bool(label["mark"]) and text[end - 1 : end] in CHOICE_MARKS
    if gap.lstrip().startswith(",") and patterns.TOPIC.match(text, label.end()):
        return False  # 정답은 ③, ①은 …
    return patterns.TOGETHER.fullmatch(gap) is not None


def _labels(
    text: str, keys: set[int], folded: Sequence[str]
) -> Iterator[tuple[re.Match[str], int]]:
    letters_are_texts = any(re.fullmatch("[a-j]", choice) for choice in folded)
    for match in patterns.LABEL.finditer(text):
        if mark := match["mark"]:
            number = CHOICE_MARKS[mark]
        elif ordinal := match["ordinal"]:
            number = patterns.ORDINALS[ordinal] if ordinal in patterns.ORDINALS else int(ordinal)
        elif digits := match["digits"]:
            number = int(digits)
        elif letters_are_texts:
            continue
        else:
            number = ord((match["letter"] or match["small"]).upper()) - ord("A") + 1
        firm = mark or ordinal or match["counter"] or patterns.LABEL_ENDS.match(text, match.end())
        if firm or (match.start() in keys and _has_own_text(text, match.end(), number, folded)):
            yield match, number


def _has_own_text(text: str, end: int, number: int, folded: Sequence[str]) -> bool:
    """Whether the text of the choice with this number follows: `정답: 3 서울`, `2. 1597년`."""
    if not 1 <= number <= len(folded) or not folded[number - 1]:
        return False
    own = folded[number - 1]
    return comparable(text[end : end + 2 * len(own) + 8].lstrip(" .:-(")).startswith(own)


def _asserted(
    text: str, groups: Sequence[_Labels], keys: set[int], claim: re.Pattern[str]
) -> list[tuple[int, tuple[int, ...]]]:
    """(position, numbers) of the labels after one of the keys or before the claim, not denied."""
    found: list[tuple[int, tuple[int, ...]]] = []
    for group in groups:
        if patterns.DENIED.match(text, group.end) or patterns.HEDGED.match(text, group.end):
            continue
        numbers = group.numbers
        if not (group.asked or group.start in keys):
            claimed = claim.match(text, group.end) if group.begins else None
            if (
                not claimed
                or patterns.DENIED.match(text, claimed.end())
                or patterns.HEDGED.match(text, claimed.end())
            ):
                continue
            if found and claimed.groupdict().get("also"):  # 2번이 정답이고 3번도 정답이다
                numbers = _union(found[-1][1], numbers)
        found.append((group.start, numbers))
    return found
