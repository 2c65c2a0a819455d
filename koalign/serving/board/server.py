"""server: the board on a port of this machine, until Ctrl-C."""

from __future__ import annotations

import socket
import threading
from ipaddress import ip_address

import uvicorn

from koalign.records import KoalignError
from koalign.serving.board.app import LOOPBACK, board_app
from koalign.serving.board.site import Site
from koalign.serving.heads import Heads
from koalign.text.visible import say

DRAIN = 5
"""Seconds in which pages under way may end after a signal; a client may never read its page."""


def serve(site: Site, host: str, port: int, token: str) -> None:
    """Raises KoalignError for an address beyond this machine without a token, and for a port in use."""
    if not token and not _is_own(host):
        raise KoalignError(
            f"--host {host}: others could read your runs; give --token-env, or take 127.0.0.1 and "
            f"`ssh -L {port}:127.0.0.1:{port}`"
        )
    listening = _listen(host, port)
    at = listening.getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    threading.Thread(target=site.charts.warm_up, daemon=True).start()
    say(f"koalign board: http://{name}:{at}/ (Ctrl-C ends it)")
    config = uvicorn.Config(
        board_app(site, token), log_level="warning", access_log=False, ws="none",
        http=Heads, timeout_graceful_shutdown=DRAIN,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])


def _is_own(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # asyncio sets TCP_NODELAY only where the protocol is named; without it a reply takes 40 ms more.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()  # who reads the address may ask at once, before the app is built
    except OSError as error:
        raise KoalignError(
            f"--host {host} --port {port}: {error.strerror or error}; take another --port, or 0"
        ) from None
    return listening
