"""mistakes: mined mistakes -> a table in the terminal, and one HTML page with their map."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup
from rich.markup import escape as plain
from rich.table import Table

from koalign.mining.mistakes.mistakes import AnsweredProblem, Mined, Mining
from koalign.reports.charts import bars, colour, scatter
from koalign.reports.page import Part, page
from koalign.reports.views import console

SPOTS = 3000
"""Mistakes in the picture, all medoids and picked ones before others."""
EXAMPLES = 20
"""Medoids shown whole."""
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
    shown = sorted(mining.spots, key=lambda spot: (not spot.medoid, not spot.picked))[:SPOTS]
    told = f" (mean silhouette {mined.silhouette:.2f})" if mined.silhouette is not None else ""
    return page(
        "Mistakes",
        [
            Part("Totals", [(line,) for line in (*_summary(mined), *mined.notes)]),
            Part(
                f"{len(rows)} clusters{told}",
                rows,
                ("cluster", "wrong", "picked", "subjects", "about", "the mistake in its middle"),
                f"{len(shown):,} of {len(mining.spots):,} mistakes, in the two directions in which they "
                "differ most: what lies apart is unlike, what lies together may be. Filled: picked. "
                "Ringed and numbered: the middle of a cluster. Point at one to read it.",
                chart=scatter(shown[::-1]) if shown else "",
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


def _number(cluster: int) -> Markup:
    return Markup('<b style="color: {}">{}</b>').format(colour(cluster), cluster)


def _whole(one: AnsweredProblem) -> tuple[str, str, str]:
    problem, prediction = one.problem, one.prediction
    lines = [f"{n}. {choice}" for n, choice in enumerate(problem.choices, start=1)]
    asked = "\n".join(filter(None, (problem.passage, problem.box, problem.question, *lines)))
    answered = prediction.text or f"{prediction.answer or 'no answer'} ({prediction.why})"
    return asked, answered, " / ".join(problem.answers)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or UNNAMED} {count:,}" for name, count in counts.items())
