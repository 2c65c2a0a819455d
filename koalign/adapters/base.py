"""base: the model that every adapter stands on: its identity, its tokenizer, its precision."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from koalign.adapters.hub import downloaded
from koalign.adapters.precision import CPU, Device, Precision, choose_precision, refuse_experts
from koalign.adapters.weights import BASE_AGAIN, open_weights, readable, refuse_broken_base
from koalign.config.inputs import Model
from koalign.config.sections import resolve_path
from koalign.data.prompting.tokens import DATE, PLAIN, chat_template_of, writes_date
from koalign.guard import context_of
from koalign.hashing import hash_path
from koalign.jsonl import read_json
from koalign.records import Base, KoalignError, content_hash
from koalign.text.visible import warn

transformers.utils.logging.disable_progress_bar()  # koalign has bars of its own

WEIGHTS = "*.safetensors"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "chat_template.jinja",
)
CHAT_FILES = ("tokenizer_config.json", "chat_template.jinja")
"""Those that may hold a chat template."""
CHECKED: dict[str, Any] = {"output_loading_info": True, "ignore_mismatched_sizes": True}
"""Arguments of from_pretrained for its list of missing and misshapen tensors, in place of a traceback."""


def base_folder(model: Model) -> Path:
    """The local folder of the base; a hub id is downloaded once, safetensors only."""
    path = Path(resolve_path(model.path))
    if model.trust_remote_code:
        warn(f"model.trust_remote_code: Python code that comes with {model.path} is run", once=True)
    if not path.is_dir():
        if path.exists() or model.path.startswith(("/", ".", "~")):
            raise KoalignError(f"model.path: {model.path} is no model folder")
        wanted = (WEIGHTS, "*.json", "*.jinja", "*.model")
        path = downloaded(model.path, wanted, f"model.path: {model.path}")
    for needed in ("config.json", WEIGHTS):
        if not any(path.glob(needed)):
            raise KoalignError(
                f"model.path: {path} holds no {needed}; koalign reads safetensors only"
            )
    return path


def identify(model: Model) -> Base:
    """Path and hashes of the base, and how many tokens the run may use of its context.

    Raises KoalignError where its weights are incomplete, cannot be read or are not finite.
    """
    folder = base_folder(model)
    refuse_broken_base(folder)
    _refuse_endless(folder)
    config = _config(folder, model)
    _refuse_incomplete(folder, model, config)
    # Refuses a dtype that the card lacks.
    choose_precision(model, current_card(), config.model_type)
    refuse_experts(model, config.get_text_config().to_dict())
    context = context_of(model, config.get_text_config().max_position_embeddings)
    return Base(
        path=model.path,
        weight_hash=weight_hash(folder),
        tokenizer_hash=tokenizer_hash(folder, model.chat_template),
        context=context,
        chat_template=model.chat_template,
    )


def _config(folder: Path, model: Model) -> Any:
    with readable(folder / "config.json"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=model.trust_remote_code)
        config.to_dict()  # its parts may be of any type
    return config


def _refuse_endless(folder: Path) -> None:
    """Raises KoalignError for more layers than tensors, and for whole numbers as weights.

    transformers would build and take both all the same.
    """
    config, tensors = read_json(folder / "config.json"), 0
    plain = isinstance(config, dict) and not config.get("quantization_config")
    for path in folder.glob(WEIGHTS):
        with open_weights(path, BASE_AGAIN) as file:
            tensors += len(file.keys())
            for name in file.keys() if plain else ():
                dtype = file.get_slice(name).get_dtype()
                if name.endswith(".weight") and not dtype.startswith(("F", "BF")):
                    raise KoalignError(
                        f"{path}: {name} is {dtype}, and config.json has no quantization_config to say "
                        f"what its numbers mean; {BASE_AGAIN}"
                    )
    for section in (config, config.get("text_config")) if isinstance(config, dict) else ():
        layers = section.get("num_hidden_layers") if isinstance(section, dict) else None
        if isinstance(layers, int) and layers > tensors:
            raise KoalignError(
                f"model.path: {folder / 'config.json'}: num_hidden_layers is {layers:,}, and the weights "
                f"are {tensors:,} tensors; {BASE_AGAIN}"
            )


def _refuse_incomplete(folder: Path, model: Model, config: Any) -> None:
    """Load onto the meta device, which keeps no weights, to see which are missing.

    Weights quantised by bitsandbytes have no meta device; `load_base` checks them.
    """
    if hasattr(config, "quantization_config"):
        return
    level = transformers.utils.logging.get_verbosity()
    transformers.utils.logging.set_verbosity_error()  # its report of the loading is a table
    try:
        with readable(folder):
            built, loading = AutoModelForCausalLM.from_pretrained(
                folder,
                device_map="meta",
                use_safetensors=True,
                trust_remote_code=model.trust_remote_code,
                **CHECKED,
            )
    finally:
        transformers.utils.logging.set_verbosity(level)
    _refuse_loading(folder, loading)
    # Of towers for images and heads for other tasks nothing is said: they stand elsewhere.
    places = {_place(name) for name in built.state_dict()}
    if unused := sorted(
        key
        for key in loading["unexpected_keys"]
        if key.endswith(".weight") and _place(key) in places
    ):
        warn(
            f"model.path: {folder}: {type(built).__name__}, which config.json names, leaves "
            f"{unused[0]}{_more(unused)} of the weights unused; are both of one model?",
            once=True,
        )


def _place(name: str) -> str:
    """Where a tensor stands, up to the number of its layer."""
    return re.split(r"\.\d+\.", name, maxsplit=1)[0]


def _refuse_loading(folder: Path, loading: Mapping[str, Any]) -> None:
    """transformers fills a tensor that is missing or of another shape with random numbers."""
    if missing := sorted(loading["missing_keys"]):
        raise KoalignError(
            f"model.path: {folder}: its weights lack {missing[0]}{_more(missing)}; {BASE_AGAIN}"
        )
    if misfits := sorted(loading["mismatched_keys"]):
        name, stored, expected = misfits[0]
        raise KoalignError(
            f"model.path: {folder}: {name} is {list(stored)}, and {list(expected)} by config.json"
            f"{_more(misfits)}; {BASE_AGAIN}"
        )


def _more(names: Sequence[Any]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def weight_hash(folder: Path) -> str:
    """Sixteen hex digits: the hash of a base's safetensors files."""
    return content_hash([hash_path(file) for file in sorted(folder.glob(WEIGHTS))])


def refuse_replaced_base(path: str, known: str | None) -> None:
    """Raises KoalignError where a base holds other weights here and now than a run was prepared with.

    `known`: their hash; None: unknown. Another machine may have another model under the same name.
    """
    now = weight_hash(base_folder(Model(path=path)))
    if known not in (None, now):
        raise KoalignError(
            f"model.path: {path} holds other weights on {socket.gethostname()} ({now}) than this run was "
            f"prepared with ({known}); put those there, or take another --run-dir"
        )


def tokenizer_hash(folder: Path, chat_template: str | None = None) -> str:
    """Sixteen hex digits: the hash of what makes token ids of text and of a chat.

    The date too that a chat template gets which writes one.
    """
    files = [folder / name for name in TOKENIZER_FILES if (folder / name).exists()]
    hashes = {file.name: hash_path(file) for file in files}
    if chat_template:
        hashes["chat_template.jinja"] = PLAIN
    elif any(
        writes_date(file.read_text("utf-8", "replace")) for file in files if file.name in CHAT_FILES
    ):
        hashes["date"] = f"{DATE:%Y-%m-%d}"
    return content_hash(hashes)


def load_tokenizer(model: Model) -> Any:
    """The tokenizer of the base; it must have an end-of-text token and fit the embedding."""
    folder = base_folder(model)
    with readable(folder / "tokenizer.json"):
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=model.trust_remote_code)
    if tokenizer.eos_token_id is None:
        raise KoalignError(f"model.path: the tokenizer in {folder} has no end-of-text (eos) token")
    tokenizer.model_max_length = (
        10**9
    )  # lengths are checked against the run's context, with a remedy
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    if model.chat_template:
        tokenizer.chat_template = PLAIN
    _refuse_larger(folder, tokenizer, _config(folder, model).get_text_config().vocab_size)
    _say_unknown_end(folder, tokenizer)
    return tokenizer


def _say_unknown_end(folder: Path, tokenizer: Any) -> None:
    """Says where config.json ends texts with a token that the tokenizer lacks."""
    ends = read_json(folder / "config.json").get("eos_token_id")
    for end in ends if isinstance(ends, list) else [ends]:
        if isinstance(end, int) and end not in tokenizer.get_vocab().values():
            warn(
                f"model.path: {folder}: its config.json ends texts with token {end}, and its tokenizer has "
                "no such token; are both of one model?",
                once=True,
            )


def _refuse_larger(folder: Path, tokenizer: Any, rows: int) -> None:
    """Raises KoalignError for a token without a row in the embedding.

    A special token that neither the chat template nor the tokenizer itself writes may lack one: the
    text models of Gemma 3 have no row for `<image_soft_token>`.
    """
    named = {tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token}
    template = chat_template_of(tokenizer) or ""
    for token, number in sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1]):
        added = tokenizer.added_tokens_decoder.get(number) if number >= rows else None
        unused = added and added.special and token not in named
        if number >= rows and not (unused and token not in template):
            raise KoalignError(
                f"model.path: {folder}: the embedding has {rows} rows, and token {number} of the "
                f"tokenizer is {token!r}; take the tokenizer files of this model"
            )


def current_card() -> Device:
    """The first GPU, or the CPU."""
    if not torch.cuda.is_available():
        return CPU
    return Device(torch.cuda.get_device_name(0), torch.cuda.get_device_capability(0))


def device_here() -> torch.device:
    """Where a model is computed: on the first GPU that this process sees, or on the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def precision_here(model: Model) -> Precision:
    """How the base is computed on this machine."""
    family = read_json(base_folder(model) / "config.json").get("model_type", "")
    return choose_precision(model, current_card(), family)


def load_base(model: Model, *, quantized: bool, on_host: bool = False) -> Any:
    """The base on its device, in NF4 if `quantized` and the config says so; weights frozen.

    `on_host`: in the machine's memory, for what is laid onto GPUs in parts.
    """
    precision = precision_here(model)
    if precision.why:
        warn(precision.why, once=True)
    quantization = None
    if quantized and model.load_in_4bit:
        quantization = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=model.bnb_4bit_use_double_quant,
            bnb_4bit_compute_dtype=precision.compute,
            bnb_4bit_quant_storage=model.bnb_4bit_quant_storage,
        )
    folder = base_folder(model)
    base, loading = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=getattr(torch, precision.base),
        device_map=_device_map(on_host),
        quantization_config=quantization,
        use_safetensors=True,
        trust_remote_code=model.trust_remote_code,
        **CHECKED,
    )
    _refuse_loading(folder, loading)
    if quantization is not None:
        from bitsandbytes.nn import Linear4bit

        for module in base.modules():
            if isinstance(module, Linear4bit):
                # On a CPU a pass in eval mode would repack the weights for a kernel that has no
                # gradient, and every training after it would be wrong without a word.
                module.support_avx512bf16_for_cpu = False
    return base.requires_grad_(False)


def _device_map(on_host: bool) -> dict[str, Any] | None:
    if not torch.cuda.is_available():
        return None
    return {"": "cpu" if on_host else 0}
