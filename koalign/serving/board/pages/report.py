"""report: the pages of a run -> one page to print or to pass on, without links."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from koalign.records import KoalignError
from koalign.serving.board.pages.bias import bias
from koalign.serving.board.pages.data import data, leaks
from koalign.serving.board.pages.mining import hints, mistakes, pairs
from koalign.serving.board.pages.passages import passages
from koalign.serving.board.pages.results import results
from koalign.serving.board.pages.start import run
from koalign.serving.board.site import FOREIGN, STATIC, Reply, View

SECTIONS = (run, results, bias, mistakes, data, leaks, pairs, hints, passages)


def report(view: View, slug: str) -> Reply:
    """Each page that a run has, with the beginnings of its lists; names those that cannot be read."""
    shown, short = view.run(slug), replace(view, alone=True, query={})
    sections, unread = [], []
    for page in SECTIONS:
        try:
            sections.append(view.site.section(short, page(short, slug)))
        except KoalignError:  # a stage that has not run
            continue
        except FOREIGN:
            unread.append(page.__name__)
    style = Markup((STATIC / "board.css").read_text("utf-8"))
    return Reply(
        "report.html", {"shown": shown, "sections": sections, "unread": unread, "style": style}
    )
