"""attempt: one problem to a server of `koalign serve`, its hint and its answer apart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from koalign.records import KoalignError
from koalign.serving.board.site import Reply, View

FIELDS = ("question", "passage", "box", "choices")
TIMEOUT = 120
"""Seconds for one answer."""
LOOK = 2
"""Seconds for the list of models."""
LARGEST = 1 << 20
"""Bytes of an answer that are read."""
_DIRECT = build_opener(ProxyHandler({}))
"""Past the proxy of the environment, which knows no server on this machine."""


def attempt(view: View) -> Reply:
    """The form, and what the server answers where it is filled in; or what is missing for it."""
    given = {name: view.query.get(name, "").replace("\r\n", "\n").strip() for name in FIELDS}
    choices = [line.strip() for line in given["choices"].split("\n") if line.strip()]
    context: dict[str, Any] = {"given": given, "choices": choices, "at": view.site.solve_at}
    context |= {"answer": None, "problem": "", "missing": "", "models": [], "model": ""}
    if view.exporting:
        return Reply("attempt.html", context)
    try:
        models = _models(view)
    except KoalignError as error:
        return Reply("attempt.html", context | {"missing": str(error)})
    context |= {"models": models, "model": view.value("model", models, models[0])}
    if given["question"]:
        body: dict[str, Any] = {**given, "choices": choices, "model": context["model"]}
        body["kind"] = "choice" if choices else "short"
        try:
            context["answer"] = _solve(view, {k: v for k, v in body.items() if v})
        except KoalignError as error:
            context["problem"] = str(error)
    return Reply("attempt.html", context)


def _models(view: View) -> list[str]:
    """The models of the server. Raises KoalignError, which says what is missing."""
    at = view.site.solve_at
    try:
        listed = _asked(view, "/v1/models", None, LOOK)
        models = [str(model["id"]) for model in listed["data"] if model["owned_by"] == "koalign"]
    except HTTPError as error:
        error.close()
        if error.code == 401:
            raise KoalignError(
                view.t(
                    "The server at {at} wants its token: start the board with the same --token-env.",
                    at=at,
                )
            ) from None
        models = []
    except (URLError, OSError):
        raise KoalignError(view.t("No server answers at {at}.", at=at)) from None
    except (ValueError, KeyError, TypeError, RecursionError, HTTPException):
        models = []
    if not models:
        raise KoalignError(view.t("What answers at {at} is no koalign serve.", at=at))
    return models


def _solve(view: View, body: Mapping[str, Any]) -> dict[str, Any]:
    """What `/v1/solve` answers. Raises KoalignError where it refuses, or there is no server."""
    at = view.site.solve_at
    try:
        answer = _asked(view, "/v1/solve", body, TIMEOUT)
    except HTTPError as error:
        raise KoalignError(_refusal(error)) from None
    except (URLError, OSError, ValueError, RecursionError, HTTPException):
        raise KoalignError(view.t("No server answers at {at}.", at=at)) from None
    if not isinstance(answer, dict):
        raise KoalignError(view.t("What answers at {at} is no koalign serve.", at=at))
    return answer


def _asked(view: View, path: str, body: Mapping[str, Any] | None, seconds: float) -> Any:
    headers = {"Content-Type": "application/json"}
    if view.site.solve_token:
        headers["Authorization"] = f"Bearer {view.site.solve_token}"
    data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
    request = Request(f"{view.site.solve_at}{path}", data, headers)
    with _DIRECT.open(request, timeout=seconds) as reply:
        return json.loads(reply.read(LARGEST))


def _refusal(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read(LARGEST))["error"]["message"])
    except (ValueError, KeyError, TypeError, RecursionError, HTTPException, OSError):
        return f"the server refused it with status {error.code}"
