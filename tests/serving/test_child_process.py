"""The process of a child: it starts late or never, ends with its server however that ends, and has a log of its own."""

import asyncio
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.serving import child_server

from koalign.records import KoalignError
from koalign.serving import child
from koalign.serving.errors import ApiError

START = """
import asyncio, sys
from pathlib import Path
from support.serving import child_server

async def main():
    async with child_server(log=Path(sys.argv[1])) as server:
        print(server.process.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""

CLOSE = """
import signal, time
from koalign.serving.start import close_and_end

signal.signal(signal.SIGTERM, close_and_end)
try:
    print("open", flush=True)
    time.sleep(60)
finally:
    print("closes", flush=True)
    time.sleep(0.5)
    print("closed", flush=True)
"""


def until(true, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def runs(process: int) -> bool:
    """Whether there is such a process; one that has ended may wait for its parent."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text("utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_child_that_takes_a_connection_and_does_not_answer_is_asked_again(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "HEALTH_SECONDS", 0.2)

    async def main() -> None:
        async with asyncio.timeout(20), child_server("--deaf", "2", log=tmp_path / "log") as server:
            assert (await server.post({}))["text"] == "실마리"

    asyncio.run(main())


def test_a_child_that_never_answers_is_ended_with_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "HEALTH_SECONDS", 0.2)
    monkeypatch.setattr(child, "START_SECONDS", 3)
    server = child_server("--deaf", "1000", log=tmp_path / "log")

    async def main() -> None:
        async with asyncio.timeout(20), server:
            pass

    with pytest.raises(
        KoalignError, match=r"^vLLM has not answered 3 s after .*; its log is .*log$"
    ):
        asyncio.run(main())
    assert not runs(server.process.pid)


def test_a_child_that_hears_no_sigterm_while_it_starts_is_ended_soon(tmp_path, monkeypatch):
    monkeypatch.setattr(child, "START_SECONDS", 2)
    monkeypatch.setattr(child, "STARTING_STOP_SECONDS", 0.5)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    server = child.ChildServer([sys.executable, "-c", deaf], tmp_path / "log")

    async def main() -> None:
        async with asyncio.timeout(10), server:
            pass

    with pytest.raises(KoalignError, match="not answered"):
        asyncio.run(main())
    assert not runs(server.process.pid)


def test_a_start_on_a_full_disk_ends_with_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(child.shutil, "disk_usage", lambda _: (1, 1, 0))
    server = child_server("--deaf", "1000", log=tmp_path / "log")

    async def main() -> None:
        async with asyncio.timeout(20), server:
            pass

    with pytest.raises(KoalignError, match=r"^.*log: the disk is full"):
        asyncio.run(main())
    assert not runs(server.process.pid)


def test_a_signal_without_a_name_is_told_by_its_number(tmp_path):
    async def main() -> None:
        async with child_server(log=tmp_path / "log") as server:
            os.kill(server.process.pid, 40)
            with pytest.raises(ApiError, match=r"vllm has ended \(signal 40\)"):
                await server.post({})
                await server.post({})

    asyncio.run(main())


def test_what_a_killed_child_had_started_ends_while_the_server_goes_on(tmp_path):
    log = tmp_path / "log"

    async def main() -> None:
        async with child_server("--engine", log=log) as server:
            engine = int(log.read_text("utf-8"))
            assert runs(engine)
            server.process.kill()
            with pytest.raises(ApiError, match="SIGKILL"):
                async for _ in server.stream({}):
                    pass
            until(lambda: not runs(engine))

    asyncio.run(main())


def test_a_child_ends_where_its_server_is_killed(tmp_path):
    path = os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])
    with subprocess.Popen(
        [sys.executable, "-c", START, tmp_path / "log"], env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        process = int(server.stdout.readline())
        assert runs(process)
        server.kill()
    until(lambda: not runs(process))


def test_a_second_sigterm_does_not_break_off_the_end():
    with subprocess.Popen(
        [sys.executable, "-c", CLOSE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        for line in ("open\n", "closes\n"):
            assert server.stdout.readline() == line
            server.terminate()
        assert server.communicate() == ("closed\n", "")
    assert server.returncode == 0


def test_nobody_but_this_user_reaches_the_child(tmp_path):
    """A port could be another's, who would answer for vLLM."""

    async def main() -> None:
        async with child_server(log=tmp_path / "log") as server:
            command = Path(f"/proc/{server.process.pid}/cmdline").read_text("utf-8").split("\0")
            socket = Path(command[command.index("--uds") + 1])
            assert socket.is_socket()
            assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert not socket.parent.exists()

    asyncio.run(main())


def test_no_request_goes_by_a_connection_that_the_child_may_be_closing(tmp_path):
    async def main() -> None:
        async with asyncio.timeout(20), child_server("--hasty", log=tmp_path / "log") as server:
            for _ in range(3):
                assert (await server.post({}))["text"] == "실마리"

    asyncio.run(main())


def test_two_servers_of_one_run_have_a_log_each(tmp_path, capsys):
    log = tmp_path / "vllm.log"
    log.write_text("of an earlier one", "utf-8")

    async def main() -> None:
        async with child_server("--engine", log=log):
            first = log.read_text("utf-8")
            assert first.strip().isdecimal()
            async with child_server("--engine", log=log):
                assert log.read_text("utf-8") == first
        async with child_server("--engine", log=log):
            assert log.read_text("utf-8") != first

    asyncio.run(main())
    said = [line.rpartition(" ")[2] for line in capsys.readouterr().err.splitlines()]
    own, other, again = map(Path, said)
    assert own == again == log != other
    assert (
        other.read_text("utf-8").strip().isdecimal() and stat.S_IMODE(other.stat().st_mode) == 0o600
    )
    other.unlink()


def test_a_log_is_not_written_through_a_link(tmp_path):
    other, linked, log = (tmp_path / name for name in ("other", "linked", "vllm.log"))
    other.write_text("other", "utf-8")
    linked.hardlink_to(other)

    async def main() -> None:
        for link in (lambda: log.symlink_to(other), lambda: log.hardlink_to(linked)):
            log.unlink(missing_ok=True)
            link()
            async with child_server("--engine", log=log):
                assert log.read_text("utf-8").strip().isdecimal()

    asyncio.run(main())
    assert other.read_text("utf-8") == "other"


def test_a_run_whose_folder_cannot_be_written_is_served_and_its_log_is_elsewhere(tmp_path, capsys):
    async def main() -> None:
        async with child_server(log=Path("/proc/vllm.log")) as server:
            assert (await server.post({}))["text"] == "실마리"

    asyncio.run(main())
    log = Path(capsys.readouterr().err.split()[-1])
    assert log.is_file() and log.name.startswith("koalign-vllm-")
    log.unlink()
