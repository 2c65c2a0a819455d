"""The fake tokenizers have what their facts say, and their templates render as the originals do."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_tokenizers import EMPTY, FAMILIES, OPEN, TEMPLATES, fake_tokenizer

ORIGINALS = {
    "qwen2.5": "qwen2_5", "qwen3": "qwen3", "qwen3.5": "qwen3_5_think", "kanana-1.5": "llama3",
    "gemma-2": "gemma", "gemma-3": "gemma3",
}  # fmt: skip
"""Family -> the chat template of its own that TRL carries."""

SYSTEM = {"role": "system", "content": "국어 시험이다."}
FIRST = {"role": "user", "content": " 수도는? "}
SAID = {"role": "assistant", "content": "정답: 3"}
SECOND = {"role": "user", "content": "다시."}
DIALOGUE = [{"role": "user", "content": "수도는?"}, SAID, SECOND]
SWITCHES = {"off": {"enable_thinking": False}, "on": {"enable_thinking": True}, "auto": {}}

CHATML = "<|im_start|>user\n수도는?<|im_end|>\n<|im_start|>assistant\n정답: 3<|im_end|>\n<|im_start|>user\n다시.<|im_end|>\n"
CHATML_SYSTEM = "<|im_start|>system\n국어 시험이다.<|im_end|>\n<|im_start|>user\n"
RENDERED = {
    "qwen2.5": CHATML,
    "qwen3": CHATML,
    "qwen3-thinking-2507": CHATML,
    "qwen3.5": CHATML,
    "exaone-3.5": "[|user|]수도는?\n[|assistant|]정답: 3[|endofturn|]\n[|user|]다시.\n",
    "exaone-4.0": "[|user|]\n수도는?[|endofturn|]\n[|assistant|]\n<think>\n\n</think>\n\n정답: 3[|endofturn|]\n[|user|]\n다시.[|endofturn|]\n",
    "exaone-deep": "[|user|]수도는?\n[|assistant|]정답: 3[|endofturn|]\n[|user|]다시.",
    "kanana-1.5": "<|start_header_id|>user<|end_header_id|>\n\n수도는?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n정답: 3<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n다시.<|eot_id|>",
    "gemma-2": "<start_of_turn>user\n수도는?<end_of_turn>\n<start_of_turn>model\n정답: 3<end_of_turn>\n<start_of_turn>user\n다시.<end_of_turn>\n",
    "gemma-3": "<start_of_turn>user\n수도는?<end_of_turn>\n<start_of_turn>model\n정답: 3<end_of_turn>\n<start_of_turn>user\n다시.<end_of_turn>\n",
    "hyperclova-x-seed": CHATML,
    "hyperclova-x-think": "<|im_start|>user\n수도는?<|im_end|>\n<|im_start|>assistant\n정답: 3<|im_end|><|endofturn|>\n<|im_start|>user\n다시.<|im_end|>\n",
    "ax-4.0": "<|im_start|><|user|>수도는?<|im_end|><|im_start|><|assistant|>정답: 3<|im_end|><|im_start|><|user|>다시.<|im_end|>",
    "solar-10.7b": "### User:\n수도는?\n\n### Assistant:\n정답: 3\n\n### User:\n다시.\n\n",
}
"""DIALOGUE in every family, after BOS and the default system text."""

SYSTEM_TURNS = {
    "qwen2.5": CHATML_SYSTEM,
    "qwen3": CHATML_SYSTEM,
    "qwen3-thinking-2507": CHATML_SYSTEM,
    "qwen3.5": CHATML_SYSTEM,
    "exaone-3.5": "[|system|]국어 시험이다.[|endofturn|]\n[|user|]",
    "exaone-4.0": "[|system|]\n국어 시험이다.[|endofturn|]\n[|user|]\n",
    "exaone-deep": "[|system|]국어 시험이다.[|endofturn|]\n[|user|]",
    "kanana-1.5": "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n국어 시험이다.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
    "gemma-3": "<bos><start_of_turn>user\n국어 시험이다.\n\n",
    "hyperclova-x-seed": CHATML_SYSTEM,
    "hyperclova-x-think": "<|im_start|>tool_list\n<|im_end|>\n<|im_start|>system\n국어 시험이다.<|im_end|>\n<|im_start|>user\n",
    "ax-4.0": "<|im_start|><|system|>국어 시험이다.<|im_end|><|im_start|><|user|>",
    "solar-10.7b": "<s>### System:\n국어 시험이다.\n\n### User:\n",
}
"""How a system text and the beginning of the first user turn look, BOS and all."""


def render(family: str, turns: list[dict[str, str]], **options: Any) -> str:
    return fake_tokenizer(family).apply_chat_template(turns, tokenize=False, **options)


def original(name: str) -> str:
    """A chat template as TRL carries it; TRL itself is not imported."""
    package = importlib.util.find_spec("trl")
    assert package is not None
    path = Path(package.origin).parent / "chat_templates" / f"{name}.jinja"
    return path.read_text(encoding="utf-8")


def test_every_family_has_a_chat_template_and_every_chat_template_a_family() -> None:
    assert {path.stem for path in TEMPLATES.glob("*.jinja")} == set(FAMILIES)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_chat_template_says_where_it_was_read(family: str) -> None:
    comment, found, _ = fake_tokenizer(family).chat_template.partition("-#}")
    assert comment.startswith("{#- ") and "Read: " in comment and found


@pytest.mark.parametrize("family", FAMILIES)
def test_a_dialogue_looks_as_the_family_writes_it(family: str) -> None:
    facts = FAMILIES[family]
    bos = facts.bos if facts.begins_with_bos else ""
    assert render(family, DIALOGUE) == f"{bos}{facts.default_system}{RENDERED[family]}"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_system_text_begins_the_conversation_or_is_refused(family: str) -> None:
    turns = [SYSTEM, *DIALOGUE]
    if FAMILIES[family].system_role:
        assert render(family, turns).startswith(SYSTEM_TURNS[family] + "수도는?")
    else:
        with pytest.raises(jinja2.TemplateError, match="System role not supported"):
            render(family, turns)


@pytest.mark.parametrize("thinking", SWITCHES)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_generation_prompt_goes_on_from_the_dialogue(family: str, thinking: str) -> None:
    facts = FAMILIES[family]
    thought = {"off": facts.off, "on": facts.on, "auto": facts.auto}[thinking]
    prompt = render(family, DIALOGUE, add_generation_prompt=True, **SWITCHES[thinking])
    assert prompt == render(family, DIALOGUE) + facts.opening + thought
    assert facts.thinking or (thought == "" and "think" not in prompt)


def test_hyperclova_x_thinks_in_a_role_of_its_own_and_under_its_own_switches() -> None:
    def asked(**switch: bool) -> str:
        prompt = render("hyperclova-x-think", [SECOND], add_generation_prompt=True, **switch)
        return prompt.rpartition("<|im_start|>")[2]

    assert asked() == asked(enable_thinking=True) == asked(enable_thinking=False) == "assistant"
    assert asked(skip_reasoning=True) == "assistant\n"
    assert asked(force_reasoning=True) == "assistant/think\n"
    assert asked(force_reasoning=True, skip_reasoning=True) == "assistant/think\n"


@pytest.mark.parametrize("family", ["qwen3", "qwen3-thinking-2507", "qwen3.5", "exaone-4.0"])
def test_thoughts_of_earlier_turns_are_left_out(family: str) -> None:
    thought = {**SAID, "content": "<think>\n세종?\n</think>\n\n정답: 3"}
    bare = render(family, DIALOGUE)
    assert render(family, [DIALOGUE[0], thought, SECOND]) == bare
    assert ("</think>" in bare) is (family == "exaone-4.0")  # which puts an empty one


def test_exaone_deep_leaves_out_thoughts_under_its_own_tag_only() -> None:
    def rendered(said: str) -> str:
        return render("exaone-deep", [FIRST, {**SAID, "content": said}, SECOND])

    assert rendered("<thought>\n세종?\n</thought>\n\n정답: 3") == rendered("정답: 3")
    assert rendered("<think>\n세종?\n</think>\n\n정답: 3") != rendered("정답: 3")


@pytest.mark.parametrize("family", ["qwen3", "qwen3-thinking-2507", "qwen3.5"])
def test_qwen_puts_a_thought_before_a_last_assistant_turn_even_an_empty_one(family: str) -> None:
    assert render(family, [SECOND, SAID]).endswith(f"assistant\n{EMPTY}정답: 3<|im_end|>\n")
    thought = {**SAID, "content": f"{OPEN}세종?\n</think>\n\n정답: 3"}
    said = thought["content"]
    assert render(family, [SECOND, thought]).endswith(f"assistant\n{said}<|im_end|>\n")


@pytest.mark.parametrize("family", ["gemma-2", "gemma-3", "solar-10.7b"])
def test_roles_that_do_not_alternate_are_refused(family: str) -> None:
    with pytest.raises(jinja2.TemplateError, match="must alternate"):
        render(family, [FIRST, SECOND])


@pytest.mark.slow
@pytest.mark.parametrize("thinking", SWITCHES)
@pytest.mark.parametrize("family", ORIGINALS)
def test_the_original_template_renders_the_same(family: str, thinking: str) -> None:
    thought = {**SAID, "content": "<think>\n세종?\n</think>\n\n정답: 3 "}
    conversations = [[FIRST], DIALOGUE, [FIRST, SAID], [FIRST, thought, SECOND, thought]]
    if FAMILIES[family].system_role:
        conversations += [[SYSTEM, *turns] for turns in conversations]
    template = original(ORIGINALS[family])
    for turns in conversations:
        for asks in (True, False):
            options = {"add_generation_prompt": asks, **SWITCHES[thinking]}
            theirs = render(family, turns, chat_template=template, **options)
            assert render(family, turns, **options) == theirs


@pytest.mark.parametrize("family", FAMILIES)
def test_every_special_token_is_one_token(family: str) -> None:
    facts, tokenizer = FAMILIES[family], fake_tokenizer(family)
    for text in {facts.end_of_turn, facts.eos, facts.pad, *facts.marks}:
        ids = tokenizer.encode(text, add_special_tokens=False)
        assert tokenizer.convert_ids_to_tokens(ids) == [text]
        assert ids[0] in tokenizer.all_special_ids
    assert (tokenizer.eos_token, tokenizer.pad_token) == (facts.eos, facts.pad)
    assert tokenizer.bos_token == facts.bos


@pytest.mark.parametrize("family", FAMILIES)
def test_the_end_of_turn_comes_right_after_what_was_said(family: str) -> None:
    facts, tokenizer = FAMILIES[family], fake_tokenizer(family)
    after = render(family, [SECOND, SAID]).rpartition(SAID["content"])[2]
    special = [t for t in tokenizer.tokenize(after) if t in tokenizer.all_special_tokens]
    if facts.writes_end_of_turn:
        assert after.startswith(facts.end_of_turn)
        assert special[0] == facts.end_of_turn
    else:
        assert not special


def test_only_gemma_and_hyperclova_x_end_a_turn_with_another_token_than_a_text() -> None:
    others = {name for name, facts in FAMILIES.items() if facts.end_of_turn != facts.eos}
    assert others == {"gemma-2", "gemma-3", "hyperclova-x-seed", "hyperclova-x-think"}


@pytest.mark.parametrize("family", FAMILIES)
def test_bos_stands_once_where_the_template_writes_it_and_twice_where_encode_adds_another(
    family: str,
) -> None:
    facts, tokenizer = FAMILIES[family], fake_tokenizer(family)
    text = render(family, DIALOGUE, add_generation_prompt=True)
    for added in (False, True):
        ids = tokenizer.encode(text, add_special_tokens=added)
        count = ids.count(tokenizer.bos_token_id) if facts.bos else 0
        assert count == (1 + added if facts.begins_with_bos else 0)
    plain = tokenizer.encode("정답: 3")
    assert (plain[0] == tokenizer.bos_token_id) is facts.begins_with_bos


NUMBERS = {
    "qwen": (4, 2, 1), "exaone": (4, 2, 1), "llama3": (2, 2, 1), "gpt2": (2, 1, 1), "gemma": (4, 2, 1),
    "llama2": (5, 3, 2),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_year_a_digit_and_a_letter_take_the_tokens_of_the_family(family: str) -> None:
    counts = tuple(
        len(fake_tokenizer(family).encode(text, add_special_tokens=False))
        for text in ("1945", " 3", " A")
    )
    assert counts == NUMBERS[FAMILIES[family].pieces]


@pytest.mark.parametrize("family", ["exaone-4.0", "ax-4.0"])
def test_two_line_ends_are_one_token_at_the_end_and_two_before_text(family: str) -> None:
    tokenizer = fake_tokenizer(family)
    assert len(tokenizer.encode("\n\n")) == 1
    assert len(tokenizer.encode("\n\n가")) == 2 + len(tokenizer.encode("가"))


@given(text=st.text(st.characters(codec="utf-8", exclude_characters="▁"), max_size=40))
def test_no_text_is_lost_in_any_family(text: str) -> None:
    for family in FAMILIES:
        tokenizer = fake_tokenizer(family)
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text
