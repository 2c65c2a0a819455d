"""fake_tokenizers: the name of a model family -> a small tokenizer with that family's special tokens and chat template.

Vocabularies are bytes and the few merges on which families differ (line ends, digits, letters after a
space); chat_templates/ holds what matters of each family's template, and where it was read. A
tokenizer is built once: a test that changes one changes a copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)
from transformers import PreTrainedTokenizerFast

TEMPLATES = Path(__file__).parent / "chat_templates"
EMPTY = "<think>\n\n</think>\n\n"
OPEN = "<think>\n"
DIGITS, LETTERS = "0123456789", "ABCDE"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPLITS = {
    "qwen": (CL100K.replace("{1,3}", ""),), "llama3": (CL100K,), "exaone": (r"\p{N}", GPT2),
    "gpt2": (GPT2,),
}  # fmt: skip
"""How byte-level families cut text, in turns, before they merge (ggml-org/llama.cpp,
src/llama-vocab.cpp)."""


@dataclass(frozen=True)
class Family:
    """What a renderer has to know of a model family, in the words of its tokenizer."""

    pieces: Literal["qwen", "llama3", "exaone", "gpt2", "gemma", "llama2"]
    """How text is cut: a byte-level split of SPLITS, or SentencePiece without (gemma) and with
    (llama2) a space put in front."""
    end_of_turn: str
    """The first special token after what an assistant said."""
    eos: str
    pad: str
    bos: str | None
    """The tokenizer's own; whether anybody writes it is begins_with_bos."""
    opening: str
    """The generation prompt, before any word on thinking."""
    begins_with_bos: bool = False
    """Whether the chat template writes BOS, and encode adds one too; else neither does."""
    system_role: bool = True
    """Whether a system text is taken; else the template raises."""
    default_system: str = ""
    """What a conversation without a system text begins with, after BOS."""
    thinking: bool = False
    """Whether the model thinks before it answers, always or when asked to."""
    off: str = ""
    """What the template adds to `opening` where enable_thinking is false,"""
    on: str = ""
    """where it is true,"""
    auto: str = ""
    """and where it is not said."""
    writes_end_of_turn: bool = True
    """Whether the template writes the end of turn; else only the model does."""
    marks: tuple[str, ...] = ()
    """The other special tokens of the template."""


QWEN = Family(
    pieces="qwen", end_of_turn="<|im_end|>", eos="<|im_end|>", pad="<|endoftext|>", bos=None,
    opening="<|im_start|>assistant\n", marks=("<|im_start|>",),
)  # fmt: skip
EXAONE = Family(
    pieces="exaone", end_of_turn="[|endofturn|]", eos="[|endofturn|]", pad="[PAD]", bos="[BOS]",
    opening="[|assistant|]", default_system="[|system|][|endofturn|]\n",
    marks=("[|system|]", "[|user|]", "[|assistant|]"),
)  # fmt: skip
GEMMA = Family(
    pieces="gemma", end_of_turn="<end_of_turn>", eos="<eos>", pad="<pad>", bos="<bos>",
    opening="<start_of_turn>model\n", begins_with_bos=True, marks=("<start_of_turn>",),
)  # fmt: skip
HYPERCLOVA_X = Family(
    pieces="llama3", end_of_turn="<|im_end|>", eos="<|endofturn|>", pad="<|endoftext|>", bos="<|endoftext|>",
    opening="<|im_start|>assistant\n", marks=("<|im_start|>", "<|stop|>"),
)  # fmt: skip
FAMILIES = {
    "qwen2.5": replace(
        QWEN,
        default_system="<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n",
    ),
    "qwen3": replace(QWEN, thinking=True, off=EMPTY),
    "qwen3-thinking-2507": replace(QWEN, thinking=True, off=OPEN, on=OPEN, auto=OPEN),
    "qwen3.5": replace(QWEN, thinking=True, off=EMPTY, on=OPEN, auto=OPEN),
    "exaone-3.5": EXAONE,
    "exaone-4.0": replace(
        EXAONE, pieces="gpt2", opening="[|assistant|]\n", default_system="", thinking=True,
        off=EMPTY, on=OPEN, auto=EMPTY,
    ),
    "exaone-deep": replace(
        EXAONE, opening="\n[|assistant|]", thinking=True,
        off="<thought>\n", on="<thought>\n", auto="<thought>\n",
    ),
    "kanana-1.5": Family(
        pieces="llama3", end_of_turn="<|eot_id|>", eos="<|eot_id|>", pad="<|end_of_text|>",
        bos="<|begin_of_text|>", opening="<|start_header_id|>assistant<|end_header_id|>\n\n",
        begins_with_bos=True, marks=("<|start_header_id|>", "<|end_header_id|>"),
    ),
    "gemma-2": replace(GEMMA, system_role=False),
    "gemma-3": GEMMA,
    "hyperclova-x-seed": HYPERCLOVA_X,
    "hyperclova-x-think": replace(
        HYPERCLOVA_X, opening="<|im_start|>assistant", thinking=True,
        default_system="<|im_start|>tool_list\n<|im_end|>\n<|im_start|>system\n<|im_end|>\n",
    ),
    "ax-4.0": Family(
        pieces="gpt2", end_of_turn="<|im_end|>", eos="<|im_end|>", pad="<|endoftext|>", bos="<|endoftext|>",
        opening="<|im_start|><|assistant|>",
        marks=("<|im_start|>", "<|system|>", "<|user|>", "<|assistant|>"),
    ),
    "solar-10.7b": Family(
        pieces="llama2", end_of_turn="</s>", eos="</s>", pad="</s>", bos="<s>",
        opening="### Assistant:\n", begins_with_bos=True, writes_end_of_turn=False,
    ),
}  # fmt: skip


@cache
def fake_tokenizer(family: str) -> PreTrainedTokenizerFast:
    """The tokenizer of a family of FAMILIES, with its chat template set."""
    facts = FAMILIES[family]
    backend = _sentencepiece(facts) if facts.pieces in ("gemma", "llama2") else _byte_level(facts)
    special = dict.fromkeys([facts.pad, facts.bos, facts.eos, facts.end_of_turn, *facts.marks])
    marks = [AddedToken(text, special=True, normalized=False) for text in special if text]
    backend.add_special_tokens(marks)
    if facts.pieces == "qwen":  # tokens of their own, and yet text: they survive decoding
        backend.add_tokens([AddedToken(text, normalized=False) for text in ("<think>", "</think>")])
    if facts.begins_with_bos:
        backend.post_processor = processors.TemplateProcessing(
            single=f"{facts.bos} $A",
            pair=f"{facts.bos} $A {facts.bos} $B",
            special_tokens=[(facts.bos, backend.token_to_id(facts.bos))],
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=facts.bos, eos_token=facts.eos, pad_token=facts.pad,
        additional_special_tokens=[text for text in special if text],
        chat_template=(TEMPLATES / f"{family}.jinja").read_text(encoding="utf-8"),
        model_max_length=4096, clean_up_tokenization_spaces=False,
    )  # fmt: skip


def _byte_level(facts: Family) -> Tokenizer:
    """Bytes, and merges that a family's split lets happen or not: "1945" is 4 tokens, or 2."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ċ", "Ċ"), *(("Ġ", letter) for letter in DIGITS + LETTERS), *_numbers()]
    backend = Tokenizer(models.BPE(vocab=_vocabulary(alphabet, merges), merges=merges))
    splits = [pre_tokenizers.Split(Regex(cut), "isolated") for cut in SPLITS[facts.pieces]]
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([*splits, byte_level])
    backend.decoder = decoders.ByteLevel()
    return backend


def _numbers() -> Iterable[tuple[str, str]]:
    """The merges of all numbers of two and three digits."""
    pairs = [(first, second) for first in DIGITS for second in DIGITS]
    return [*pairs, *((first + second, third) for first, second in pairs for third in DIGITS)]


def _sentencepiece(facts: Family) -> Tokenizer:
    """Characters with ▁ for a space, bytes for the rest, digits always single.

    As huggingface/transformers converts Gemma and Llama 2 (src/transformers/convert_slow_tokenizer.py).
    """
    space = facts.pieces == "llama2"
    alphabet = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁"]
    alphabet += [chr(code) for code in range(ord("!"), ord("~") + 1)]
    merges = [("▁", letter) for letter in LETTERS]
    if not space:
        alphabet, merges = [*alphabet, "\n"], [*merges, ("\n", "\n")]
    backend = Tokenizer(
        models.BPE(
            vocab=_vocabulary(alphabet, merges), merges=merges, unk_token="<unk>",
            byte_fallback=True, fuse_unk=True,
        )
    )  # fmt: skip
    to_mark = normalizers.Replace(" ", "▁")
    restore = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if space:
        backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), to_mark])
        restore.append(decoders.Strip(" ", 1, 0))
    else:
        backend.normalizer = to_mark
    backend.decoder = decoders.Sequence(restore)
    return backend


def _vocabulary(alphabet: Iterable[str], merges: Iterable[tuple[str, str]]) -> dict[str, int]:
    tokens = [*alphabet, *(first + second for first, second in merges)]
    return {token: index for index, token in enumerate(tokens)}
