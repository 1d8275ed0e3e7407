"""Ends everything that a started command has started, also what it has put into process groups of its own."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path


def members(leader: int) -> list[int]:
    """Running processes of the session that `leader` leads; none on systems without ``/proc``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = entry.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):  # it has just ended
            continue
        if int(session) == leader and state not in "ZX":
            found.append(int(entry.parent.name))
    return found


def kill(leader: int) -> None:
    """SIGKILL to all of a session that was started with ``start_new_session=True``.

    mpiexec gives each rank a process group; the session is what they have in common.
    """
    if not Path("/proc/self/stat").exists():
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
    for pid in members(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
