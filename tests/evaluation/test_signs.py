"""A sign is read as a difference only where its interval, its size and its items allow it."""

from hypothesis import given
from hypothesis import strategies as st

from koalign.evaluation.diagnosis.signs import SIGNS, read
from koalign.evaluation.stats.intervals import Figure

SHARE = SIGNS[2]


@given(
    st.floats(-1, 1), st.floats(0, 0.5), st.floats(0, 0.5), st.integers(0, 40),
    st.sampled_from(SIGNS),
)  # fmt: skip
def test_nothing_is_called_different_whose_interval_holds_0(value, below, above, items, sign):
    found = Figure(value, value - below, value + above, items)
    verdict, reading = read(sign, Figure(0.5, 0, 1, 9), Figure(0.5, 0, 1, 9), found, items)
    if value - below <= 0 <= value + above:
        assert verdict in ("none", "too_few")
    if items < 10:
        assert verdict == "too_few"
        assert reading.startswith("1 item:" if items == 1 else f"{items} items:")
    if verdict in ("worse", "better") and sign.unit == "share":
        assert abs(value) >= 0.05
        assert (verdict == "worse") == ((value > 0) == (sign.bad == "up"))


def test_a_difference_below_the_threshold_is_there_but_small():
    one = Figure(0.5, 0.4, 0.6, 50)
    assert read(SHARE, one, one, Figure(0.049, 0.01, 0.08, 50), 50) == (
        "small", "4.9 points higher than the base, but small",
    )  # fmt: skip
    assert read(SHARE, one, one, Figure(0.12, 0.01, 0.2, 50), 50) == (
        "worse", "12 points higher than the base: memorised",
    )  # fmt: skip
    assert read(SHARE, one, one, Figure(-0.12, -0.2, -0.01, 50), 50) == (
        "better", "12 points lower than the base",
    )  # fmt: skip
