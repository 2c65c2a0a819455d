"""guessing: a table that no format knows -> its `columns`, by their names and by what they hold.

Names are Korean or English (column_names.py). A guess is certain where one column can be the question,
the choices are numbered without a gap, and the answers name them. Else it says what is in doubt.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from koalign.data.formats import column_names as names_of
from koalign.data.formats.choice_lists import GOLD, answer_apart, ends_in_choices, is_list, no_boxes
from koalign.data.formats.documents import Document
from koalign.data.formats.fields import ZERO, Refused, gold, is_label, is_missing
from koalign.data.formats.format import Guess
from koalign.data.formats.generic import POINTS, choices_of
from koalign.data.formats.shapes import lists_the_answer, other_shape, without_question
from koalign.data.formats.shared_passages import has_one_passage
from koalign.data.formats.split_names import split_in_name
from koalign.data.formats.unused_columns import (
    needed,
    passage_elsewhere,
    say_the_same,
    split_column,
    texts_left_out,
)
from koalign.text.choices import korean_place

BETWEEN = "put | or a line end between them, and nothing above or below"


class _Doubt(Exception):
    """Why a guess is not certain."""


def _is_nested(value: Any) -> bool:
    return isinstance(value, list | dict)


class Guessing:
    """One table with its names and its first rows."""

    def __init__(
        self, table: Document, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        self._table, self._rows = table, rows
        self._other_languages = names_of.other_languages(names)
        self._names = [name for name in names if name not in self._other_languages]
        filled = [name for name in self._names if self._values(name)]
        self._filled = filled if rows else self._names
        self._columns: dict[str, str | list[str]] = {}
        self._doubts: list[str] = []
        self._remedy = ""
        self._answer_from: int | None = None

    def guess(self) -> Guess:
        """What its columns hold, and what is in doubt."""
        read_first = (self._choices, self._question, self._passage)
        for step in (*read_first, self._answer, self._wrong, self._others):
            try:
                step()
            except _Doubt as why:
                self._doubts.append(str(why))
        wrong, remedy = other_shape(self._filled, self._rows, self._columns)
        if wrong:
            self._doubts.insert(0, wrong)
            self._remedy = remedy
        if not {"choices", "answer"} & set(self._columns):
            self._doubts.append("no column looks like the choices or the answer")
        if not self._doubts:
            self._check_answers()
            for reason, more in needed(self._unused(), self._rows, self._columns):
                self._doubts.append(reason)
                self._answer_from = more.pop("answer_from", self._answer_from)
                self._columns |= more
        unused = self._unused()
        order = ("passage", "box", "question", "choices", "answer")
        columns = {key: self._columns[key] for key in order if key in self._columns}
        doubt = self._doubts[0] if self._doubts else ""
        columns |= self._columns
        texts = texts_left_out(unused, self._rows, self._columns)
        remedy, start = self._remedy, self._answer_from
        unused += [name for name in self._other_languages if self._values(name)]
        elsewhere = "" if "passage" in columns else passage_elsewhere(unused, self._rows)
        return Guess(self._table, columns, tuple(unused), doubt, remedy, texts, start, elsewhere)

    def _choices(self) -> None:
        families: dict[str, dict[int, str]] = defaultdict(dict)
        for name in self._names:
            if known := names_of.choice(name):
                stem, number = known
                if number in families[stem]:
                    self._columns["choices"] = ["?"]
                    raise _Doubt(f"{families[stem][number]!r} and {name!r} are one choice")
                families[stem][number] = name
        families |= names_of.under_one_name(self._names, self._filled)
        certain = [f for stem, f in families.items() if len(f) > 1 and names_of.is_certain(stem)]
        likely = certain or [family for family in families.values() if len(family) > 2]
        if not likely:
            self._choices_in_one_column()
            return
        self._columns["choices"] = [likely[0][number] for number in sorted(likely[0])]
        if len(likely) > 1:
            one, other = (family[min(family)] for family in likely[:2])
            raise _Doubt(f"both {one!r} and {other!r} look like choices")
        first, last = min(likely[0]), max(likely[0])
        if first > 1 or len(likely[0]) != last - first + 1:
            raise _Doubt(f"a choice is missing between {', '.join(self._columns['choices'])}")

    def _choices_in_one_column(self) -> None:
        lists: list[str] = []
        for name in self._filled:
            if names_of.holds_choices(name):
                if self._mostly(name, is_list):
                    lists.append(name)
                elif names_of.word(name) != names_of.BOX_OR_CHOICES:
                    self._columns["choices"] = ["?"]
                    raise _Doubt(
                        f"{name!r} holds {self._example(name)}, which is no list of choices; {BETWEEN}"
                    )
        lists = no_boxes(lists, self._named("question"), self._rows)
        if lists:
            self._columns["choices"] = lists[-1]
        if any(row.get(name) != row.get(lists[-1]) for row in self._rows for name in lists):
            raise _Doubt(f"both {lists[0]!r} and {lists[-1]!r} look like the choices")

    def _question(self) -> None:
        named = self._named("question") or self._named("instruction")
        named = named or (self._named("answer") and self._named("statement"))
        texts = [name for name in named if not self._mostly(name, is_label)]
        if not texts:
            doubt, self._remedy = without_question(self._names)
            raise _Doubt(doubt)
        self._columns["question"] = texts[0] if len(texts) == 1 else texts
        if not self._named("answer") and not self._named("index"):
            rows = [answer_apart(row, texts[0]) for row in self._rows]
            if 2 * sum(GOLD in row for row in rows) > len(rows):
                self._rows, self._columns["answer"] = rows, texts[0]
        if "choices" not in self._columns and self._mostly(texts[0], ends_in_choices):
            self._columns["choices"] = texts[0]
        self._refuse_two("question", texts)

    def _passage(self) -> None:
        texts = [name for name in self._named("passage") if not self._mostly(name, is_label)]
        boxes = self._named("box")
        boxes += [
            name
            for name in self._filled
            if names_of.word(name) == names_of.BOX_OR_CHOICES and name not in self._used()
        ]
        material = self._named("material")
        (boxes if texts else texts).extend(material)
        for field, names in (("passage", texts), ("box", boxes)):
            if names:
                self._columns[field] = names[0] if len(names) == 1 else names
        self._refuse_two("passage", texts)
        self._refuse_two("box", boxes)

    def _answer(self) -> None:
        if "answer" in self._columns:
            return
        submitted = [n for n in self._named("text") if names_of.word(n) == names_of.SUBMITTED]
        if answers := self._named("answer") or self._named("index") or submitted:
            if len(answers) > 1 and "choices" in self._columns:
                named = {
                    n: sum(self._names_a_choice(row, n) for row in self._rows) for n in answers
                }
                answers = [n for n in answers if 2 * named[n] > len(self._rows)] or answers
            self._columns["answer"] = answers[0]
            same = (answers[0], self._rows, self._columns, 1)
            others = [n for n in answers[1:] if not say_the_same(n, *same)]
            self._remedy = "Write all answers into one column 정답" * bool(others)
            if others and not any(self._filled_both(answers[0], other) for other in others):
                raise _Doubt(f"{answers[0]!r} is empty where {others[0]!r} is not")
            self._refuse_two("answer", [answers[0], *others])

    def _wrong(self) -> None:
        """The right answer and the wrong ones, where no column holds all choices: `정답,오답1,오답2`."""
        wrong = [name for name in self._filled if names_of.is_wrong(name)]
        answer = self._columns.get("answer", "?")
        if not wrong or "choices" in self._columns or not isinstance(answer, str):
            return
        self._columns |= {"choices": [answer, *wrong], "answer": answer}
        if answer == "?":
            raise _Doubt(f"no column looks like the right answer beside {wrong[0]!r}")
        if len(wrong) == 1:
            if self._mostly(wrong[0], lambda value: re.search(r"[,/;|\n]", str(value)) is not None):
                self._columns["choices"] = [answer, "?"]
            raise _Doubt(
                f"{wrong[0]!r} holds {self._example(wrong[0])}; several wrong answers need a column each"
            )
        if self._mostly(answer, is_label) and not any(self._mostly(n, is_label) for n in wrong):
            raise _Doubt(
                f"{answer!r} holds {self._example(answer)}, a number beside texts that are wrong"
            )

    def _others(self) -> None:
        fits = {
            "rationale": lambda value: True,
            "subject": lambda value: True,
            "key": lambda value: True,
            "passage_id": lambda value: True,
            "text": lambda value: True,
            "points": lambda value: POINTS.fullmatch(str(value).strip()) is not None,
            "split": lambda value: split_in_name(str(value)) != "",
        }
        for field, fit in fits.items():
            names = [n for n in self._named(field) if all(map(fit, self._values(n)))]
            if field == "passage_id":
                passage = str(self._columns.get("passage", ""))
                groups = [name for name in names if names_of.word(name) == "group"]
                names = [n for n in names if has_one_passage(passage, n, self._rows)]
                if groups and not names:
                    self._columns["group"] = groups[0]
            if names:
                self._columns[field] = min(names, key=lambda name: names_of.meaning(name)[1])
        names = [*self._unused(), str(self._columns.get("key", ""))]  # `train-001`, `test-001`
        if "split" not in self._columns and (split := split_column(names, self._rows)):
            self._columns["split"] = split
        numbers = [n for n in self._named("question") if self._mostly(n, is_label)]
        if numbers and "key" not in self._columns:
            self._columns["key"] = numbers[0]

    def _check_answers(self) -> None:
        name = self._columns.get("answer")
        if name == self._columns["question"]:
            name = GOLD
        elif not isinstance(name, str) or name in self._columns.get("choices", ()):
            return
        values = self._values(name)
        numbers = [value for value in values if is_label(value, most=5)]
        if "choices" not in self._columns and len(numbers) == len(values) > 0:
            marks = any(re.search("[①-⑤]", str(value)) for value in values)
            if marks or len(values) > 2:
                self._doubts.append(
                    f"{name!r} holds {self._example(name)}, the number of a choice, and no column "
                    "holds choices; one cell may hold them, a line each or as `① … ② …`"
                )
                self._columns["choices"] = ["?"]
        named = {names_of.word(other) for other in self._unused()}
        if "choices" not in self._columns and self._mostly(
            name, lambda value: names_of.word(str(value)) in named
        ):
            self._doubts.append(
                f"{name!r} holds {self._example(name)}, the name of a column, and no column holds choices"
            )
            self._columns["choices"] = ["?"]
        box = self._columns.get("box")
        if "choices" not in self._columns and box and lists_the_answer(str(box), name, self._rows):
            held = f"{box!r} holds {self._example(str(box))}, and the answer is a part of it"
            self._doubts.append(f"{held}; if these are the choices, {BETWEEN}")
            self._columns["choices"] = ["?"]
        wrong = [row for row in self._rows if not self._names_a_choice(row, name)]
        if 2 * len(wrong) > len(self._rows):
            value = str(wrong[0].get(name))
            place = korean_place(value)
            hint = f"{place} if that is the choice" if place else "its number or its text"
            self._doubts.append(
                f"{name!r} holds {value[:40]!r}, which names none of the choices; write {hint}"
            )

    def _names_a_choice(self, row: Mapping[str, Any], name: str) -> bool:
        names = self._columns.get("choices", ())
        try:
            choices = choices_of(row, self._columns) if names else ()
        except Refused:
            return False
        zero = False
        for number_is_label in (True, False):
            try:
                if choices:
                    gold(row.get(name), choices, number_is_label=number_is_label)
                return True
            except Refused as refused:
                zero |= refused.reason == ZERO
        is_name = isinstance(names, list) and names_of.place_of(row.get(name), names) > 0
        return is_name or zero  # the whole file may count from 0

    def _named(self, field: str) -> list[str]:
        """The columns that are called so and hold texts or numbers, without those that are taken."""
        return [
            name
            for name in self._unused()
            if names_of.meaning(name)[0] == field
            and (field in ("answer", "index") or not self._mostly(name, _is_nested))
        ]

    def _unused(self) -> list[str]:
        used = self._used()
        return [name for name in self._filled if name not in used]

    def _used(self) -> set[str]:
        return {
            name
            for names in self._columns.values()
            for name in ([names] if isinstance(names, str) else names)
        }

    def _refuse_two(self, field: str, names: Sequence[str]) -> None:
        if len(names) > 1:
            raise _Doubt(f"both {names[0]!r} and {names[1]!r} look like the {field}")

    def _filled_both(self, one: str, other: str) -> bool:
        return any(
            not is_missing(row.get(one)) and not is_missing(row.get(other)) for row in self._rows
        )

    def _values(self, name: str) -> list[Any]:
        return [row[name] for row in self._rows if not is_missing(row.get(name))]

    def _mostly(self, name: str, is_so: Any) -> bool:
        values = self._values(name)
        return 2 * sum(map(is_so, values)) > len(values)

    def _example(self, name: str) -> str:
        values = self._values(name)
        return repr(str(values[0])[:40]) if values else "nothing"
