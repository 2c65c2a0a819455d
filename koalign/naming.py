"""naming: a problem -> one line by which a person finds it again; a number and its noun."""

from __future__ import annotations

LONGEST = 60
"""Letters of a question or a key that are shown."""


def named(id: str, question: str = "", key: str = "") -> str:
    """`q-17: …사는 곳은? (0f3a62c1d4e5b697)`: the source's own id, the question, koalign's id.

    Many a data set puts the passage before the question, so its end is shown.
    """
    parts = [beginning(key), ending(question)]
    return f"{': '.join(filter(None, parts))} ({id})" if any(parts) else id


def counted(number: int, noun: str) -> str:
    """`1 problem`, `1,200 problems`."""
    return f"{number:,} {noun}{'s' if number != 1 else ''}"


def beginning(text: str) -> str:
    """One line, cut at its end."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def ending(text: str) -> str:
    """One line, cut at its beginning."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"…{line[1 - LONGEST :]}"
