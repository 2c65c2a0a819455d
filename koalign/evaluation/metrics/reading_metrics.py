"""reading_metrics: predicted spans -> exact match and overlap as the official scripts count them.

The scripts are kept with their faults, because figures are compared with published ones. None of them
normalises Unicode: decomposed (NFD) Hangul equals nothing, so bring the texts to NFC before.
"""

from __future__ import annotations

import re
import string
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from koalign.evaluation.stats.intervals import require_same_ids
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


def klue_mrc(
    golds: Mapping[str, Sequence[str]], predictions: Mapping[str, str]
) -> dict[str, SpanScore]:
    """Guid -> exact match and ROUGE-W, in the order of `golds`; the figures are their means.

    The gold of an unanswerable question is "", and only an empty prediction is right. Equals
    `klue_baseline/metrics/utils.py` of KLUE-baseline, except that a missing guid raises KoalignError, as
    does one too many: the script leaves it out of the mean, so that an unfinished file scores higher.
    """
    return _score(golds, predictions, klue_mrc_score)


def korquad_1(
    golds: Mapping[str, Sequence[str]], predictions: Mapping[str, str]
) -> dict[str, SpanScore]:
    """Question id -> exact match and F1, in the order of `golds`; the figures are their means.

    Equals `evaluate-v1.0.py` of KorQuAD 1.0, except that a missing id raises KoalignError, where the
    script scores 0, and so does one too many.
    """
    return _score(golds, predictions, korquad_1_score)


def korquad_2(
    golds: Mapping[str, Sequence[str]], predictions: Mapping[str, str]
) -> dict[str, SpanScore]:
    """As `korquad_1`, by the script of KorQuAD 2.1; needs beautifulsoup4."""
    return _score(golds, predictions, korquad_2_score)


def _score(
    golds: Mapping[str, Sequence[str]],
    predictions: Mapping[str, str],
    score: Callable[[str, Sequence[str]], SpanScore],
) -> dict[str, SpanScore]:
    require_same_ids(golds, predictions)
    unknown = [name for name, answers in golds.items() if not answers]
    if unknown:
        raise KoalignError(
            f"{len(unknown)} questions have no gold answer (that of an unanswerable one is an empty "
            f"text), so nothing can be scored; the first: {unknown[0]!r}"
        )
    return {name: score(predictions[name], answers) for name, answers in golds.items()}


def klue_mrc_score(prediction: str, golds: Sequence[str]) -> SpanScore:
    """Exact match and ROUGE-W of one prediction, each the best over the golds, at least one.

    ROUGE-W here is the F1 of the longest common run of characters, spaces included, not Lin's (2004).
    difflib finds the run, and in a gold of 200 characters or more it may overlook one whose every
    character makes up over 1 % of the gold, as in the script.
    """
    predicted = _klue_normal(prediction)
    normal = [_klue_normal(gold) for gold in golds]
    return SpanScore(
        max(float(predicted == gold) for gold in normal),
        max(_rouge_w(predicted, gold) for gold in normal),
    )


def _klue_normal(text: str) -> str:
    text = _KLUE_MARKS.sub(" ", text.lower()).translate(_WITHOUT_PUNCTUATION)
    return " ".join(text.split())


def _rouge_w(predicted: str, gold: str) -> float:
    if not gold:
        return float(not predicted)
    run = SequenceMatcher(None, predicted, gold).find_longest_match().size
    return _f1(run, len(predicted), len(gold))


def korquad_1_score(prediction: str, golds: Sequence[str]) -> SpanScore:
    """Exact match and F1 of one prediction, each the best over the golds, at least one.

    F1 is over the bag of characters without spaces, so it does not see their order. “ and ” are kept,
    and the F1 of two empty texts is 0 although they match.
    """
    return _korquad_score(prediction, golds, _korquad_normal)


def korquad_2_score(prediction: str, golds: Sequence[str]) -> SpanScore:
    """As `korquad_1_score`, with tags stripped first and all white space removed.

    The script lets BeautifulSoup choose the parser that is installed; here it is always `html.parser`.
    """

    def normal(text: str) -> str:
        return "".join(_korquad_normal(_without_tags(text)).split())

    return _korquad_score(prediction, golds, normal)


def _korquad_score(
    prediction: str, golds: Sequence[str], normal: Callable[[str], str]
) -> SpanScore:
    predicted, normals = normal(prediction), [normal(gold) for gold in golds]
    return SpanScore(
        max(float(predicted == gold) for gold in normals),
        max(_bag_f1(predicted, gold) for gold in normals),
    )


def _korquad_normal(text: str) -> str:
    text = _KORQUAD_MARKS.sub(" ", text).lower().translate(_WITHOUT_PUNCTUATION)
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
