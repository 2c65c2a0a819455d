"""written: reports that `benchmark --diagnose`, `solve --report` and `mine` wrote -> their pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koalign.evaluation.stats.wording import interval
from koalign.jsonl import parse_record
from koalign.mining.mistakes.mistakes import Mined
from koalign.records import KoalignError
from koalign.serving.board.charts import Chart
from koalign.serving.board.pages.mining import mistakes_map
from koalign.serving.board.pages.solving import solving_parts
from koalign.serving.board.runs import Written
from koalign.serving.board.site import NotThere, Reply, View, share, signed
from koalign.serving.board.states import read_object

OTHER_VERSION = "This report is of another version of koalign; the same command makes it again."


def written(view: View, report: str) -> Reply:
    """The page of a report. An export leaves its texts out: nothing says where they come from."""
    known = view.found.written
    if report not in known:
        raise NotThere(view.t("There is no report {name} here.", name=report))
    file = known[report]
    value = read_object(file.path)
    if not value:
        raise NotThere(view.t(OTHER_VERSION))
    if file.kind == "diagnosis":
        return _diagnosis(view, file, value)
    if file.kind == "mistakes":
        try:
            mined = parse_record(Mined, value, file.name)
        except KoalignError:
            raise NotThere(view.t(OTHER_VERSION)) from None
        context = {"mined": mined, "hidden": view.exporting, "file": file, "systems": [], "of": ""}
        return Reply(
            "mistakes.html", context | {"chart": mistakes_map(view, mined, view.exporting)}
        )
    parts = solving_parts(view, value)
    if parts["solving"] is None:
        raise NotThere(view.t(OTHER_VERSION))
    return Reply("solving_report.html", {"file": file, **parts})


def _diagnosis(view: View, file: Written, report: Mapping[str, Any]) -> Reply:
    signs = [
        {**sign, **{name: _figure(sign, name) for name in ("base", "system", "difference")}}
        for sign in report["signs"]
    ]
    context = {"file": file, "report": report, "signs": signs, "hidden": view.exporting}
    return Reply("diagnosis.html", context | {"charts": _charts(view, report)})


def _figure(sign: Mapping[str, Any], name: str) -> str:
    """`75.0 %`, and of a difference `+12.0 (+3.1 – +20.9)` in points; lengths in tokens."""
    if (figure := sign[name]) is None:
        return "–"
    in_tokens = sign["unit"] == "tokens"
    if name != "difference":
        return f"{figure['value']:.0f}" if in_tokens else share(figure["value"])
    show = "{:+.0f}".format if in_tokens else signed
    ends = interval(figure["low"], figure["high"], show, unknown="").replace(" to ", " – ")
    return f"{show(figure['value'])} ({ends})" if ends else show(figure["value"])


def _charts(view: View, report: Mapping[str, Any]) -> list[Chart]:
    rows = [
        {
            "name": view.t(sign["title"]),
            "control": sign["verdict"] == "worse",
            **{name: round(100 * sign["difference"][name], 2) for name in ("value", "low", "high")},
            "words": f"{view.t(sign['title'])}: {_figure(sign, 'difference')}",
        }
        for sign in report["signs"]
        if sign["unit"] == "share" and sign["difference"] and sign["difference"]["low"] is not None
    ]
    if not rows:
        return []
    text = view.t("{n} of {all} signs are worse than the base's.",
                  n=sum(row["control"] for row in rows), all=len(rows))  # fmt: skip
    title, axis = view.t("System minus base"), view.t("percentage points")
    return [view.charts.intervals(title, rows, axis, zero=True, text=text)]
