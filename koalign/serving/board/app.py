"""app: the board over HTTP: plain GETs, read-only, with headers that let nothing foreign in or out."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from koalign.records import KoalignError
from koalign.serving.board.pages.routes import ROUTES, missing
from koalign.serving.board.pages.start import live_curves
from koalign.serving.board.site import FOREIGN, LANGUAGES, STATIC, Reply, Site, View

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Next = Callable[[Request], Awaitable[Response]]


def board_app(site: Site, token: str = "", hosts: tuple[str, ...] = LOOPBACK) -> FastAPI:
    """The application. With a token each request must carry it, as a password or as a bearer.

    Without one only `hosts` may be asked for: another name for this machine is a page elsewhere that
    wants to read it (DNS rebinding).
    """
    app = FastAPI(title="koalign board", docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def guarded(request: Request, call_next: Next) -> Response:
        refused = _refusal(request, token, hosts)
        response = refused or await call_next(request)
        response.headers.update(HEADERS)
        return response

    app.mount("/static", StaticFiles(directory=STATIC), name="static")

    @app.get("/")
    def start(request: Request) -> Response:
        return RedirectResponse(f"/{preferred(request.headers.get('accept-language', ''))}/")

    for path, page in ROUTES.items():
        app.get(f"/{{lang}}/{path}", response_class=HTMLResponse)(_endpoint(site, page))

    @app.get("/{lang}/run/{slug}/live/{stage}")
    def live(request: Request, lang: str, slug: str, stage: str) -> Response:
        try:
            return JSONResponse(live_curves(_view(site, request, lang), slug, stage))
        except (KoalignError, *FOREIGN) as error:
            return JSONResponse({"error": str(error)}, 404)

    @app.get("/{rest:path}")
    def nowhere(request: Request) -> Response:
        return _endpoint(site, missing)(
            request, preferred(request.headers.get("accept-language", ""))
        )

    return app


def preferred(accepted: str) -> str:
    """Korean, unless the browser names English first."""
    names = [part.strip()[:2].lower() for part in accepted.split(",")]
    return next((name for name in names if name in LANGUAGES), "ko")


def _view(site: Site, request: Request, lang: str) -> View:
    path = request.scope["path"].removeprefix(f"/{lang}/")
    query = dict(list(request.query_params.items())[:20])
    return View(site, lang if lang in LANGUAGES else "ko", path, query)


def _endpoint(site: Site, page: Callable[..., Reply]) -> Callable[..., Response]:
    def endpoint(request: Request, lang: str) -> Response:
        if lang not in LANGUAGES:
            return _endpoint(site, missing)(request, "ko")
        arguments: dict[str, Any] = dict(request.path_params)
        arguments.pop("lang", None)
        arguments.pop("rest", None)
        status, html = site.render(_view(site, request, lang), page, **arguments)
        return HTMLResponse(html, status)

    return endpoint


def _refusal(request: Request, token: str, hosts: tuple[str, ...]) -> Response | None:
    if request.headers.get("sec-fetch-site") == "cross-site" and not _is_opened(request):
        return Response("a page of another site has asked for it", 403)
    if not token:
        host = request.headers.get("host", "").rpartition("]")[0].lstrip("[")
        host = host or request.headers.get("host", "").partition(":")[0]
        return None if host.lower() in hosts else Response("this name is not served", 403)
    given = request.headers.get("authorization", "")
    kind, _, value = given.partition(" ")
    if kind.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
        except ValueError:
            value = ""
    if hmac.compare_digest(value.encode(), token.encode()):
        return None
    return Response(
        "the token is missing or wrong; any user name, and the token as the password", 401,
        {"WWW-Authenticate": 'Basic realm="koalign board", charset="UTF-8"'},
    )  # fmt: skip


def _is_opened(request: Request) -> bool:
    """Whether a reader opens a page, and no other site draws or frames it: a page may ask the server."""
    return request.headers.get("sec-fetch-dest") == "document"
