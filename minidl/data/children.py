"""Child processes in good order: started from a clean interpreter, told to end by their pipe, and always reaped."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from typing import Any

PATIENCE = 2.0  # seconds that a child gets to finish what it is doing before it is killed


class RemoteError(Exception):
    """The traceback of an error in a child, as the cause of the error raised in the parent."""


def start_child(context: Any, target: Callable[..., None], args: tuple[Any, ...], name: str) -> tuple[Any, Any]:
    """Start ``target(connection, *args)``; returns the process and our end of the pipe.

    The child has the only other end: when it dies, however that happens, we read the end of the file, and when we
    die, the child does.
    """
    here, there = context.Pipe()
    process = context.Process(target=target, args=(there, *args), name=name, daemon=True)
    try:
        with without_interrupts():
            process.start()
    except BaseException:
        here.close()
        raise
    finally:
        there.close()
    return process, here


def shut_down(processes: list[Any], connections: list[Any], owner: int) -> None:
    """End children: by closing their pipes, and by force when that does not help. `owner` is the parent's pid."""
    if os.getpid() != owner:
        return  # a forked copy of the parent: these are not its children
    for connection in connections:
        connection.close()  # tells the child to end
    for process in processes:
        process.join(PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()
        process.close()
    processes.clear()


def how_it_ended(process: Any) -> tuple[str, str]:
    """How a child that answers no more came to its end, in words, and what a user may do about it."""
    process.join(PATIENCE)
    code = process.exitcode
    if code is None:
        return "stopped answering", ""
    if code < 0:
        return f"was killed by {_signal_name(-code)}", (
            "perhaps memory ran out: try fewer workers" if -code == 9 else ""
        )
    hint = "its own message is above; a script that uses workers must work under: if __name__ == '__main__':"
    return f"ended with status {code}", hint if code == 1 else ""


def _signal_name(number: int) -> str:
    with contextlib.suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"


@contextlib.contextmanager
def without_interrupts() -> Iterator[None]:
    """Hold SIGINT back: the child inherits that, and cannot print a traceback before it has begun."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the first child starts it, which lets SIGINT through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
