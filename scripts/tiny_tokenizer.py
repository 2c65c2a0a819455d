"""tiny_tokenizer: the words of the world and of the prompts -> the byte-level BPE of tiny-ko.

One name or value is one token, so that a small model can look it up; any other text is spelled out
in syllables or bytes.
"""

from __future__ import annotations

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from world import (
    ATTRIBUTES,
    BOX_INTROS,
    BOX_MARKS,
    CIRCLED,
    GUIDE_FORMS,
    HINT_FORMS,
    INTROS,
    LEAKING_ENDS,
    NOTES,
    PARTICLES,
    PEOPLE,
    QUESTION_FORMS,
    RELATION_FORMS,
    RELATIONS,
    STRANGERS,
    USELESS_HINTS,
)

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
QWEN_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = """\
{%- for message in messages %}
{{- '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
WHO_QUESTION = "{who:은} 누구인가?"
TARGET_CHOICE = "고른 답: {choice}\n정답: {number}"
PROMPT_TEXTS = (
    "다음 글을 읽고 물음에 답하시오.", "<보기>\n{box}", "문제: {question}", "실마리: {hint}",
    "알맞은 답과 그 번호를 쓰시오.", "답을 쓰시오.", "정답은 말하지 말고 풀이의 실마리를 쓰시오.",
    '차근차근 풀이한 다음, 마지막 줄에 "정답: 번호"의 꼴로 쓰시오.', TARGET_CHOICE,
)  # fmt: skip
"""The words of the templates quote-then-number and reasoning."""


def vocabulary() -> list[str]:
    """Every word that is one token: entities after a space, particles, words of the templates."""
    entities = [*PEOPLE, *STRANGERS, *RELATIONS, *(value for a in ATTRIBUTES for value in a.values)]
    particles = [*PARTICLES, *(vowel for _, vowel in PARTICLES.values()), "의", "이다", "에", "번"]
    texts = [*RELATION_FORMS, *INTROS, *BOX_INTROS, *USELESS_HINTS, *LEAKING_ENDS]
    texts += [text for form in (*HINT_FORMS, *GUIDE_FORMS) for text in form]
    texts += [*QUESTION_FORMS, WHO_QUESTION, NOTES, "system", "user", "assistant"]
    texts += [text for a in ATTRIBUTES for text in (a.phrase, a.asked, *a.forms)]
    texts += PROMPT_TEXTS
    split = pre_tokenizers.Split(Regex(r"\{[^}]*\}"), behavior="removed")
    pieces = [piece for text in texts for piece, _ in split.pre_tokenize_str(text)]
    qwen = pre_tokenizers.Split(Regex(QWEN_PATTERN), behavior="isolated")
    words = [word for piece in pieces for word, _ in qwen.pre_tokenize_str(piece)]
    letters = [*CIRCLED, *(" " + mark for mark in BOX_MARKS)]
    return list(dict.fromkeys([*(" " + e for e in entities), *particles, *words, *letters]))


def build_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE in Qwen's manner whose merges first join syllables, then whole words."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: index for index, token in enumerate(alphabet)}
    merges: dict[tuple[str, str], None] = {}

    def join(parts: list[str]) -> str:
        whole = parts[0]
        for part in parts[1:]:
            merges.setdefault((whole, part))
            whole += part
            vocab.setdefault(whole, len(vocab))
        return whole

    words = vocabulary()
    for syllable in dict.fromkeys("".join(words)):
        join(list(byte_level.pre_tokenize_str(syllable)[0][0]))
    for word in words:
        join([byte_level.pre_tokenize_str(letter)[0][0] for letter in word])

    backend = Tokenizer(models.BPE(vocab=vocab, merges=list(merges)))
    backend.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(QWEN_PATTERN), behavior="isolated")
    backend.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    backend.decoder = decoders.ByteLevel()
    special = [AddedToken(text, special=True, normalized=False) for text in (PAD, START, END)]
    backend.add_special_tokens(special)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=END,
        pad_token=PAD,
        chat_template=CHAT_TEMPLATE,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
