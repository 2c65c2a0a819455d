"""endpoint: an OpenAI-compatible server as an engine: prompts out as text, samples in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag

from koalign.config.inputs import Sampling
from koalign.data.prompting.tokens import continued_text
from koalign.engines.chat import RequestError, open_client, request_error, served_models
from koalign.engines.engine import Engine, Question, Request, before_stop, sample_seed
from koalign.records import Base, KoalignError, Sample, content_hash

AT_ONCE = 16
"""Requests under way together."""
KEY = "OPENAI_API_KEY"
TIMEOUT, RETRIES = 600.0, 4
"""Seconds without a byte, and retries by the openai client."""


def describe_endpoint(model: str) -> Base:
    """The base behind a server, `http://host:8000/v1#name`; it has no weights and no tokenizer here.

    Without a name the server must serve one model. Raises KoalignError where it cannot be reached.
    """
    url, name = urldefrag(model)
    try:
        served = served_models(url, _key(), TIMEOUT, RETRIES)
    except RequestError as error:
        raise KoalignError(f"{url}: {error}") from None
    if not name and len(served) != 1:
        raise KoalignError(
            f"{url}: serves {len(served)} models; name one: {url}#{served[0] if served else 'NAME'}"
        )
    if name and name not in served:
        raise KoalignError(f"{url}: serves no {name!r}, but {', '.join(served) or 'nothing'}")
    path = f"{url}#{name or served[0]}"
    return Base(
        path=path,
        weight_hash=content_hash("endpoint", path),
        tokenizer_hash=content_hash("endpoint", path),
        context=10**9,  # the server says what does not fit
    )


class EndpointEngine(Engine):
    """Generation only: a server gives no log-probabilities of chosen tokens that could be trusted."""

    name = "endpoint"

    def __init__(self, base: Base) -> None:
        super().__init__(base, None)
        self._url, self._name = urldefrag(base.path)
        self._client = open_client(self._url, _key(), TIMEOUT, RETRIES)

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def adapter_id(self, adapter: Path | None) -> str:
        """Empty: a server's adapters are models of their own."""
        if adapter is not None:
            raise KoalignError(
                f"{self._url}: an adapter behind an endpoint is named as its model: {self._url}#NAME"
            )
        return ""

    def requests_at_once(self, n: int) -> int:
        """Some rounds of what is under way together; samples are written batch by batch."""
        return 4 * AT_ONCE

    def score(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[float]]]:
        """Refused: see the class."""
        raise KoalignError(
            f"{self._url}: log-probabilities of candidates need the weights; say --mode generate"
        )

    def _generate(
        self, requests: Sequence[Request], sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> list[Sample]:
        draws = [(request, index) for request in requests for index in request.indices]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda d: self._sample(d[0], d[1], sampling, seed, stop), draws))

    def _sample(
        self, request: Request, index: int, sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> Sample:
        from openai import OpenAIError

        prompt = request.prompt
        if prompt is None:
            raise ValueError("a request to an endpoint carries its prompt")
        settings: dict[str, Any] = {
            "model": self._name,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": sample_seed(seed, request, "", index),
            **({"stop": list(stop)} if stop else {}),
        }
        try:
            if prompt.chat:
                turns = [{"role": m.role, "content": m.text} for m in prompt.messages]
                choice = self._client.chat.completions.create(messages=turns, **settings).choices[0]
                text = choice.message.content or ""
            else:
                continued = continued_text(prompt)
                choice = self._client.completions.create(prompt=continued, **settings).choices[0]
                text = choice.text
        except OpenAIError as error:
            reason = request_error(error, TIMEOUT, _key())
            raise KoalignError(f"{self._url}: {reason}") from None
        ended = choice.finish_reason != "length"
        return request.sample(index, "", before_stop(text, stop), (), 0.0, ended)


def _key() -> str:
    return os.environ.get(KEY, "")
