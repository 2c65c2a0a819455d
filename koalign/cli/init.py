"""init: koalign init, a koalign.yaml with every key, or one filled in for a user's own data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from koalign.naming import counted
from koalign.records import KoalignError
from koalign.text.visible import say

if TYPE_CHECKING:
    from koalign.config.inputs import Source
    from koalign.data.formats.reading import Reading

MODEL = "builtin:tiny-ko"
SMALL = 200
"""Fewer problems than this hold out 20 % as dev, else 10 %."""
SHORT_ANSWERS = (
    "sample:  # how long answers may be: the toy reads 512 tokens in all; longer for a real base",
    "  max_tokens: 64",
    "probe:",
    "  max_tokens: 64",
    "solve:",
    "  max_tokens: 64",
)


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("koalign.yaml"),
    data: Annotated[
        str | None,
        typer.Option("--data", help="Fill it in for these problems: a path or a source."),
    ] = None,
) -> None:
    """Write a koalign.yaml with every key, its default and its sentence, or one for your data."""
    from koalign.config.files import documented_yaml, parse_source
    from koalign.jsonl import write_atomically

    if path.exists():
        raise KoalignError(f"{path} is there already; nothing is written over")
    given = "" if path == Path("koalign.yaml") else f" -c {path}"
    if data is None:
        write_atomically(path, documented_yaml(), over=False)
        say(f"{path}: set model.path and data.train to yours, then `koalign sft{given}`")
        return
    source = parse_source(data)
    readings = _read(source)
    text, missing = _filled_in(source, readings)
    write_atomically(path, text, over=False)
    for line in missing:
        say(f"missing: {line}")
    say(
        f"{path}: `koalign preview{given}` and `koalign prepare{given}` show what is read, "
        f"`koalign sft{given}` trains"
    )


def _read(source: Source) -> dict[str, Reading]:
    """The splits that the source names by itself, by file or by row; else all of it as train."""
    from koalign.config.sections import resolve_path
    from koalign.data.formats.read import OTHER_ROWS, OTHER_SPLIT
    from koalign.data.formats.sources import read_source

    path, options = resolve_path(source.path), source.options
    whole = read_source(path, "train", **{"split": "train", **_given(options)})
    if not whole.problems:
        rankings = counted(len(whole.rankings), "ranking")
        raise KoalignError(
            f"{source.path}: holds {rankings} and no problem to train on; list it in data.train beside "
            "problems"
        )
    for name, why in whole.not_read.items():
        if not (why.startswith(OTHER_SPLIT) or why.endswith(OTHER_ROWS)):
            say(f"not read: {name}: {why}", err=True)
    named = {problem.split for problem in whole.problems}
    others = {*whole.splits.values(), *(["dev", "test"] if _rows_of_others(whole) else [])}
    if source.split or (named == {""} and not others):
        return {"train": whole}
    readings = {"train": whole}
    for split in ("dev", "test"):
        if split in others:
            try:
                readings[split] = read_source(path, split, **{**options, "split": split})
            except KoalignError:
                if split in whole.splits.values():
                    raise  # a file of this split that cannot be read
                continue  # no row of this split
    return readings


def _rows_of_others(reading: Reading) -> bool:
    from koalign.data.formats.read import OTHER_ROWS

    return any(why.endswith(OTHER_ROWS) for why in reading.not_read.values())


def _given(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _filled_in(source: Source, readings: dict[str, Reading]) -> tuple[str, list[str]]:
    """The text of koalign.yaml, and what the whole chain lacks."""
    from koalign.reports.problems import describe_kinds
    from koalign.yaml_text import in_yaml

    train = readings["train"]
    written = _given(source.model_dump())
    guesses = list({in_yaml(columns): columns for columns in train.columns.values()}.values())
    if len(guesses) == 1:
        written["columns"] = guesses[0]
    kinds = {problem.kind for problem in train.problems}
    if "columns" in written and len(kinds) == 1 and "choice" not in kinds:
        written.setdefault("kind", next(iter(kinds)))
    one_file = len(readings) > 1 and Path(source.path).is_file()
    entries = {
        split: in_yaml({**written, **({"split": split} if one_file else {})}) for split in readings
    }
    share = 0.2 if len(train.problems) < SMALL else 0.1
    count, unread = counted(len(train.problems), "problem"), counted(len(train.drops), "row")
    lines = [
        f"# {count}: {describe_kinds(train.problems)}; {unread} that cannot be read.",
        "model:",
        f"  path: {MODEL}  # a toy that comes with koalign; name your base here",
        "data:",
        f"  train: {entries['train']}",
        f"  dev: {entries['dev']}" if "dev" in entries else f"  dev_share: {share}  # held out of train",
        f"  test: {entries['test']}" if "test" in entries else "  # test: held-out problems with answers",
        "prompt:",
        "  template: quote-then-number",
        *([] if "long" in kinds else SHORT_ANSWERS),
        "candidates:",
        "  source: none  # policy or base: hints, for the abstraction and the answer adapter",
    ]  # fmt: skip
    missing = [
        f"model.path: {MODEL} is a toy; name a folder or hub id such as "
        "kakaocorp/kanana-1.5-8b-instruct-2505"
    ]
    if "test" not in entries:
        missing.append(
            "data.test: `evaluate`, `run` and `solve` without a file need held-out problems"
        )
    missing.append(
        "hints: with candidates.source none the chain ends with DPO; policy asks your model"
    )
    if without := sum(not problem.answers for problem in train.problems):
        missing.append(f"answers: training problems without one, which are dropped: {without:,}")
    if train.drops:
        first = train.drops[0]
        reason = ", ".join(filter(None, (first.place, first.reason, first.detail)))
        missing.append(f"rows that cannot be read: {len(train.drops):,}; the first: {reason}")
    return "\n".join(lines) + "\n", missing
