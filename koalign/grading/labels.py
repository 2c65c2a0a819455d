"""labels: visible text -> the labels of choices in it (`③`, `(B)`), grouped where offered together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from koalign.grading import label_patterns, patterns
from koalign.grading.visible import canonical, comparable_choice, forms
from koalign.text.korean import CHOICE_MARKS

OWN_TEXT = 600
"""Characters of a choice's own text that are looked for; a longer one is in no sentence."""
_BEFORE = 80
"""Characters before a label that are read for the value of what was calculated."""


@dataclass(frozen=True)
class Labels:
    """Labels offered together, and where they stand."""

    start: int
    end: int
    after: int
    """Where the own text of the last of them ends, if that follows as written: `4번 '세종'`; else `end`."""
    numbers: tuple[int, ...]
    begins: bool
    """Whether they can be the subject of a clause."""
    asked: bool
    """Whether a key stands right before them."""


def union(some: tuple[int, ...], others: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(some + others))


def label_groups(
    text: str, keys: set[int], folded: Sequence[str], as_asked: set[int]
) -> list[Labels]:
    """`as_asked`: where a label stands as prompts ask for it (`정답: 2`), and not a choice's text."""
    groups: list[Labels] = []
    for label, number in _labels(text, keys, folded):
        start, end = label.start(), label.end()
        after = _after_own_text(text, end, number, folded)
        bare_label = not (label["mark"] or label["ordinal"] or label["counter"])
        begins = not bare_label or bool(
            patterns.CLAUSE_START.search(text[max(0, start - 24) : start])
        )
        last = groups[-1] if groups else None
        gap = text[last.end : start] if last else ""
        numbers: tuple[int, ...] = (number,)
        if bare_label and after == end and (start not in as_asked or _is_computed(text, label)):
            numbers = _or_of_text(text, label, number, folded)
        if after == end and (other := _other_text(text, end, folded)):
            numbers = union(numbers, (other,))  # 정답: 2번 형법, of which the fourth choice is 형법
        if (reason := _reason(text, start, folded)) and reason not in numbers:
            numbers = union((reason,), numbers)  # 형법이므로 2번
        if last and bare_label and numbers[0] in last.numbers and gap in (", ", " ", ", 즉 "):
            continue  # 3번, 2입니다: the text of the third choice
        if last and gap == "인 " and last.numbers == numbers:  # 마지막 보기인 4번
            groups[-1] = replace(last, end=end, after=after)
            continue
        if last and (
            _are_together(text, last.end, gap, label)
            or label_patterns.OR_ELSE.fullmatch(text, last.after, start)
        ):
            numbers = union(last.numbers, numbers)
            groups[-1] = replace(last, end=end, after=after, numbers=numbers)
        elif last and label_patterns.INSTEAD.fullmatch(text, last.after, start):
            begins = begins or last.begins
            groups[-1] = Labels(start, end, after, numbers, begins, last.asked)
        else:
            groups.append(Labels(start, end, after, numbers, begins, start in keys))
    return groups


def _or_of_text(
    text: str, label: re.Match[str], number: int, folded: Sequence[str]
) -> tuple[int, ...]:
    """What a bare number may say: of the choices 0, 1, 2, 3 a 2 is the third or the second."""
    is_item = text[label.end() - 1] in ")]" or patterns.ITEM_DOT.match(text, label.end())
    if is_item or not (digits := label["digits"]) or digits not in folded:
        return (number,)
    return union((folded.index(digits) + 1,), (number,))


def _is_computed(text: str, label: re.Match[str]) -> bool:
    """Whether the last number before a bare one is the same, as the value of something: `x = 5`."""
    value = label_patterns.VALUE.search(text, max(0, label.start() - _BEFORE), label.start())
    return value is not None and value[1] == label["digits"]


def _other_text(text: str, end: int, folded: Sequence[str]) -> int | None:
    """The number of the choice whose text is all that follows a label in its line."""
    longest = min(max(map(len, folded), default=0), OWN_TEXT)
    rest, newline, _ = text[end : end + 2 * longest + 16].partition("\n")
    is_cut = not newline and end + len(rest) < len(text)
    rest = rest.strip()
    is_number = patterns.NUMBER_ONLY.fullmatch(rest) and rest.strip("()[].번") not in folded
    if is_cut or is_number or patterns.NOTHING_MORE.fullmatch(rest):
        return None
    rest = rest.lstrip(" .,:=-–—")
    return number_of_text(rest, folded) or number_of_text(rest.strip("()"), folded)


def _reason(text: str, start: int, folded: Sequence[str]) -> int | None:
    """The number of the choice whose text is the reason right before a label; values are premises."""
    because = label_patterns.BECAUSE.search(text, max(0, start - 24), start)
    if because is None:
        return None
    before = text[max(0, because.start() - OWN_TEXT) : because.start()]
    if label_patterns.RULED_OUT.search(before):
        return None
    named = [
        own
        for own in folded
        if label_patterns.WORD.search(own)
        and not label_patterns.AMOUNT.fullmatch(own)
        and before.endswith(own)
        and not before[: -len(own)][-1:].isalnum()
    ]
    return folded.index(max(named, key=len)) + 1 if named else None


def _are_together(text: str, end: int, gap: str, label: re.Match[str]) -> bool:
    if gap == "\n":  # 정답:\n1\n2\n3
        bare = not (label["mark"] or label["ordinal"] or label["counter"])
        return (
            bare and text[end - 1].isdigit() and text[label.end() : label.end() + 1] in ("", "\n")
        )
    if not gap.strip():  # ①③
        return bool(label["mark"]) and text[end - 1 : end] in CHOICE_MARKS
    if gap.lstrip().startswith(",") and patterns.TOPIC.match(text, label.end()):
        return False  # 정답은 ③, ①은 …
    return label_patterns.TOGETHER.fullmatch(gap) is not None


def lettered(text: str, question: str, folded: Sequence[str]) -> str:
    """A text with `(라)` written as ④ where it is said to be the answer.

    As it stands where the question or a choice has such letters of its own.
    """
    if any(
        label_patterns.SYLLABLE.search(part) or re.fullmatch("[가나다라마]", part)
        for part in (question, *folded)
    ):
        return text
    return label_patterns.SYLLABLE_SAID.sub(
        lambda said: "_①②③④⑤"["_가나다라마".index(said[1] or said[2] or said[3])], text
    )


def _labels(
    text: str, keys: set[int], folded: Sequence[str]
) -> Iterator[tuple[re.Match[str], int]]:
    letters_are_texts = any(re.fullmatch("[A-Ja-j]", choice) for choice in folded)
    for match in label_patterns.LABEL.finditer(text):
        mark, ordinal = match["mark"], match["ordinal"]
        if mark:
            number = CHOICE_MARKS[mark]
        elif ordinal:
            is_of_choices = label_patterns.OF_CHOICES.search(text[: match.start()][-8:])
            if not (match["noun"] is not None or is_of_choices or match.start() in {0, *keys}):
                continue  # 두 견해 중 첫 번째가 맞다
            number = _place(ordinal, folded)
        elif digits := match["digits"]:
            number = int(digits)
            if (
                number > len(folded) and match[0].rstrip("$*\"'") == digits
            ):  # 정답: 30, of the choices 10, 20, 30
                number = number_of_text(digits, folded) or number
        elif letters_are_texts:
            continue
        else:
            number = ord((match["letter"] or match["small"]).upper()) - ord("A") + 1
        firm = (
            mark
            or ordinal
            or match["counter"]
            or label_patterns.LABEL_ENDS.match(text, match.end())
        )
        if firm or (match.start() in keys and has_own_text(text, match.end(), number, folded)):
            yield match, number


def _place(ordinal: str, folded: Sequence[str]) -> int:
    """The number that `두 번째` or `마지막` stands for; without choices there is no last one."""
    if ordinal.endswith(label_patterns.LAST):
        return len(folded)
    word = ordinal.rstrip("번째 ")
    return label_patterns.ORDINALS[word] if word in label_patterns.ORDINALS else int(word)


def texts(folded: Sequence[str]) -> dict[str, int]:
    """Canonical text -> the number of the choice; also without a last word or an 이다 that all have.

    None for what several choices may be, or what may be the number or the letter of a choice.
    """
    return _texts(tuple(folded))


@lru_cache(maxsize=256)
def _texts(folded: tuple[str, ...]) -> dict[str, int]:
    parts = [text.rpartition(" ") for text in folded]
    heads = [head for head, _, _ in parts]
    if not all(head[-1:].isalnum() for head in heads) or len({word for _, _, word in parts}) > 1:
        heads = []
    found: dict[str, int] = {}
    is_stated = all(text.endswith("이다") and len(text) > 2 for text in folded)
    for written in (heads, [text[:-2] for text in folded] if is_stated else [], folded):
        forms = [canonical(text) for text in written]
        found |= {form: forms.index(form) + 1 for form in forms if form}
        distinct = {(form, text) for form, text in zip(forms, written, strict=True)}
        for form in forms:
            if sum(other == form for other, _ in distinct) > 1:
                found.pop(form, None)
    return {
        form: number
        for form, number in found.items()
        if not (patterns.DIGITS.fullmatch(form) and int(form) <= len(folded))
        and not re.fullmatch("[A-Ja-j]", form)
    }


def _amount(found: re.Match[str]) -> tuple[str, str]:
    unit = found["unit"] or ""
    return found["value"].replace(",", ""), label_patterns.UNITS.get(unit, unit)


@lru_cache(maxsize=256)
def _amounts(folded: tuple[str, ...]) -> tuple[dict[tuple[str, str], int], bool]:
    """(Number without commas, unit) -> the only choice that is it; and whether choices have units.

    One unit that all have may be left out (`1800` for `1800rpm`), unless the number may be a choice's.
    """
    found = [label_patterns.AMOUNT.fullmatch(text) for text in folded]
    amounts = [_amount(match) for match in found if match]
    units = {unit for _, unit in amounts}
    if len(amounts) < len(folded):
        return {}, False
    bare = [(value, "") for value, _ in amounts] if len(units) == 1 else []
    known = {
        amount: place + 1
        for written in (amounts, bare)
        for place, amount in enumerate(written)
        if written.count(amount) == 1
        and not (amount[0].isdigit() and int(amount[0]) <= len(folded))
    }
    return known, units != {""}


def has_own_text(text: str, end: int, number: int, folded: Sequence[str]) -> bool:
    """Whether the text of the choice with this number follows: `정답: 3 서울`, `2. 1597년`."""
    if not 1 <= number <= len(folded) or not folded[number - 1]:
        return False
    beginnings = _beginnings(tuple(folded))
    own = beginnings[number - 1]
    before = patterns.BEFORE_OWN_TEXT.match(text, end)
    start = before.end() if before else end
    rest = text[start : start + 2 * len(folded[number - 1][:OWN_TEXT]) + 16]
    rest = canonical(comparable_choice(rest.lstrip(" .…:-–—=>→/|('\"$")))
    others = {*filter(None, beginnings)} - {own}
    of_others = any(rest.startswith(text) for text in others)
    return rest.startswith(own) or (rest.casefold().startswith(own.casefold()) and not of_others)


@lru_cache(maxsize=256)
def _beginnings(folded: tuple[str, ...]) -> list[str]:
    return [canonical(text[:OWN_TEXT]) for text in folded]


def _after_own_text(text: str, end: int, number: int, folded: Sequence[str]) -> int:
    own = folded[number - 1] if 1 <= number <= len(folded) else ""
    before = patterns.BEFORE_OWN_TEXT.match(text, end)
    if not (own and before and text.startswith(own, before.end())):
        return end
    closing = patterns.CLOSING.match(text, before.end() + len(own))
    return closing.end() if closing else end


def number_of_text(phrase: str, folded: Sequence[str]) -> int | None:
    """The number of the only choice with this text, whatever its letter case if only one has it.

    Of choices that say the same the first.
    """
    longest = max(map(len, folded), default=0)
    for form in forms(phrase):
        if len(form) > 2 * longest + 8:  # not worth folding
            continue
        form = comparable_choice(form)
        same = [text for text in folded if text.casefold() == form.casefold()]
        same = [form] if form in same else same
        if form and len(set(same)) == 1:
            return folded.index(same[0]) + 1
        if number := texts(folded).get(canonical(form)):
            return number
        if amount := label_patterns.AMOUNT.fullmatch(form):
            value, unit = _amount(amount)
            amounts, have_units = _amounts(tuple(folded))
            is_counted = not have_units and label_patterns.COUNTER.fullmatch(unit)
            if number := amounts.get((value, "" if is_counted else unit)):
                return number
    return None


def number_of_remarked(phrase: str, folded: Sequence[str]) -> int | None:
    """The same of a phrase that may end in a remark (`세종 (조선의 제4대 왕)`) which is no other choice."""
    for form in forms(phrase):
        if number := number_of_text(form, folded):
            return number
        start = form.rfind("(")
        remark = patterns.REMARK.fullmatch(form, start) if start > 0 else None
        is_number = patterns.NUMBER_ONLY.fullmatch(form[:start].rstrip()) if start > 0 else None
        if remark and not (is_number or patterns.NAMES_LABEL.search(remark[1])):
            number = number_of_text(form[:start], folded)
            return number if number_of_text(remark[1], folded) in (None, number) else None
    return None
