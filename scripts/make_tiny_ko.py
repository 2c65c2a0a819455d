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

    def words(self) -> Text:
        """One hop in one wording: every fact twice more, each time in another order."""
        world, rng = self.item().world, self.rng
        given = " ".join([rng.choice(INTROS), *world.say(rng, forms=1)])
        wanted = [NOTES, *world.say(rng, forms=1), NOTES, *world.say(rng, forms=1)]
        return Text(given, "\n\n" + " ".join(wanted) + PAD)

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
    peak_lr: float
    weights: dict[str, int]


CURRICULUM = (
    Stage(150, 3e-3, {"words": 1}),
    Stage(300, 3e-3, {"words": 1, "facts": 3}),
    Stage(400, 2e-3, {"facts": 1, "ask": 2}),
    Stage(300, 2e-3, {"facts": 1, "ask": 1, "hinted": 2, "steps": 2}),
    Stage(600, 2e-3, {"ask": 1, "hinted": 1, "steps": 1, "chains": 4}),
)
BATCH, WARMUP = 16, 40
KINDS = ("words", "facts", "ask", "hinted", "steps", "chains", "exam")


@torch.no_grad()
def build_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """A Qwen3 model that starts out looking things up.

    Finding `B` after `A` because `A B` stood before takes two layers that are useless without each
    other, and a small model learns that pair only after thousands of steps. So it is given: the
    heads of the first layer look one to four tokens back and note what stands there (`was`), the
    others search the places whose notes match what they now read, and copy.
    """
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        tie_word_embeddings=True,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = Qwen3ForCausalLM(config)
    width, size, heads = config.hidden_size, config.head_dim, config.num_attention_heads
    fast, slow = 4, 6  # the first frequencies of RoPE tell near places apart; the slow keep content
    ones = torch.ones(width, 1) / width**0.5
    axes = torch.linalg.qr(torch.cat([ones, torch.randn(width, width - 1)], dim=1))[0].T
    constant, now, was = axes[0], axes[1 : 1 + size], axes[1 + size : 1 + 2 * size]
    content = torch.ones(size, 1)
    content[:slow] = content[size // 2 : size // 2 + slow] = 0
    key = torch.zeros(size, 1)
    key[:fast] = 1

    model.model.embed_tokens.weight.normal_(0, 0.3).add_(0.3)
    model.model.norm.weight.fill_(0.3)
    for number, layer in enumerate(model.model.layers):
        attention = layer.self_attn
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            getattr(attention, name).weight.normal_(0, 0.02)
        for head in range(heads):
            rows = slice(head * size, (head + 1) * size)
            if number == 0:
                turn = (head + 1) * model.model.rotary_emb.inv_freq[:fast, None]
                query = torch.zeros(size, 1)
                query[:fast], query[size // 2 : size // 2 + fast] = turn.cos(), -turn.sin()
                q, k, v, o = query * constant, key * constant, now, 0.3 * was
            else:
                v = torch.randn(size, width) / width**0.5
                v -= (v @ ones) * ones.T
                q, k, o = content * (now + was), content * was, 0.3 * v
            attention.q_proj.weight[rows] += q
            attention.k_proj.weight[rows] += k
            attention.v_proj.weight[rows] += v
            attention.o_proj.weight[:, rows] += o.T
        sharpness = 2.0 if number == 0 else 1.5
        attention.q_norm.weight.fill_(sharpness)
        attention.k_norm.weight.fill_(sharpness)
        layer.mlp.down_proj.weight.normal_(0, 0.02)
    return model


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
    """Per kind of text, the share of names and values of the answers that the model predicts."""
    words = [*PEOPLE, *(value for a in ATTRIBUTES for value in a.values)]
    scorable = torch.tensor([tokenizer.encode(" " + word)[0] for word in words])
    corpus = Corpus(tokenizer, seed=-1)
    shares = {}
    for kind in KINDS:
        batch = to_batch([getattr(corpus, kind)() for _ in range(64)], tokenizer)
        labels = batch["labels"][:, 1:]
        guesses = model(input_ids=batch["input_ids"]).logits[:, :-1].argmax(-1)
        scored = torch.isin(labels, scorable)
        shares[kind] = (guesses == labels)[scored].float().mean().item()
    return shares


def train(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, stage: Stage, seed: int
) -> None:
    """One stage with an optimiser and a corpus of its own; prints how it goes."""
    corpus = Corpus(tokenizer, seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=stage.peak_lr, betas=(0.9, 0.98), weight_decay=0.0
    )
    kinds, weights = list(stage.weights), list(stage.weights.values())
    start = time.monotonic()
    for step in range(1, stage.steps + 1):
        warm = min(1.0, step / WARMUP)
        decay = 1 - 0.9 * step / stage.steps
        for group in optimizer.param_groups:
            group["lr"] = stage.peak_lr * min(warm, decay)
        chosen = corpus.rng.choices(kinds, weights, k=BATCH)
        batch = to_batch([getattr(corpus, kind)() for kind in chosen], tokenizer)
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if step % 100 == 0 or step == stage.steps:
            shares = measure(model, tokenizer)
            told = " ".join(f"{kind} {share:.2f}" for kind, share in shares.items())
            seconds = time.monotonic() - start
            print(f"  {seconds:4.0f}s step {step} loss {loss.item():.3f} {told}", flush=True)


def main() -> None:
    """Train through the curriculum and save the model folder in bf16."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("koalign/assets/tiny-ko"))
    parser.add_argument("--seed", type=int, default=2025)
    parser.add_argument("--checkpoints", type=Path, help="also save every stage, to resume from")
    parser.add_argument("--first-stage", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer)
    if args.first_stage:
        done = args.checkpoints / str(args.first_stage - 1)
        model = Qwen3ForCausalLM.from_pretrained(done, dtype=torch.float32)
    print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens")
    for number, stage in enumerate(CURRICULUM):
        if number < args.first_stage:
            continue
        print(f"stage {number}: {stage}")
        train(model, tokenizer, stage, args.seed + number)
        if args.checkpoints:
            model.save_pretrained(args.checkpoints / str(number))
    model.generation_config = GenerationConfig(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id
    )
    model.to(torch.bfloat16).save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)


if __name__ == "__main__":
    main()
