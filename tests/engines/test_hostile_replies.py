"""Whatever a server answers is a reply or a failure of one line, and the rerun reads the log."""

import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.faulty_server import Server, completion, faulty_server
from support.teachers import ask, calls

from koalign.records import KoalignError

pytest.importorskip("openai")
pytestmark = pytest.mark.slow
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(["\x1b[2J", "\ud800", "\u202e", 10**30, -1, "stop", "length", "x" * 5000]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["message", "content", "text", "type", "refusal", "finish_reason",
                                       "prompt_tokens", "completion_tokens", "error", "code"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
CHANGES = st.dictionaries(
    st.sampled_from(["choices", "usage", "model", "id", "error", "object"]), VALUES, max_size=3
)


def body_of(changes: dict) -> str:
    return json.dumps({**completion({"model": "m"}, "정답: 3"), **changes})


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        CHANGES.map(body_of) | st.text(max_size=30) | VALUES.map(json.dumps),
        min_size=20,
        max_size=20,
    )
)
def test_twenty_bodies_at_a_time_are_replies_or_failures_of_a_line(here, bodies):
    log = here / "log"
    shutil.rmtree(log, ignore_errors=True)
    numbers = {f"{number}번 문제": body for number, body in enumerate(bodies)}
    with faulty_server(
        Server(fault=lambda body, _: f"raw:{numbers[body['messages'][-1]['content']]}")
    ) as server:
        for _ in range(2):
            try:
                result = ask(
                    server,
                    calls(20),
                    log / "log.jsonl",
                    tries=1,
                    max_failures=100,
                    price_in=1,
                    price_out=1,
                )
            except KoalignError as error:
                assert "\n" not in str(error)
                continue
            for failure in result.failures:
                assert len(failure.error.splitlines()) == 1 and len(failure.error) <= 300
            assert result.cost < 1e6 and len(result.replies) == 20
