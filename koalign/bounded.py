"""bounded: foreign code -> done within seconds and megabytes, or a KoalignError.

For what may run without end and cannot be judged before: templates, and patterns of adapters.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from koalign.records import KoalignError

_running = False
_STATM = Path("/proc/self/statm")


class _Overtime(BaseException):
    """Not an Exception, which foreign code may catch."""


@contextmanager
def bounded(title: str, *, seconds: float = 10, megabytes: int = 512) -> Iterator[None]:
    """Run the block within time and memory; raises KoalignError, beginning with `title`, beyond them.

    Time, that of the processor, is bounded in the main thread and memory on Linux; an inner block is
    bounded by the outer one.
    Only pure Python, Jinja and `re` may stand in it: a library that cannot stop is not stopped.
    """
    global _running
    if _running or threading.current_thread() is not threading.main_thread():
        yield
        return
    _running = True
    try:
        with _memory(megabytes), _time(seconds):
            yield
    except _Overtime:
        raise KoalignError(f"{title}: not done within {seconds:g} s; take a simpler one") from None
    except MemoryError:
        raise KoalignError(f"{title}: needs more than {megabytes} MB; take a simpler one") from None
    except RecursionError:
        raise KoalignError(f"{title}: nested too deeply; take a simpler one") from None
    finally:
        _running = False


@contextmanager
def _time(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer"):  # Windows
        yield
        return

    started = time.thread_time()

    def stop(number: int, frame: FrameType | None) -> None:
        if time.thread_time() - started >= seconds:  # not on a machine that was busy with others
            raise _Overtime

    before = signal.signal(signal.SIGALRM, stop)
    # Again each second: what is raised in a __del__ or a callback of the collector is lost.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _memory(megabytes: int) -> Iterator[None]:
    """Let the process grow by so much address space."""
    if sys.platform != "linux":
        yield
        return
    import resource

    pages = int(_STATM.read_bytes().split()[0])
    limit = pages * os.sysconf("SC_PAGE_SIZE") + megabytes * 2**20
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY or limit < soft:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
