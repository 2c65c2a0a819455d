"""board: a board of a folder as a client in the process asks it, and its addresses."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from fastapi.testclient import TestClient

from koalign.serving.board.app import board_app
from koalign.serving.board.pages.routes import ROUTES
from koalign.serving.board.site import Site

SCRIPT = "<script>alert('x')</script>\"' onload=\"alert(1)"
LOCAL = "http://127.0.0.1"


class Tags(HTMLParser):
    """The sources of the scripts of a page, and the names of all attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


def addresses(slug: str, lang: str = "ko") -> list[str]:
    """Every page of a run, and those of the site."""
    pages = [path.format(slug=slug, bench="bench", report="report") for path in ROUTES]
    return [f"/{lang}/{page}" for page in pages] + [f"/{lang}/compare?run={slug}"]


def client(root: Path, cache: Path, **options) -> TestClient:
    return TestClient(board_app(Site(root, cache), **options), base_url=LOCAL)
