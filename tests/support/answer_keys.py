"""answer_keys: files whose gold answers are written in every way that Korean files write them."""

import json
from pathlib import Path

from koalign.records import Problem
from support.exam_files import FILES, FIVE, FOUR, ExamFile, asked

COLUMNS = {"question": "문제", "choices": ["보기1", "보기2", "보기3", "보기4"], "answer": "정답"}


def rows_of(answers: list, choices: list[str] = FOUR) -> list[dict]:
    return [{**asked(n, choices), "answer": answer} for n, answer in enumerate(answers)]


def written(folder: Path, rows: list[dict], name: str = "a.jsonl") -> str:
    path = folder / name
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return str(path)


def said(problem: Problem) -> list[str]:
    """The texts of the right choices."""
    return [problem.choices[int(answer) - 1] for answer in problem.answers]


def kmmlu(answer: object) -> dict:
    return {**FILES["kmmlu"].row(0), "answer": answer}


def csat(answer: object) -> dict:
    problems = str({"question": "옳은 것은?", "choices": FOUR, "answer": answer})
    return {**FILES["csat"].row(0), "problems": problems}


def csat_qa(answer: object) -> dict:
    return {**FILES["csat-qa"].row(0), "gold": answer}


def flattened(answer: object) -> dict:
    return {"id": "a", "paragraph": "글", **asked(0, FOUR), "choices": str(FOUR), "answer": answer}


def korean(answer: object) -> dict:
    return {
        "문제": "나라는?",
        **{f"보기{n}": t for n, t in enumerate(FOUR, start=1)},
        "정답": answer,
    }


KEYED = {  # format -> its file, and a row of it with an answer
    "native": (FILES["native"], lambda answer: {**asked(0, FOUR), "answer": answer}),
    "kmmlu": (FILES["kmmlu"], kmmlu),
    "kmmlu in JSON lines": (ExamFile("x.jsonl", kmmlu), kmmlu),
    "csat": (FILES["csat"], csat),
    "csat, flattened": (ExamFile("x.csv", flattened), flattened),
    "csat-qa": (FILES["csat-qa"], csat_qa),
    "redux": (FILES["kmmlu-redux"], lambda answer: {**FILES["kmmlu-redux"].row(0), "solution": answer}),
    "pro": (FILES["kmmlu-pro"], lambda answer: {**FILES["kmmlu-pro"].row(0), "solution": answer}),
    "kice": (FILES["kice"], lambda answer: {**FILES["kice"].row(0), "problems": [{**asked(0, FIVE), "answer": answer}]}),
    "columns": (ExamFile("x.csv", korean), korean),
}  # fmt: skip
