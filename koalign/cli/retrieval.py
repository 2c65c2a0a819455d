"""retrieval: koalign benchmark retrieval, how well the index finds the passage that a question is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from koalign.cli.options import refuse_existing
from koalign.jsonl import write_json
from koalign.records import KoalignError
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.config.sections import Config

PROTOCOL = "retrieval"


def benchmark_retrieval(
    config: Config, data: str | None, split: str, limit: int | None, out: Path | None, force: bool
) -> None:
    """Index the passages of a reading set, look for each with its question, and print recall and MRR.

    `out`: a folder for results.json. Raises KoalignError for a set without passages.
    """
    from koalign.config.files import parse_source
    from koalign.config.sections import resolve_path
    from koalign.data.formats.sources import read_source
    from koalign.evaluation.stats.wording import hundredths
    from koalign.reports.views import print_table, with_interval
    from koalign.retrieval.measures import find_ranks, retrieval_figures

    if data is None:
        raise KoalignError(
            "benchmark retrieval needs --data: questions on passages, as KorQuAD or KLUE-MRC"
        )
    page = out / "results.json" if out else None
    refuse_existing(page, force)
    source = parse_source(data)
    reading = read_source(resolve_path(source.path), split, needs_answers=False, **source.options)
    problems = [problem for problem in reading.problems if problem.passage][:limit]
    if not problems:
        raise KoalignError(f"{source.path}: no problem has a passage that could be looked for")
    section = config.corpus
    ranks, chunks = find_ranks(problems, section.characters, section.overlap)
    figures = retrieval_figures(problems, ranks, chunks)
    shown = {f"R@{cut}": own for cut, own in figures.recall.items()} | {"MRR": figures.mrr}
    print_table(
        ("figure", "value, %"),
        [
            (name, with_interval(own.value, own.low, own.high, hundredths))
            for name, own in shown.items()
        ],
        f"{figures.questions:,} questions on {figures.passages:,} passages in {figures.chunks:,} chunks",
        f"chunks of up to {section.characters:,} characters; intervals over passages",
    )
    if page:
        setting = {"characters": section.characters, "overlap": section.overlap}
        sizes = {
            "questions": figures.questions,
            "passages": figures.passages,
            "chunks": figures.chunks,
        }
        values = {name: own.rounded() for name, own in shown.items()}
        write_json(page, {"data": source.path, **setting, **sizes, **values})
        say(f"the same as JSON: {page}")
