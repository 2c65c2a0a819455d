"""Without a terminal progress is a line every ten percent, and none for what is soon over."""

import pytest

from koalign import progress


@pytest.fixture
def lines(monkeypatch, capsys):
    """Runs steps that take so many seconds each; returns the lines of it."""

    def run(steps: int, seconds: float, total: int | None = None, done: int = 0) -> list[str]:
        now = [0.0]
        monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
        with progress.bar("sft", total or steps, done) as advance:
            for step in range(steps):
                now[0] += seconds
                advance(1, f"loss {step / 100:.3f}")
        return capsys.readouterr().err.splitlines()

    return run


def test_a_line_every_ten_percent_says_how_far_what_and_how_long(lines):
    out = lines(1000, 1.0)
    assert len(out) == 9
    assert out[0] == "sft: 100/1,000 (10 %), loss 0.990, about 15 min left"
    assert out[-1] == "sft: 900/1,000 (90 %), loss 8.990, about 100 s left"


def test_what_takes_less_than_two_seconds_says_nothing(lines):
    assert lines(100, 0.01) == []


def test_what_was_done_before_says_nothing_of_how_long_the_rest_takes(lines):
    out = lines(500, 1.0, total=1000, done=500)
    assert out[0] == "sft: 600/1,000 (60 %), loss 0.990, about 7 min left" and len(out) == 4
    assert lines(0, 1.0, total=0, done=0) == []


def test_few_steps_have_a_line_each(lines):
    assert [line.split()[1] for line in lines(4, 5.0)] == ["1/4", "2/4", "3/4"]
