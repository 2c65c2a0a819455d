"""Whatever bytes a server answers with, teacher and evaluation get a whole reply, or one line, in time."""

import gzip
import json
import time

import pytest
from support.raw_server import JSON, http, raw_server
from support.servers import allow
from support.teachers import call

from koalign.config.inputs import Sampling
from koalign.config.teacher import Teacher
from koalign.engines import endpoint
from koalign.engines.endpoint import EndpointEngine
from koalign.engines.engine import Request
from koalign.engines.teacher import ask_teacher
from koalign.records import Base, KoalignError, Message, Prompt

pytest.importorskip("openai")
pytestmark = pytest.mark.usefixtures("short_waits")
KEY = "sk-a-key-that-nobody-may-see"
CHOICE = {"index": 0, "finish_reason": "stop", "message": {"content": "정답: 3"}}
USAGE = {"prompt_tokens": 10, "completion_tokens": 3}
PROMPT = Prompt(
    problem_id="p", purpose="answer", template="t", messages=(Message(role="user", text="문제"),)
)


def body(**changes: object) -> dict:
    return {"choices": [CHOICE], "usage": USAGE, "model": "m", **changes}


def choice(**changes: object) -> dict:
    return body(choices=[{**CHOICE, **changes}])


def coded(name: str, data: bytes) -> bytes:
    return http(200, data, (*JSON, f"Content-Encoding: {name}"))


WHOLE = json.dumps(body(), ensure_ascii=False).encode()
READ = {
    "plain": http(200, body()), "201": http(201, body()), "BOM": http(200, b"\xef\xbb\xbf" + WHOLE),
    "gzip": coded("gzip", gzip.compress(WHOLE)), "GZIP": coded("GZIP ", gzip.compress(WHOLE)),
    "a codec of Python": http(200, WHOLE, ("Content-Type: application/json; charset=zlib",)),
    "more choices": http(200, body(choices=[CHOICE, CHOICE])), "HTTP 1.1 alone": b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE,
    "logprobs": http(200, choice(logprobs={"content": [{"logprob": float("nan")}]})),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(WHOLE), WHOLE),
}  # fmt: skip
NO_REPLY = {
    "empty": b"", "HTML": b"<html>", "null": b"null", "a list": b"[]", "number": b"3", "cut": WHOLE[:50],
    "two": WHOLE * 2, "SSE": b"data: " + WHOLE + b"\n\n", "deep": b"[" * 99_999, "not UTF-8": WHOLE.replace(b"3", b"\xff"),
    "surrogate": WHOLE.replace(b"3", b"\\ud800"), "last of two keys": WHOLE[:-1] + b',"choices": []}',
    **{f"choices {value}": body(choices=value) for value in (None, [], {}, [None], [[]], "x")},
    **{f"content {value}": choice(message={"content": value}) for value in (3, {}, ["x"], [[]], [{"text": 3}])},
    **{f"error {value}": body(error=value) for value in ("x", {"code": 502}, [{}])},
    "error": choice(finish_reason="error"), "reason 3": choice(finish_reason=3), "refusal {}": choice(message={"refusal": {}}),
}  # fmt: skip
BROKEN = {
    "nothing": b"", "no HTTP": b"\x00\x01\r\n\r\n", "headers alone": b"HTTP/1.1 200 OK\r\nX: y\r\n",
    "gzip that is none": coded("gzip", WHOLE), "gzip cut": coded("gzip", gzip.compress(WHOLE)[:40]),
    "gzip unsaid": http(200, gzip.compress(WHOLE)), "short": http(200, WHOLE, length=9),
    "long": http(200, WHOLE, length=999), "no length": http(200, WHOLE, length="x"), "negative": http(200, WHOLE, length=-5),
    "chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "204": http(204),
    "header": http(200, WHOLE, tuple(f"X-{n}: {'y' * 99}" for n in range(2000))),
}  # fmt: skip
CHARSETS = (
    "hex",
    "base64",
    "zlib",
    "bz2",
    "rot13",
    "utf-16",
    "idna",
    "punycode",
    "undefined",
    "nonsense",
    "euc-kr",
)
AFTER = (
    "1e308",
    "nan",
    "-5",
    "abc",
    "",
    "9" * 50,
    "Mon, 99 Foo 2015 99:99:99 GMT",
    "Wed, 21 Oct 99999 07:28:00 GMT",
)
PLACES = (
    "",
    "http://",
    "http://[::1",
    "//evil.example",
    "http://a:99999999/",
    "ftp://x/",
    "javascript:x",
    "http://xn--/",
)


@pytest.fixture(scope="module")
def server():
    with raw_server() as running:
        allow(running.url)
        yield running


@pytest.fixture
def both(server, log, monkeypatch):
    """What the teacher and the evaluation make of an answer: (text, finish reason) or an error line each."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(endpoint, "RETRIES", 0)
    monkeypatch.setattr(endpoint, "TIMEOUT", 1.0)
    section = Teacher(url=server.url, model="m", tries=2, timeout=1.0, price_in=1, price_out=1, requests_per_minute=None)  # fmt: skip
    base = Base(path=f"{server.url}#m", weight_hash="w", tokenizer_hash="t", context=10**9)

    def ask(answer: bytes) -> list[object]:
        server.answer, started = answer, time.monotonic()
        allow(server.url)
        for path in log.parent.iterdir():
            path.unlink()
        found: list[object] = []
        try:
            result = ask_teacher(section, [call(1)], log, title="asked")
            (reply,) = result.replies
            found.append((reply.text, reply.finish_reason) if reply else result.failures[0].error)
        except KoalignError as error:
            found.append(str(error))
        try:
            with EndpointEngine(base) as engine:
                request = Request(PROMPT.problem_id, (), prompt=PROMPT)
                ((sample,),) = engine.generate([request], Sampling(), seed=0)
            found.append((sample.text, sample.finish_reason))
        except KoalignError as error:
            found.append(str(error))
        kept = "".join(path.read_text("utf-8") for path in log.parent.iterdir())
        assert KEY not in kept + str(found) and time.monotonic() - started < 20
        assert not [line for line in found if isinstance(line, str) and "\n" in line]
        return found

    return ask


@pytest.mark.parametrize("answer", READ.values(), ids=READ)
def test_a_whole_reply_is_read_by_teacher_and_evaluation(both, answer):
    assert both(answer) == [("정답: 3", "stop")] * 2


@pytest.mark.parametrize("answer", NO_REPLY.values(), ids=NO_REPLY)
def test_what_is_no_completion_is_asked_for_again_and_is_then_a_line(both, server, answer):
    before = server.requests
    lines = both(http(200, answer))
    assert all("not a completion" in line or "reports an error" in line for line in lines), lines
    assert server.requests - before == 2 + endpoint.TRIES


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_what_is_no_whole_answer_is_a_line(both, answer):
    assert all(isinstance(line, str) for line in both(answer))


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("charset", CHARSETS)
def test_an_error_page_in_any_charset_is_a_line(both, charset, status):
    page = http(status, "오류".encode("euc-kr"), (f"Content-Type: text/html; charset={charset}",))
    lines = both(page)
    assert all(f"HTTP {status}: " in line for line in lines)
    assert charset != "euc-kr" or all("오류" in line for line in lines)


@pytest.mark.parametrize("after", AFTER)
def test_a_retry_after_that_says_nothing_is_a_line(both, after):
    assert all("HTTP 429" in line for line in both(http(429, {}, (f"Retry-After: {after}",))))


@pytest.mark.parametrize("place", PLACES)
def test_a_redirect_to_anywhere_is_a_line(both, place):
    assert all(isinstance(line, str) for line in both(http(307, b"", (f"Location: {place}",))))


@pytest.mark.parametrize("reason", ["content_filter", "tool_calls", "function_call", "abort", "length", "x"])  # fmt: skip
def test_a_text_that_a_server_cut_is_no_whole_answer(both, reason):
    teacher, evaluation = both(http(200, choice(finish_reason=reason)))
    assert evaluation == ("정답: 3", "length")
    assert teacher == evaluation if reason == "length" else reason in teacher


def test_a_refusal_is_not_taken_for_an_answer(both):
    teacher, evaluation = both(http(200, choice(message={"content": "정답: 3", "refusal": "안 됩니다"})))  # fmt: skip
    assert teacher == "the model refused: 안 됩니다" and evaluation == ("안 됩니다", "stop")


@pytest.mark.parametrize("said", [
    choice(message={"content": f"열쇠 {KEY}"}), body(error=KEY), choice(finish_reason=KEY), body(model=KEY),
    choice(message={"content": "x", "refusal": KEY}),
])  # fmt: skip
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_server_that_says_the_key_gets_it_nowhere(both, said, status):
    both(http(status, said))


@pytest.mark.parametrize("usage", [
    None, "x", [], {}, {**USAGE, "prompt_tokens": -1}, {**USAGE, "prompt_tokens": 1.5},
    {**USAGE, "prompt_tokens": "10"}, {**USAGE, "prompt_tokens": 10**400}, {**USAGE, "prompt_tokens": None},
    {**USAGE, "prompt_tokens": True}, {"completion_tokens": 2}, {**USAGE, "completion_tokens": float("nan")},
])  # fmt: skip
def test_a_usage_that_counts_nothing_is_no_cost_and_no_failure(both, usage):
    assert both(http(200, body(usage=usage))) == [("정답: 3", "stop")] * 2
