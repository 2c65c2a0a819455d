"""tables: what the tests of tables share: rows as CSV, the reading of them, and the right choices."""

import csv
import io

from koalign.data.formats.sources import read_source

CITIES = ["부산", "대구", "서울", "인천", "광주"]
SUMS = ["3", "4", "5", "6", "7"]
HEADER = ["지문", "문제", "보기1", "보기2", "보기3", "보기4", "보기5", "정답"]


def table(*rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def read_table(folder, *rows, wanted="train", **options):
    path = folder / "문제.csv"
    path.write_text(table(*rows), encoding="utf-8")
    return read_source(str(path), wanted, **options)


def said(problem):
    """The texts of the right choices."""
    return [problem.choices[int(answer) - 1] for answer in problem.answers]
