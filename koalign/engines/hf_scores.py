"""hf_scores: prompts and candidates -> log-probabilities on transformers; shared prefixes once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from transformers import DynamicCache

from koalign.adapters.base import device_here
from koalign.engines.engine import Question, stems
from koalign.engines.packing import Group, inexactness, pack, rows_of, share_prompts
from koalign.engines.prefixes import Shared, shared_prefixes
from koalign.records import KoalignError
from koalign.text.visible import warn

ROW_TOKENS = 4096
"""Tokens in one forward pass; a longer prompt has one of its own."""


class Scorer:
    """Scores candidates on one base with its active adapter.

    Prefixes that prompts share, such as the shots of a subject, stay in a KV cache (DynamicCache, batch of
    one row) while the rest is computed in rows of groups (`packing.py`). Where that is not exact on the
    longest question (`packing.inexactness`), prompts are computed one at a time, and stderr says so.
    """

    def __init__(self) -> None:
        self._model: Any = None
        self._shares: bool | None = None

    @torch.no_grad()
    def scores(
        self, model: Any, questions: Sequence[Question]
    ) -> Iterator[tuple[int, list[float]]]:
        """(number of the question, log-probability of each candidate) as they are computed.

        In nats, summed over the tokens of a candidate.
        """
        if not questions:
            return
        self._model = model
        if self._shares is None:
            self._shares = self._can_share(questions)
        if not self._shares:
            for number, question in enumerate(questions):
                yield number, self._alone(question)
            return
        tree = shared_prefixes([question.prompt_ids for question in questions])
        yield from self._below(tree, questions, None, 0)

    def _below(
        self, node: Shared, questions: Sequence[Question], cache: Any, before: int
    ) -> Iterator[tuple[int, list[float]]]:
        """The scores of all questions below a node; `cache` holds the `before` tokens above it."""
        if node.length > before:
            own = questions[node.example].prompt_ids[before : node.length]
            cache = DynamicCache() if cache is None else _copied(cache)
            self._forward([Group(own, ())], cache, before)
        groups = [_group(questions[number], node.length) for number in node.members]
        for row in rows_of([group.tokens for group in groups], ROW_TOKENS):
            logits = self._forward([groups[place] for place in row], cache, node.length)
            if cache is not None:
                cache.crop(node.length - cache.get_seq_length())
            numbers = [node.members[place] for place in row]
            yield from zip(numbers, _read(logits, [questions[n] for n in numbers]), strict=True)
        for inner in node.inside:
            yield from self._below(inner, questions, cache, node.length)

    def _forward(self, groups: Sequence[Group], cache: Any, kept: int) -> torch.Tensor:
        row = {
            name: value.to(device_here()) if torch.is_tensor(value) else value
            for name, value in pack(groups, kept).items()
            if name != "shift_labels"
        }
        return self._model(**row, past_key_values=cache, use_cache=cache is not None).logits[0]

    def _can_share(self, questions: Sequence[Question]) -> bool:
        """Whether the longest question has the same scores in a row behind a cache as alone."""
        question = max(questions, key=lambda question: len(question.prompt_ids))
        alone = self._alone(question)  # before the model's attention is another
        try:
            share_prompts(self._model)
        except KoalignError as reason:
            warn(f"engine: hf computes one prompt at a time: {reason}")
            return False
        half = len(question.prompt_ids) // 2
        cache = DynamicCache() if half else None
        if half:
            self._forward([Group(question.prompt_ids[:half], ())], cache, 0)
        logits = self._forward([_group(question, half)], cache, half)
        (together,) = _read(logits, [question])
        lengths = torch.tensor([len(candidate) for candidate in question.candidates])
        difference = inexactness(
            self._model, torch.tensor(together) / lengths, torch.tensor(alone) / lengths
        )
        if difference is None:
            return True
        warn(
            "engine: hf computes one prompt at a time: in a row behind a cache this model's "
            f"log-probabilities differ by {difference:.2g} a token"
        )
        return False

    def _alone(self, question: Question) -> list[float]:
        device = device_here()
        parts = []
        for stem in stems(question):
            ids = torch.tensor([[*question.prompt_ids, *stem]], device=device)
            parts.append(self._model(input_ids=ids, logits_to_keep=len(stem) + 1).logits[0])
        return next(_read(torch.cat(parts), [question]))


def _group(question: Question, kept: int) -> Group:
    """The question behind `kept` tokens, with one completion a stem: its last token predicts nothing."""
    completions = tuple((*stem, nexts[0]) for stem, nexts in stems(question).items())
    return Group(question.prompt_ids[kept:], completions)


def _read(logits: torch.Tensor, questions: Sequence[Question]) -> Iterator[list[float]]:
    """The log-probabilities of each question's candidates; logits (N, vocabulary), stem after stem."""
    start = 0
    for question in questions:
        sums: dict[tuple[int, ...], float] = {}
        for stem, nexts in stems(question).items():
            own = logits[start : start + len(stem) + 1].float()
            start += len(stem) + 1
            norms = own.logsumexp(dim=-1)
            begun = sum(float(own[i, token] - norms[i]) for i, token in enumerate(stem))
            for token in nexts:
                sums[(*stem, token)] = begun + float(own[-1, token] - norms[-1])
        yield [sums[candidate] for candidate in question.candidates]


def _copied(cache: DynamicCache) -> DynamicCache:
    copy = DynamicCache()
    for number, layer in enumerate(cache.layers):
        copy.update(layer.keys, layer.values, number)
    return copy
