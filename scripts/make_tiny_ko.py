"""make_tiny_ko: a seed -> koalign/assets/tiny-ko, a Qwen3 model small enough for two CPU cores.

It is a *base* for the built-in exam: it reads a passage, finds a fact and matches a choice, and it
has only begun to join two facts. That is what fine-tuning, preferences and hints then improve.
The curriculum teaches one skill after another, because all of them at once are learned slowly,
and every sequence asks for many facts, because one answer a sequence teaches next to nothing.

    python scripts/make_tiny_ko.py --out koalign/assets/tiny-ko
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from make_exam import Item, make_items
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from world import (
    ATTRIBUTES,
    BOX_INTROS,
    BOX_MARKS,
    CIRCLED,
    GOOD_HINTS,
    INTROS,
    LEAKING_HINTS,
    PARTICLES,
    PEOPLE,
    QUESTION_FORMS,
    RELATION_FORMS,
    RELATIONS,
    USELESS_HINTS,
    Relation,
    Word,
    hint_of,
)

from koalign.data import prompts
from koalign.records import Problem

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
NOTES = "정리하면"


def vocabulary() -> list[str]:
    """Every word that is one token: entities after a space, particles, words of the templates."""
    entities = [*PEOPLE, *RELATIONS, *(value for a in ATTRIBUTES for value in a.values)]
    particles = [*PARTICLES, *(vowel for _, vowel in PARTICLES.values()), "의", "이다", "에", "번"]
    texts = [*RELATION_FORMS, *INTROS, *BOX_INTROS, *GOOD_HINTS, *USELESS_HINTS, *LEAKING_HINTS]
    texts += [*QUESTION_FORMS, WHO_QUESTION, NOTES, "system", "user", "assistant"]
    texts += [text for a in ATTRIBUTES for text in (a.phrase, a.asked, *a.forms)]
    texts += [prompts.HEAD, prompts.BOX, prompts.QUESTION, prompts.HINT, prompts.ASK_CHOICE]
    texts += [prompts.ASK_TEXT, prompts.ASK_ABSTRACTION, prompts.TARGET_CHOICE]
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


@dataclass(frozen=True)
class Text:
    """What the model reads, and what it learns to write after it."""

    given: str
    wanted: str


class Corpus:
    """Endless training texts, each kind a skill; every text has a passage of its own."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        self.tokenizer = tokenizer
        self.rng = random.Random(seed)

    def item(self) -> Item:
        """A fresh problem of the kind the exam asks."""
        return make_items(self.rng, "pretraining", "train")[0]

    def raw(self, item: Item, sentences: list[str]) -> Text:
        """The passage as plain text, then sentences that follow from it."""
        given = "\n\n".join(part for part in (item.problem.passage, item.problem.box) if part)
        return Text(given, " ".join(["\n\n" + NOTES, *sentences]) + PAD)

    def chat(self, problem: Problem, hint: str = "") -> Text:
        """The problem as the exam asks it, and its answer."""
        prompt = prompts.render(problem, "answer", hint)
        return Text(prompts.prompt_text(self.tokenizer, prompt), prompts.target(problem) + END)

    def facts(self) -> Text:
        """One hop: every fact again, in another order and other words."""
        item = self.item()
        return self.raw(item, item.world.say(self.rng))

    def chains(self) -> Text:
        """Two hops: what is true of everybody's bridge, without its name."""
        item = self.item()
        return self.raw(item, [self.chain(item, fact) for fact in self.shuffled(item)])

    def steps(self) -> Text:
        """Two hops, the first one written out."""
        item, sentences = self.item(), []
        for fact in self.shuffled(item):
            sentences += [fact.say(RELATION_FORMS[0]), self.chain(item, fact)]
        return self.raw(item, sentences)

    def ask(self) -> Text:
        """A problem of the exam's form that one fact answers."""
        item = self.item()
        if self.rng.random() < 0.5:
            question = WHO_QUESTION.format(who=item.asked.bridge)
            choices, answer = list(item.world.value_of), item.asked.y
        else:
            form = self.rng.choice((item.world.attribute.asked, *QUESTION_FORMS))
            phrase = item.world.attribute.of(item.asked.x)
            question = form.format(who=Word(item.asked.x), phrase=phrase)
            choices, answer = list(item.problem.choices), item.world.value_of[item.asked.x]
        self.rng.shuffle(choices)
        number = str(choices.index(answer) + 1)
        change = {"question": question, "choices": tuple(choices), "answers": (number,)}
        return self.chat(item.problem.model_copy(update=change))

    def hinted(self) -> Text:
        """A problem of the exam with a good hint."""
        item = self.item()
        return self.chat(item.problem, hint_of(item.world, item.asked, GOOD_HINTS, self.rng))

    def exam(self) -> Text:
        """A problem of the exam; only measured, never taught."""
        return self.chat(self.item().problem)

    def shuffled(self, item: Item) -> list:
        """The relations of the passage in a random order."""
        return self.rng.sample(item.world.relations, len(item.world.relations))

    def chain(self, item: Item, fact: Relation) -> str:
        """A two-hop sentence: the attribute of the bridge person, unnamed."""
        form = self.rng.choice(item.world.attribute.forms[:2])
        return form.format(x=fact.bridge, v=Word(item.world.value_of[fact.y]))


@dataclass(frozen=True)
class Stage:
    """Part of the curriculum: how many steps, and the weights of the kinds of text."""

    steps: int
    weights: dict[str, int]


CURRICULUM = (
    Stage(700, {"facts": 1}),
    Stage(400, {"facts": 2, "ask": 2}),
    Stage(300, {"facts": 1, "ask": 1, "hinted": 1, "steps": 1}),
    Stage(600, {"facts": 1, "ask": 1, "hinted": 1, "steps": 1, "chains": 4}),
)
BATCH, WARMUP, PEAK_LR = 32, 50, 1e-3
KINDS = ("facts", "ask", "hinted", "steps", "chains", "exam")


def to_batch(texts: list[Text], tokenizer: PreTrainedTokenizerFast) -> dict[str, torch.Tensor]:
    """Right-padded ids, and labels on what is wanted only."""
    given = tokenizer([text.given for text in texts])["input_ids"]
    wanted = tokenizer([text.wanted for text in texts])["input_ids"]
    length = max(len(g) + len(w) for g, w in zip(given, wanted, strict=True))
    ids = torch.full((len(texts), length), tokenizer.pad_token_id)
    labels = torch.full((len(texts), length), -100)
    for row, (g, w) in enumerate(zip(given, wanted, strict=True)):
        ids[row, : len(g) + len(w)] = torch.tensor(g + w)
        labels[row, len(g) : len(g) + len(w)] = torch.tensor(w)
    return {"input_ids": ids, "labels": labels}


@torch.no_grad()
def measure(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> dict[str, float]:
    """Per kind, the share of the attribute values that the model predicts right."""
    values = torch.tensor(tokenizer.convert_tokens_to_ids(
        [tokenizer.tokenize(" " + v)[0] for a in ATTRIBUTES for v in a.values]))
    corpus = Corpus(tokenizer, seed=-1)
    shares = {}
    for kind in KINDS:
        batch = to_batch([getattr(corpus, kind)() for _ in range(64)], tokenizer)
        labels = batch["labels"][:, 1:]
        guesses = model(input_ids=batch["input_ids"]).logits[:, :-1].argmax(-1)
        scored = torch.isin(labels, values)
        shares[kind] = (guesses == labels)[scored].float().mean().item()
    return shares


def train(model, tokenizer, seed, save) -> None:
    corpus = Corpus(tokenizer, seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LR, betas=(0.9, 0.98), weight_decay=0.01)
    step, start = 0, time.monotonic()
    for n, stage in enumerate(CURRICULUM):
        kinds, weights = list(stage.weights), list(stage.weights.values())
        tot = 0
        for i in range(stage.steps):
            step += 1
            for group in optimizer.param_groups:
                group["lr"] = PEAK_LR * min(1, step / WARMUP)
            texts = [getattr(corpus, k)() for k in corpus.rng.choices(kinds, weights, k=BATCH)]
            loss = model(**to_batch(texts, tokenizer)).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            tot += loss.item()
            if step % 100 == 0:
                shares = measure(model, tokenizer)
                print(f"{time.monotonic()-start:5.0f}s stage {n} step {step} loss {tot/100:.3f} "
                      + " ".join(f"{k} {v:.2f}" for k, v in shares.items()), flush=True)
                tot = 0
        save(n)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path("koalign/assets/tiny-ko"))
    parser.add_argument("--seed", type=int, default=2025)
    parser.add_argument("--init", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(args.seed)
    tokenizer = build_tokenizer()
    if args.init:
        model = Qwen3ForCausalLM.from_pretrained(args.init, dtype=torch.float32)
    else:
        model = Qwen3ForCausalLM(Qwen3Config(
            vocab_size=len(tokenizer), hidden_size=128, intermediate_size=256, num_hidden_layers=4,
            num_attention_heads=4, num_key_value_heads=2, head_dim=32, tie_word_embeddings=True,
            max_position_embeddings=512, initializer_range=0.08, rope_theta=10000.0,
            bos_token_id=None, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id))
    print(sum(p.numel() for p in model.parameters()), len(tokenizer))
    def save(n):
        model.save_pretrained(f"{args.out}-s{n}"); tokenizer.save_pretrained(f"{args.out}-s{n}")
    train(model, tokenizer, args.seed, save)


if __name__ == "__main__":
    main()
