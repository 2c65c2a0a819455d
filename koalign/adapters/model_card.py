"""model_card: the card of an adapter -> README.md, what people and the Hugging Face hub read."""

from __future__ import annotations

import re

import yaml

from koalign.adapters.card import AdapterCard
from koalign.adapters.external import is_hub_id
from koalign.text.visible import visible

_ROLES = {
    "policy": "It answers exam questions.",
    "abstraction": "It states an abstraction of a problem: a hint for whoever answers it.",
    "answer": "It answers exam questions, with a hint or without one.",
    "reader": "It answers exam questions with passages that were found for them.",
    "query": "It writes a search query that finds the text with which a problem is solved.",
    "stack": "It is several adapters in one.",
    "unknown": "What it is for is unknown.",
}
_ORIGINS = {
    "trained": "Trained by koalign.",
    "stacked": "The exact sum of the adapters below, made by koalign without training.",
    "compressed": "The sum of the adapters below at a lower rank, made by koalign without training; it is "
    "not exact, and `Metrics` says by how much.",
    "external": "Not made by koalign; this page is made from its files.",
}


def model_card(card: AdapterCard) -> str:
    """The page as Markdown with the front matter of the hub; the same card gives the same bytes."""
    unknown = [
        what
        for what, value in (
            ("its base", card.base.path or None),
            ("the weights of its base", card.base.weight_hash),
            ("the tokenizer of its base", card.base.tokenizer_hash),
            ("the prompts it was trained with", card.template_hash),
            ("the data it was trained on", card.data or (card.parents or None)),
            ("what it is for", None if card.role == "unknown" else card.role),
            ("what made it", card.koalign),
        )
        if value is None
    ]
    sections = [
        f"# {_line(card.name)}",
        f"A LoRA adapter of rank {card.rank}. {_ROLES[card.role]} {_ORIGINS[card.origin]}",
        "## Stands on\n\n" + _stands_on(card),
        "## Contains\n\n" + _contains(card),
        "## Trained on\n\n" + _trained_on(card),
        "## Metrics\n\n" + (_listed(card.metrics) if card.metrics else "None are known."),
        "## Use\n\n" + _use(card),
        "## Unknown\n\n" + ("\n".join(f"- {what}" for what in unknown) or "Nothing of the above."),
    ]
    return f"---\n{_front_matter(card)}---\n\n" + "\n\n".join(sections) + "\n"


def _front_matter(card: AdapterCard) -> str:
    # The hub refuses a page whose base_model is no id of a model there.
    base = {"base_model": card.base.path} if is_hub_id(card.base.path) else {}
    front = {
        **base,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "koalign", card.role],
    }
    return yaml.safe_dump(front, allow_unicode=True, sort_keys=False)


def _stands_on(card: AdapterCard) -> str:
    facts = {
        "base": card.base.path or None,
        "hash of its weights": card.base.weight_hash,
        "hash of its tokenizer": card.base.tokenizer_hash,
        "hash of the prompt template": card.template_hash,
    }
    if card.base.chat_template:
        facts["chat template"] = f"{card.base.chat_template}, koalign's own"
    return "\n".join(
        f"- {what}: {'unknown' if value is None else _code(value)}" for what, value in facts.items()
    )


def _contains(card: AdapterCard) -> str:
    if not card.parents:
        return "No other adapter" + (", as far as is known." if card.origin == "external" else ".")
    lines = [f"- {_code(part.name)}, id {_code(part.id)}" for part in card.parents]
    if card.frozen_rank:
        lines.append(
            f"- of the rank of {card.rank}, the first {card.frozen_rank} are that adapter, unchanged; "
            f"{card.rank - card.frozen_rank} were trained"
        )
    return "\n".join([*lines, "", "It needs none of them to be loaded: it holds their sum."])


def _trained_on(card: AdapterCard) -> str:
    if card.data:
        lines = [f"- {_code(name)}, hash {_code(its)}" for name, its in sorted(card.data.items())]
        return "\n".join(lines)
    if card.origin in ("stacked", "compressed"):
        return "Nothing of its own; what it contains was."
    return "Unknown." if card.origin == "external" else "No files are recorded."


def _listed(metrics: dict[str, float]) -> str:
    return "\n".join(f"- {_code(name)}: {value:.4g}" for name, value in sorted(metrics.items()))


def _use(card: AdapterCard) -> str:
    on_hub = is_hub_id(card.base.path)
    base = f'"{card.base.path}"' if on_hub else '"BASE"'
    at_least = max(8, 1 << (card.rank - 1).bit_length())
    return f"""FOLDER is the folder of this file{"" if on_hub else ", BASE that of its base"}.

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained({base}), "FOLDER")
```

```python
from vllm import LLM
from vllm.lora.request import LoRARequest

llm = LLM({base}, enable_lora=True, max_lora_rank={at_least})
llm.generate("...", lora_request=LoRARequest("adapter", 1, "FOLDER"))
```"""


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", visible(text)).strip()


def _code(text: str) -> str:
    """The text as code of one line, whatever characters it holds."""
    text = _line(text)
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    room = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{room}{text}{room}{ticks}"
