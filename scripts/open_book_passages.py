"""open_book_passages: the open-book subject -> how often a model is right without and with its documents.

Answers the 300 test questions greedily: bare, with the record of the village, with the record of another
one, and with what misleads. `--adapter` takes the folder of an adapter, `--template` a name.

    python scripts/open_book_passages.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

from exam_correct_hints import verdicts
from make_open_book import SEED, Row, make_open_book

from koalign.config.files import load_config
from koalign.config.sections import ASSETS
from koalign.engines.opening import describe_base, open_engine
from koalign.evaluation.stats.intervals import wilson_interval
from koalign.renderer import open_renderer


def shown(row: Row | None) -> str:
    """A document as it stands in a prompt; empty: none."""
    return f"{row.title}: {row.text}" if row else ""


def main() -> None:
    """Print a row for each kind of document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adapter", type=Path, default=None)
    parser.add_argument("--template", default="passages-first")
    args = parser.parse_args()
    villages, rows = make_open_book(SEED)
    of_title = {row.title: row for own in rows.values() for row in own}
    asked = [(village, problem) for village in villages["test"] for problem in village.problems]
    names = [village.name for village, _ in asked]
    others = names[2:] + names[:2]
    kinds = {
        "bare": [""] * len(names),
        "record": [shown(of_title[f"{name} 마을 기록"]) for name in names],
        "record of another village": [shown(of_title[f"{name} 마을 기록"]) for name in others],
        "notice": [shown(of_title[f"{name} 마을 소식"]) for name in names],
        "rumour": [shown(of_title.get(f"{name} 마을 소문")) for name in names],
    }
    config = load_config([ASSETS / "example.yaml"], [f"prompt.template={args.template}"])
    base, _ = describe_base(config.engine, config.model)
    renderer = open_renderer(config.prompt)
    with open_engine(config.engine, config.model, base, [args.adapter]) as engine:
        for name, hints in kinds.items():
            own = [
                (problem, hint)
                for (_, problem), hint in zip(asked, hints, strict=True)
                if hint or name == "bare"
            ]
            problems, texts = zip(*own, strict=True)
            right = verdicts(engine, renderer, args.adapter, problems, texts)
            low, high = wilson_interval(sum(right), len(right))
            share = sum(right) / len(right)
            print(f"{name}, {len(right)} questions: {share:.1%} ({low:.1%} to {high:.1%})")


if __name__ == "__main__":
    main()
