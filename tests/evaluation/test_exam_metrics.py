"""KMMLU subjects sum up within their supercategory, and 수능 questions earn their points."""

from collections import Counter

import pytest

from koalign.evaluation.metrics.exam_metrics import (
    KMMLU_SUPERCATEGORY,
    csat_points,
    kmmlu_subject,
    kmmlu_supercategories,
)
from koalign.records import KoalignError


def test_kmmlu_has_45_subjects_in_4_supercategories():
    assert len(KMMLU_SUPERCATEGORY) == 45
    assert Counter(KMMLU_SUPERCATEGORY.values()) == {
        "STEM": 11, "HUMSS": 11, "Applied Science": 12, "Other": 11,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name, subject",
    [
        ("Criminal Law", "Criminal-Law"),
        ("criminal_law", "Criminal-Law"),
        ("Criminal-Law", "Criminal-Law"),
        ("korean-history", "Korean-History"),
        ("math", "Math"),
        (" political_science_and_sociology ", "Political-Science-and-Sociology"),
    ],
)
def test_every_spelling_of_a_subject_is_the_same_subject(name, subject):
    assert kmmlu_subject(name) == subject
    assert subject in KMMLU_SUPERCATEGORY


def test_a_subject_that_kmmlu_lacks_is_refused_with_the_nearest():
    with pytest.raises(KoalignError, match=r"'Criminal-Lore' is none.*did you mean 'Criminal-Law'"):
        kmmlu_subject("Criminal-Lore")


def test_a_supercategory_adds_up_the_items_of_its_subjects():
    counts = {subject.lower().replace("-", "_"): (1, 4) for subject in KMMLU_SUPERCATEGORY}
    counts["math"] = (86, 86)
    sums = kmmlu_supercategories(counts)
    assert sums["STEM"] == (10 + 86, 40 + 86)
    assert sums["Applied Science"] == (12, 48)


def test_half_a_supercategory_is_refused_and_an_absent_one_is_left_out():
    humss = {s: (1, 4) for s, c in KMMLU_SUPERCATEGORY.items() if c == "HUMSS"}
    assert kmmlu_supercategories(humss) == {"HUMSS": (11, 44)}
    for broken in ({s: c for s, c in humss.items() if s != "Law"}, humss | {"Law": (0, 0)}):
        with pytest.raises(KoalignError, match="HUMSS: no item of Law was evaluated"):
            kmmlu_supercategories(broken)


def test_one_subject_in_two_spellings_is_refused():
    with pytest.raises(KoalignError, match="Math is counted twice"):
        kmmlu_supercategories({"Math": (1, 2), "math": (1, 2)})


def test_a_whole_paper_is_worth_100():
    points = [2.0] * 35 + [3.0] * 10
    assert csat_points(points, [True] * 45) == (100, 100)
    assert csat_points(points, [True] * 35 + [False] * 10) == (70, 100)
    assert csat_points(points, [False] * 45) == (0, 100)


@pytest.mark.parametrize("worth", [None, 0.0, float("nan")])
def test_a_question_without_points_has_no_paper_score(worth):
    with pytest.raises(KoalignError, match="question 2 of 3: points"):
        csat_points([2, worth, 3], [True, True, True])
