"""html: a web page -> its title and the text that a reader sees, a line a block."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_UNSEEN = frozenset({"script", "style", "noscript", "template", "svg", "head"})
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li",
    "main", "nav", "ol", "p", "pre", "section", "table", "tbody", "td", "tfoot", "th", "thead", "title",
    "tr", "ul",
})  # fmt: skip


def text_of_html(page: str) -> tuple[str, str]:
    """(title, text): blanks in a row are one, a block begins a line, letters and punctuation stay."""
    parser = _Parser()
    parser.feed(_closed(page))
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.text).split("\n"))
    return " ".join("".join(parser.title).split()), "\n".join(filter(None, lines))


def _closed(page: str) -> str:
    """The page with `&lt;` for what opens a comment or a tag and is closed nowhere below it.

    The parser would look for the end of each to the end of the page. A section such as `<![if gte mso 9]>`
    becomes a comment, as browsers read it: the parser raises AssertionError for most of them.
    """
    page = page.replace("<![", "<! [")
    comments = page.rfind("-->") + 1
    page = page[:comments] + page[comments:].replace("<!--", "&lt;!--")
    tags = page.rfind(">") + 1
    return page[:tags] + page[tags:].replace("<", "&lt;")


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.title: list[str] = []
        self._unseen: list[str] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._in_title = tag == "title"
        if tag in _UNSEEN:
            self._unseen.append(tag)
        elif tag == "body":  # a head that nobody closed
            self._unseen = []
        if tag in _BLOCKS:
            self.text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False
        if tag in self._unseen:
            while self._unseen.pop() != tag:
                pass
        if tag in _BLOCKS:
            self.text.append("\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)
        elif not self._unseen:
            self.text.append(re.sub(r"\s", " ", data))
