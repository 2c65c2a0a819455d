"""Whatever a tracker answers, a request ends in time, in a line without keys, and nothing lost counts as sent."""

import itertools
import json
import time

import pytest
from support.command import koalign
from support.events import event
from support.raw_server import http, raw_server
from support.tracker_server import KEY, TOKEN, tracker_server

from koalign.jsonl import write_atomically
from koalign.records import KoalignError
from koalign.tracking import http as tracking_http
from koalign.tracking.http import TrackerError, call

HEADERS = {"x-api-key": KEY}
BODIES = {
    "empty": b"", "HTML": b"<html>login</html>", "null": None, "list": [], "number": 3, "cut": b'{"data": ',
    "not UTF-8": b'{"detail": "\xff\xfe"}', "BOM": b'\xef\xbb\xbf{"detail": "x"}', "deep": b"[" * 99_999,
    "large number": b"9" * 9999, "NaN": b"NaN", "key": {"detail": f"bad {KEY}\nsecond line"},
    "long": {"detail": "가" * 9999}, "escapes": {"detail": "\x1b[2J"}, "lone surrogate": b'"\\ud800"',
}  # fmt: skip
STATUSES = (
    200,
    201,
    202,
    204,
    301,
    307,
    400,
    401,
    403,
    404,
    408,
    409,
    413,
    422,
    429,
    500,
    503,
    529,
    999,
)
BROKEN = {
    "nothing": b"", "no HTTP": b"\x00\x01\r\n\r\n", "headers only": b"HTTP/1.1 200 OK\r\nX: y\r\n",
    "longer than said": http(200, {}, length=1), "shorter than said": http(200, b"{", length=99),
    "no length": http(200, b"{", length="x"), "negative": http(200, b"{", length=-5),
    "chunk cut": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    "chunk bad": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "many headers": http(200, {}, tuple(f"X-{n}: y" for n in range(500))),
    "elsewhere": http(302, b"", ("Location: http://[::1",)), "status": http("abc", {}),
}  # fmt: skip


@pytest.fixture(scope="module")
def server():
    with raw_server() as running:
        yield running


def answered(server, answer: bytes, method: str = "POST") -> str:
    """The status that is taken for arrived, or the line of the refusal."""
    server.answer, server.pause = answer, 0
    try:
        return str(call("tracker", method, server.url, HEADERS, {"a": 1}).status)
    except (KoalignError, TrackerError) as error:
        line = f"{type(error).__name__} {error}"
        assert "\n" not in line and KEY not in line and len(line) < 500, line
        return line


@pytest.mark.parametrize("status", STATUSES)
def test_an_answer_has_arrived_or_is_a_line(server, status):
    for name, body in BODIES.items():
        said = answered(server, http(status, body))
        is_json = name not in ("empty", "HTML", "cut", "null", "not UTF-8", "deep", "large number")
        if status in (200, 201, 202):
            assert said == str(status) if is_json else "answers with no JSON" in said, (name, said)
        elif status == 409:
            assert said == "409", (name, said)
        else:
            passing = status >= 500 or status in (204, 408, 425, 429)
            assert said.startswith("TrackerError" if passing else "KoalignError"), (name, said)


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_broken_answer_is_a_line_and_can_be_sent_again(server, answer):
    said = answered(server, answer)
    assert said.startswith(("TrackerError", "KoalignError tracker: 127.0.0.1")), said


def test_a_conflict_is_no_success_of_what_was_only_asked(server):
    assert answered(server, http(409, {}), "GET").startswith("KoalignError")


def test_an_answer_that_comes_a_byte_at_a_time_is_given_up(server, monkeypatch):
    monkeypatch.setattr(tracking_http, "LONGEST", 0.5)
    for answer in (http(200, {"a": "b" * 999}), http(500, b"x" * 999)):
        server.answer, server.pause = answer, 0.05
        started = time.monotonic()
        with pytest.raises(TrackerError, match=r"no answer within 0\.5 s"):
            call("tracker", "POST", server.url, HEADERS, {})
        assert time.monotonic() - started < 3


@pytest.mark.parametrize("answer", [http(200, b"<html>"), http(200, []), http(409, {}), http(200, {"error": f"x {TOKEN}\ny"})])  # fmt: skip
def test_rows_that_trackio_did_not_confirm_are_sent_again(tmp_path, answer):
    lines = [event(1), event(2, kind="ended", step=None, values={"loss": 0.1})]
    write_atomically(tmp_path / "events.jsonl", [f"{line}\n" for line in map(json.dumps, lines)])
    command = ("track", "push", str(tmp_path), "--to", "trackio")
    with tracker_server() as real, raw_server() as page:
        page.answer = answer
        calls = itertools.count()
        sent = tracking_http._exchange

        def astray(name, method, url, headers, body):
            url = page.url if next(calls) == 1 else url
            return sent(name, method, url, headers, body)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(tracking_http, "_exchange", astray)
            said = koalign(*command, code=2, **real.variables).stderr
        assert said.splitlines()[-1].startswith("koalign: trackio: 127.0.0.1")
        assert TOKEN not in said and not real.lines
        koalign(*command, code=0, **real.variables)
        assert len(real.lines) == 2
