"""passages: what was found for each problem of a run, with its source and what it does to the answers.

By `koalign retrieve`, and by the queries of an adapter in `koalign solve`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from koalign.serving.board.lines import Lines, Row
from koalign.serving.board.pages.exam import splits_of, without_texts
from koalign.serving.board.site import NotThere, Reply, View
from koalign.tracking.withheld import may_be_passed_on


def passages(view: View, slug: str) -> Reply:
    """The problems of a split, or of a solving, each with its passages in their order; `split`: which."""
    run = view.run(slug)
    solved = [] if view.exporting else _solved(run.path)
    prepared = splits_of(run)
    splits = [*prepared, *solved]
    split = view.value("split", splits, prepared[-1] if prepared else "test")
    folder = run.path / "solving" / split if split in solved else run.path / "retrieve"
    asked = folder / "problems.jsonl" if split in solved else run.path / f"prepare/{split}.jsonl"
    lines = view.site.lines(folder / "passages.jsonl")
    pager, problems = view.picked(view.site.lines(asked), None)
    names = [str(row.get("id")) for _, row in problems]
    found = _by_problem(lines, names, lambda row: str(row.get("problem_id", "")))
    try:
        screened = view.site.lines(run.path / "passages" / "passages.jsonl")
        judged = _by_problem(screened, names, lambda row: str(row["passage"]["problem_id"]))
    except NotThere:  # `koalign passages` has not run
        judged = {}
    hidden = view.hides(run, split)
    shown = [
        (
            number + 1,
            without_texts(problem) if hidden else problem,
            [_passage(view, row, judged.get(name, ())) for row in found.get(name, ())],
        )
        for (number, problem), name in zip(problems, names, strict=True)
    ]
    withheld = any(passage["withheld"] for _, _, own in shown for passage in own)
    context = {"run": run, "tab": "passages", "split": split, "splits": splits, "pager": pager}
    return Reply(
        "passages.html", {**context, "shown": shown, "hidden": hidden, "withheld": withheld}
    )


def _solved(run: Path) -> list[str]:
    """The folders below `solving` in which passages stand that written queries have found."""
    return sorted(path.parent.name for path in run.glob("solving/*/passages.jsonl"))


def _by_problem(
    lines: Lines, names: Sequence[str], problem_of: Callable[[Row], str]
) -> dict[str, list[Row]]:
    """The lines of these problems, in their order."""
    labels, codes = lines.facet("problem", problem_of)
    places = {label: place for place, label in enumerate(labels)}
    return {
        name: lines.at(np.flatnonzero(codes == places[name]).tolist())
        for name in names
        if name in places
    }


def _passage(view: View, row: Row, judged: Sequence[Row]) -> dict[str, Any]:
    """A passage and its verdict; without its texts in an export that may not hold them."""
    chunk = row["chunk"]
    withheld = view.exporting and not may_be_passed_on(str(chunk["licence"]))
    texts = dict.fromkeys(("title", "text", "document"), "") if withheld else {}
    verdict = next((v for v in judged if v["passage"]["chunk_id"] == row["chunk_id"]), None)
    own = {"rank": row["rank"], "withheld": withheld, "judged": verdict}
    return {**chunk, **texts, **own, "written": row.get("written", "")}
