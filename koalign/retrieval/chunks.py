"""chunks: a text -> whole sentences of up to so many characters, each chunk with its place in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]
"""Start and end in a text, in characters."""

_END = re.compile(r"(?:[!?。！？…]|(?<!\d)\.)[.!?。！？…]*+[\"'”’」』》〉)\]]*+(?=(\s?))|\n")
"""Where a sentence may end: at its mark with the brackets and quotes behind it, where a blank follows,
and at every line end. A point after a digit ends none: `1446. 9. 29.` goes on. A run of marks is read
once."""
_LETTER = re.compile(r"\S")
_LIST_MARK = re.compile(r"[(\[]?[A-Za-zㄱ-ㅎ가나다라마바사아자차카타파하][.)\]]")
"""`가.` begins a sentence and ends none."""


def chunks(text: str, characters: int, overlap: int) -> Iterator[Span]:
    """The spans of the chunks of a text, each of whole sentences and at most `characters` long.

    The last `overlap` sentences of a chunk begin the next one, as far as there is room for another.
    A longer sentence is parted at blanks, so that nothing is left out but blanks.
    """
    spans = [part for span in sentences(text) for part in _parted(text, span, characters)]
    first = 0
    while first < len(spans):
        after = first + 1
        while after < len(spans) and spans[after][1] - spans[first][0] <= characters:
            after += 1
        yield spans[first][0], spans[after - 1][1]
        if after == len(spans):
            return
        first = max(first + 1, after - overlap)
        while first < after and spans[after][1] - spans[first][0] > characters:
            first += 1


def sentences(text: str) -> Iterator[Span]:
    """The spans of the sentences of a text, without the blanks around them."""
    start = 0
    for mark in _END.finditer(text):
        end = mark.end()
        if mark[0] != "\n" and (not mark[1] or _LIST_MARK.fullmatch(text[start:end].strip())):
            continue
        yield from _bare(text, start, end)
        start = end
    yield from _bare(text, start, len(text))


def _bare(text: str, start: int, end: int) -> Iterator[Span]:
    """The span without blanks at its ends, if anything is left."""
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    end = start + len(inside.strip())
    if end > start:
        yield start, end


def _parted(text: str, span: Span, characters: int) -> Iterator[Span]:
    """The span in parts of at most `characters`, cut at blanks where there are any."""
    start, end = span
    while end - start > characters:
        blank = max(
            text.rfind(" ", start, start + characters + 1),
            text.rfind("\t", start, start + characters),
        )
        cut = blank if blank > start else start + characters
        yield from _bare(text, start, cut)
        letter = _LETTER.search(text, cut, end)
        start = letter.start() if letter else end
    yield from _bare(text, start, end)
