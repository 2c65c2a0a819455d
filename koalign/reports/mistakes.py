"""mistakes: mined mistakes -> a table in the terminal, and one HTML page with their map."""

from __future__ import annotations

from markupsafe import Markup

from koalign.evaluation.stats.wording import listed
from koalign.mining.mistakes.mistakes import AnsweredProblem, Mined, MinedCluster, Mining
from koalign.reports.charts import bars, colour, scatter
from koalign.reports.page import Part, page, question_of, title_of
from koalign.reports.views import print_lines, print_table

SPOTS = 3000
"""Mistakes in the picture, all medoids and picked ones before others."""
EXAMPLES = 20
"""Medoids shown whole."""
UNNAMED = "(no subject)"
HEAD = ("cluster", "wrong", "picked", "subjects", "about")


def print_mined(mined: Mined) -> None:
    """How much was wrong, in which clusters, and what was picked."""
    print_lines(_summary(mined))
    if mined.clusters:
        rows = [
            (str(cluster.cluster), *_row(cluster), str(cluster.medoid))
            for cluster in mined.clusters
        ]
        print_table((*HEAD, "for example"), rows)
    print_lines(f"note: {note}" for note in mined.notes)


def mined_page(mining: Mining) -> str:
    """The same with a map of the mistakes, their subjects, and each medoid whole, as HTML."""
    mined = mining.mined
    medoids = {spot.cluster: spot for spot in mining.spots if spot.medoid}
    rows = [(_number(c.cluster), *_row(c), c.medoid.key, c.medoid.question) for c in mined.clusters]
    shown = sorted(mining.spots, key=lambda spot: (not spot.medoid, not spot.picked))[:SPOTS]
    fit = f" (mean silhouette {mined.silhouette:.2f})" if mined.silhouette is not None else ""
    return page(
        "Mistakes",
        [
            Part("Totals", [(line,) for line in (*_summary(mined), *mined.notes)]),
            Part(
                f"{len(rows)} clusters{fit}",
                rows,
                (*HEAD, "its own id", "the mistake in its middle"),
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
                    f"Cluster {number}: the mistake in its middle, {title_of(spot.answered.problem)}",
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


def _row(cluster: MinedCluster) -> tuple[int, int, str, str]:
    subjects = {name or UNNAMED: count for name, count in cluster.subjects.items()}
    return cluster.size, cluster.picked, listed(subjects), ", ".join(cluster.terms)


def _number(cluster: int) -> Markup:
    return Markup('<b style="color: {}">{}</b>').format(colour(cluster), cluster)


def _whole(answered: AnsweredProblem) -> tuple[str, str, str]:
    problem, prediction = answered.problem, answered.prediction
    question = "\n".join(filter(None, (problem.passage, problem.box, question_of(problem))))
    answer = prediction.text or f"{prediction.answer or 'no answer'} ({prediction.why})"
    return question, answer, " / ".join(problem.answers)
