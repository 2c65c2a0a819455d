"""sources: a path that a user names -> one Reading, of the split that is meant, and nothing by accident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from koalign.data.formats.documents import Document, open_documents
from koalign.data.formats.examples import examples
from koalign.data.formats.files import of_other_kinds
from koalign.data.formats.format import Columns, Guess, source_in_yaml
from koalign.data.formats.hub import PREFIX, open_hub
from koalign.data.formats.matching import guess, most_likely
from koalign.data.formats.read import OTHER_ROWS, OTHER_SPLIT, read
from koalign.data.formats.reading import Reading
from koalign.jsonl import on_disk
from koalign.naming import counted
from koalign.records import Drop, FreeKind, KoalignError, Problem, Ranking
from koalign.text.visible import say_once, shown, warn

_OWN = str(Path(__file__).parents[2] / "assets")
"""Where the built-in exam is; what reads files knows nothing of the config, which has this path too."""
WITHHELD = frozenset({
    "aihub-sft", "aihub-rm", "aihub-qa", "etri", "kice", "kmmlu", "kmmlu-pro", "kmmlu-redux",
    "nikl-culture", "nikl-rule", "nikl-inappropriate", "nikl-logic",
})  # fmt: skip
"""Formats of data sets whose texts may not be passed on without their owner, or not changed (CC BY-ND)."""


def read_source(
    path: str,
    wanted: str,
    *,
    format: str | None = None,
    split: str | None = None,
    columns: Columns | None = None,
    answer_from: int | None = None,
    kind: FreeKind | None = None,
    needs_answers: bool = True,
    sheet: str | None = None,
) -> Reading:
    """Everything of the `wanted` split (train, dev, test) below a path; prints what was guessed.

    One file is taken whole; of a folder, a zip or a data set on the hub, files and rows that call
    themselves another split are left out and listed. `split` says which one is meant instead.
    `answer_from` is the number of the first choice in the answers, `kind` that of problems without choices,
    `sheet` the name of one in .xlsx files.
    Raises KoalignError where nothing can be read, where one file calls itself test and train is wanted,
    where its rows are of several splits, and where the answers of a file seem to count from 0 and
    `answer_from` is not given. Where it does not `needs_answers`, rows of every split are read, such
    answers are read so, and a row whose answer alone cannot be read has none.
    """
    on_hub = path.startswith(PREFIX)
    path = path if on_hub else str(on_disk(Path(path)))
    documents = _open(path, sheet, split or wanted)
    one_file = not on_hub and Path(path).is_file() and Path(path).suffix.lower() != ".zip"
    chosen = split or (None if one_file else wanted)
    how: dict[str, Any] = {
        "format": format, "columns": columns, "answer_from": answer_from, "kind": kind,
    }  # fmt: skip
    said = None if split == wanted == "train" else split  # as `koalign init` reads all
    given = {**how, "split": said, "sheet": sheet}
    how |= {"split": chosen, "needs_answers": needs_answers}
    reading = read(documents, **how)
    if not reading.files and not reading.not_read:
        raise KoalignError(f"{path}: no file in it that koalign reads")
    is_workbook = one_file and path.lower().endswith(".xlsx")
    if is_workbook and sheet is None and not reading.problems and not reading.rankings:
        _refuse_other_sheet(path, how, given, split or wanted)
    if not reading.files:
        # Rather what is wrong with a file of the wanted split than that there is another.
        unread = sorted(reading.not_read.items(), key=lambda item: item[1].startswith(OTHER_SPLIT))
        name, why = unread[0]
        for_split = f"{path}: nothing to read for {wanted}: " * why.startswith(OTHER_SPLIT)
        remedy = ""
        if for_split and one_file:
            pasted = source_in_yaml(path, **given | {"split": reading.splits[name]})
            remedy = f"; if it is to be used for {wanted}, say so with {pasted}"
        raise KoalignError(f"{for_split}{name}: {why}{remedy}")
    if not on_hub:
        reading.not_read.update(of_other_kinds(Path(path)))
    if reading.from_zero and not needs_answers:
        # Where every answer is 0, they stand for no answer.
        if any(problem.answers for problem in reading.problems):
            warn(f"{path}: the answers seem to count from 0, and are read so", once=True)
            return read_source(
                path, wanted, needs_answers=False, **given | {"answer_from": 0, "split": split}
            )
        reading.from_zero = {}
    for name, why in reading.shared.items():
        named = reading.columns.get(name, columns or {})
        file = name if len(reading.files) > 1 else ""
        if "passage" not in named:
            none = _pasted(path, file, given | {"columns": {**named, "blank_passage": "none"}})
            raise KoalignError(
                f"{name}: {why}. Copy the text into a column 지문 of each row, also from another sheet or "
                f"file, or write {none} in its place where the questions need none"
            )
        above = _pasted(path, file, given | {"columns": {**named, "blank_passage": "above"}})
        raise KoalignError(
            f"{name}: {why}. Write {above} in its place where an empty passage means the one above it, "
            "blank_passage: none where it means none; where it means both, write - for none into the file"
        )
    for name, (zeros, unclear) in reading.from_zero.items():
        alone = len(reading.from_zero) == len(reading.files)
        source = _pasted(path, "" if alone else name, given | {"answer_from": 0})
        if unclear:
            raise KoalignError(
                f"{name}: choices are numbered from 0, or the answers are called an index, and "
                f"{zeros + unclear} answers may count from 0 or from 1. Write {source} where the first "
                "choice is 0, answer_from: 1 where it is 1"
            )
        raise KoalignError(
            f"{name}: the answers seem to count from 0: {zeros} are 0, and hardly one is the last "
            f"choice. Write {source} in its place, "
            "answer_from: 1 where 0 stands for no answer, or count from 1 in the file"
        )
    if not reading.problems and not reading.rankings:
        why = "there are no rows"
        if reading.drops:
            first = reading.drops[0]
            why = (
                f"the first of {reading.rows}: {first.place}: {first.reason}: {shown(first.detail)}"
            )
        elif chosen and any(text.endswith(OTHER_ROWS) for text in reading.not_read.values()):
            every = read(_open(path, sheet, wanted), **how | {"split": None})
            found = sorted({problem.split for problem in every.problems} or {chosen})
            pasted = source_in_yaml(path, **given | {"split": found[0]})
            why = f"its rows say {', '.join(found)}; to use them for {wanted} write {pasted}"
        raise KoalignError(f"{path}: no problem in it; {why}")
    for note, files in reading.notes.items():
        more = f" and {counted(len(files) - 1, 'more file')}" * (len(files) > 1)
        where = path if one_file else f"{files[0]}{more}"
        warn(f"{where}: {note}", once=True)
    for name, guessed in reading.columns.items():
        if wanted == "train" and "answer" not in guessed:
            raise KoalignError(
                f"{name}: no column looks like the answer, which training needs; complete "
                + source_in_yaml(name, **given | {"columns": {**guessed, "answer": "?"}})
                + ", or copy the answers of another file into a column 정답"
            )
    splits = {problem.split for problem in reading.problems}
    splits |= {ranking.problem.split for ranking in reading.rankings}
    if wanted == "train" and split is None and splits == {"test"}:
        raise KoalignError(
            f"{path}: calls itself the test split; if it is to be trained on, say so with "
            + source_in_yaml(path, **given | {"split": "test"})
        )
    if needs_answers and split is None and len(splits) > 1 and splits - {"", wanted}:
        each = ", ".join(
            f"{one}: {source_in_yaml(path, **given | {'split': one})}"
            for one in ("train", "dev", "test")
            if one in splits or one == wanted
        )
        raise KoalignError(f"{path}: its rows are of several splits: {each}")
    # In koalign's own words no column is taken for another, and its own data is read right.
    if {*reading.files.values()} != {"native"} and not path.startswith(_OWN):
        for line in examples(reading):
            say_once(line)
    return reading


def _pasted(path: str, file: str, options: Mapping[str, Any]) -> str:
    """The source to paste for a path, or for a file below it that others stand beside."""
    if not file:
        return source_in_yaml(path, **options)
    return source_in_yaml(file, **options) + ", with the other files as sources of their own,"


def _open(path: str, sheet: str | None, wanted: str) -> Iterator[Document]:
    return open_hub(path) if path.startswith(PREFIX) else open_documents(Path(path), sheet, wanted)


def _refuse_other_sheet(
    path: str, how: Mapping[str, Any], given: Mapping[str, Any], wanted: str
) -> None:
    """Raises KoalignError where not the sheet that is read by default holds problems, but another."""
    (document,) = open_documents(Path(path), want=wanted)
    for sheet in document.other_sheets:
        try:
            found = read(open_documents(Path(path), sheet), **how)
        except KoalignError:  # an empty one
            continue
        if found.problems or found.rankings:
            raise KoalignError(
                f"{path}: sheet {document.sheet!r} is read and holds no problem; there are "
                f"{', '.join(document.other_sheets)}. Write "
                + source_in_yaml(path, **{**given, "sheet": sheet})
            )


def guess_of(path: str, sheet: str | None = None) -> Guess | None:
    """What can be guessed of the columns of the first file below a path."""
    document = next(_open(path, sheet, "train"))
    tables = [*document.headers()] or [document]
    return most_likely(tables, [*map(guess, tables)])


def read_rows(path: str, **options: Any) -> list[Problem | Drop]:
    """What became of each row of a file to solve, in its order; raises KoalignError for rankings.

    `options`: those of `read_source`.
    """
    reading = read_source(path, "test", needs_answers=False, **options)
    if reading.rankings:
        raise KoalignError(f"{path}: holds rankings, and not problems to solve")
    keys: dict[str, str] = {}
    for problem in reading.problems:
        if problem.key and keys.setdefault(problem.key, problem.id) != problem.id:
            warn(
                f"{path}: the id {problem.key} is of several problems; the order of the answers is that "
                "of the rows"
            )
            break
    return [record for record in reading.records if not isinstance(record, Ranking)]
