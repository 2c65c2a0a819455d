"""The sentence on retrieval follows from the intervals, and claims no gain that has no control."""

import pytest

from koalign.reports.passages import conclusion


def figures(
    low: float | None, high: float | None, chosen: float | None
) -> dict[str, dict[str, float | None]]:
    return {
        "first_gain": {"value": 0.1, "low": low, "high": high},
        "chosen_gain": {"value": 0.3, "low": chosen, "high": 0.4},
    }


@pytest.mark.parametrize(
    ("low", "high", "chosen", "said"),
    [
        (0.02, 0.2, 0.1, "the first passage helps this policy with training problems; more votes"),
        (-0.2, -0.02, 0.1, "the first passage harms this policy; choosing among passages could gain +30.0 points"),
        (-0.2, -0.02, -0.1, "the first passage harms this policy; no gain of choosing among passages is proven"),
        (-0.1, 0.1, -0.1, "no gain of the first passage is proven; no gain of choosing among passages is proven"),
        (None, None, None, "no gain of the first passage is proven; no gain of choosing among passages is proven"),
    ],
)  # fmt: skip
def test_the_conclusion_follows_from_the_interval_of_the_first_passage(low, high, chosen, said):
    assert conclusion(figures(low, high, chosen)).startswith(said)
