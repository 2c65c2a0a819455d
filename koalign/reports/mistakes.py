"""mistakes: mined mistakes -> a table in the terminal."""

from __future__ import annotations

from koalign.evaluation.stats.wording import listed
from koalign.mining.mistakes.mistakes import Mined, MinedCluster
from koalign.reports.comparison import NO_SUBJECT
from koalign.reports.views import print_lines, print_table

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
    subjects = {name or NO_SUBJECT: count for name, count in cluster.subjects.items()}
    return cluster.size, cluster.picked, listed(subjects), ", ".join(cluster.terms)
