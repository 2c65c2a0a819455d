"""What the tests of a teacher share: calls, an asking of a faulty server, and when it is faulty."""

from pathlib import Path

from koalign.config.teacher import Teacher
from koalign.engines.teacher import TeacherResult, ask_teacher
from koalign.mining.distilling.teacher_calls import Call
from koalign.records import Message
from support.faulty_server import Server


def call(number: int, **changes: object) -> Call:
    messages = (Message(role="user", text=f"{number}번 문제"),)
    made = {"problem_id": f"p{number}", "messages": messages, "purpose": "hint"}
    return Call(**{**made, **changes})


def calls(count: int) -> list[Call]:
    return [call(number) for number in range(count)]


def ask(server: Server, asked: list[Call], log: Path, **keys: object) -> TeacherResult:
    return ask_teacher(Teacher(url=server.url, **keys), asked, log, title="test")


def faulty(name: str, only: str = "", times: int = 10**9):
    """The fault for texts that hold `only`, the first so many times."""
    return lambda body, before: (
        name if before < times and only in body["messages"][-1]["content"] else None
    )
