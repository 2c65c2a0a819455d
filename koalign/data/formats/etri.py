"""etri: ETRI/엑소브레인 퀴즈 QA -> problems.

CSV files in cp949 or UTF-8 with BOM. 객관식.csv has the column `보기()E_string` four times, and
`정답(A_ans)` says the text of the right one; 연상형.csv and 주관식.csv have no such columns, and 정답 is a
short answer. The Wikipedia article that a question was made from (`위키피디아 제목(AP_title)`) is its
group and not its subject, for it may be the answer; the sentence that proves the answer
(`정답 근거(AP_sent)`) is the rationale.
"""

from __future__ import annotations

from koalign.data.formats.documents import Row
from koalign.data.formats.fields import choice_text, columns, optional, text
from koalign.data.formats.format import Format, having
from koalign.records import Problem

QUESTION, CHOICE, ANSWER = "질문(Q_string)", "보기()E_string", "정답(A_ans)"


def _problem(row: Row) -> Problem:
    names = [name for name in row.fields if name == CHOICE or name.startswith(f"{CHOICE}.")]
    choices = columns(row, names)
    answer = optional(row, ANSWER).strip()
    short = (answer,) if answer else ()
    return Problem(
        question=text(row, QUESTION, "question"),
        choices=choices,
        answers=choice_text(answer, choices, ANSWER) if choices else short,
        kind="choice" if choices else "short",
        group=optional(row, "위키피디아 제목(AP_title)"),
        key=optional(row, "번호(Q_no)"),
        subject=optional(row, "문제유형(Q_form)"),
        rationale=optional(row, "정답 근거(AP_sent)"),
    )


FORMATS = (
    Format(
        "etri", "ETRI/엑소브레인 퀴즈 QA, 객관식, 연상형 and 주관식", having(QUESTION, ANSWER), _problem
    ),
)  # fmt: skip
