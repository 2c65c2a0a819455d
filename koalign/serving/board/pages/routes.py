"""routes: the addresses below /ko and /en, for the server and for the export."""

from __future__ import annotations

from collections.abc import Callable

from koalign.serving.board.pages.attempt import attempt
from koalign.serving.board.pages.bias import bias
from koalign.serving.board.pages.compare import compare
from koalign.serving.board.pages.data import data, dropped, leaks
from koalign.serving.board.pages.exam import exam
from koalign.serving.board.pages.mining import hints, mistakes, pairs
from koalign.serving.board.pages.passages import passages
from koalign.serving.board.pages.report import report
from koalign.serving.board.pages.results import results
from koalign.serving.board.pages.start import run, runs
from koalign.serving.board.pages.written import written
from koalign.serving.board.site import NotThere, Reply, View

ROUTES: dict[str, Callable[..., Reply]] = {
    "": runs,
    "compare": compare,
    "try": attempt,
    "bench/{bench}": bias,
    "file/{report}": written,
    "run/{slug}": run,
    "run/{slug}/results": results,
    "run/{slug}/exam": exam,
    "run/{slug}/data": data,
    "run/{slug}/dropped": dropped,
    "run/{slug}/leaks": leaks,
    "run/{slug}/pairs": pairs,
    "run/{slug}/hints": hints,
    "run/{slug}/passages": passages,
    "run/{slug}/mistakes": mistakes,
    "run/{slug}/bias": bias,
    "run/{slug}/report.html": report,
}


def page_at(path: str) -> tuple[Callable[..., Reply], dict[str, str]]:
    """The page function of an address below the language, and its arguments."""
    parts = path.split("/")
    for pattern, page in ROUTES.items():
        names = pattern.split("/")
        if len(names) == len(parts) and all(
            n[:1] == "{" or n == p for n, p in zip(names, parts, strict=True)
        ):
            return page, {n[1:-1]: p for n, p in zip(names, parts, strict=True) if n[:1] == "{"}
    return missing, {}


def missing(view: View, **_: str) -> Reply:
    """Any other address."""
    raise NotThere(view.t("There is no such page."))
