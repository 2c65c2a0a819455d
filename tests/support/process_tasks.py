"""What tests let several processes do; in a file that is quickly imported, as each of them must."""

import os
import signal

from koalign.records import KoalignError
from koalign.training import processes


def refuse_in(place: int) -> None:
    processes.gathered(processes.number())
    if processes.number() == place:
        raise KoalignError("sft: the loss of step 3 is not finite; lower it")
    processes.gathered("never")


def fail_in(place: int) -> None:
    processes.gathered(processes.number())
    if processes.number() == place:
        raise RuntimeError("its frozen ranks have moved")
    processes.gathered("never")


def die_in(place: int) -> None:
    processes.gathered(processes.number())
    if processes.number() == place:
        os.kill(os.getpid(), signal.SIGKILL)
    processes.gathered("never")


def places(word: str) -> tuple[list[tuple[int, str]], str]:
    """What everybody says, and what the first says."""
    said = processes.gathered((processes.number(), word))
    return said, processes.from_first(lambda: f"first: {processes.number()}")
