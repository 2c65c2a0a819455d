"""korwikitq: questions on tables of Wikipedia -> short problems, the table their passage.

`KorWikiTQ_ko_{train,dev}.json`: `{"data": [{"T": title, "U": url, "TBL": rows of cells, the header first,
"QAS": {"qid", "question", "answer"}}]}`, where QAS may also be a list of such.

The passage is the title and the table as Markdown: nothing of a cell is lost, `|` is `\\|` and a line end
`<br>`. Rows of another length than the header occur and stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from koalign.data.formats.documents import Document, Row
from koalign.data.formats.fields import Refused, as_text, is_missing, optional, text
from koalign.data.formats.format import Format, mostly
from koalign.records import Drop, Problem


def _rows(document: Document) -> Iterator[Row | Drop]:
    tables = document.value.get("data") if isinstance(document.value, dict) else None
    if isinstance(tables, list):
        tables = [_with_list(table) for table in tables]
    return document.descend(("data", "QAS"), {"data": tables})


def _with_list(table: Any) -> Any:
    if isinstance(table, dict) and isinstance(table.get("QAS"), dict):
        return {**table, "QAS": [table["QAS"]]}
    return table


def _problem(row: Row) -> Problem:
    answer = row.fields.get("answer")
    title = optional(row, "T").strip()
    table = _markdown(row.fields.get("TBL"))
    return Problem(
        question=text(row, "question"),
        passage=f"{title}\n\n{table}" if title else table,
        answers=() if is_missing(answer) else (as_text(answer, "answer").strip(),),
        kind="short",
        key=optional(row, "qid"),
    )


def _markdown(table: Any) -> str:
    if not isinstance(table, list) or not table or not all(isinstance(r, list) for r in table):
        raise Refused("broken_table", "TBL: a list of rows expected")
    header, *rows = [[_cell(cell) for cell in row] for row in table]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ["---"] * len(header), *rows])


def _cell(cell: Any) -> str:
    content = "" if is_missing(cell) else as_text(cell, "TBL").strip()
    return content.replace("|", "\\|").replace("\n", "<br>")


FORMATS = (
    Format(
        "korwikitq", "KorWikiTQ: questions on tables of Wikipedia",
        mostly(_rows, {"TBL", "question"}), _problem, _rows,
    ),
)  # fmt: skip
