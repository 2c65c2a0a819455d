"""embedding_model: a folder of sentence-transformers with a tiny BERT of random weights."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

PROMPTS = {"query": "질문: ", "document": "글: "}
"""What the model wants before a text, as KoE5 does."""
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tiny_bert(folder: Path, texts: Iterable[str], *, safetensors: bool = True) -> Path:
    """Save a model whose vocabulary is of these texts, with mean pooling; torch's pickle without safetensors."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=list(_SPECIAL))
    words.train_from_iterator([*texts, *PROMPTS.values()], trainer)
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    named = dict(zip(names, _SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=64, **named).save_pretrained(
        folder
    )
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BertConfig(
        vocab_size=words.get_vocab_size(), intermediate_size=64, max_position_embeddings=64, **sizes
    )
    model = BertModel(config)
    model.save_pretrained(folder)
    if not safetensors:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    kinds = {"": "Transformer", "1_Pooling": "Pooling"}
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind) in enumerate(kinds.items())
    ]
    (folder / "1_Pooling").mkdir()
    for name, value in {
        "modules.json": modules,
        "1_Pooling/config.json": {
            "word_embedding_dimension": sizes["hidden_size"],
            "pooling_mode_mean_tokens": True,
        },
        "sentence_bert_config.json": {"max_seq_length": 64, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": PROMPTS},
    }.items():
        (folder / name).write_text(json.dumps(value, ensure_ascii=False), "utf-8")
    return folder
