"""escaping: text of data -> text without a tokenizer's control tokens: `<|im_end|>` is `< |im_end|>`.

A space after the first character makes a control token plain text for every tokenizer, and leaves all
other text, and so its token ids, as it was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from koalign.records import Prompt

_THOUGHT_TAG = re.compile(r"</?(?:think|thought)>")
"""koalign itself writes them around a rationale."""
_NAMED_IN_TEMPLATE = re.compile(r"[<\[][^\s<>\[\]]+[>\]]")
"""An added token that is not marked special controls a model where its chat template writes it."""


def escape_prompts(tokenizer: Any, prompts: Sequence[Prompt]) -> list[Prompt]:
    """Prompts whose messages, shots too, hold no control token."""
    asked, shown = _controls(tokenizer, tags=True), _controls(tokenizer, tags=False)
    return [_escape_prompt(prompt, asked, shown) for prompt in prompts]


def escape_completions(tokenizer: Any, texts: Sequence[str]) -> list[str]:
    """Completions that hold no control token but the tags of a thought."""
    controls = _controls(tokenizer, tags=False)
    return [_escape(text, controls) for text in texts]


def _escape_prompt(
    prompt: Prompt, asked: re.Pattern[str] | None, shown: re.Pattern[str] | None
) -> Prompt:
    texts = [
        _escape(message.text, shown if message.role == "assistant" else asked)
        for message in prompt.messages
    ]
    if texts == [message.text for message in prompt.messages]:
        return prompt
    messages = tuple(
        message.model_copy(update={"text": text})
        for message, text in zip(prompt.messages, texts, strict=True)
    )
    return prompt.model_copy(update={"messages": messages})


def _escape(text: str, controls: re.Pattern[str] | None) -> str:
    return controls.sub(lambda token: f"{token[0][0]} {token[0][1:]}", text) if controls else text


def _controls(tokenizer: Any, *, tags: bool) -> re.Pattern[str] | None:
    """The control tokens of a tokenizer; with `tags`, those of a thought and of tools too."""
    template = str(tokenizer.chat_template or "")  # of several named ones, all of them
    contents = {
        str(token.content)
        for token in tokenizer.added_tokens_decoder.values()
        if token.special
        or (_NAMED_IN_TEMPLATE.fullmatch(token.content) and token.content in template)
    }
    if not tags:
        contents = {content for content in contents if not _THOUGHT_TAG.fullmatch(content)}
    escaped = [re.escape(content) for content in contents if len(content.strip()) > 1]
    return re.compile("|".join(sorted(escaped, key=len, reverse=True))) if escaped else None
