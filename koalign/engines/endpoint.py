"""endpoint: an OpenAI-compatible server as an engine: prompts out as text, samples in."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urldefrag

from koalign.config.inputs import Sampling
from koalign.data.prompting.tokens import continued_text
from koalign.engines.call_queue import wait_after
from koalign.engines.chat import open_client, request_error, served_models
from koalign.engines.engine import Engine, Question, Request, before_stop, sample_seed
from koalign.engines.permission import require_permission
from koalign.engines.replies import ParsedReply, RequestError, parse_reply, refused_key
from koalign.records import Base, KoalignError, Prompt, Sample, content_hash
from koalign.text.visible import warn

AT_ONCE = 16
"""Requests under way together."""
KEY = "OPENAI_API_KEY"
TIMEOUT, RETRIES = 600.0, 4
"""Seconds without a byte, and retries by the openai client."""
TRIES = 3
"""Of a request that was answered with what is no completion; the client does not retry these."""
ENDED = (None, "", "stop", "eos_token", "stop_sequence", "end_turn")
"""Finish reasons of a whole text, as servers name them; at any other, such as a filter, it was cut."""
UNLISTED = (200, 404, 405, 501)
"""HTTP statuses of servers without a list of models; 200: with a page in its place."""


def describe_endpoint(model: str) -> Base:
    """The base behind a server, `http://host:8000/v1#name`; it has no weights and no tokenizer here.

    Without a name the server must serve one model. Raises KoalignError where it cannot be reached.
    """
    url, name = urldefrag(model)
    require_permission(url, KEY, _key())
    try:
        served = served_models(url, _key(), TIMEOUT, RETRIES)
    except RequestError as error:
        if error.status not in UNLISTED:
            raise KoalignError(f"{url}: {error}") from None
        if not name:
            raise KoalignError(
                f"{url}: does not list its models ({error}); name one: {url}#NAME"
            ) from None
        served = [name]
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
        require_permission(self._url, KEY, _key())
        self._refused: frozenset[str] = frozenset()
        """Keys of a request that this server does not take."""
        self._client = open_client(self._url, _key(), TIMEOUT, RETRIES)
        self._lock = Lock()

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def adapter_id(self, adapter: Path | None) -> str:
        """Empty: a server's adapters are models of their own."""
        if adapter is not None:
            raise KoalignError(
                f"{self._url}: an adapter behind an endpoint is named as its model: {self._url}#NAME"
            )
        return ""

    @property
    def left_out(self) -> frozenset[str]:
        """What it refused; for `max_tokens` another key is sent."""
        return self._refused - {"max_tokens"}

    def requests_at_once(self, n: int) -> int:
        """Some rounds of what is under way together; samples are written batch by batch."""
        return 4 * AT_ONCE

    def _score(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[float]]]:
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
        prompt = request.prompt
        if prompt is None:
            raise ValueError("a request to an endpoint carries its prompt")
        settings: dict[str, Any] = {
            "model": self._name,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.most_tokens,
            "seed": sample_seed(seed, request, "", index),
            **({"stop": list(stop)} if stop else {}),
        }
        tries = 1
        while True:
            refused = self._refused
            try:
                reply = self._send(prompt, _without(settings, refused))
                break
            except RequestError as error:
                key = refused_key(error)
                if key is not None and key not in refused:
                    self._leave_out(key)
                elif error.then == "again" and error.status == 200 and tries < TRIES:
                    time.sleep(wait_after(tries))
                    tries += 1
                else:
                    raise KoalignError(f"{self._url}: {error}") from None
        if not (reply.model or self._name).startswith(self._name):  # a dated name is an alias's
            warn(f"{self._url}: asked for {self._name}, it answers as {reply.model}", once=True)
        text = before_stop(reply.refusal or reply.text, stop)
        return request.sample(index, "", text, (), 0.0, reply.finish_reason in ENDED)

    def _send(self, prompt: Prompt, settings: Mapping[str, Any]) -> ParsedReply:
        from openai import OpenAIError

        try:
            if prompt.chat:
                turns = [{"role": m.role, "content": m.text} for m in prompt.messages]
                create = self._client.chat.completions.with_raw_response.create
                response = create(messages=turns, **settings)
            else:
                create = self._client.completions.with_raw_response.create
                response = create(prompt=continued_text(prompt), **settings)
        except OpenAIError as error:
            raise request_error(error, TIMEOUT, _key()) from None
        return parse_reply(response.http_response.content, _key())

    def _leave_out(self, key: str) -> None:
        with self._lock:
            if key not in self._refused:
                self._refused |= {key}
                instead = "max_completion_tokens is sent" if key == "max_tokens" else "left out"
                warn(f"{self._url}: takes no {key}; {instead}")


def _without(settings: Mapping[str, Any], refused: frozenset[str]) -> dict[str, Any]:
    """The settings as a server takes them that refuses some of their keys."""
    kept = {key: value for key, value in settings.items() if key not in refused}
    if "max_tokens" in refused:
        kept["extra_body"] = {"max_completion_tokens": settings["max_tokens"]}
    return kept


def _key() -> str:
    return os.environ.get(KEY, "").strip()
