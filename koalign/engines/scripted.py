"""scripted: replays canned text, so that the whole pipeline runs in a second and without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from koalign.adapters.cards import read_card
from koalign.config.engine import Engine as EngineConfig
from koalign.config.inputs import Sampling
from koalign.engines.engine import Engine, Question, Request, before_stop, sample_seed
from koalign.jsonl import parse_record
from koalign.records import Base, KoalignError, Record, Sample
from koalign.text.visible import shown
from koalign.yaml_text import parse_yaml, read_text

END = 256
"""The end-of-turn token; the tokens below it are the bytes of UTF-8."""

SCRIPTED_BASE = Base(
    path="scripted", weight_hash="scripted", tokenizer_hash="utf-8", context=100_000
)


class Line(Record):
    """One rule of a script; the first rule that fits a request answers it."""

    adapter: str = ""
    """Name on the adapter's card; empty: any adapter and the base."""
    contains: tuple[str, ...] = ()
    """All of these stand in the prompt."""
    texts: tuple[str, ...] = Field(min_length=1)
    """One of them is the completion, picked by the seed; greedy takes the first."""


class ByteTokenizer:
    """UTF-8 bytes as token ids, in ChatML."""

    eos_token_id = END
    pad_token_id = END
    all_special_ids = (END,)
    added_tokens_decoder: ClassVar[dict[int, str]] = {}
    chat_template = "ChatML"

    def encode(self, text: str, add_special_tokens: bool = False) -> list[int]:
        return list(text.encode("utf-8"))

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        return bytes(i for i in ids if i != END).decode("utf-8", errors="replace")

    def apply_chat_template(
        self, messages: list[Any], add_generation_prompt: bool = False, **_: Any
    ) -> Any:
        if isinstance(messages[0], list):
            return [self.apply_chat_template(turns, add_generation_prompt) for turns in messages]
        turns = [f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages]
        return "".join(turns) + ("<|im_start|>assistant\n" if add_generation_prompt else "")

    def __call__(self, texts: Sequence[str], **_: Any) -> dict[str, list[list[int]]]:
        return {"input_ids": [self.encode(text) for text in texts]}


class ScriptedEngine(Engine):
    """Answers from `engine.script`, a YAML list of Lines."""

    name = "scripted"

    def __init__(self, engine: EngineConfig, base: Base) -> None:
        super().__init__(base, ByteTokenizer())
        path = Path(engine.script or "")
        try:
            rules = parse_yaml(read_text(path), str(path))
        except OSError as error:
            raise KoalignError(f"engine.script: {path}: cannot be read ({error})") from None
        if not isinstance(rules, list):
            raise KoalignError(f"engine.script: {path}: expected a list of rules")
        self._lines = [
            parse_record(Line, rule, f"{path}: rule {n}") for n, rule in enumerate(rules, 1)
        ]

        self._names: dict[Path, str] = {}
        """Of the loaded adapters, as their cards have them."""

    def __exit__(self, *_: object) -> None:
        pass

    def load(self, adapter: Path) -> None:
        """See Engine.load."""
        if adapter not in self._names:
            self.refuse_replaced(adapter)
            name = read_card(self.folder(adapter)).name
            self.refuse_replaced(adapter)
            self._names[adapter] = name

    def requests_at_once(self, n: int) -> int:
        """A small number, so that the tests see several batches."""
        return 16

    def _score(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[float]]]:
        """The candidate that the greedy completion begins with is far likelier."""
        for number, question in enumerate(questions):
            greedy = self._texts(question.prompt_ids, question.adapter)[0].strip()
            yield (
                number,
                [
                    -0.1 if greedy.startswith(self.tokenizer.decode(ids).strip()) else -9.0
                    for ids in question.candidates
                ],
            )

    def _texts(self, prompt_ids: Sequence[int], adapter: Path | None) -> Sequence[str]:
        prompt = self.tokenizer.decode(prompt_ids)
        name = "base"
        if adapter is not None:
            self.load(adapter)
            name = self._names[adapter]
        for line in self._lines:
            if line.adapter in ("", name) and all(part in prompt for part in line.contains):
                return line.texts
        raise KoalignError(
            f"engine.script: no rule for adapter {name!r} and the prompt {shown(prompt)}"
        )

    def _generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> list[Sample]:
        samples = []
        for request in requests:
            texts = self._texts(request.prompt_ids, request.adapter)
            adapter = self.adapter_id(request.adapter)
            for index in request.indices:
                pick = sample_seed(seed, request, adapter, index) if sampling.temperature else 0
                text = before_stop(texts[pick % len(texts)], stop)
                written = (*self.tokenizer.encode(text), END)
                ids = written[: sampling.most_tokens]
                shown = self.tokenizer.decode(ids)
                logprob, ended = -0.1 * len(ids), ids == written
                samples.append(request.sample(index, adapter, shown, ids, logprob, ended))
        return samples
