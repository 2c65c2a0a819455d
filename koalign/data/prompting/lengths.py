"""lengths: prompts and their completions -> how many tokens they have; shared text is counted once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from koalign.data.prompting.tokens import completion_ids, prompt_texts
from koalign.records import Prompt

_PARAGRAPH_END = re.compile(r"\n\n(?=\S)")


def lengths(
    tokenizer: Any, prompts: Sequence[Prompt], targets: Sequence[Sequence[str]]
) -> list[int]:
    """Tokens of each prompt of one template with the longest of its own targets, or alone."""
    if not prompts:
        return []
    texts = prompt_texts(tokenizer, prompts)
    owners = [number for number, own in enumerate(targets) for _ in own]
    rows = completion_ids(
        tokenizer,
        [prompts[number] for number in owners],
        [target for own in targets for target in own],
        [texts[number] for number in owners],
    )
    longest = [0] * len(prompts)
    for number, ids in zip(owners, rows, strict=True):
        longest[number] = max(longest[number], len(ids))
    counts = _counts(tokenizer, texts, special=not prompts[0].chat)
    return [count + target for count, target in zip(counts, longest, strict=True)]


def _counts(tokenizer: Any, texts: Sequence[str], *, special: bool) -> list[int]:
    """Tokens of each text, as the sum over its paragraphs: no token reaches from one into the next.

    Where that does not give the ids of the text with the most paragraphs (a tokenizer that puts a space or
    a token in front of every text), whole texts are counted.
    """

    def encode(some: Sequence[str], *, special: bool) -> list[list[int]]:
        return tokenizer(some, add_special_tokens=special)["input_ids"]

    paragraphs = [_paragraphs(text) for text in texts]
    distinct = list(dict.fromkeys(part for parts in paragraphs for part in parts))
    ids = dict(zip(distinct, encode(distinct, special=False), strict=True))
    probe = max(range(len(texts)), key=lambda number: len(paragraphs[number]))
    together = [token for part in paragraphs[probe] for token in ids[part]]
    if together != encode([texts[probe]], special=special)[0]:
        return [len(row) for row in encode(texts, special=special)]
    return [sum(len(ids[part]) for part in parts) for parts in paragraphs]


def _paragraphs(text: str) -> list[str]:
    *parts, last = _PARAGRAPH_END.split(text)
    return [*(part + "\n\n" for part in parts), last]
