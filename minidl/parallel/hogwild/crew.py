"""A crew: worker processes on this machine, and the messages to and from them, until each one's end.

Workers come from a spawn context, whatever the global start method is: a forked copy would inherit locks that other
threads hold (BLAS). Each has a pipe of its own, so there is no queue whose lock a killed worker could take along.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
import weakref
from collections.abc import Callable, Iterator
from multiprocessing import connection as pipes
from typing import Any

from ... import errors
from ...data.children import RemoteError, how_it_ended, shut_down, start_child
from ...errors import MinidlError, TrainingError

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
Lost = Callable[[int, str, list[Any]], None]


class Crew:
    """Worker processes, numbered from 0.

    Parameters
    ----------
    name : str
        What messages call the crew.
    threads : int
        Of BLAS in each worker.

    Attributes
    ----------
    alive : list of int
        Workers that can be asked for something.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        self.name, self.threads = name, threads
        self.context = multiprocessing.get_context("spawn")
        self.alive: list[int] = []
        self._processes: list[Any] = []
        self._connections: list[Any] = []
        # runs at close(), when the crew is garbage, and when the interpreter exits; never twice
        self._finalizer = weakref.finalize(self, shut_down, self._processes, self._connections, os.getpid())

    def start(self, n: int, target: Callable[..., None], *args: Any) -> None:
        """Start `n` workers that run ``target(connection, number, *args)``; see :func:`serve`."""
        with _environment(dict.fromkeys(_THREADS, str(self.threads))):
            for number in range(n):
                label = f"minidl-{self.name.lower()}-{number}"
                process, connection = start_child(self.context, target, (number, *args), label)
                self._processes.append(process)
                self._connections.append(connection)
                self.alive.append(number)

    def send(self, worker: int, *message: Any) -> None:
        """Send a message; when the worker is dead, :meth:`receive` will say so."""
        with contextlib.suppress(OSError):
            self._connections[worker].send(message)

    def receive(self) -> tuple[int, tuple[Any, ...]]:
        """The next message of any worker, with its number; ``("dead", how)`` is what one that died says last."""
        ready = pipes.wait([self._connections[worker] for worker in self.alive])
        worker = self._connections.index(ready[0])
        try:
            message = self._connections[worker].recv()
            if message[0] == "error":
                self.alive.remove(worker)
            return worker, message
        except (EOFError, OSError):
            self.alive.remove(worker)
            pid = self._processes[worker].pid
            how, hint = how_it_ended(self._processes[worker])
            return worker, ("dead", f"worker {worker} (pid {pid}) {how}{'; ' if hint else ''}{hint}")

    def ask_all(self, *message: Any, answer: str, lost: Lost | None = None) -> dict[int, Any]:
        """Send every living worker a message, and wait for the answers; see :meth:`gather`."""
        for worker in self.alive:
            self.send(worker, *message)
        return self.gather(answer, lost)

    def gather(self, answer: str, lost: Lost | None = None) -> dict[int, Any]:
        """Every living worker's next message of kind `answer`: its content, by worker.

        Parameters
        ----------
        answer : str
            Others that come before it are passed over.
        lost : callable, optional
            Called with number, kind and content of the last message of a worker that cannot answer.

        Raises
        ------
        TrainingError, or the error that a worker raised
            One of them cannot answer, unless `lost` is given.
        """
        asked, answers = set(self.alive), dict[int, Any]()
        while asked - set(answers):
            worker, (kind, *content) = self.receive()
            if kind == answer:
                answers[worker] = content[0] if content else None
            elif kind in ("error", "dead"):
                if lost is None:
                    raise self.failure(worker, kind, content)
                asked.discard(worker)
                answers.pop(worker, None)
                lost(worker, kind, content)
        return answers

    def failure(self, worker: int, kind: str, content: list[Any], advice: str = "") -> MinidlError:
        """The error to raise for a worker's last message."""
        if kind == "dead":
            return TrainingError(f"{self.name}: {content[0]}{advice}")
        name, text, trace = content
        error: MinidlError = getattr(errors, name, TrainingError)(f"{self.name}: worker {worker}: {text}{advice}")
        error.__cause__ = RemoteError(f"in a worker process:\n{trace}")
        return error

    @property
    def pids(self) -> list[int]:
        """Process numbers of the living workers."""
        return [self._processes[worker].pid for worker in self.alive]

    def close(self) -> None:
        """End all workers."""
        self.alive = []
        self._finalizer()


def serve(connection: Any, make: Callable[[], Callable[..., tuple[Any, ...]]]) -> None:
    """A worker's side: answer messages until the pipe is closed, which it also is when the parent dies.

    Parameters
    ----------
    connection : Connection
    make : callable
        Prepares and returns what answers: ``answer(*message) -> reply``. An exception becomes the worker's last
        message, ``("error", name of its class, text, traceback)``.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the parent decides what follows
    answer: Any = None

    def begin() -> tuple[Any, ...]:
        nonlocal answer
        answer = make()
        return ("ready",)

    try:
        reply = _attempt(begin)
        connection.send(reply)
        while reply[0] != "error":
            reply = _attempt(answer, *connection.recv())
            connection.send(reply)
    except (EOFError, OSError):
        return


def _attempt(function: Callable[..., tuple[Any, ...]], *args: Any) -> tuple[Any, ...]:
    try:
        return function(*args)
    except Exception as error:
        text = " ".join(str(error).split())
        text = text if isinstance(error, MinidlError) else f"{type(error).__name__}: {text}"
        return "error", type(error).__name__, text, traceback.format_exc()


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Environment variables for the children that are started inside; BLAS reads them once, when it is loaded."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
