"""kill -9 while a teacher is asked: nothing lost, nothing doubled, the same replies in the end."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from koalign.jsonl import read_jsonl
from koalign.mining.distilling.teacher_calls import Reply

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
KILLS, CALLS, AT_ONCE = 20, 400, 4
PROGRAM = f"""
import sys
from pathlib import Path
from koalign.config.teacher import Teacher
from koalign.mining.distilling.teacher_calls import Call
from koalign.engines.teacher import ask_teacher
from koalign.jsonl import write_jsonl
from koalign.records import Message

url, folder = sys.argv[1], Path(sys.argv[2])
calls = [
    Call(
        problem_id=f"p{{n // 2}}", index=n % 2, purpose="hint",
        messages=(Message(role="user", text=f"{{n // 2}}번 문제의 실마리"),),
    )
    for n in range({CALLS})
]
section = Teacher(url=url, model="m", concurrency={AT_ONCE}, price_in=1, price_out=1)
result = ask_teacher(section, calls, folder / "log.jsonl", title="test")
write_jsonl(folder / "replies.jsonl", result.replies)
print(result.cost)
"""


@pytest.fixture
def server(tmp_path):
    """A server that outlives who asks it; yields its address and where it notes what it answered."""
    noted = tmp_path / "answered"
    with subprocess.Popen(
        [sys.executable, str(HERE.parent / "support" / "faulty_server.py"), str(noted), "0.02"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        yield process.stdout.readline().strip(), noted
        process.stdin.close()


def start(url: str, folder: Path) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, url, str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def whole(log: Path) -> bytes:
    data = log.read_bytes() if log.exists() else b""
    return data[: data.rfind(b"\n") + 1]


def answered(noted: Path) -> list[str]:
    """(request, index) of every answer that the server sent whole, as it noted them."""
    return noted.read_text("utf-8").splitlines() if noted.exists() else []


def test_an_asking_that_is_killed_at_twenty_moments_ends_as_one_that_never_was(server, tmp_path):
    url, noted = server
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    out, said = start(url, calm).communicate(timeout=300)
    assert (calm / "replies.jsonl").exists(), said
    noted.unlink()

    chance = random.Random(0)
    log = killed / "log.jsonl"
    moments: list[int] = []
    before = b""
    for _ in range(KILLS):
        with start(url, killed) as process:
            process.stderr.readline()  # it says what it is about to ask
            more = chance.randint(0, 25)
            while len(whole(log).splitlines()) < len(before.splitlines()) + more:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        assert whole(log).startswith(before), "what was written stays"
        before = whole(log)
        moments.append(len(before.splitlines()))
    assert len({*moments}) > KILLS // 2, "the kills came at different moments"
    assert KILLS < moments[-1] < CALLS and not (killed / "replies.jsonl").exists()

    time.sleep(0.2)  # the server ends what was under way
    last, said = start(url, killed).communicate(timeout=300)
    assert (killed / "replies.jsonl").read_bytes() == (calm / "replies.jsonl").read_bytes(), said
    assert last == out, "the cost"
    names = [reply.id for reply in read_jsonl(log, Reply)]
    assert len(names) == len({*names}) == CALLS, "nothing lost, nothing doubled"
    assert whole(log).startswith(before)

    asked = answered(noted)
    assert CALLS <= len(asked) <= CALLS + KILLS * AT_ONCE, "only what was under way is asked twice"
    assert len({*asked}) == CALLS // 2  # two draws of each


def test_what_is_in_the_log_is_never_asked_again_after_a_kill(server, tmp_path):
    url, noted = server
    log = tmp_path / "one" / "log.jsonl"
    with start(url, tmp_path / "one") as process:
        while len(whole(log).splitlines()) < CALLS // 2:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    time.sleep(0.2)
    kept = len(whole(log).splitlines())
    lost = len(answered(noted)) - kept
    assert 0 <= lost <= AT_ONCE
    start(url, tmp_path / "one").communicate(timeout=300)
    assert len(answered(noted)) == CALLS + lost
