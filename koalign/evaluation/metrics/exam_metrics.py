"""exam_metrics: right answers -> KMMLU supercategories and 수능 points."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from koalign.records import KoalignError

_SUBJECTS = {
    "STEM": """
        Biology Chemical-Engineering Chemistry Civil-Engineering Computer-Science Ecology
        Electrical-Engineering Information-Technology Materials-Engineering Math
        Mechanical-Engineering""",
    "HUMSS": """
        Accounting Criminal-Law Economics Education Korean-History Law Management
        Political-Science-and-Sociology Psychology Social-Welfare Taxation""",
    "Applied Science": """
        Aviation-Engineering-and-Maintenance Electronics-Engineering Energy-Management
        Environmental-Science Gas-Technology-and-Engineering Geomatics Industrial-Engineer
        Machine-Design-and-Manufacturing Maritime-Engineering Nondestructive-Testing
        Railway-and-Automotive-Engineering Telecommunications-and-Wireless-Technology""",
    "Other": """
        Agricultural-Sciences Construction Fashion Food-Processing Health
        Interior-Architecture-and-Design Marketing Patent Public-Safety Real-Estate
        Refrigerating-Machinery""",
}

KMMLU_SUPERCATEGORY = {
    subject: supercategory
    for supercategory, subjects in _SUBJECTS.items()
    for subject in subjects.split()
}
"""The 45 subjects of KMMLU (Son et al. 2024, arXiv 2402.11548) -> their supercategory."""

_SPELLED = {subject.lower(): subject for subject in KMMLU_SUPERCATEGORY}


def kmmlu_subject(name: str) -> str:
    """The one spelling of a KMMLU subject: `criminal_law`, `Criminal Law` -> `Criminal-Law`.

    Raises KoalignError for what is no subject of KMMLU.
    """
    key = re.sub(r"[\s_-]+", "-", name.strip()).lower()
    if key not in _SPELLED:
        near = get_close_matches(key, _SPELLED, n=1)
        hint = f"; did you mean {_SPELLED[near[0]]!r}?" if near else ""
        raise KoalignError(f"{name!r} is none of the 45 subjects of KMMLU{hint}")
    return _SPELLED[key]


def kmmlu_supercategories(counts: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Subject -> (right, n) becomes supercategory -> (right, n): micro within the supercategory.

    A supercategory without any of its subjects is left out. Raises KoalignError if only some of them
    are there, or one has no item, because the sum could not be compared with anybody's.
    """
    found: dict[str, tuple[int, int]] = {}
    for name, count in counts.items():
        subject = kmmlu_subject(name)
        if subject in found:
            raise KoalignError(f"KMMLU subject {subject} is counted twice, also as {name!r}")
        found[subject] = count
    sums: dict[str, tuple[int, int]] = {}
    for supercategory in dict.fromkeys(KMMLU_SUPERCATEGORY[subject] for subject in found):
        subjects = [s for s, c in KMMLU_SUPERCATEGORY.items() if c == supercategory]
        missing = [s for s in subjects if s not in found or not found[s][1]]
        if missing:
            raise KoalignError(
                f"KMMLU {supercategory}: no item of {', '.join(missing)} was evaluated; evaluate "
                "every subject of the supercategory, or report the subjects alone"
            )
        rights, sizes = zip(*(found[s] for s in subjects), strict=True)
        sums[supercategory] = (sum(rights), sum(sizes))
    return sums


def csat_points(points: Sequence[float | None], correct: Sequence[bool]) -> tuple[float, float]:
    """(points earned, points possible) of 수능 questions; of a whole paper 100 are possible.

    `points` are what KICE prints beside each question (배점). Raises KoalignError if a question has
    none: the score of a paper is not known in part.
    """
    earned = possible = 0.0
    for number, (worth, is_right) in enumerate(zip(points, correct, strict=True), start=1):
        if worth is None or not worth > 0:
            raise KoalignError(
                f"question {number} of {len(points)}: points {worth!r}; a score out of 100 needs the "
                "배점 of every question, report the accuracy instead"
            )
        possible += worth
        earned += worth if is_right else 0
    return earned, possible
