"""koalign chat and koalign ask on a real terminal: the answer as it comes, Ctrl-C, Ctrl-D, the up arrow."""

import os
import pty
import select
import signal
import subprocess
import time

import pytest
from support.command import KOALIGN, hear_ctrl_c
from support.serving import served_by_child

UP, CTRL_C, CTRL_D = b"\x1b[A", b"\x03", b"\x04"


class Terminal:
    """A command on a pseudo-terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self._main, other = pty.openpty()

        def begin() -> None:
            hear_ctrl_c()
            os.close(os.open(os.ttyname(other), os.O_RDWR))  # the terminal controls it

        self.process = subprocess.Popen(
            [*KOALIGN, *arguments], stdin=other, stdout=other, stderr=other, start_new_session=True,
            env={**os.environ, "TERM": "xterm"},
            preexec_fn=begin,
        )  # fmt: skip
        os.close(other)
        self._left = b""

    def type(self, keys: str | bytes) -> None:
        os.write(self._main, keys.encode() if isinstance(keys, str) else keys)

    def until(self, text: str, seconds: float = 60) -> str:
        """What is on the screen until a text is there."""
        seen, end = self._left, time.monotonic() + seconds
        while text.encode() not in seen:
            assert time.monotonic() < end, seen.decode("utf-8", "replace")
            if select.select([self._main], [], [], 0.2)[0]:
                seen += os.read(self._main, 4096)
        place = seen.index(text.encode()) + len(text.encode())
        self._left = seen[place:]
        return seen[:place].decode("utf-8", "replace")

    def ended(self) -> int:
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()
            os.close(self._main)


@pytest.fixture
def terminal():
    opened = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.process.kill()


def test_in_a_chat_an_answer_comes_piece_by_piece_ctrl_c_ends_it_and_the_chat_goes_on(
    ran, terminal
):
    with served_by_child() as (server, child):
        screen = terminal("chat", "--url", server.url, "--model", "dpo")
        screen.until("dpo> ")
        screen.type("안녕?\n")
        screen.until("할말 가나다라마")  # of an answer that never ends
        screen.type(CTRL_C)
        assert "[stopped; /quit or Ctrl-D ends the chat]" in screen.until("dpo> ")
        server.until_idle()
        screen.type("/help\n")
        assert "/quit" in screen.until("(Ctrl-D too)")
        screen.type(UP + UP + b"\n")
        screen.until("할말")  # 안녕? is asked again
        os.kill(child.process.pid, signal.SIGKILL)
        assert "must be started again" in screen.until("dpo> ")
        screen.type("half a que")
        screen.until("half a que")  # it is read now
        time.sleep(0.5)  # readline is deaf between what it shows and its next wait
        screen.type(CTRL_C)
        screen.until("dpo> ")
        screen.type(CTRL_D)
        assert screen.ended() == 0


def test_ask_on_a_terminal_shows_what_there_is_and_ctrl_c_ends_it(ran, terminal):
    with served_by_child() as (server, _):
        screen = terminal("ask", "안녕?", "--url", server.url, "--model", "dpo")
        screen.until("할말 가나다")
        screen.type(CTRL_C)
        assert screen.until("stopped").endswith("stopped")
        assert screen.until("\n").strip() == ""  # nothing goes on from here
        assert screen.ended() == 130
        server.until_idle()


def test_ask_without_a_question_on_a_terminal_is_one_line_and_waits_for_nothing(ran, terminal):
    screen = terminal("ask")
    assert "no question; give it as an argument" in screen.until("standard input")
    assert screen.ended() == 2
