"""retrieval: koalign benchmark retrieval, how well the index finds the passage that a question is about."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from koalign.cli.options import refuse_existing, refuse_in_stage
from koalign.evaluation.results import PREDICTIONS
from koalign.jsonl import write_json
from koalign.naming import counted
from koalign.records import KoalignError
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.config.sections import Config
    from koalign.evaluation.stats.intervals import Figure
    from koalign.retrieval.measures import Model, RetrievalFigures, Weighing

PROTOCOL = "retrieval"


def benchmark_retrieval(
    config: Config, data: str | None, split: str, limit: int | None, out: Path | None, force: bool
) -> None:
    """Index the passages of a reading set, look for each with its question, and print recall and MRR.

    With corpus.embedding for every weight of the dense ranks, and which to take. `out`: a folder for
    results.json. Raises KoalignError for a set without passages.
    """
    from koalign.config.files import parse_source
    from koalign.config.sections import resolve_path
    from koalign.data.formats.sources import read_source
    from koalign.retrieval.measures import GRID, retrieval_figures, search_passages, weigh

    if data is None:
        raise KoalignError(
            "benchmark retrieval needs --data: questions on passages, as KorQuAD or KLUE-MRC"
        )
    page = out / "results.json" if out else None
    if out and page:
        refuse_in_stage(page)
        if (out / PREDICTIONS).exists():
            raise KoalignError(f"--out {out}: the evaluation of a model is there; take another")
    refuse_existing(page, force)
    source = parse_source(data)
    model = _model(config.corpus.embedding) if config.corpus.embedding else None
    reading = read_source(resolve_path(source.path), split, needs_answers=False, **source.options)
    asked = [problem for problem in reading.problems if problem.passage]
    if not asked:
        raise KoalignError(f"{source.path}: no problem has a passage that could be looked for")
    if left := reading.rows - len(asked):
        say(
            f"{source.path}: {left:,} of {reading.rows:,} rows ask nothing about a passage",
            err=True,
        )
    problems = asked[:limit]
    section = config.corpus
    searched = search_passages(problems, section.characters, section.overlap, model)
    setting = {"characters": section.characters, "overlap": section.overlap}
    note = f"chunks of up to {section.characters:,} characters; intervals over passages"
    if model:
        weights = sorted({*GRID, config.retrieve.dense_weight})
        weighing = weigh(problems, searched, weights)
        _print_weights(weighing, note)
        results: dict[str, Any] = {
            "embedding": section.embedding,
            "chosen": weighing.chosen,
            "chosen_on": weighing.chosen_on,
            "gain": weighing.gain.rounded(),
            "weights": {
                str(weight): _as_json(figures) for weight, figures in weighing.figures.items()
            },
        }
    else:
        figures = retrieval_figures(problems, searched.ranks(0), len(searched.passage_of))
        _print_figures(figures, note)
        results = _as_json(figures)
    if page:
        write_json(page, {"data": source.path, **setting, **results}, over=force)
        say(f"the same as JSON: {page}")


def _model(name: str) -> Model:
    from koalign.engines.embedding import open_embedding
    from koalign.retrieval.measures import Model

    embedding = open_embedding(name, "corpus.embedding")
    return Model(
        lambda texts: embedding.encode(texts, "passage"),
        lambda texts: embedding.encode(texts, "query"),
    )


def _print_figures(figures: RetrievalFigures, note: str) -> None:
    from koalign.reports.views import print_table

    rows = zip(_named(figures), _cells(figures), strict=True)
    print_table(("figure", "value, %"), rows, _sizes(figures), note)


def _print_weights(weighing: Weighing, note: str) -> None:
    from koalign.evaluation.stats.wording import interval, points
    from koalign.reports.views import print_lines, print_table

    first = weighing.figures[0.0]
    head = ("dense weight", *(f"{name}, %" for name in _named(first)))
    rows = [(f"{weight:g}", *_cells(figures)) for weight, figures in weighing.figures.items()]
    questions, chunks = counted(first.questions, "question"), counted(first.chunks, "chunk")
    title = f"{questions} on half of the passages, looked for in {chunks}"
    print_table(head, rows, title, note)
    gain = weighing.gain
    best = (
        f"retrieve.dense_weight: {weighing.chosen:g} has the best MRR on {weighing.chosen_on:,} questions "
        "of the other half"
    )
    if weighing.chosen:
        best += (
            f"; here it is {points(gain.value)} points from the lexical index "
            f"({interval(gain.low, gain.high, points)})"
        )
    print_lines([best])


def _named(figures: RetrievalFigures) -> dict[str, Figure]:
    return {f"R@{cut}": own for cut, own in figures.recall.items()} | {"MRR": figures.mrr}


def _cells(figures: RetrievalFigures) -> list[str]:
    from koalign.evaluation.stats.wording import hundredths
    from koalign.reports.views import with_interval

    return [
        with_interval(own.value, own.low, own.high, hundredths) for own in _named(figures).values()
    ]


def _sizes(figures: RetrievalFigures) -> str:
    questions, chunks = counted(figures.questions, "question"), counted(figures.chunks, "chunk")
    return f"{questions} on {counted(figures.passages, 'passage')} in {chunks}"


def _as_json(figures: RetrievalFigures) -> dict[str, Any]:
    sizes = {
        "questions": figures.questions,
        "passages": figures.passages,
        "chunks": figures.chunks,
    }
    return sizes | {name: own.rounded() for name, own in _named(figures).items()}
