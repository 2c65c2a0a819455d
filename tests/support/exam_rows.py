"""exam_rows: rows of exam formats as they are found in the wild, and what a reading of them holds."""

import csv
import io
import json

from koalign.data.formats.documents import open_document
from koalign.data.formats.read import Reading, read
from koalign.records import Problem

FOUR = ["신라", "고려", "조선", "발해"]
FIVE = [*FOUR, "가야"]


def table(*rows: list, delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_as(format_name: str, file: str, content: str | bytes) -> Reading:
    """Read a file that sniffing must know as the named format; every row comes out once."""
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    reading = read([open_document(file, data)])
    assert reading.files == {file: format_name}, reading.not_read
    assert reading.rows == len(reading.problems) + len(reading.drops)
    return reading


def only(reading: Reading) -> Problem:
    assert not reading.drops, reading.drops
    (problem,) = reading.problems
    assert type(problem).model_validate(problem.model_dump(mode="json")) == problem
    return problem


def only_drop(reading: Reading) -> tuple[str, str, str]:
    assert not reading.problems
    (drop,) = reading.drops
    return drop.reason, drop.detail, drop.place


# --- csat

CSAT_HEADER = ["id", "paragraph", "problems", "question_plus"]
ASKED = {"question": "옳은 것만을 모두 고르면?", "choices": FOUR, "answer": 2}


def csat(asked: object, box: str = "", paragraph: str = "상소하여 아뢰기를") -> str:
    return table(CSAT_HEADER, ["generation-for-nlp-1", paragraph, str(asked), box])


# --- kice

KICE = [
    {
        "id": "2023_11_KICE_1-3", "paragraph": "독서의 즐거움에는", "type": 0,
        "problems": [
            {"question": "윗글과 다른 것은?", "choices": FIVE, "answer": 4, "score": 2},
            {"question": "<보기>를 읽고 고르면?", "question_plus": "<보기> ㉠은", "choices": FIVE, "answer": 5, "score": 3},
        ],
    },
    {
        "id": "2023_11_KICE_35-37", "paragraph": "발표자: 안녕하세요", "type": 2,
        "problems": [
            {"question": "문법적으로 옳은 것은?", "choices": FIVE, "answer": 1, "score": 2, "type": 3, "no_paragraph": True},
        ],
    },
]  # fmt: skip


# --- kmmlu

KMMLU_HEADER = ["question", "answer", "A", "B", "C", "D", "Category", "Human Accuracy"]


# --- kmmlu-redux, kmmlu-pro

PRO = {
    "question": "옳은 것은?", "options": FIVE, "solution": "5", "license_name": "변호사", "subject": "민법",
}  # fmt: skip


# --- mmmlu

MMMLU_HEADER = ["", "Question", "A", "B", "C", "D", "Answer", "Subject"]


# --- click


def click(**changes: object) -> dict:
    row = {
        "id": "KIIP_society_84", "paragraph": "", "question": "수도는?", "choices": FOUR,
        "answer": "고려",
    }  # fmt: skip
    return {**row, **changes}


# --- haerae

QUERY = (
    "다음 질문을 읽고 정답으로 가장 알맞은 것을 고르시요.\n    \n### 질문: \n언택트의 순화어로 알맞은 것은?\n\n"
    "### 선택지: \n(A) 비전속\n(B) 나무 키\n(C) 3.1 운동\n(D) 상대방\n(E) 비대면\n\n### 정답:"
)
OPTIONS = ["비전속", "나무 키", "3.1 운동", "상대방", "비대면"]


def haerae(query: str = QUERY, answer: str = "(E)") -> str:
    return table(["query", "options", "answer"], [query, str(OPTIONS), answer])


# --- csat-qa


def csatqa(**changes: object) -> dict:
    options = {f"option#{n}": text for n, text in enumerate(FIVE, start=1)}
    row = {"question": "윗글의 주제는?", "context": "글", **options, "gold": 5, "category": "RCH"}
    return {**row, "human_performance": 62.0, **changes}


COPA = {
    "premise": "비가 왔다.", "question": "결과", "alternative_1": "해가 났다.", "alternative_2": "길이 젖었다.",
    "label": 1,
}  # fmt: skip
