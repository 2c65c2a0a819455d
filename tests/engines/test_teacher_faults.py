"""A server that fails in every way: what may pass is tried again, what is no reply is never data."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.faulty_server import Server, answer_to, faulty_server
from support.refusals import refused
from support.teachers import ask, call, calls, faulty

from koalign.jsonl import read_jsonl
from koalign.mining.distilling.teacher_calls import Failure, Reply, failures_beside
from koalign.records import KoalignError

pytestmark = pytest.mark.usefixtures("short_waits")


MAY_PASS = [
    *(f"status:{number}" for number in (408, 409, 429, 500, 502, 503, 529)),
    "cut", "hang_up", "html", "raw:", 'raw:{"choices": [', "raw:null", "raw:[]", "raw:3",
    'raw:{"error": {"message": "overloaded"}}', 'with_:{"choices": []}', 'with_:{"choices": null}',
    'choice:{"message": null}', 'choice:{"message": {"content": ["가"]}}',
    'choice:{"message": {"content": "\\ud800"}}',
]  # fmt: skip


@pytest.mark.parametrize("fault", MAY_PASS)
def test_what_may_pass_is_tried_again_until_the_reply_is_there(server, log, fault):
    expected = ask(server, calls(3), log).replies
    log.unlink()
    server.seen.clear()
    server.fault = faulty(fault, only="1번", times=2)
    result = ask(server, calls(3), log)
    assert result.replies == expected and not result.failures
    assert server.count("1번 문제") == 1 + 3 and server.count("2번 문제") == 1 + 1


@pytest.mark.parametrize("fault", ["silent:4", "trickle:4"])
def test_a_reply_that_is_not_whole_in_time_is_tried_again(server, log, fault):
    server.fault = faulty(fault, only="1번", times=1)
    result = ask(server, calls(3), log, timeout=0.8)
    assert all(result.replies)
    assert server.arrivals[-1].at - server.arrivals[0].at < 3  # and not when the server is done
    assert result.estimated == 1  # it may have been paid for
    (lost,) = read_jsonl(failures_beside(log), Failure)
    assert "no whole answer within 0.8 s" in lost.error and lost.estimated


def test_a_good_answer_under_a_wrong_content_type_is_a_reply(server, log):
    server.fault = faulty("plain")
    assert ask(server, [call(1)], log).replies[0].text == answer_to(server.arrivals[0].body)


@pytest.mark.parametrize("number", [400, 405, 413, 415, 422])
def test_a_call_that_is_refused_is_a_failure_and_the_others_go_on(server, log, number):
    server.fault = faulty(f"status:{number}", only="1번")
    result = ask(server, calls(4), log)
    assert [reply is None for reply in result.replies] == [False, True, False, False]
    (failure,) = result.failures
    assert (failure.problem_id, failure.status, failure.tries) == ("p1", number, 1)
    assert server.count("1번 문제") == 1 and "\n" not in failure.error
    assert result.replies[1] is None and len(read_jsonl(log, Reply)) == 3
    assert read_jsonl(failures_beside(log), Failure) == [failure]


def test_a_failure_is_no_data_and_is_asked_again_by_the_next_run(server, log):
    server.fault = faulty("status:400", only="1번")
    ask(server, calls(3), log)
    server.fault = lambda body, before: None
    result = ask(server, calls(3), log)
    assert all(result.replies) and not result.failures and result.from_log == 2
    assert len(server.arrivals) == 4


def test_tries_are_bounded(server, log):
    server.fault = faulty("status:503", only="1번")
    result = ask(server, calls(2), log, tries=3)
    assert server.count("1번 문제") == 3
    assert [(f.problem_id, f.tries, f.status) for f in result.failures] == [("p1", 3, 503)]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("status:401", "does not take the key in OPENAI_API_KEY"),
        ("status:402", "nothing left to spend"),
        ("status:403", "the server forbids it"),
        ("status:404", "teacher.url, which mostly ends in /v1"),
        ("quota", "You exceeded your quota"),
    ],
)
def test_where_no_call_would_fare_better_all_stops_at_once(server, log, fault, said):
    server.fault = faulty(fault, only="4번")
    with pytest.raises(KoalignError, match=said) as caught:
        ask(server, calls(500), log, concurrency=2)
    assert len(server.arrivals) <= 8 and server.count("4번 문제") == 1
    assert len(read_jsonl(log, Reply)) == len(server.arrivals) - 1
    assert "of 500 calls are answered" in str(caught.value) and "\n" not in str(caught.value)


def test_a_server_that_fails_every_call_is_not_asked_ten_thousand_times(server, log):
    server.fault = faulty("status:422")
    with refused("20 calls failed one after the other, the last: HTTP 422"):
        ask(server, calls(10_000), log)
    assert 20 <= len(server.arrivals) < 20 + 8


def test_failures_among_replies_stop_nothing(server, log):
    server.fault = lambda body, before: (
        "status:422" if int(body["messages"][-1]["content"].partition("번")[0]) % 3 else None
    )
    result = ask(server, calls(60), log, concurrency=1, max_failures=3)
    assert len(result.failures) == 40


def test_a_server_that_is_not_there_is_one_line_and_costs_nothing(log):
    with faulty_server(Server()) as gone:
        pass
    with refused("no connection; is a server up there"):
        ask(gone, [call(1)], log, tries=2)
    result = ask(gone, [call(1)], log, tries=2, model="m", price_in=1, price_out=1)
    assert result.replies == (None,) and result.cost == 0 and result.estimated == 0


@pytest.mark.parametrize("after", ["0.8", "+2"], ids=["seconds", "date"])  # whole seconds
def test_retry_after_is_honoured_by_all_calls(server, log, after):
    server.fault = faulty(f"status:429:{after}", only="17번", times=1)
    server.seconds = 0.01
    ask(server, calls(60), log, concurrency=2)
    refused, again = [
        at for at, arrival in enumerate(server.arrivals) if arrival.asked == "17번 문제"
    ]
    assert server.arrivals[again].at - server.arrivals[refused].at > 0.75
    assert again - refused < 20  # without the rest nearly all others would be in between


def test_those_that_wait_for_their_turn_rest_too(server, log):
    server.fault = faulty("status:429:1", only="0번", times=1)
    ask(server, calls(8), log, concurrency=8, requests_per_minute=600)
    refused = next(arrival.at for arrival in server.arrivals if arrival.asked == "0번 문제")
    since = sorted(arrival.at - refused for arrival in server.arrivals)
    assert not [at for at in since if 0.5 < at < 0.95] and len(since) == 9
    assert since[-1] > 1 + 5 * 0.1  # and are spaced as before


def test_a_server_that_wants_to_be_left_alone_for_long_is(server, log):
    server.fault = faulty("status:429:3600", only="1번")
    with pytest.raises(KoalignError, match="left alone for 3600 s"):
        ask(server, calls(50), log, concurrency=1)
    assert len(server.arrivals) == 2


# What is no data


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ('choice:{"finish_reason": "content_filter"}', "finish_reason 'content_filter'"),
        ('choice:{"finish_reason": null}', "finish_reason None"),
        ('choice:{"finish_reason": "tool_calls"}', "finish_reason 'tool_calls'"),
        ('choice:{"message": {"content": " \\n"}}', "an empty reply"),
        ('choice:{"message": {"content": null}}', "an empty reply"),
        (
            'choice:{"message": {"content": ""}, "finish_reason": "length"}',
            "raise teacher.max_tokens",
        ),
        (
            'choice:{"message": {"content": "a", "refusal": "안 됩니다"}}',
            "the model refused: 안 됩니다",
        ),
    ],
)
def test_what_is_no_whole_reply_is_a_failure_that_was_paid_for(server, log, fault, said):
    server.fault = faulty(fault, only="1번")
    result = ask(server, calls(3), log, price_in=1, price_out=1)
    (failure,) = result.failures
    assert said in failure.error and failure.status == 200 and server.count("1번 문제") == 1
    assert result.prompt_tokens == 30 and failure.prompt_tokens == 10 and not result.estimated


def test_a_reply_that_was_cut_is_marked_so(server, log):
    server.fault = faulty('choice:{"finish_reason": "length"}', only="1번")
    assert [r.finish_reason for r in ask(server, calls(3), log).replies] == [
        "stop",
        "length",
        "stop",
    ]


wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["message", "content", "finish_reason", "choices", "usage", "model"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fault=st.one_of(
        st.text(max_size=30).map(lambda text: f"raw:{text}"),
        st.dictionaries(st.sampled_from(["choices", "usage", "model"]), wild).map(
            lambda value: f"with_:{json.dumps(value)}"
        ),
        st.dictionaries(st.sampled_from(["message", "finish_reason"]), wild).map(
            lambda value: f"choice:{json.dumps(value)}"
        ),
    )
)
def test_whatever_the_body_the_call_is_a_reply_or_a_failure(server, tmp_path, fault):
    log = tmp_path / "wild.jsonl"
    log.unlink(missing_ok=True)
    server.fault = faulty(fault)
    result = ask(server, [call(1)], log, tries=1, model="m")
    assert (result.replies[0] is None) == bool(result.failures)
    if result.replies[0]:
        assert result.replies[0].text.strip()
        assert read_jsonl(log, Reply) == [result.replies[0]]
