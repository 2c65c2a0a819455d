"""haerae: HAE-RAE Bench -> Problems.

`data/HAERAE-Bench-v1-{KGK,HI,LW,RC,RW,SN}.csv` (1.0) or Parquet with one config a subject (1.1). Columns
`query`, `options` (in CSV the text of a Python list) and `answer`, `(A)` to `(E)`. The query is a whole
prompt, choices and all:

    다음 질문을 읽고 정답으로 가장 알맞은 것을 고르시요.

    ### 질문:
    …의 순화어로 알맞은 것은?

    ### 선택지:
    (A) …
    (B) …

    ### 정답:

A Problem shows its choices itself. So the list of them at the end of the query is cut off, `### 정답:`
with it; `### 지문` becomes the passage, `### 참고` the box, the rest the question, without these headings.
Where the query holds the marks (A), (B) … in another way, it stays whole and the choices are the marks.
Where it holds none, the options are the choices. The subject stands in the path. There are no ids: the
whole query is the key, for published figures come of asking it to the byte.
"""

from __future__ import annotations

import re

from koalign.data.formats.documents import Row
from koalign.data.formats.fields import LETTERS, letter, text, texts
from koalign.data.formats.format import Format, having
from koalign.data.formats.literals import literal
from koalign.records import Problem

_SUBJECTS = {
    "kgk": "general_knowledge",
    "hi": "history",
    "lw": "loan_words",
    "rc": "reading_comprehension",
    "rw": "rare_words",
    "sn": "standard_nomenclature",
}
_OTHER_SUBJECTS = (
    "correct_definition_matching", "csat_geo", "csat_law", "csat_socio", "date_understanding",
    "lyrics_denoising", "proverbs_denoising",
)  # fmt: skip
_SUBJECT = re.compile(
    rf"haerae-bench-v1-({'|'.join(_SUBJECTS)})\b|({'|'.join((*_SUBJECTS.values(), *_OTHER_SUBJECTS))})"
)
_HEADING = re.compile(r"^[ \t]*#{3}[ \t]*(지문|참고|질문|문제|문장)[ \t]*:?[ \t]*", re.MULTILINE)


def problem(row: Row) -> Problem:
    """See the module; raises Refused."""
    query = text(row, "query")
    options = texts(literal(row.fields.get("options"), "options"), "options")
    answers = letter(row.fields.get("answer"), len(options))
    marks = tuple(f"({mark})" for mark in LETTERS[: len(options)])
    subject = _subject(row.place)
    stem = _without_choices(query, options)
    if stem is None and all(mark in query for mark in marks):
        return Problem(question=query, choices=marks, answers=answers, key=query, subject=subject)
    parts = _parts(query if stem is None else stem)
    return Problem(choices=options, answers=answers, key=query, subject=subject, **parts)


def _without_choices(query: str, options: tuple[str, ...]) -> str | None:
    """The query before the list of choices that ends it; none if no such list does."""
    words = [[f"({mark})", *option.split()] for mark, option in zip(LETTERS, options, strict=False)]
    # Possessive: a long run of spaces must not be tried in every way to part it.
    listed = r"\s*+".join(re.escape(word) for choice in words for word in choice)
    ending = re.search(rf"{listed}\s*+((#+\s*+)?정답\s*+[:：]?\s*+)?\Z", query)
    return (
        re.sub(r"(?<!#)#++\s*+선택지\s*+:?\Z", "", query[: ending.start()].rstrip())
        if ending
        else None
    )


def _parts(stem: str) -> dict[str, str]:
    """Passage, box and question of a prompt with headings."""
    before, *headed = _HEADING.split(stem)
    parts: dict[str, list[str]] = {"passage": [], "box": [], "question": [before]}
    for heading, body in zip(headed[::2], headed[1::2], strict=True):
        parts[{"지문": "passage", "참고": "box"}.get(heading, "question")].append(body)
    return {
        name: "\n".join(body.strip() for body in bodies if body.strip())
        for name, bodies in parts.items()
    }


def _subject(place: str) -> str:
    """The last subject that a path names, in the words of version 1.1."""
    names = list(_SUBJECT.finditer(place.lower()))
    return (_SUBJECTS.get(names[-1][1]) or names[-1][2]) if names else ""


FORMATS = (
    Format(
        "haerae", "HAE-RAE Bench: query, options, answer `(A)`",
        having("query", "options", "answer"), problem,
    ),
)  # fmt: skip
