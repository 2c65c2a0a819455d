"""A teacher behind a server that misbehaves: every reply asked for once, logged before it is used."""

import json
import time

import pytest
from support.faulty_server import answer_to
from support.teachers import ask, call, calls, faulty

from koalign.config.teacher import Teacher
from koalign.engines.teacher import ask_teacher
from koalign.jsonl import read_jsonl
from koalign.mining.distilling.teacher_calls import Reply, call_id
from koalign.records import KoalignError, Message

pytestmark = pytest.mark.usefixtures("short_waits")


# What is asked, and how often


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_replies_stand_as_the_calls_do_whatever_the_order_they_come_in(server, log, concurrency):
    def late(body):  # the first come last
        time.sleep(0.15 / (1 + int(body["messages"][-1]["content"].partition("번")[0])))
        return answer_to(body)

    server.text = late
    result = ask(server, calls(12), log, concurrency=concurrency)
    assert [reply.problem_id for reply in result.replies] == [f"p{n}" for n in range(12)]
    assert [reply.text[-5:] for reply in result.replies] == [f"{n}번 문제"[-5:] for n in range(12)]
    written = {reply.id: reply for reply in read_jsonl(log, Reply)}
    assert [written[reply.id] for reply in result.replies] == list(result.replies)
    bodies = {json.dumps(a.body, sort_keys=True): a.body for a in server.arrivals}
    assert {answer_to(body) for body in bodies.values()} == {r.text for r in result.replies}


def test_what_the_log_has_is_not_asked_again_and_what_it_lacks_is(server, log):
    first = ask(server, calls(6), log)
    assert first.from_log == 0
    again = ask(server, [*reversed(calls(6)), call(99)], log)
    assert len(server.arrivals) == 7 and again.from_log == 6
    assert again.replies[:6] == first.replies[::-1]
    assert ask(server, calls(6), log).replies == first.replies and len(server.arrivals) == 7


def test_equal_calls_are_one_and_another_draw_is_another(server, log):
    result = ask(server, [call(1), call(1), call(1, index=1)], log)
    assert len(server.arrivals) == 2
    assert result.replies[0] == result.replies[1] != result.replies[2]
    assert len({arrival.body["seed"] for arrival in server.arrivals}) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"problem_id": "other"},
        {"index": 1},
        {"purpose": "rationale"},
        {"messages": (Message(role="user", text="다른 문제"),)},
        {"messages": (Message(role="system", text="1번 문제"),)},
    ],
)
def test_a_call_is_named_by_all_that_it_says(changes):
    assert call_id(call(1), "m", {}) != call_id(call(1, **changes), "m", {})
    assert call_id(call(1), "m", {}) == call_id(call(1), "m", {})


ASKED = {
    "model": "other", "temperature": 0.1, "top_p": None, "max_tokens": 7, "seed": 3,
    "extra": {"top_k": 5},
}  # fmt: skip
NOT_ASKED = {
    "url": "http://elsewhere/v1", "key_env": "OTHER_KEY", "concurrency": 3, "requests_per_minute": 9,
    "tokens_per_minute": 9, "timeout": 9.0, "tries": 1, "max_failures": 2, "price_in": 1.0,
    "price_out": 2.0, "max_cost": 1.0, "max_tokens_key": "max_completion_tokens",
}  # fmt: skip


def test_a_key_of_the_section_either_changes_the_calls_or_leaves_the_result_as_it_is():
    assert {*ASKED} | {*NOT_ASKED} == {*Teacher.model_fields}
    assert {*NOT_ASKED} == Teacher.same_result


@pytest.mark.parametrize("key", ASKED)
def test_another_setting_asks_again(server, log, key):
    server.models = ("teacher-1",)
    before = ask(server, [call(1)], log)
    after = ask(server, [call(1)], log, **{key: ASKED[key]})
    assert after.from_log == 0 and before.replies[0].id != after.replies[0].id
    assert len(read_jsonl(log, Reply)) == len(server.arrivals) == 2


def test_the_request_carries_the_settings_and_leaves_out_what_is_null(server, log):
    ask(server, [call(1)], log)
    ask(
        server, [call(1)], log, temperature=None, top_p=None, seed=None, max_tokens=9,
        max_tokens_key="max_completion_tokens", extra={"chat_template_kwargs": {"a": False}},
    )  # fmt: skip
    usual, other = (arrival.body for arrival in server.arrivals)
    said = [{"role": "user", "content": "1번 문제"}]
    assert usual.pop("seed") >= 0
    assert usual == {
        "model": "teacher-1", "messages": said, "temperature": 0.7, "top_p": 0.95, "max_tokens": 1024,
    }  # fmt: skip
    assert other == {
        "model": "teacher-1", "messages": said, "max_completion_tokens": 9,
        "chat_template_kwargs": {"a": False},
    }  # fmt: skip


def test_without_a_name_the_one_model_served_is_asked_and_two_are_refused(server, log):
    assert ask(server, [call(1)], log).replies[0].model == "teacher-1-0613"
    server.models = ("a", "b")
    with pytest.raises(KoalignError, match=r"teacher.model: .*serves 2 models; name one: a, b"):
        ask(server, [call(1)], log)
    assert ask(server, [call(1)], log, model="b").replies[0].model == "b-0613"


# Concurrency and rate


def test_so_many_calls_are_under_way_together_and_never_more(server, log):
    server.seconds = 0.1
    ask(server, calls(20), log, concurrency=5)
    assert server.most_under_way == 5


@pytest.mark.parametrize(
    "keys", [{"requests_per_minute": 1200}, {"tokens_per_minute": 1200 * (1024 + 80 + 14)}]
)
def test_the_rate_is_kept_at_the_server_with_tries_that_failed_counted(server, log, keys):
    server.fault = faulty("status:500", only="3번", times=1)
    ask(server, calls(10), log, **keys)
    times = sorted(arrival.at for arrival in server.arrivals)
    assert len(times) == 11
    for before in range(11):
        for after in range(before + 1, 11):
            assert times[after] - times[before] > (after - before) * 0.05 - 0.15  # on its way
    assert times[-1] - times[0] < 1.5


def test_a_half_written_last_line_is_cut_off_and_asked_again(server, log):
    whole = ask(server, calls(5), log, concurrency=1)
    data = log.read_bytes()
    log.write_bytes(data[:-20])
    again = ask(server, calls(5), log, concurrency=1)
    assert again.from_log == 4 and log.read_bytes() == data and again.replies == whole.replies


def test_without_a_url_there_is_no_teacher(log):
    with pytest.raises(KoalignError, match=r"teacher\.url: not set"):
        ask_teacher(Teacher(), [call(1)], log, title="test")
    assert not log.exists()
