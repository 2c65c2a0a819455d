"""What tests let several processes do; in a file that is quickly imported, as each of them must."""

import os
import signal
from typing import Any

from koalign.records import KoalignError
from koalign.training import plateau, processes


def end_in(place: int, how: str) -> None:
    """The process of this number refuses, fails or is killed, while the others wait for it."""
    processes.gathered(processes.number())
    if processes.number() == place:
        if how == "refuse":
            raise KoalignError("sft: the loss of step 3 is not finite; lower it")
        if how == "fail":
            raise RuntimeError("its frozen ranks have moved")
        os.kill(os.getpid(), signal.SIGKILL)
    processes.gathered("never")


def places(word: str) -> tuple[list[tuple[int, str]], str]:
    """What everybody says, and what the first says."""
    said = processes.gathered((processes.number(), word))
    return said, processes.from_first(lambda: f"first: {processes.number()}")


def sft_with_short_rounds(*arguments: Any) -> Any:
    """A trainer with rounds of four steps, in a process that has read the constant afresh."""
    from koalign.training.sft import sft_trainer

    plateau.ROUND_STEPS = 4
    return sft_trainer(*arguments)
