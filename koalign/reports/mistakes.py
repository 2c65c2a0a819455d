"""mistakes: mined mistakes -> a table in the terminal, and one HTML page with their map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape
from rich.markup import escape as plain
from rich.table import Table

from koalign.mining.mistakes.mistakes import Answered, Mined, Mining, Spot
from koalign.reports.page import Part, bars, page
from koalign.reports.views import console

COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00",
    "#56b4e9", "#7a3b00", "#5f4b8b", "#5a9a1f", "#555555",
)  # fmt: skip
"""Told apart by the colour-blind too (after Okabe and Ito); the eleventh cluster begins again."""
SPOTS = 3000
"""Mistakes in the picture, all medoids and picked ones before others."""
EXAMPLES = 20
"""Medoids shown whole."""
WIDTH, HEIGHT, MARGIN = 760, 480, 28
SHOWN = 60
"""Letters of a question in the terminal."""
UNNAMED = "(no subject)"


def print_mined(mined: Mined) -> None:
    """How much was wrong, in which clusters, and what was picked."""
    out = console()
    for line in _summary(mined):
        out.print(line, highlight=False, markup=False)
    if mined.clusters:
        table = Table("cluster", "wrong", "picked", "subjects", "about", "for example")
        for one in mined.clusters:
            question = " ".join(one.question.split())
            # Many a data set puts the passage before the question: what is asked stands last.
            cut = "…" * (len(question) > SHOWN) + question[-SHOWN:]
            table.add_row(
                str(one.cluster),
                f"{one.size:,}",
                f"{one.picked:,}",
                plain(_listed(one.subjects)),
                plain(", ".join(one.terms)),
                plain(cut),
            )
        out.print(table)
    for note in mined.notes:
        out.print(f"note: {note}", highlight=False, markup=False)


def mined_page(mining: Mining) -> str:
    """The same with a map of the mistakes, their subjects, and each medoid whole, as HTML."""
    mined = mining.mined
    medoids = {spot.cluster: spot for spot in mining.spots if spot.medoid}
    rows = [
        (
            _number(one.cluster),
            one.size,
            one.picked,
            _listed(one.subjects),
            ", ".join(one.terms),
            one.question,
        )
        for one in mined.clusters
    ]
    shown = min(len(mining.spots), SPOTS)
    told = f" (mean silhouette {mined.silhouette:.2f})" if mined.silhouette is not None else ""
    return page(
        "Mistakes",
        [
            Part("Totals", [(line,) for line in (*_summary(mined), *mined.notes)]),
            Part(
                f"{len(rows)} clusters{told}",
                rows,
                ("cluster", "wrong", "picked", "subjects", "about", "the mistake in its middle"),
                note=_map(mining.spots)
                + escape(
                    f"{shown:,} of {len(mining.spots):,} mistakes, in the two directions in which they "
                    "differ most: what lies apart is unlike, what lies together may be. Filled: picked. "
                    "Ringed and numbered: the middle of a cluster. Point at one to read it."
                ),
            ),
            Part(
                "Subjects",
                [(name or UNNAMED, *counts.values()) for name, counts in mined.subjects.items()],
                ("subject", "wrong", "picked", "replayed"),
            ),
            bars("Why they are wrong", mined.why, "As the grader says."),
            *(
                Part(
                    f"Cluster {number}: the mistake in its middle",
                    [_whole(spot.answered)],
                    ("asked", "answered", "gold"),
                    texts=True,
                )
                for number, spot in list(medoids.items())[:EXAMPLES]
            ),
        ],
    )


def _summary(mined: Mined) -> list[str]:
    unjudged = f", {mined.unjudged:,} that no rule can judge" if mined.unjudged else ""
    lines = [f"{mined.answered:,} answered: {mined.wrong:,} wrong, {mined.right:,} right{unjudged}"]
    if not mined.wrong:
        return [*lines, "nothing is wrong: there is nothing to mine, and nothing is written"]
    replay = mined.replayed / (mined.picked + mined.replayed)
    taken = (
        f"{mined.picked:,} mistakes taken, {mined.replayed:,} replayed ({replay:.0%} of the set)"
    )
    if mined.silhouette is not None:
        taken += f"; {len(mined.clusters)} clusters, mean silhouette {mined.silhouette:.2f}"
    return [*lines, taken]


def _map(spots: Sequence[Spot]) -> Markup:
    """A picture of the spots as SVG, the picked ones on top and the medoids on top of them."""
    if not spots:
        return Markup()
    first = sorted(spots, key=lambda spot: (not spot.medoid, not spot.picked))[:SPOTS]
    across = [spot.x for spot in first]
    up = [spot.y for spot in first]
    marks = [
        _mark(
            spot,
            _scaled(spot.x, min(across), max(across), WIDTH),
            _scaled(-spot.y, -max(up), -min(up), HEIGHT),
        )
        for spot in reversed(first)
    ]
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" style="max-width: {}px; display: block; '
        'border: 1px solid #ddd; margin: .6em 0">{}</svg>'
    ).format(WIDTH, HEIGHT, WIDTH, Markup("\n").join(marks))


def _mark(spot: Spot, x: float, y: float) -> Markup:
    colour = _colour(spot.cluster)
    fill = Markup('fill="{}"').format(colour) if spot.picked else Markup('fill="none"')
    dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{}" {} stroke="{}" opacity="{}"/>').format(
        x, y, 4 if spot.picked else 3, fill, colour, 0.9 if spot.picked else 0.5
    )
    if spot.medoid:
        dot += Markup(
            '<circle cx="{:.1f}" cy="{:.1f}" r="9" fill="none" stroke="#222" stroke-width="2"/>'
            '<text x="{:.1f}" y="{:.1f}" font-size="15" font-weight="bold" fill="#222" '
            'stroke="#fff" stroke-width="3" paint-order="stroke">{}</text>'
        ).format(x, y, x + 11, y + 5, spot.cluster)
    problem = spot.answered.problem
    told = f"{spot.cluster}: {problem.question[:200]} ({problem.id})"
    return Markup("<g><title>{}</title>{}</g>").format(told, dot)


def _scaled(value: float, low: float, high: float, size: int) -> float:
    """Into the picture; into its middle where all values are one."""
    share = (value - low) / (high - low) if high - low > 1e-9 else 0.5
    return MARGIN + share * (size - 2 * MARGIN)


def _number(cluster: int) -> Markup:
    return Markup('<b style="color: {}">{}</b>').format(_colour(cluster), cluster)


def _colour(cluster: int) -> str:
    return COLOURS[(cluster - 1) % len(COLOURS)]


def _whole(one: Answered) -> tuple[str, str, str]:
    problem, prediction = one.problem, one.prediction
    lines = [f"{n}. {choice}" for n, choice in enumerate(problem.choices, start=1)]
    asked = "\n".join(filter(None, (problem.passage, problem.box, problem.question, *lines)))
    answered = prediction.text or f"{prediction.answer or 'no answer'} ({prediction.why})"
    return asked, answered, " / ".join(problem.answers)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or UNNAMED} {count:,}" for name, count in counts.items())
