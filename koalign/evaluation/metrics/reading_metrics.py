"""reading_metrics: predicted spans -> exact match and overlap as the official scripts count them.

The scripts are kept with their faults, because figures are compared with published ones. None of them
normalises Unicode: decomposed (NFD) Hangul equals nothing, so bring the texts to NFC before.
"""

from __future__ import annotations

import re
import string
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial

from koalign.records import KoalignError

# `()‘’` was meant to stand inside the class; outside it must follow a mark, so 《》 and ‘’ stay.
_KLUE_MARKS = re.compile(r"""['"《》<>〈〉]\(\)‘’""")
_KORQUAD_MARKS = re.compile(r"""['"《》<>〈〉()‘’]""")
_WITHOUT_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class SpanScore:
    """What one question scores, both in [0, 1]."""

    exact_match: float
    overlap: float
    """KLUE's ROUGE-W or KorQuAD's F1."""


def klue_mrc_score(prediction: str, golds: Sequence[str]) -> SpanScore:
    """Exact match and ROUGE-W of one prediction, each the best over the golds, at least one.

    The gold of an unanswerable question is "", and only an empty prediction is right. Equals
    `klue_baseline/metrics/utils.py` of KLUE-baseline. ROUGE-W here is the F1 of the longest common run
    of characters, spaces included, not Lin's (2004). difflib finds the run. In a gold of 200 characters
    or more it may overlook one whose every character makes up over 1 % of the gold, as in the script.
    """
    return _best(prediction, golds, partial(_normal, _KLUE_MARKS), _rouge_w)


def _rouge_w(predicted: str, gold: str) -> float:
    if not gold:
        return float(not predicted)
    run = SequenceMatcher(None, predicted, gold).find_longest_match().size
    return _f1(run, len(predicted), len(gold))


def korquad_1_score(prediction: str, golds: Sequence[str]) -> SpanScore:
    """Exact match and F1 of one prediction, each the best over the golds, at least one.

    Equals `evaluate-v1.0.py` of KorQuAD 1.0. F1 is over the bag of characters without spaces, so it
    does not see their order. “ and ” are kept, and the F1 of two empty texts is 0 although they match.
    """
    return _best(prediction, golds, partial(_normal, _KORQUAD_MARKS), _bag_f1)


def korquad_2_score(prediction: str, golds: Sequence[str]) -> SpanScore:
    """As `korquad_1_score`, with tags stripped first and all white space removed (KorQuAD 2.1).

    Needs beautifulsoup4, with `html.parser`; the script takes whichever parser is installed.
    """

    def normal(text: str) -> str:
        return "".join(_normal(_KORQUAD_MARKS, _without_tags(text)).split())

    return _best(prediction, golds, normal, _bag_f1)


def _best(
    prediction: str,
    golds: Sequence[str],
    normal: Callable[[str], str],
    overlap: Callable[[str, str], float],
) -> SpanScore:
    predicted, normals = normal(prediction), [normal(gold) for gold in golds]
    return SpanScore(
        max(float(predicted == gold) for gold in normals),
        max(overlap(predicted, gold) for gold in normals),
    )


def _normal(marks: re.Pattern[str], text: str) -> str:
    text = marks.sub(" ", text.lower()).translate(_WITHOUT_PUNCTUATION)
    return " ".join(text.split())


def _without_tags(text: str) -> str:
    try:
        from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning
    except ImportError:
        raise KoalignError(
            "KorQuAD 2.1 is scored with beautifulsoup4; pip install 'koalign[scorers]'"
        ) from None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)  # an answer may be a URL
        return BeautifulSoup(text, "html.parser").get_text()


def _bag_f1(predicted: str, gold: str) -> float:
    ours, theirs = Counter("".join(predicted.split())), Counter("".join(gold.split()))
    return _f1((ours & theirs).total(), ours.total(), theirs.total())


def _f1(common: int, predicted: int, gold: int) -> float:
    return 2 * common / (predicted + gold) if common else 0.0
