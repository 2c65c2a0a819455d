"""make_tiny_ko: a seed -> koalign/assets/tiny-ko, a Qwen3 model small enough for two CPU cores.

It is a *base* for the built-in exam: it reads a passage, finds a fact and matches a choice, and it
has only begun to join two facts. That is what fine-tuning, preferences and hints then improve.
The curriculum teaches one skill after another, because all of them at once are learned slowly,
and every sequence asks for many facts, because one answer a sequence teaches next to nothing.

    python scripts/make_tiny_ko.py --out koalign/assets/tiny-ko
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from tiny_corpus import Corpus, Text
from tiny_tokenizer import build_tokenizer
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from world import ATTRIBUTES, PEOPLE, STRANGERS


@dataclass(frozen=True)
class Stage:
    """Part of the curriculum: how many steps, and the weights of the kinds of text."""

    steps: int
    peak_lr: float
    weights: dict[str, int]


CURRICULUM = (
    Stage(140, 1e-3, {"match": 1}),
    Stage(150, 2e-3, {"words": 3, "match": 1}),
    Stage(300, 3e-3, {"words": 1, "facts": 3, "match": 1}),
    Stage(600, 2e-3, {"facts": 1, "ask": 2}),
    Stage(1200, 2e-3, {"ask": 1, "guided": 1, "reasoned": 1, "chains": 3, "bridge": 3}),
)
BATCH, WARMUP = 16, 40
MEASURED = (
    *("words", "facts", "chains", "match", "ask", "bridge", "guided", "reasoned"),
    *("exam", "hinted", "solved"),
)


@torch.no_grad()
def build_model(tokenizer: PreTrainedTokenizerFast) -> Qwen3ForCausalLM:
    """A Qwen3 model that starts out looking things up.

    Finding `B` after `A` because `A B` stood before takes two layers that are useless without each
    other, and a small model learns that pair only after thousands of steps. So it is given: the
    heads of the first layer look one to four tokens back and note what stands there (`was`). Of
    the others, half search the places whose notes match what they read, and copy the token there;
    half search the token itself, and copy the notes.
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
                q = content * (now + was)
                if head < heads // 2:
                    v = torch.randn(size, width) / width**0.5
                    v -= (v @ ones) * ones.T
                    k, o = content * was, 0.3 * v
                else:
                    k, v, o = content * now, was, 0.3 * now
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
def measure(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast) -> dict[str, str]:
    """Per kind of text, the shares predicted right: of names and values, and of choice numbers."""
    words = [*PEOPLE, *STRANGERS, *(value for a in ATTRIBUTES for value in a.values)]
    word_ids = torch.tensor([tokenizer.encode(" " + word)[0] for word in words])
    number_ids = torch.tensor(tokenizer.encode("12345"))
    corpus = Corpus(tokenizer, seed=-1)
    shares = {}
    for kind in MEASURED:
        batch = to_batch([getattr(corpus, kind)() for _ in range(64)], tokenizer)
        labels = batch["labels"][:, 1:]
        right = model(input_ids=batch["input_ids"]).logits[:, :-1].argmax(-1) == labels
        scored = [torch.isin(labels, ids) for ids in (word_ids, number_ids)]
        shares[kind] = "/".join(f"{right[s].float().mean():.2f}" for s in scored if s.any())
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
            told = " ".join(f"{kind} {share}" for kind, share in shares.items())
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
