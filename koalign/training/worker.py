"""worker: the module that torch's launcher starts, a process each; its end is in torch's error file."""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from torch.distributed.elastic.multiprocessing.errors import record
from torch.distributed.elastic.multiprocessing.errors.error_handler import ErrorHandler

from koalign.faults import machine_fault
from koalign.records import KoalignError
from koalign.training import processes

TASK, RESULT = "task", "result"
"""Files in the folder of a launch: what is to be done, and what the first process returned."""


class ErrorFile(ErrorHandler):
    """Torch's error file, with what koalign refuses in its own words and a finer time."""

    def record_exception(self, e: BaseException) -> None:
        """Write the error that ends this process; see torch's ErrorHandler."""
        refusal = str(e) if isinstance(e, KoalignError) else machine_fault(e)
        message = {
            "message": f"{type(e).__name__}: {e}",
            "extraInfo": {
                "py_callstack": "".join(traceback.format_exception(e)),
                "timestamp": str(int(time.time())),
                "time": time.time(),
                "refusal": refusal,
            },
        }
        path = os.environ["TORCHELASTIC_ERROR_FILE"]
        Path(path).write_text(json.dumps({"message": message}), encoding="utf-8")


def main(folder: Path, launcher: int) -> None:
    """Do the task in `folder`, as one of the processes that `launcher` (a process id) has started."""
    threading.Thread(target=_end_with, args=(launcher,), daemon=True).start()
    sys.excepthook = lambda *_: os._exit(1)  # the launcher reads the file and says it once
    record(_do, error_handler=ErrorFile())(folder)


def _do(folder: Path) -> None:
    rank, group, local = (
        int(os.environ[name]) for name in ("RANK", "GROUP_RANK", "LOCAL_WORLD_SIZE")
    )
    processes.enter(rank - group * local)
    home, wanted, work, arguments = processes.from_first(
        lambda: pickle.loads((folder / TASK).read_bytes())
    )
    if processes.count() != wanted:
        raise KoalignError(
            f"training.processes: {wanted} processes were asked for, and {processes.count()} run; start "
            "all nodes with the same config"
        )
    if not Path(home).is_dir():
        raise KoalignError(
            f"{home} is not on this node; nodes share the folder that koalign is started in"
        )
    os.chdir(home)
    returned: Any = work(*arguments)
    processes.leave()
    if rank == 0:
        (folder / RESULT).write_bytes(pickle.dumps(returned))


def _end_with(launcher: int) -> None:
    """A killed launcher cannot end its processes."""
    while os.getppid() == launcher:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
