"""number_formats: a number and its format in Excel -> the text that the cell shows."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

LONGEST_FORMAT = 255
"""Characters of a number format of Excel itself."""
_NUMBER_FORMAT = re.compile(r"(#,##)?(0+)(?:\.(0+))?(%)?")
_POWER_FORMAT = re.compile(r"0(?:\.(0+))?E\+00")
_FRACTION_FORMAT = re.compile(r"#?\s?(\?{1,3})/\?{1,3}")
_PADDING = re.compile(r"_.|\*.|\[(?!\$)[^\]]*\]")
"""Of a number format: a gap as wide as a letter, a letter that fills the cell, a colour."""
_LITERAL = r'"[^"]*"|\\.|\[\$[^\]]*\]|[₩$€£¥ ]'
"""Of a number format: what stands in the cell as it is: `0"번"`, `[$₩-412]#,##0`."""
_SECTION = re.compile(rf"((?:{_LITERAL})*)((?:#\s)?[#0,.%?/E+]+|General)((?:{_LITERAL})*)")


def shown_number(value: float, form: str) -> str:
    """A number as its format shows it: 3, 0.1, 007, 3.10, 1,200, 50%, 1/3, 3번, ₩1,200.

    In formats that are not known here with up to 15 digits.
    """
    number = Decimal(f"{value:.15g}")
    if not number.is_finite():
        return str(value)
    known = form.partition(";")[0] if len(form) <= LONGEST_FORMAT else ""
    section = _SECTION.fullmatch(_PADDING.sub("", known))
    before, core, after = section.groups() if section else ("", "General", "")
    sign = "-" if number < 0 and before else ""
    number = abs(number) if sign else number
    return f"{sign}{_literal(before)}{_formed(number, core)}{_literal(after)}"


def _literal(form: str) -> str:
    """What stands there: without quotes, backslashes, and the language of a currency."""
    return re.sub(
        r'\[\$([^\]-]*)[^\]]*\]|"([^"]*)"|\\(.)', lambda part: "".join(part.groups("")), form
    )


def _formed(number: Decimal, form: str) -> str:
    if powers := _POWER_FORMAT.fullmatch(form):
        mantissa, power = f"{number:.{len(powers[1] or '')}E}".split("E")
        return f"{mantissa}E{int(power):+03d}"
    if digits := _FRACTION_FORMAT.fullmatch(form):
        near = Fraction(abs(number)).limit_denominator(10 ** len(digits[1]) - 1)
        integer, rest = divmod(near, 1) if form.startswith("#") else (0, near)
        parts = [str(integer)] if integer or not rest else []
        parts += [f"{rest.numerator}/{rest.denominator}"] if rest else []
        return ("-" if number < 0 and near else "") + " ".join(parts)
    shown = _NUMBER_FORMAT.fullmatch(form)
    if shown is None:
        return f"{number:f}"
    thousands, whole, decimals, percent = shown.groups()
    number = 100 * number if percent else number
    number = number.quantize(Decimal(1).scaleb(-len(decimals or "")), rounding=ROUND_HALF_UP)
    width = len(whole) + (len(decimals) + 1 if decimals else 0) + (number < 0)
    return f"{number:{'' if thousands else f'0{width}'}{',' if thousands else ''}f}{percent or ''}"
