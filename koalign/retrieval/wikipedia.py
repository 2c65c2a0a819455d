"""wikipedia: a dump of a MediaWiki (pages-articles.xml.bz2) -> its articles as plain text.

Templates, tables, references, files and categories go, with what stands in them. Of links, headings and
emphasis the words stay. Redirects and pages outside the main namespace are no articles.
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

from koalign.records import KoalignError

MAIN = "0"
"""The namespace of articles."""
_GONE = re.compile(
    r"<!--|-->|</?(?P<name>ref|gallery|math|timeline|score|syntaxhighlight|source|code)\b[^<>]*?(?P<empty>/?)>",
    re.IGNORECASE,
)
"""Where comments, and elements that go with what stands in them, begin and end."""
_INNERMOST = re.compile(r"\{\{[^{}]*\}\}|\{\|(?:(?!\{\||\|\}).)*?\|\}", re.DOTALL)
_FILE_OR_CATEGORY = re.compile(
    r"\[\[\s*(?:파일|그림|분류|file|image|category)\s*:(?:[^\[\]]|\[\[[^\[\]]*\]\])*\]\]",
    re.IGNORECASE,
)
_LINK = re.compile(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
_OUTSIDE = re.compile(r"\[(?:https?:)?//[^\s\[\]]++ ?([^\[\]]*)\]")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_HEADING = re.compile(r"^(={1,6})(.*?)\1\s*$", re.MULTILINE)
_LIST = re.compile(r"^[*#:;]+\s*", re.MULTILINE)
_DEEPEST = 40
"""Templates within each other that are looked for; deeper ones are no article's."""


def articles(path: Path) -> Iterator[tuple[str, str, str]]:
    """(id, title, plain text) of each article of a dump, in its order.

    Raises KoalignError for a file that is cut off or no dump; what came before it has been yielded.
    """
    try:
        with bz2.open(path, "rb") if path.suffix == ".bz2" else path.open("rb") as file:
            steps = ElementTree.iterparse(file, events=("start", "end"))
            _, root = next(steps)
            if _name(root) != "mediawiki":
                raise KoalignError(
                    f"{path}: no dump of a MediaWiki (it begins with <{_name(root)}>); take its "
                    "pages-articles.xml.bz2"
                )
            for event, element in steps:
                if event == "end" and _name(element) == "page":
                    fields = {_name(child): child for child in element}
                    if fields["ns"].text == MAIN and "redirect" not in fields:
                        text = next(
                            (part.text for part in element.iter() if _name(part) == "text"), None
                        )
                        yield (
                            fields["id"].text or "",
                            fields["title"].text or "",
                            plain_text(text or ""),
                        )
                    root.clear()
    except (EOFError, StopIteration):
        raise KoalignError(f"{path}: the dump is cut off; download it again") from None
    except (ElementTree.ParseError, OSError, KeyError) as error:
        raise KoalignError(
            f"{path}: the dump cannot be read to its end ({error}); download it again"
        ) from None


def plain_text(wikitext: str) -> str:
    """The words of an article, a line a paragraph."""
    text = _without_elements(unescape(wikitext))
    for _ in range(_DEEPEST):
        text, found = _INNERMOST.subn("", text)
        if not found:
            break
    text = _FILE_OR_CATEGORY.sub("", text)
    for _ in range(2):  # a link in the words of a link
        text = _LINK.sub(r"\1", text)
    text = _OUTSIDE.sub(r"\1", _TAG.sub("", text))
    text = re.sub(r"'{2,5}", "", _LIST.sub("", _HEADING.sub(r"\2", text)))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(filter(None, lines))


def _without_elements(text: str) -> str:
    """The text without comments, and without the elements that end somewhere below."""
    marks = [(mark, (mark["name"] or "").lower()) for mark in _GONE.finditer(text)]
    ends = {name: mark.start() for mark, name in marks if _is_end(mark)}
    kept: list[str] = []
    start, inside = 0, None
    for mark, name in marks:
        if inside is not None:
            if name == inside and _is_end(mark):
                start, inside = mark.end(), None
        elif not _is_end(mark) and (mark["empty"] or not name or mark.start() < ends.get(name, 0)):
            kept.append(text[start : mark.start()])
            start, inside = (mark.end(), None) if mark["empty"] else (len(text), name)
    return "".join([*kept, text[start:]])


def _is_end(mark: re.Match[str]) -> bool:
    return mark[0].startswith(("</", "-->"))


def _name(element: ElementTree.Element) -> str:
    """The tag without its namespace, which is another in every version of MediaWiki."""
    return element.tag.rpartition("}")[2]
