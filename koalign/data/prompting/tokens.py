"""tokens: Prompt and completion text -> token ids, in the model's own chat template.

A prompt is rendered up to where the assistant begins to write, and a completion is tokenized as it
goes on from there: a training row is the very ids that inference reads, then the ids to learn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from koalign.data.prompting.escaping import escape_completions, escape_prompts
from koalign.data.prompting.prompts import THINK, THOUGHT
from koalign.data.prompting.rendering import checked_length, template_errors
from koalign.records import KoalignError, Prompt
from koalign.text.visible import shown, warn

OWN_TAG = "<thought>"
"""What EXAONE Deep writes where others write <think>."""
SWITCHES: dict[str, dict[str, bool]] = {
    "auto": {},
    "off": {"enable_thinking": False, "thinking": False, "skip_reasoning": True},
    "on": {"enable_thinking": True, "thinking": True, "force_reasoning": True},
}
"""What chat templates call it: Qwen3 and EXAONE 4; HyperCLOVA X 32B; HyperCLOVA X 14B. A template
leaves the others' words alone."""
PLAIN = "{{ bos_token }}{% for turn in messages %}{{ turn.content }}\n{% endfor %}"
"""`model.chat_template: plain`: a line end after each turn (two would be other tokens before a text than at
the end, in GPT-2's way of cutting); a completion ends with eos."""
DATE = datetime(2024, 7, 26)
"""What a chat template gets that writes today's date, or prompts would differ from day to day: the date
that Llama 3's writes where there is no clock."""
_PROBE = "가나다라"


def chat_template_of(tokenizer: Any) -> str | None:
    """The model's chat template, of several named ones the one named `default`.

    Raises KoalignError where none of them is.
    """
    template = tokenizer.chat_template
    if not isinstance(template, dict):
        return template
    if "default" not in template:
        raise KoalignError(
            f"the chat templates of this model's tokenizer are named {', '.join(template)}, and none is "
            "named default; rename one in its tokenizer files, or set model.chat_template: plain"
        )
    return template["default"]


def writes_date(template: str | None) -> bool:
    """Whether a chat template writes today's date, in whose place DATE stands."""
    return "strftime_now" in (template or "")


def _chat_text(
    tokenizer: Any, turns: Sequence[Mapping[str, str]], *, opened: bool = False, **switches: bool
) -> str:
    """A chat as the model's own template writes it; `opened`: up to where the assistant begins.

    Raises KoalignError where the template fails, does not end, or writes more than a prompt can be.
    """
    title, options = "the model's chat template", dict[str, Any](switches)
    if writes_date(chat_template_of(tokenizer)):
        warn(
            f"note: {title} writes the date of today; koalign writes {DATE:%Y-%m-%d}, so that prompts are "
            "the same on every day",
            once=True,
        )
        options["strftime_now"] = DATE.strftime
    with template_errors(title, lambda: "; mend it in the model's folder"):
        return checked_length(
            tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=opened, **options
            )
        )


def prompt_texts(tokenizer: Any, prompts: Sequence[Prompt]) -> list[str]:
    """The text of prompts of one template, up to where the model begins to write.

    Text of data never becomes a control token (`escaping`). A system text goes in front of the first user
    turn where the model's template has no system role.
    Raises KoalignError where the model has no chat template and the prompts want one, and where it cannot
    think or not think as asked.
    """
    if not prompts:
        return []
    prompts = escape_prompts(tokenizer, prompts)
    first = prompts[0]
    if not first.chat:
        return [continued_text(prompt) for prompt in prompts]
    refuse_other_model(first.template, first.thinking, chat_template_of(tokenizer))
    fold = first.messages[0].role == "system" and not _takes_system(tokenizer)
    texts = []
    for prompt in prompts:
        turns = _turns(prompt, fold)
        texts.append(_chat_text(tokenizer, turns, opened=True, **SWITCHES[first.thinking]))
        _refuse_left_out(prompt.problem_id, turns, texts[-1])
    _refuse_thoughts(first, texts[0])
    return texts


def _refuse_left_out(problem: str, turns: Sequence[Mapping[str, str]], text: str) -> None:
    """Raises KoalignError where a chat template does not write what it is given, blanks apart.

    What the assistant has said it may cut: its thoughts.
    """
    written = "".join(text.split())
    for turn in turns:
        if turn["role"] != "assistant" and "".join(turn["content"].split()) not in written:
            raise KoalignError(
                f"the model's chat template leaves out or changes the {turn['role']} text "
                f"{shown(turn['content'])[:40]!r} of problem {problem}; mend it in the model's folder, "
                "or set model.chat_template: plain"
            )


def refuse_other_model(template: str, thinking: str, chat_template: str | None) -> None:
    """Raises KoalignError where prompts of this template that are turns of a chat do not fit the model."""
    if chat_template is None:
        raise KoalignError(
            f"template {template}: is a turn of a chat, and this model's tokenizer has no chat "
            "template; set model.chat_template: plain, or take a template with `chat: false`"
        )
    tagged = any(tag in chat_template for tag in (THINK.strip(), OWN_TAG))
    if thinking == "on" and not tagged:
        raise KoalignError(
            "prompt.thinking: on, but this model's chat template knows no <think>; say off or auto"
        )


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
    tokenizer: Any,
    prompts: Sequence[Prompt],
    completions: Sequence[str],
    texts: Sequence[str] | None = None,
) -> list[list[int]]:
    """The token ids of completions of prompts of one template, each with its end of turn.

    `texts` are those of the prompts, where they are known.
    """
    if not prompts:
        return []
    end = end_of_turn(tokenizer) if prompts[0].chat else tokenizer.eos_token_id
    if texts is None:
        texts = prompt_texts(tokenizer, prompts)
    tails = [_tail(text) for text in texts]
    written = [
        _between(prompt) + _thoughts(tokenizer, text, completion)
        for prompt, text, completion in zip(
            prompts, texts, escape_completions(tokenizer, completions), strict=True
        )
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


def candidate_ids(
    tokenizer: Any, prompts: Sequence[Prompt], candidates: Sequence[Sequence[str]]
) -> list[tuple[tuple[int, ...], ...]]:
    """For each prompt of one template the token ids of its candidates as they follow it.

    They are encode(prompt + candidate) without encode(prompt), never the tokens of a candidate alone:
    after a colon " A" is another token than "A". What follows the same last line is encoded once.
    Raises KoalignError where a candidate merges into the prompt, has no token, or has those of another.
    """
    known: dict[tuple[str, tuple[str, ...]], tuple[tuple[int, ...], ...]] = {}
    rows = []
    escaped = iter(escape_completions(tokenizer, [text for texts in candidates for text in texts]))
    for prompt, text, texts in zip(
        prompts, prompt_texts(tokenizer, prompts), candidates, strict=True
    ):
        key = (_tail(text), tuple(_between(prompt) + next(escaped) for _ in texts))
        if key not in known:
            known[key] = _following(tokenizer, prompt, text, key[1])
        rows.append(known[key])
    return rows


def _following(
    tokenizer: Any, prompt: Prompt, text: str, candidates: Sequence[str]
) -> tuple[tuple[int, ...], ...]:
    special = not prompt.chat
    before = tokenizer.encode(text, add_special_tokens=special)
    found: dict[str, tuple[int, ...]] = {}
    for candidate in candidates:
        whole = tokenizer.encode(text + candidate, add_special_tokens=special)
        where = f"candidate {candidate!r} of problem {prompt.problem_id} (…{text[-20:]!r})"
        if whole[: len(before)] != before:
            raise KoalignError(
                f"{where}: its first token merges with the prompt's last under this tokenizer; end the "
                "prompt of the template in another way, or set its delimiter"
            )
        ids = tuple(whole[len(before) :])
        if not ids:
            raise KoalignError(f"{where}: tokenizes to nothing, so it has no log-probability")
        same = next((other for other, taken in found.items() if taken == ids), candidate)
        if same != candidate:
            raise KoalignError(
                f"{where}: has the same tokens as {same!r}, so neither can be told from the other"
            )
        found[candidate] = ids
    return tuple(found[candidate] for candidate in candidates)


def end_of_turn(tokenizer: Any) -> int:
    """The id of the token with which the model's chat template ends an assistant's turn.

    Not always the tokenizer's eos: Gemma ends a turn with <end_of_turn> and a document with <eos>. Without
    a chat template it is eos.
    """
    if chat_template_of(tokenizer) is None:
        return tokenizer.eos_token_id
    turns = [{"role": "user", "content": _PROBE}, {"role": "assistant", "content": _PROBE}]
    text = _chat_text(tokenizer, turns)
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    after = tokenizer.encode(text.rpartition(_PROBE)[2], add_special_tokens=False)
    return next((token for token in after if token in special), tokenizer.eos_token_id)


def stop_ids(tokenizer: Any) -> list[int]:
    """The ids at which a completion is over: the end of a turn and the end of a text."""
    return sorted({end_of_turn(tokenizer), tokenizer.eos_token_id})


def continued_text(prompt: Prompt) -> str:
    """System text, shots and prompt one after the other, for a model that goes on with text.

    White space at the end belongs to the completion, as in lm-eval-harness: tokens begin with it.
    """
    parts, question = [], ""
    for message in prompt.messages:
        match message.role:
            case "system":
                parts.append(message.text)
            case "user":
                question = message.text
            case "assistant":
                parts.append(question + prompt.delimiter + message.text)
    return prompt.separator.join([*parts, question]).rstrip()


def _between(prompt: Prompt) -> str:
    if prompt.chat:
        return ""
    text = prompt.messages[-1].text
    return text[len(text.rstrip()) :] + prompt.delimiter


def _turns(prompt: Prompt, fold: bool) -> list[dict[str, str]]:
    turns = [{"role": message.role, "content": message.text} for message in prompt.messages]
    if fold:
        system, user, *rest = turns
        return [{**user, "content": f"{system['content']}\n\n{user['content']}"}, *rest]
    return turns


def _takes_system(tokenizer: Any) -> bool:
    turns = [{"role": "system", "content": _PROBE}, {"role": "user", "content": "?"}]
    try:
        return _PROBE in _chat_text(tokenizer, turns)
    except KoalignError:  # its raise_exception, or it takes no such turn
        return False


def _refuse_thoughts(prompt: Prompt, text: str) -> None:
    begins = text.endswith((THINK, f"{OWN_TAG}\n"))
    if prompt.thinking == "off" and begins:
        raise KoalignError(
            "prompt.thinking: off, but this model's chat template always begins a thought; "
            "say on or auto"
        )


def _thoughts(tokenizer: Any, prompt_text: str, completion: str) -> str:
    """The completion with the model's own marks of a thought, the first one only if still to write."""
    if not completion.startswith(THINK):
        return completion
    begin, end = THINK, THOUGHT
    if OWN_TAG in (chat_template_of(tokenizer) or ""):
        begin, end = begin.replace("think", "thought"), end.replace("think", "thought")
    completion = begin + completion.removeprefix(THINK).replace(THOUGHT, end, 1)
    return completion.removeprefix(begin) if prompt_text.endswith(begin) else completion


def _tail(text: str) -> str:
    """The last line that says something, and the line ends after it."""
    return text[text.rstrip("\n").rfind("\n") + 1 :]
