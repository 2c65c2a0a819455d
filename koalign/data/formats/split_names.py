"""split_names: a path, or a cell of a table -> the split that it names, in English or Korean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from koalign.data.formats.files import SUFFIXES
from koalign.text.korean import composed

_WORDS = {
    "train": ("train", "training", "trn", "학습", "훈련", "트레인", "트레이닝"),
    "dev": ("dev", "development", "valid", "val", "vld", "validation", "검증", "밸리데이션"),
    "test": (
        "test",
        "testing",
        "tst",
        "eval",
        "evaluation",
        "heldout",
        "holdout",
        "평가",
        "테스트",
    ),
}
"""`eval` is held out, and so never trained on by accident."""
_OF_DATA = {"시험": "test", "개발": "dev"}
"""Words that name a split only of data (`시험용`, `개발셋`): else a file holds 시험 and is about 개발."""
_PLAIN = {word: split for split, words in _WORDS.items() for word in words}
_SPLITS = _PLAIN | _OF_DATA
_DATA = "sets?|data|datasets?|용|세트|셋|데이터|데이터셋|데이터세트|용데이터|용데이터셋"
_WORD = re.compile(
    rf"({'|'.join(sorted(_SPLITS, key=len, reverse=True))})"
    rf"(?:(?:{_DATA})|(?<!{'|'.join(_OF_DATA)})(?:s|files?|splits?)?)"
)
_FLAG = re.compile(
    rf"(?:is|for|in)?(?!valid(?:set)?\Z)({'|'.join(_PLAIN)})(?:set|용|셋|세트|데이터)?(?:여부|유무|표시|flag|yn)?"
)
"""The name of a column that says of each row whether it is of a split: `is_test`, `평가여부`.

Not `is_valid`, which says that a row is in order."""
_YES = "true t yes y 1 1.0 o ○ ◯ v ✓ ✔ √ ● 예 네 해당"
_NO = "false f no n 0 0.0 x × - 아니오 아니요 미해당 nan"
_SAYS = {"": False, **dict.fromkeys(_YES.split(), True), **dict.fromkeys(_NO.split(), False)}
LONGEST_NAME = 100
"""Letters of the name of a column that are looked at."""
_OF_DATA_APART = re.compile(rf"({'|'.join(_OF_DATA)})[\s_-]+(?:데이터|세트|셋)(?=[\W\d_]*\Z)")
_LAST_HUMPS = re.compile("(?<=[A-Za-z])(?!Val|Dev(?![A-Z]))[A-Z][a-z]+(?:[A-Z][a-z]+)?(?![A-Za-z])")
_AI_HUB = re.compile(r"(?:\[[^\]]*\])?([TV])[LS](?![A-Za-z])")
"""AI Hub's archives: training or validation, labels or sources (`TL_국어.zip`, `VS1.zip`)."""


def split_in_name(name: str) -> str:
    """The split that a path names in its last part that names one: `data/Law-dev.csv` -> dev.

    Digits, dots, signs and the case of letters may stand around the word: `1.Training`, `exam_v1.0_test`,
    `시험 데이터`, `KoreanTestSet`. A word of any part counts more than the code of an archive of AI Hub.
    """
    parts = [PurePosixPath(part) for part in reversed(PurePosixPath(composed(name)).parts)]
    stems = [
        part.stem if part.suffix.lower() in (*SUFFIXES, ".zip") else part.name for part in parts
    ]
    for stem in stems:
        plain = _OF_DATA_APART.sub(r"\1데이터", stem.lower())
        words = [*re.findall("[a-z]+|[가-힣]+", plain), *map(str.lower, _LAST_HUMPS.findall(stem))]
        if matches := [match for word in words if (match := _WORD.fullmatch(word))]:
            return _SPLITS[matches[-1][1]]
    archives = [match[1] for stem in stems if (match := _AI_HUB.match(stem))]
    return {"T": "train", "V": "dev"}[archives[0]] if archives else ""


def split_in_cell(name: str, cell: str) -> str:
    """The split that a cell of a column names, or says with a yes or no: `is_test` and `True` -> test.

    A no under the name of a held-out split is train, and one under that of train is test.
    """
    flag, says = _flag(name), _SAYS.get(cell.strip().lower())
    if not flag or says is None:
        return split_in_name(cell)
    return flag if says else "test" if flag == "train" else "train"


def marks_a_split(name: str, cells: Sequence[str]) -> bool:
    """Whether the cells of a column, the empty ones among them, say yes or no of a split that it names."""
    said = {_SAYS.get(cell.strip().lower()) for cell in cells}
    return _flag(name) != "" and None not in said and True in said


def is_held_out(cell: str) -> bool:
    """Whether a cell says nothing but that it is no training data: `평가`, not `unit test 3`."""
    match = _WORD.fullmatch(composed(cell).strip().lower())
    return match is not None and _SPLITS[match[1]] != "train"


def _flag(name: str) -> str:
    match = _FLAG.fullmatch(re.sub(r"[\W_]+", "", composed(name[:LONGEST_NAME]).lower()))
    return _SPLITS[match[1]] if match else ""
