"""tokens: Prompt and completion text -> token ids, in the model's own chat template.

A prompt is rendered up to where the assistant begins to write, and a completion is tokenized as it
goes on from there: a training row is the very ids that inference reads, then the ids to learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jinja2

from koalign.data.prompts import THINK, THOUGHT
from koalign.records import KoalignError, Prompt

OWN_TAG = "<thought>"
"""What EXAONE Deep writes where others write <think>."""
SWITCHES: dict[str, dict[str, bool]] = {
    "auto": {},
    "off": {"enable_thinking": False, "thinking": False, "skip_reasoning": True},
    "on": {"enable_thinking": True, "thinking": True, "force_reasoning": True},
}
"""What chat templates call it: Qwen3 and EXAONE 4; HyperCLOVA X 32B; HyperCLOVA X 14B. A template
leaves the others' words alone."""
_PROBE = "가나다라"


def prompt_texts(tokenizer: Any, prompts: Sequence[Prompt]) -> list[str]:
    """The text of prompts of one template, up to where the model begins to write.

    A system text goes in front of the first user turn where the model's template has no system role.
    Raises KoalignError where the model cannot think or not think as asked.
    """
    if not prompts:
        return []
    first = prompts[0]
    if not first.chat:
        # Spaces at the end belong to the completion, as in lm-eval-harness: tokens begin with them.
        return [_continued(prompt).rstrip(" ") for prompt in prompts]
    fold = first.messages[0].role == "system" and not _takes_system(tokenizer)
    texts = tokenizer.apply_chat_template(
        [_turns(prompt, fold) for prompt in prompts],
        tokenize=False,
        add_generation_prompt=True,
        **SWITCHES[first.thinking],
    )
    _refuse_other_thinking(tokenizer, first, texts[0])
    return texts


def prompt_ids(tokenizer: Any, prompts: Sequence[Prompt]) -> list[list[int]]:
    """The token ids of prompts of one template.

    A chat template writes BOS itself where its model wants one; text that is only continued has the
    special tokens that the tokenizer adds. So BOS stands once, or not at all.
    """
    if not prompts:
        return []
    texts = prompt_texts(tokenizer, prompts)
    return tokenizer(texts, add_special_tokens=not prompts[0].chat)["input_ids"]


def completion_ids(
    tokenizer: Any, prompts: Sequence[Prompt], completions: Sequence[str]
) -> list[list[int]]:
    """The token ids of completions of prompts of one template, each with its end of turn."""
    if not prompts:
        return []
    end = end_of_turn(tokenizer) if prompts[0].chat else tokenizer.eos_token_id
    texts = prompt_texts(tokenizer, prompts)
    tails = [_tail(text) for text in texts]
    written = [
        _between(prompt) + _thoughts(tokenizer, text, completion)
        for prompt, text, completion in zip(prompts, texts, completions, strict=True)
    ]
    tail_ids = {tail: tokenizer.encode(tail, add_special_tokens=False) for tail in {*tails}}
    together = tokenizer(
        [tail + text for tail, text in zip(tails, written, strict=True)], add_special_tokens=False
    )["input_ids"]
    rows = []
    for tail, text, ids in zip(tails, written, together, strict=True):
        before = tail_ids[tail]
        if ids[: len(before)] != before:  # the text would merge into the prompt's last token
            ids, before = tokenizer.encode(text, add_special_tokens=False), []
        rows.append([*ids[len(before) :], end])
    return rows


def end_of_turn(tokenizer: Any) -> int:
    """The id of the token with which the model's chat template ends an assistant's turn.

    Not always the tokenizer's eos: Gemma ends a turn with <end_of_turn> and a document with <eos>.
    """
    turns = [{"role": "user", "content": _PROBE}, {"role": "assistant", "content": _PROBE}]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=False)
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    after = tokenizer.encode(text.rpartition(_PROBE)[2], add_special_tokens=False)
    return next((token for token in after if token in special), tokenizer.eos_token_id)


def stop_ids(tokenizer: Any) -> list[int]:
    """The ids at which a completion is over: the end of a turn and the end of a text."""
    return sorted({end_of_turn(tokenizer), tokenizer.eos_token_id})


def _continued(prompt: Prompt) -> str:
    """System text, shots and prompt one after the other, for a model that goes on with text."""
    parts, asked = [], ""
    for message in prompt.messages:
        match message.role:
            case "system":
                parts.append(message.text)
            case "user":
                asked = message.text
            case "assistant":
                parts.append(asked + prompt.delimiter + message.text)
    return prompt.separator.join([*parts, asked])


def _between(prompt: Prompt) -> str:
    if prompt.chat:
        return ""
    text = prompt.messages[-1].text
    return text[len(text.rstrip(" ")) :] + prompt.delimiter


def _turns(prompt: Prompt, fold: bool) -> list[dict[str, str]]:
    turns = [{"role": message.role, "content": message.text} for message in prompt.messages]
    if fold:
        system, user, *rest = turns
        return [{**user, "content": f"{system['content']}\n\n{user['content']}"}, *rest]
    return turns


def _takes_system(tokenizer: Any) -> bool:
    turns = [{"role": "system", "content": _PROBE}, {"role": "user", "content": "?"}]
    try:
        return _PROBE in tokenizer.apply_chat_template(turns, tokenize=False)
    except jinja2.TemplateError:  # what a template's raise_exception raises
        return False


def _refuse_other_thinking(tokenizer: Any, prompt: Prompt, text: str) -> None:
    begins = text.endswith((THINK, f"{OWN_TAG}\n"))
    if prompt.thinking == "off" and begins:
        raise KoalignError(
            "prompt.thinking: off, but this model's chat template always begins a thought; "
            "say on or auto"
        )
    tagged = any(tag in tokenizer.chat_template for tag in (THINK.strip(), OWN_TAG))
    if prompt.thinking == "on" and not tagged:
        raise KoalignError(
            "prompt.thinking: on, but this model's chat template knows no <think>; say off or auto"
        )


def _thoughts(tokenizer: Any, prompt_text: str, completion: str) -> str:
    """The completion with the model's own marks of a thought, the first one only if still to write."""
    if not completion.startswith(THINK):
        return completion
    begin, end = THINK, THOUGHT
    if OWN_TAG in tokenizer.chat_template:
        begin, end = begin.replace("think", "thought"), end.replace("think", "thought")
    completion = begin + completion.removeprefix(THINK).replace(THOUGHT, end, 1)
    return completion.removeprefix(begin) if prompt_text.endswith(begin) else completion


def _tail(text: str) -> str:
    """The last line that says something, and the line ends after it."""
    return text[text.rstrip("\n").rfind("\n") + 1 :]
