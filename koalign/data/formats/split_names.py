"""split_names: a path -> the split that its files and folders name, in English or Korean."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from koalign.data.formats.files import SUFFIXES
from koalign.text.korean import composed

_WORDS = {
    "train": ("train", "training", "학습", "훈련"),
    "dev": ("dev", "development", "valid", "val", "validation", "검증"),
    "test": ("test", "testing", "eval", "evaluation", "heldout", "holdout", "평가", "테스트"),
}
"""`eval` is held out, and so never trained on by accident; `시험` and `exam` are what a file holds."""
_SPLITS = {word: split for split, words in _WORDS.items() for word in words}
_WORD = re.compile(
    rf"({'|'.join(sorted(_SPLITS, key=len, reverse=True))})"
    "(?:s|sets?|data|datasets?|files?|splits?|용|세트|셋|데이터|데이터셋|데이터세트|용데이터|용데이터셋)?"
)
_AI_HUB = re.compile(r"(?:\[[^\]]*\])?([TV])[LS](?![A-Za-z])")
"""AI Hub's archives: training or validation, labels or sources (`TL_국어.zip`, `VS1.zip`)."""


def split_in_name(name: str) -> str:
    """The split that a path names in its last part that names one: `data/Law-dev.csv` -> dev.

    Digits, dots and signs may stand around the word: `1.Training`, `exam_v1.0_test`, `평가용_데이터`.
    """
    for part in reversed(PurePosixPath(composed(name)).parts):
        path = PurePosixPath(part)
        stem = path.stem if path.suffix.lower() in (*SUFFIXES, ".zip") else part
        words = re.findall("[a-z]+|[가-힣]+", stem.lower())
        matches = [match for word in words if (match := _WORD.fullmatch(word))]
        if matches:
            return _SPLITS[matches[-1][1]]
        if archive := _AI_HUB.match(stem):
            return "train" if archive[1] == "T" else "dev"
    return ""
