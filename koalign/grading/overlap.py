"""overlap: a long answer and its gold -> ROUGE-L on characters, from 0 to 1."""

from __future__ import annotations

from koalign.text.korean import fold


def rouge_l(text: str, gold: str) -> float:
    """The F1 of the longest common subsequence of letters and digits (Lin 2004); 0 for an empty text.

    Folded, without spaces and punctuation. Characters, since rouge-score drops Hangul, words differ in
    their particles, and morphemes need MeCab. Two Korean texts about other things share some characters,
    too: docs/en/grading.md says how many.
    """
    ours, theirs = (_letters(side) for side in (text, gold))
    common = _common_subsequence(ours, theirs)
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, fold(text)))


def _common_subsequence(one: str, other: str) -> int:
    """The length of the longest one, a row of the table at a time as bits (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, letter in enumerate(one):
        places[letter] = places.get(letter, 0) | 1 << place
    row = every = (1 << len(one)) - 1
    for letter in other:
        met = row & places.get(letter, 0)
        row = ((row + met) | (row - met)) & every
    return len(one) - row.bit_count()
