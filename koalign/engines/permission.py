"""permission: an address and the variable of its key -> whether a person lets text and key go there.

A config or a run may come from a stranger, and it names both. Each pair is asked about once.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from koalign.records import KoalignError
from koalign.text.visible import visible

NO_KEY = "-"
"""Stands for the variable where no key is sent."""
YES = ("y", "yes", "예", "네", "ㅇ")


def require_permission(url: str, variable: str, key: str) -> None:
    """Ask on the terminal whether prompts, and the key if there is one, may go to a server.

    A server on this machine without a key needs no permission. A yes is a line `URL VARIABLE` of
    `servers_file`. Raises KoalignError, with that line, for a no and where there is no terminal.
    """
    line = f"{url.rstrip('/')} {variable if key else NO_KEY}"
    path = servers_file()
    if (not key and on_this_machine(url)) or line in _lines(path):
        return
    cargo = "the prompts of this run" + (f" and the key in {variable}" if key else "")
    if sys.stdin.isatty() and sys.stderr.isatty():
        sys.stderr.write(visible(f"{url} would get {cargo}. Allow that from now on? [y/N] "))
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in YES:
            raise KoalignError(f"{url}: not allowed to get {cargo}")
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        return
    raise KoalignError(
        f"{url}: would get {cargo}, and nobody has allowed that; run this once on a terminal, which asks, "
        f"or add the line `{line}` to {path}"
    )


def servers_file() -> Path:
    """The user's own list, outside of every run (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    folder = Path(base) if os.path.isabs(base) else Path.home() / ".config"
    return folder / "koalign" / "servers"


def on_this_machine(url: str) -> bool:
    """Whether an address is one of the machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise KoalignError(f"{path}: cannot be read ({error}); mend or remove it") from None
