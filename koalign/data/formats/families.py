"""families: every known format, the most particular first: the first that fits a file takes it."""

from __future__ import annotations

from koalign.data.formats import (
    aihub,
    alpaca,
    chat,
    click,
    csat,
    csatqa,
    etri,
    haerae,
    kice,
    kmmlu,
    kobest,
    korwikitq,
    native,
    nikl,
    squad,
)
from koalign.data.formats.format import Format

FORMATS: tuple[Format, ...] = tuple(
    one
    for family in (
        csat, kice, csatqa, kmmlu, click, haerae, kobest, squad, nikl, aihub, etri,
        korwikitq, chat, alpaca, native,
    )
    for one in family.FORMATS
)  # fmt: skip
