"""What a started rank runs: ``python -m minidl.parallel.rank [-m MODULE | SCRIPT] ARGUMENTS``.

The program as Python would run it, but an error in one rank ends them all, and so does a status that is not zero.
"""

from __future__ import annotations

import faulthandler
import os
import runpy
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from . import failure

_INTERRUPTED = 130  # all ranks stop after the same update: each leaves when it has printed and written
TIME_LIMIT = "MINIDL_TIME_LIMIT"  # seconds, after which each rank shows where it is and ends


def main(arguments: Sequence[str]) -> None:
    """Run the program named by `arguments`."""
    limit = os.environ.get(TIME_LIMIT)
    if limit:
        faulthandler.dump_traceback_later(float(limit))
        end = threading.Timer(float(limit) + 1, os._exit, [124])  # not at once: the first to end takes the others along
        end.daemon = True
        end.start()
    if hasattr(signal, "SIGUSR1"):  # the launcher's Ctrl-C: mpiexec hands no other signal on
        signal.signal(signal.SIGUSR1, lambda *_: signal.raise_signal(signal.SIGINT))
    failure.abort_on_uncaught()
    try:
        run(list(arguments))
    except SystemExit as stop:
        if stop.code not in (None, 0, _INTERRUPTED) and failure.size() > 1:
            if isinstance(stop.code, str):
                failure.fail(stop.code)
            failure.end_job(stop.code if isinstance(stop.code, int) else 1)
        raise


def run(arguments: list[str]) -> None:
    """Run a module or script in this process as the main program."""
    if arguments[:1] == ["-m"]:
        sys.argv = arguments[1:]
        sys.path.insert(0, "")
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
