"""site: an address below /ko or /en -> a page; what the server and the export have in common."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import jinja2
import numpy as np
from markupsafe import Markup

from koalign.hashing import PLAN
from koalign.manifests import command_of, read_manifest, refuse_changed
from koalign.records import KoalignError
from koalign.serving.board.charts import Charts
from koalign.serving.board.lines import Lines, Row, open_lines
from koalign.serving.board.quoting import SYSTEMS, Quoting, quoting_of
from koalign.serving.board.runs import Found, Root, Run
from koalign.serving.board.states import read_object
from koalign.serving.board.words import told, translated
from koalign.text.visible import visible
from koalign.tracking.withheld import withheld_splits

LANGUAGES = ("ko", "en")
PAGE = 50
"""Items on a page."""
ALONE = 10
"""Items of a list on a page that stands alone."""
EXPORTED_PAGES = 20
"""Pages of one list that an export holds."""
SOLVE_AT = "http://127.0.0.1:8000"
"""Where `koalign serve` listens if nothing is said."""
FOREIGN = (
    ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError,
    jinja2.TemplateError,
)  # fmt: skip
"""What a page meets in files that another version of koalign, or somebody else, has written."""
CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"


class NotThere(KoalignError):
    """An address without a page; the message says what is missing."""


class Reply(NamedTuple):
    """What a page function answers."""

    template: str
    context: dict[str, Any]


class Pager(NamedTuple):
    """Which of so many items a page shows; pages count from 1."""

    total: int
    page: int
    size: int = PAGE

    @property
    def pages(self) -> int:
        return max(1, math.ceil(self.total / self.size))

    @property
    def start(self) -> int:
        return (self.page - 1) * self.size

    @property
    def stop(self) -> int:
        return min(self.total, self.page * self.size)


class Site:
    """The runs' root with its caches and templates."""

    def __init__(
        self, root: Path, cache: Path, solve_at: str = SOLVE_AT, solve_token: str = ""
    ) -> None:
        self.root, self._cache = Root(root), cache
        self.solve_at, self.solve_token = solve_at, solve_token
        self.charts = Charts(cache / "charts")
        self.jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            finalize=lambda value: visible(value) if type(value) is str else value,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.jinja.globals |= {"circled": circled, "len": len, "zip": zip}
        self.jinja.filters |= {
            "share": share,
            "points": signed,
            "duration": duration,
            "comma": comma,
        }

    def lines(self, path: Path) -> Lines:
        """A JSONL file below the root. Raises NotThere where there is none."""
        if not self.root.inside(path).is_file():
            raise NotThere(self._not_there(path))
        return open_lines(path, self._cache / "lines")

    def object(self, path: Path) -> dict[str, Any]:
        """The JSON object of a file below the root; empty where there is none.

        Raises NotThere for a file that is none.
        """
        value = read_object(self.root.inside(path))
        if not value and os.path.lexists(path):
            raise NotThere(self._not_there(path))
        return value

    def _not_there(self, path: Path) -> str:
        """What is wrong with a file of a stage, and what makes it."""
        name = path.relative_to(self.root.path).as_posix()
        stage = next((folder for folder in path.parents if (folder / PLAN).exists()), path.parent)
        if not os.path.lexists(path):
            return f"{name}: not there yet; `koalign {command_of(stage)}` makes it"
        return f"{name}: damaged; `koalign {command_of(stage)} --force` makes it again"

    def render(self, view: View, page: Callable[..., Reply], **arguments: str) -> tuple[int, str]:
        """Status and HTML; what is missing or damaged is told on a page of its own."""
        try:
            return 200, self._rendered(view, page(view, **arguments))
        except KoalignError as error:
            status, message = 404 if isinstance(error, NotThere) else 200, view.told(str(error))
        except FOREIGN as error:
            status = 200
            message = view.t("The files are not as this version writes them: {error}", error=error)
            message += f" {self._changed(view, arguments)}"
        message = message.replace(f"{self.root.path}/", "")
        return status, self._rendered(view, Reply("notice.html", {"message": message}))

    def _changed(self, view: View, arguments: Mapping[str, str]) -> str:
        """Of the files that a page reads: the one that is not as it was made, and what makes it again."""
        run = view.found.runs.get(arguments.get("slug", ""))
        if run is None:
            return view.t("The same command makes them again.")
        try:
            for stage in run.stages:
                folder = run.path / stage.name
                if done := read_manifest(folder):
                    refuse_changed(folder, done, folder)
        except (KoalignError, OSError) as error:
            return view.told(str(error).replace(f"{self.root.path}/", ""))
        return view.t("Another version of koalign has made them; --force makes a stage again.")

    def section(self, view: View, reply: Reply) -> Markup:
        """What a page shows, without the frame of the site."""
        return Markup(self._rendered(view, reply))

    def _rendered(self, view: View, reply: Reply) -> str:
        layout = "section.html" if view.alone else "base.html"
        context = {"view": view, "t": view.t, "run": None, "layout": layout, **reply.context}
        return self.jinja.get_template(reply.template).render(context)


@dataclass(frozen=True)
class View:
    """One request: the language, the address and its query."""

    site: Site
    lang: str
    path: str
    query: Mapping[str, str]
    exporting: bool = False
    alone: bool = False
    """Whether it is a part of one page that stands alone: short lists, no links."""
    defaults: dict[str, str] = field(default_factory=dict)
    """What the page takes for the values that a query may leave out, as far as it has asked."""

    def t(self, text: str, **values: object) -> str:
        """The text in the language of the page, with the values put in."""
        said = translated(text) if self.lang == "ko" else text
        return said.format(**values) if values else said

    def told(self, sentence: str) -> str:
        """A sentence of a report in the language of the page."""
        return told(sentence) if self.lang == "ko" else sentence

    def url(self, path: str = "", **query: object) -> str:
        """The address of a page; empty values are left out."""
        kept = {key: value for key, value in query.items() if value not in ("", None)}
        end = f"?{urlencode(kept)}" if kept else ""
        return f"/{self.lang}/{quote(path)}{end}"

    def here(self, *without: str, **changes: object) -> str:
        """This page with other values in its query and without some, from the first item on.

        A page has one address, so that an export writes it once: its defaults are left out.
        """
        kept = {k: v for k, v in self.query.items() if k not in ("page", *without)}
        asked = {**kept, **changes}
        return self.url(self.path, **{k: v for k, v in asked.items() if v != self.defaults.get(k)})

    @property
    def other_language(self) -> str:
        lang = "en" if self.lang == "ko" else "ko"
        return replace(self, lang=lang).here(page=self.query.get("page", ""))

    @cached_property
    def found(self) -> Found:
        return self.site.root.find()

    def run(self, slug: str) -> Run:
        """Raises NotThere for a run that is not below the root."""
        if slug not in self.found.runs:
            known = ", ".join(list(self.found.runs)[:5]) or self.t("no run")
            raise NotThere(
                self.t("There is no run {slug} here; there are: {known}", slug=slug, known=known)
            )
        return self.found.runs[slug]

    def value(self, name: str, known: Sequence[str], default: str = "") -> str:
        """A value of the query, if it is one of these."""
        self.defaults[name] = default
        value = self.query.get(name, "")
        return value if value in known else default

    def pager(self, total: int) -> Pager:
        """The page that the query asks for; beyond the last: the last."""
        asked = self.query.get("page", "")
        page = int(asked) if asked.isdecimal() and len(asked) < 10 else 1
        size = ALONE if self.alone else PAGE
        return Pager(total, min(max(1, page), Pager(total, 1, size).pages), size)

    def picked(self, lines: Lines, mask: np.ndarray | None) -> tuple[Pager, list[tuple[int, Row]]]:
        """The page's lines with their numbers from 0: all, or those where the mask is true."""
        if mask is None:
            pager = self.pager(len(lines))
            rows = lines.rows(pager.start, pager.stop)
            return pager, list(enumerate(rows, start=pager.start))
        numbers = np.flatnonzero(mask)
        pager = self.pager(len(numbers))
        wanted = numbers[pager.start : pager.stop].tolist()
        return pager, list(zip(wanted, lines.at(wanted), strict=True))

    @property
    def charts(self) -> Charts:
        return self.site.charts

    def hides(self, run: Run, *splits: str) -> bool:
        """Whether this is an export, and a source of these splits may not be passed on."""
        return self.exporting and bool(withheld_splits(run.path) & {*splits})

    def quoting(self, run: Run, system: str) -> Quoting | None:
        """What an export may hold of the passages that the answers of a system read; None: all."""
        return quoting_of(run.path) if self.exporting and system in SYSTEMS else None


def circled(number: object) -> str:
    """`③` of 3 or "3"; anything else as it is."""
    text = str(number)
    known = text.isdecimal() and len(text) < 3 and 1 <= int(text) <= len(CIRCLED)
    return CIRCLED[int(text) - 1] if known else text


def share(value: float | None, digits: int = 1) -> str:
    """`62.5 %` of 0.625; a dash for none."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def percents(value: float | None, low: float | None, high: float | None) -> dict[str, float]:
    """A share and its interval in per cent, for a chart; without an interval the value alone."""
    middle = 100 * (value or 0.0)
    ends = (middle if end is None else 100 * end for end in (low, high))
    return {
        "value": round(middle, 2),
        **{k: round(e, 2) for k, e in zip(("low", "high"), ends, strict=True)},
    }


def histogram_rows(bins: Sequence[Mapping[str, int]]) -> list[dict[str, Any]]:
    """Bins from (inclusive), to (exclusive) and count, for a histogram."""
    return [
        {
            "start": b["from"], "end": b["to"], "value": b["count"],
            "words": f"{b['from']:,}–{b['to'] - 1:,}: {b['count']:,}",
        }
        for b in bins
    ]  # fmt: skip


def signed(value: float | None) -> str:
    """`+1.2` points of 0.012; a dash for none."""
    return "–" if value is None else f"{round(100 * value, 1) + 0.0:+.1f}".replace("-", "−")


def duration(seconds: float) -> str:
    """`1:02:03`, `2:03`, `3.1 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def comma(value: float | None) -> str:
    """`12,345`; a dash for none."""
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
