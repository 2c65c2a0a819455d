"""families: every known format, the most particular first: the first that fits a file takes it."""

from __future__ import annotations

from koalign.data.formats import (
    aihub,
    chat,
    click,
    csat,
    etri,
    haerae,
    hub_tasks,
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
    format
    for family in (
        csat, kice, kmmlu, click, haerae, kobest, hub_tasks, squad, nikl, aihub, etri,
        korwikitq, chat, native,
    )
    for format in family.FORMATS
)  # fmt: skip
