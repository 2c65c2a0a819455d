"""api: a run and what computes for it -> the app: models, chat, completions, problems, health, metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from koalign.records import Message
from koalign.serving import bodies, streams
from koalign.serving.asking import Ask, Asker, Part, Reply
from koalign.serving.bodies import Body, ChatBody, CompletionBody, SolveBody
from koalign.serving.errors import FAULTS, ApiError, api_error, unknown_model
from koalign.serving.guards import Guard
from koalign.serving.load import MOST, Load, Place
from koalign.serving.metrics import Metrics
from koalign.serving.problems import problem_in, problem_of
from koalign.serving.queue import Backend
from koalign.serving.served import CHAIN, VOTE, ServedModel, ServedRun
from koalign.serving.streams import EventStream, Shape

CLIENT_GONE = 499
"""nginx's status for a client that closed the connection."""


class Service:
    """The state of one server: its run, its load and its counters."""

    def __init__(self, run: ServedRun, most: int = MOST) -> None:
        self.run, self.load = run, Load(most)
        self.metrics = Metrics(self.load)
        self.created = int(time.time())
        self.headers = {"X-Koalign-Run": run.id, "X-Koalign-Template": run.renderer.hash}

    def model(self, name: str) -> ServedModel:
        """Raises ApiError for one that is not served, with those that are."""
        if name not in self.run.models:
            raise unknown_model(name, list(self.run.models))
        return self.run.models[name]

    def listed(self, model: ServedModel) -> dict[str, Any]:
        """The model as `/v1/models` lists it."""
        return {
            "id": model.name,
            "object": "model",
            "created": self.created,
            "owned_by": "koalign",
            "root": self.run.base.path,
            "parent": None,
            "template": self.run.renderer.hash,
            "adapters": [*model.ids],
            "max_model_len": self.run.base.context,
        }


@dataclass
class Call:
    """One request under way: its place, its time, and what is counted at its end."""

    service: Service
    route: str
    model: str
    place: Place

    def over(self, status: int) -> None:
        """Leave the place; a second time does nothing."""
        if not self.place.left:
            seconds = self.place.leave()
            self.service.metrics.request(self.route, self.model, status, seconds)


def make_app(service: Service, backend: Backend, token: str | None = None) -> FastAPI:
    """The routes, behind the guard; without documents that would load scripts from elsewhere.

    Raises KoalignError where the backend has opened other adapters than the run had.
    """
    backend.engine.refuse_others(service.run.ids)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    asker = Asker(service.run, backend)
    _add_errors(app)
    app.add_middleware(Guard, token=token)

    @app.get("/health")
    async def health() -> Any:
        if backend.failure:
            raise ApiError(503, backend.failure)
        return {"status": "ok", "run": service.run.id, "engine": backend.engine.name}

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.text, media_type="text/plain; version=0.0.4")

    @app.get("/v1/models")
    async def models() -> Any:
        listed = [service.listed(model) for model in service.run.models.values()]
        return {"object": "list", "data": listed}

    @app.get("/v1/models/{name}")
    async def model(name: str) -> Any:
        return service.listed(service.model(name))

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await bodies.read_body(request, ChatBody)
        turns = tuple(message.turn for message in body.messages)
        served = service.model(body.model)
        last = turns[-1]
        problem = await asyncio.to_thread(problem_in, last.text) if last.role == "user" else None
        if problem:
            left = ["earlier messages"] if len(turns) > 1 else []
            return await _answer(request, body, Ask(served, problem, **_settings(body)), left)
        return await _answer(request, body, Ask(served, messages=turns, **_settings(body)), [])

    @app.post("/v1/completions")
    async def completions(request: Request) -> Response:
        body = await bodies.read_body(request, CompletionBody)
        served = service.model(body.model)
        if served.fixed:
            raise ApiError(
                400,
                f"{served.name}: solves problems; ask /v1/chat/completions or /v1/solve, or name an "
                "adapter to go on with a text",
                param="model",
            )
        turns = (Message(role="user", text=body.text),)
        ask = Ask(served, messages=turns, chat=False, **_settings(body))
        return await _answer(request, body, ask, [])

    @app.post("/v1/solve")
    async def solve(request: Request) -> Response:
        body = await bodies.read_body(request, SolveBody)
        served = service.model(body.model)
        if served.purpose == "abstraction":
            raise ApiError(400, f"{served.name}: writes hints and answers nothing", param="model")
        ask = Ask(served, problem_of(body.problem), seed=body.seed)
        call = Call(service, "/v1/solve", served.name, service.load.enter())
        return await _counted(call, lambda: streams.until_closed(request, _solved(ask)))

    async def _solved(ask: Ask) -> Response:
        reply = await _reply(await asker.prepare(ask))
        service.metrics.tokens(ask.model.name, reply.tokens)
        assert reply.solution and ask.problem  # a problem was asked
        hint = reply.solution.abstraction
        probabilities = await asker.probabilities(ask.problem, ask.model, hint)
        keys = {"answer", "abstraction", "votes", "why", "text", "agreement", "hints"}
        return JSONResponse(
            {
                "model": ask.model.name,
                **reply.solution.model_dump(mode="json", include=keys),
                **_passages(reply),
                "probabilities": probabilities,
                "tokens": reply.tokens.model_dump(),
            },
            headers=service.headers,
        )

    async def _answer(request: Request, body: Body, ask: Ask, left_out: list[str]) -> Response:
        """The answer to a chat or a text, streamed or not."""
        route = "/v1/chat/completions" if isinstance(body, ChatBody) else "/v1/completions"
        shape = Shape(ask.model.name, "chat" if isinstance(body, ChatBody) else "text")
        ignored = [*body.ignored(fixed=ask.model.fixed), *left_out]
        headers = {**service.headers, "X-Koalign-Prompt": _prompted(ask)}
        if ignored:
            headers["X-Koalign-Ignored"] = ", ".join(ignored).encode("ascii", "replace").decode()

        def notes(reply: Reply) -> Mapping[str, Any]:
            service.metrics.tokens(ask.model.name, reply.tokens)
            return {"prompt": _prompted(ask), "ignored": ignored, **_of_solution(reply)}

        async def whole() -> Response:
            reply = await _reply(await asker.prepare(ask))
            return JSONResponse(shape.whole(reply, notes(reply)), headers=headers)

        call = Call(service, route, ask.model.name, service.load.enter())
        if not body.stream:
            return await _counted(call, lambda: streams.until_closed(request, whole()))

        async def stream() -> Response:
            parts = await asker.prepare(ask)
            sent = streams.events(shape, parts, notes, call.over, with_usage=body.with_usage)
            return EventStream(
                sent, headers, lambda ended: call.over(200 if ended else CLIENT_GONE)
            )

        return await _counted(call, stream, last=False)

    return app


async def _counted(call: Call, work: Callable[[], Any], *, last: bool = True) -> Response:
    """The response; the place is left at its end, or with an error; `last`: it is whole."""
    status = CLIENT_GONE
    try:
        response: Response = await work()
        status = response.status_code
    except FAULTS as error:
        failed = api_error(error)
        status, last = failed.status, True
        raise failed from None
    except BaseException:
        last = True
        raise
    finally:
        if last:
            call.over(status)
    return response


async def _reply(parts: AsyncIterator[Part]) -> Reply:
    """The last part."""
    async for part in parts:
        if isinstance(part, Reply):
            return part
    raise RuntimeError("a model ended without a reply")


def _settings(body: Body) -> dict[str, Any]:
    """Of the request, for an Ask."""
    fixed = body.model in (CHAIN, VOTE)
    return {
        "temperature": body.temperature,
        "top_p": body.top_p,
        "max_tokens": body.most_tokens,
        "seed": body.seed,
        "stream": body.stream,
        "stop": () if fixed else body.stops,
    }


def _prompted(ask: Ask) -> str:
    """How the prompt was made."""
    if ask.problem:
        return "problem, as the run was trained"
    return "chat, not as the run was trained" if ask.chat else "text, not as the run was trained"


def _of_solution(reply: Reply) -> dict[str, Any]:
    """What solving says beside the text."""
    if reply.solution is None:
        return {}
    keys = {"answer", "votes", "why"}
    hints = [hint.use for hint in reply.solution.hints]
    solved = reply.solution.model_dump(mode="json", include=keys)
    return {**solved, "hints": hints, **_passages(reply)}


def _passages(reply: Reply) -> dict[str, Any]:
    """The passages that were shown, with their sources; nothing for a model that is shown none."""
    if not reply.passages:
        return {}
    keys = {"document", "title", "source", "licence", "text"}
    chunks = [passage.chunk for passage in reply.passages]
    return {"passages": [chunk.model_dump(mode="json", include=keys) for chunk in chunks]}


def _add_errors(app: FastAPI) -> None:
    """Every error in OpenAI's shape."""

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, ApiError)
        return JSONResponse(error.body, error.status, error.headers)

    async def routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        routes = "/v1/chat/completions, /v1/completions, /v1/solve, /v1/models, /health, /metrics"
        path = request.url.path[:100]
        failed = ApiError(error.status_code, f"{request.method} {path}: there are {routes}")
        return JSONResponse(failed.body, failed.status, error.headers)

    async def unforeseen(request: Request, error: Exception) -> Response:
        failed = ApiError(500, "koalign failed; the log of the server says how")
        return JSONResponse(failed.body, failed.status)

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=CLIENT_GONE)

    app.add_exception_handler(ApiError, known)
    app.add_exception_handler(HTTPException, routing)
    app.add_exception_handler(ClientDisconnect, gone)
    app.add_exception_handler(Exception, unforeseen)
