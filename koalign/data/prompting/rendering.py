"""rendering: a foreign Jinja template -> its text within bounds, or what is wrong with it in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import jinja2

from koalign.bounded import bounded
from koalign.records import KoalignError
from koalign.text.visible import shown

MOST_CHARACTERS = 4_000_000
"""Of a prompt; a million tokens."""


@contextmanager
def template_errors(title: str, more: Callable[[], str] = str) -> Iterator[None]:
    """Compile or render in the block; raises KoalignError `title: what is wrong` with `more()`."""
    try:
        with bounded(title):
            yield
    except jinja2.TemplateSyntaxError as error:
        raise KoalignError(f"{title}: line {error.lineno}: {error.message}{more()}") from None
    except (
        jinja2.TemplateError, SyntaxError, TypeError, ValueError, LookupError, ArithmeticError,
        AttributeError,
    ) as error:  # fmt: skip
        raise KoalignError(f"{title}: {shown(str(error))}{more()}") from None


def checked_length(text: str) -> str:
    """The text; raises ValueError for more than a prompt can be."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"makes {len(text):,} characters, and {MOST_CHARACTERS:,} are the most")
    return text
