"""export: the pages of the board -> a folder of files that opens without a server."""

from __future__ import annotations

import re
import shutil
from html import unescape
from os.path import relpath
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from koalign.jsonl import write_atomically
from koalign.locking import begun
from koalign.records import content_hash
from koalign.serving.board.pages.routes import page_at
from koalign.serving.board.site import LANGUAGES, STATIC, Site, View
from koalign.text.visible import say

_LINK = re.compile(r'(<[^<>]*\s(?:href|src)=")(/[^"]*)(")')
START = """<!doctype html>
<html lang="ko"><meta charset="utf-8"><meta http-equiv="refresh" content="0; url=ko/index.html">
<title>koalign</title><a href="ko/index.html">한국어</a> <a href="en/index.html">English</a></html>
"""


def export(site: Site, folder: Path) -> int:
    """Write every page that can be reached from the two start pages; returns how many there are.

    Says on stderr which run comes next, and which was written meanwhile. Raises KoalignError for a folder
    that is there, and for one that another process writes.
    """
    with begun(folder) as new:
        return _write_pages(site, new)


def _write_pages(site: Site, folder: Path) -> int:
    waiting = [f"/{lang}/" for lang in LANGUAGES]
    seen = set(map(_file, waiting))
    before = site.root.find().runs
    unnamed = {f"run/{slug}": run.name for slug, run in before.items()}
    total = len(unnamed)
    while waiting:
        address = waiting.pop()
        path = unquote(urlsplit(address).path).split("/", 2)[2]
        if name := unnamed.pop("/".join(path.split("/")[:2]), None):
            say(f"run {total - len(unnamed)} of {total}: {name}", err=True)
        html = _page(site, address)
        for link in _LINK.finditer(html):
            target = unescape(link[2])
            if not target.startswith("/static/") and _file(target) not in seen:
                seen.add(_file(target))
                waiting.append(target)
        file = _file(address)
        write_atomically(folder / file, _LINK.sub(lambda m, file=file: _relative(m, file), html))  # type: ignore[misc]
    shutil.copytree(STATIC, folder / "static")
    write_atomically(folder / "index.html", START)
    after = site.root.find().runs
    for slug, run in before.items():
        if slug not in after or after[slug].modified != run.modified:
            say(
                f"warning: {run.name} was written meanwhile: some pages are of before, others of after; "
                "export again once it is done",
                err=True,
            )
    return len(seen)


def _page(site: Site, address: str) -> str:
    parts = urlsplit(address)
    _, lang, path = unquote(parts.path).split("/", 2)
    page, arguments = page_at(path)
    view = View(site, lang, path, dict(parse_qsl(parts.query)), exporting=True)
    return site.render(view, page, **arguments)[1]


def _file(address: str) -> str:
    """`/ko/run/x?page=2` -> `ko/run/x/` and a name for the query; one that names a file is it."""
    parts = urlsplit(address)
    if parts.path.endswith(".html"):
        return unquote(parts.path).strip("/")
    name = content_hash(sorted(parse_qsl(parts.query))) if parts.query else "index"
    return f"{unquote(parts.path).strip('/')}/{name}.html"


def _relative(link: re.Match[str], file: str) -> str:
    address = unescape(link[2])
    target = address.lstrip("/") if address.startswith("/static/") else _file(address)
    return f"{link[1]}{quote(relpath(target, Path(file).parent))}{link[3]}"
