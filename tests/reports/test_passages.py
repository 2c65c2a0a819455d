"""The sentence on retrieval follows from the intervals, and claims no gain that has no control."""

import pytest

from koalign.reports.passages import conclusion


def figures(
    low: float | None, high: float | None, most: float
) -> dict[str, dict[str, float | None]]:
    return {
        "first_gain": {"value": 0.1, "low": low, "high": high},
        "most_gain": {"value": most, "low": 0.0, "high": most},
    }


@pytest.mark.parametrize(
    ("low", "high", "most", "said"),
    [
        (0.02, 0.2, 0.3, "the first passage helps this policy with training problems; more votes"),
        (-0.2, -0.02, 0.3, "the first passage harms this policy; choosing among passages could gain +30.0"),
        (-0.1, 0.1, 0.0, "no gain of the first passage is proven, and no passage that was tried is gold"),
        (None, None, 0.0, "no gain of the first passage is proven, and no passage that was tried is gold"),
    ],
)  # fmt: skip
def test_the_conclusion_follows_from_the_interval_of_the_first_passage(low, high, most, said):
    assert conclusion(figures(low, high, most)).startswith(said)
