"""errors: what a request did wrong -> a status and a body in OpenAI's shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koalign.faults import machine_fault
from koalign.records import KoalignError
from koalign.text.visible import say


class ApiError(Exception):
    """A request that is answered with an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """As OpenAI's clients read it."""
        kinds = {401: "authentication_error", 429: "rate_limit_error", 503: "server_error"}
        usual = "server_error" if self.status >= 500 else "invalid_request_error"
        kind = kinds.get(self.status, usual)
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error}


FAULTS = (ApiError, KoalignError, OSError, MemoryError, RuntimeError)
"""What ends a request with an error of its own, as main() of the command line has it."""


def api_error(error: BaseException) -> ApiError:
    """The error for a fault while a request is computed."""
    if isinstance(error, ApiError):
        return error
    reason = str(error) if isinstance(error, KoalignError) else machine_fault(error)
    say(f"serve: {reason or repr(error)}", err=True)
    return ApiError(500, reason or "the engine failed; the log of the server says how")


def too_long(prompt: int, completion: int, context: int) -> ApiError:
    """A prompt that leaves no room for its completion; all in tokens."""
    return ApiError(
        400,
        f"the prompt has {prompt:,} tokens and the completion takes {completion:,}; together they are "
        f"more than the context of {context:,}: shorten the text, or lower max_tokens",
        param="messages",
        code="context_length_exceeded",
    )


def unknown_model(name: str, known: list[str]) -> ApiError:
    """A model that is not served."""
    return ApiError(
        404,
        f"no model {name[:100]!r} here; there are {', '.join(known)}; take one of these (`koalign ask "
        f"--model {known[0]}`)",
        param="model",
        code="model_not_found",
    )
