"""hf: the transformers engine; runs anywhere. A prompt is prefilled once for all of its samples."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)
from transformers.generation.streamers import BaseStreamer

from koalign.adapters.base import device_here
from koalign.adapters.external import loading
from koalign.config.inputs import Sampling
from koalign.data.prompting.tokens import stop_ids
from koalign.engines.engine import Engine, Question, Request, before_stop, sample_seed
from koalign.engines.hf_cache import for_samples
from koalign.engines.hf_scores import Scorer
from koalign.records import Base, KoalignError, Sample

LIKELIEST = 1024
"""Tokens sorted at first; they hold the nucleus of nearly every step."""


class HfEngine(Engine):
    """transformers.generate on one prefill per prompt; adapters through PEFT."""

    name = "hf"
    tells = True

    def __init__(
        self, load: Callable[[], Any], tokenizer: Any, base: Base, batch_size: int
    ) -> None:
        """`load`: gives the transformers model in eval mode when it is first needed.

        Requests without an adapter use it as it is.
        """
        super().__init__(base, tokenizer)
        self._load = load
        self._rows = batch_size
        self._scorer = Scorer()

    @cached_property
    def _model(self) -> Any:
        started = time.monotonic()
        model = self._load()
        self.start_seconds += time.monotonic() - started
        return model

    def __exit__(self, *_: object) -> None:
        vars(self).pop("_model", None)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def expect(self, tokens: int) -> None:
        """Load the model, of whatever many tokens."""
        _ = self._model

    def load(self, adapter: Path) -> None:
        """See Engine.load."""
        self._with_adapter(adapter)

    def requests_at_once(self, n: int) -> int:
        """As many as fill `engine.batch_size` rows."""
        return max(1, self._rows // n)

    def _score(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[float]]]:
        return self._scorer.scores(self._with_adapter(questions[0].adapter), questions)

    def _with_adapter(self, adapter: Path | None) -> Any:
        if adapter is None:
            if isinstance(self._model, PeftModel):
                self._model.base_model.disable_adapter_layers()
            return self._model
        name = self.adapter_id(adapter)
        if not (isinstance(self._model, PeftModel) and name in self._model.peft_config):
            self.refuse_replaced(adapter)
            self._add_adapter(adapter, name)
            try:
                self.refuse_replaced(adapter)
            except KoalignError:
                self.__exit__()  # the model holds other weights under this name
                raise
        self._model.base_model.enable_adapter_layers()
        self._model.set_adapter(name, inference_mode=True)
        return self._model.eval()

    def _add_adapter(self, adapter: Path, name: str) -> None:
        with loading(adapter):
            if isinstance(self._model, PeftModel):
                self._model.load_adapter(self.folder(adapter), adapter_name=name)
            else:
                self._model = PeftModel.from_pretrained(
                    self._model, self.folder(adapter), adapter_name=name
                )

    def _batch_key(self, request: Request) -> tuple[str, int]:
        return str(request.adapter), request.n

    @torch.no_grad()  # not inference_mode: what a model keeps of it would end its training
    def _generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> list[Sample]:
        """Samples of R requests to one adapter with equal `n`.

        ids, mask and positions (R, W), padded on the left; the KV cache holds (R, heads, W - 1, d) after
        the prefill and (R n, heads, W - 1 + max_tokens, d) while sampling; log-probabilities (R n, T).
        """
        model, n = self._with_adapter(requests[0].adapter), requests[0].n
        pad, ends = self.tokenizer.pad_token_id, stop_ids(self.tokenizer)
        width = max(2, *(len(request.prompt_ids) for request in requests))  # a prefill has a token
        gaps = [width - len(request.prompt_ids) for request in requests]
        ids = torch.tensor(
            [[pad] * gap + list(r.prompt_ids) for gap, r in zip(gaps, requests, strict=True)],
            device=device_here(),
        )
        mask = (torch.arange(width) >= torch.tensor(gaps)[:, None]).long().to(device_here())
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
        # All but the last prompt token once a prompt; generate() goes on from there once a sample.
        cache = model(
            input_ids=ids[:, :-1],
            attention_mask=mask[:, :-1],
            position_ids=positions[:, :-1],
            use_cache=True,
            logits_to_keep=1,
        ).past_key_values
        for_samples(cache, n, sampling.most_tokens)
        adapter = self.adapter_id(requests[0].adapter)
        draws = [(request, index) for request in requests for index in request.indices]
        seeds = [sample_seed(seed, request, adapter, index) for request, index in draws]
        sampler = _SeededSampler(sampling, seeds)
        heard = [request.heard for request, _ in draws]
        sequences = model.generate(
            input_ids=ids.repeat_interleave(n, dim=0),
            attention_mask=mask.repeat_interleave(n, dim=0),
            past_key_values=cache,
            generation_config=GenerationConfig(
                do_sample=False,
                max_new_tokens=sampling.most_tokens,
                use_cache=True,  # trainers switch it off in the model's config
                eos_token_id=ends,
                pad_token_id=pad,
            ),
            logits_processor=LogitsProcessorList([sampler]),
            stopping_criteria=StoppingCriteriaList([_StopTexts(self.tokenizer, stop, width)]),
            # Only where someone listens: each step would wait for its tokens to leave the GPU.
            streamer=_Listeners(heard) if any(heard) else None,
        )
        logprobs = torch.stack(sampler.logprobs, dim=1).cpu()
        generated = sequences[:, width:]
        samples = []
        for row, (tokens, (request, index)) in enumerate(
            zip(generated.tolist(), draws, strict=True)
        ):
            length = next((n for n, t in enumerate(tokens, start=1) if t in ends), len(tokens))
            text = self.tokenizer.decode(tokens[:length], skip_special_tokens=True)
            shown = before_stop(text, stop)
            logprob = round(float(logprobs[row, :length].sum()), 3)
            ended = tokens[length - 1] in ends or shown != text
            samples.append(request.sample(index, adapter, shown, tokens[:length], logprob, ended))
        return samples


class _Listeners(BaseStreamer):
    """Tells the listener of each row its tokens, step by step."""

    def __init__(self, heard: Sequence[Callable[[int], None] | None]) -> None:
        self._heard = heard

    def put(self, value: torch.Tensor) -> None:
        """Tokens (rows,) of a step; the prompts (rows, W) come first and are nobody's news."""
        if value.dim() == 1:
            for tell, token in zip(self._heard, value.tolist(), strict=True):
                if tell:
                    tell(token)

    def end(self) -> None:
        """Each row ends with its own last token."""


class _SeededSampler(LogitsProcessor):
    """Samples each row's token by inverse CDF from the row's own seeded stream of uniforms.

    A sample does not depend on its neighbours in the batch. Nucleus: the fewest likeliest tokens whose
    mass reaches top_p (Holtzman et al. 2020). Maps scores (rows, vocabulary) to scores that are finite
    for the sampled token only. `logprobs`: for each step (rows,) log-probabilities of the sampled tokens,
    in nats at temperature 1.
    """

    def __init__(self, sampling: Sampling, seeds: Sequence[int]) -> None:
        self._sampling = sampling
        self._uniform = torch.stack(
            [
                torch.rand(sampling.most_tokens, generator=torch.Generator().manual_seed(s))
                for s in seeds
            ]
        )
        self.logprobs: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        scores = scores.float()
        if self._sampling.temperature == 0:
            token = scores.argmax(dim=-1, keepdim=True)
        else:
            probs = (scores / self._sampling.temperature).softmax(dim=-1)
            self._uniform = self._uniform.to(scores.device)  # once, and not for every token
            uniform = self._uniform[:, len(self.logprobs), None]
            token = draw_tokens(probs, uniform, self._sampling.top_p)
        self.logprobs.append(scores.log_softmax(dim=-1).gather(-1, token).squeeze(-1))
        return torch.full_like(scores, -torch.inf).scatter(-1, token, 0.0)


def draw_tokens(probs: torch.Tensor, uniform: torch.Tensor, top_p: float) -> torch.Tensor:
    """The token (rows, 1) at which the mass of the nucleus reaches `uniform` (rows, 1), likeliest first.

    `probs` (rows, vocabulary). To sort all of a vocabulary of 262,144 costs more than the rest of a small
    model's step, so a row is sorted whole only where its `LIKELIEST` tokens do not hold the answer.
    """
    token, sure = _among_likeliest(probs, uniform, top_p, LIKELIEST)
    if not sure.all():
        (rows,) = torch.where(~sure)
        token[rows], _ = _among_likeliest(probs[rows], uniform[rows], top_p, probs.shape[-1])
    return token


def _among_likeliest(
    probs: torch.Tensor, uniform: torch.Tensor, top_p: float, most: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens (rows, 1), and of each row whether all of the vocabulary gives the same."""
    most = min(most, probs.shape[-1])
    likeliest, tokens = probs.topk(most)
    mass = likeliest.cumsum(dim=-1)
    kept = mass - likeliest < top_p
    if top_p == 1:  # the nucleus is everything
        reach, sure = 1.0, uniform[:, 0] < mass[:, -1]
    else:
        reach, sure = torch.where(kept, mass, 0).amax(dim=-1, keepdim=True), mass[:, -1] >= top_p
    place = (mass <= uniform * reach).sum(dim=-1, keepdim=True)
    # The likeliest token is in any nucleus, of a top_p too that float32 has as 0.
    place = place.minimum((kept.sum(dim=-1, keepdim=True) - 1).clamp(min=0))
    return tokens.gather(-1, place), sure


class _StopTexts(StoppingCriteria):
    """(rows,) bool: whether a row has generated a stop text after the prompt of `width` tokens."""

    def __init__(self, tokenizer: Any, stop: Sequence[str], width: int) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._width = width

    def __call__(self, input_ids: torch.LongTensor, scores: Any, **_: Any) -> torch.BoolTensor:
        done = [False] * len(input_ids)
        if self._stop:
            texts = self._tokenizer.batch_decode(input_ids[:, self._width :])
            done = [any(stop in text for stop in self._stop) for text in texts]
        return torch.tensor(done, device=input_ids.device)
