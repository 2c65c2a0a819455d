"""prompts: problem (and hint) -> Prompt -> token ids. The one place where text for a model is made.

The problem comes first and what is asked of it last, so that a hint request, a bare and a hinted
answer request of one problem share their longest possible prefix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from koalign.records import Message, Problem, Prompt, content_hash

TEMPLATE = "quote-then-number"

HEAD = "다음 글을 읽고 물음에 답하시오."
BOX = "<보기>\n{box}"
QUESTION = "문제: {question}"
CHOICE = "{number}. {choice}"
HINT = "실마리: {hint}"
ASK_CHOICE = "알맞은 답과 그 번호를 쓰시오."
ASK_TEXT = "답을 쓰시오."
ASK_ABSTRACTION = "정답은 말하지 말고 풀이의 실마리를 쓰시오."
HIDDEN_STEM = "알맞은 것은?"
TARGET_CHOICE = "고른 답: {choice}\n정답: {number}"
TARGET_TEXT = "정답: {answer}"

TEMPLATE_HASH = content_hash(
    TEMPLATE,
    HEAD,
    BOX,
    QUESTION,
    CHOICE,
    HINT,
    ASK_CHOICE,
    ASK_TEXT,
    ASK_ABSTRACTION,
    HIDDEN_STEM,
    TARGET_CHOICE,
    TARGET_TEXT,
)
"""Stands in every manifest and adapter card: another hash means another prompt."""


def render(problem: Problem, purpose: Literal["answer", "abstraction"], hint: str = "") -> Prompt:
    """The prompt that asks for the answer, with or without a hint, or for an abstraction.

    An empty hint gives the bare prompt byte for byte.
    """
    blocks = []
    if problem.passage:
        blocks += [HEAD, problem.passage]
    if problem.box:
        blocks.append(BOX.format(box=problem.box))
    lines = [QUESTION.format(question=problem.question)]
    lines += [CHOICE.format(number=n, choice=c) for n, c in enumerate(problem.choices, start=1)]
    blocks.append("\n".join(lines))
    if purpose == "abstraction":
        blocks.append(ASK_ABSTRACTION)
    else:
        if hint:
            blocks.append(HINT.format(hint=hint))
        blocks.append(ASK_CHOICE if problem.choices else ASK_TEXT)
    return Prompt(
        problem_id=problem.id,
        purpose=purpose,
        messages=(Message(role="user", text="\n\n".join(blocks)),),
        template=TEMPLATE,
    )


def without_stem(problem: Problem) -> Problem:
    """The same choices with nothing to answer: what can be known from choices and hint alone."""
    return problem.model_copy(update={"question": HIDDEN_STEM, "passage": "", "box": ""})


def target(problem: Problem) -> str:
    """The completion that supervised fine-tuning teaches; needs a gold answer."""
    if not problem.answers:
        raise ValueError(f"problem {problem.id} has no gold answer to teach")
    answer = problem.answers[0]
    if problem.choices:
        return TARGET_CHOICE.format(choice=problem.choices[int(answer) - 1], number=answer)
    return TARGET_TEXT.format(answer=answer)


def prompt_text(tokenizer: Any, prompt: Prompt) -> str:
    """The prompt in the model's own chat template, up to where the assistant begins to write."""
    messages = [{"role": m.role, "content": m.text} for m in prompt.messages]
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def prompt_ids(tokenizer: Any, prompt: Prompt) -> list[int]:
    """The token ids of the prompt; the template writes BOS where the model wants one, never twice."""
    return tokenizer.encode(prompt_text(tokenizer, prompt), add_special_tokens=False)


def completion_ids(tokenizer: Any, text: str) -> list[int]:
    """The token ids of a completion with the end of turn that the model must learn to write."""
    return [*tokenizer.encode(text, add_special_tokens=False), tokenizer.eos_token_id]


def prompt_ids_of_all(tokenizer: Any, prompts: Sequence[Prompt]) -> list[list[int]]:
    """`prompt_ids` of many prompts in one call of the fast tokenizer."""
    texts = [prompt_text(tokenizer, prompt) for prompt in prompts]
    return tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
