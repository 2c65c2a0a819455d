"""attempt: one problem to a server of `koalign serve`, its hint and its answer apart."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from koalign.records import KoalignError
from koalign.serving.board.site import Reply, View

FIELDS = ("question", "passage", "box", "choices")
TIMEOUT = 120
"""Seconds for one answer."""
LARGEST = 1 << 20
"""Bytes of an answer that are read."""
_DIRECT = build_opener(ProxyHandler({}))
"""Past the proxy of the environment, which knows no server on this machine."""


def attempt(view: View) -> Reply:
    """The form, and what the server answers where it is filled in."""
    given = {name: view.query.get(name, "").replace("\r\n", "\n").strip() for name in FIELDS}
    context: dict[str, Any] = {
        "given": given,
        "answer": None,
        "problem": "",
        "at": view.site.solve_at,
    }
    context["choices"] = [line.strip() for line in given["choices"].split("\n") if line.strip()]
    if view.site.solve_at and given["question"] and not view.exporting:
        body = {**given, "choices": context["choices"]}
        body["kind"] = "choice" if context["choices"] else "short"
        try:
            context["answer"] = _solve(view.site.solve_at, {k: v for k, v in body.items() if v})
        except KoalignError as error:
            context["problem"] = str(error)
    return Reply("attempt.html", context)


def _solve(address: str, body: dict[str, Any]) -> dict[str, Any]:
    """What `/v1/solve` answers. Raises KoalignError where it refuses, or there is no server."""
    request = Request(
        f"{address}/v1/solve",
        json.dumps(body, ensure_ascii=False).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with _DIRECT.open(request, timeout=TIMEOUT) as reply:
            answer = json.loads(reply.read(LARGEST))
    except HTTPError as error:
        raise KoalignError(_refusal(error)) from None
    except (URLError, OSError, ValueError) as error:
        raise KoalignError(f"{address}: no answer ({getattr(error, 'reason', error)})") from None
    if not isinstance(answer, dict):
        raise KoalignError(f"{address}: not an answer of koalign serve")
    return answer


def _refusal(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read(LARGEST))["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server refused it with status {error.code}"
