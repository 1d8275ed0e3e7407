"""Starts a program on several ranks: ``python -m minidl.launch -n 4 -m demos.vision --parallel allreduce``.

With the settings that a job on one machine needs, whichever MPI is installed. Ctrl-C lets the ranks finish their
update and save; a second one ends them at once. An error in one rank ends all, and nothing is left behind.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import FrameType
from typing import IO, Any, NoReturn

from .errors import ArgumentError, MinidlError
from .parallel import comm, mpiexec, sessions
from .parallel.rank import TIME_LIMIT

_TO_SAVE = 30.0  # seconds that ranks have to end in good order
_TO_DIE = 3.0  # seconds from a polite end to SIGKILL
_SHOWS = 5.0  # seconds beyond a time limit, in which the ranks say where they hang


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ArgumentError(f"{message}; see python -m minidl.launch --help")


def parser() -> argparse.ArgumentParser:
    """The options; everything from ``-m MODULE`` or the script on belongs to the program."""
    made = _Parser(prog="python -m minidl.launch", description="Start a program on several MPI ranks.")
    made.add_argument("-n", "--ranks", type=int, required=True, metavar="N", help="number of processes")
    made.add_argument("--time-limit", type=float, metavar="SECONDS", help="end the job then, saying where it hangs")
    made.add_argument("--fault-tolerant", action="store_true", help="let the others live when a rank dies (Open MPI's ULFM)")
    made.add_argument("-m", dest="module", nargs=argparse.REMAINDER, metavar="MODULE", help="and its arguments")
    made.add_argument("script", nargs=argparse.REMAINDER, metavar="SCRIPT", help="and its arguments")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; returns its exit status."""
    try:
        options = parser().parse_args(arguments)
        command, env = prepared(options)
    except MinidlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    with mpiexec.own_folders(env) as env:
        return Job(command, env, options.time_limit).wait()


def prepared(options: argparse.Namespace) -> tuple[list[str], dict[str, str]]:
    """The command and its environment.

    Raises
    ------
    ArgumentError, MissingExtra
        Nothing to run, a number out of range, no MPI, or none that can do it.
    """
    program = ["-m", *options.module] if options.module else options.script
    if options.ranks < 1 or (options.time_limit is not None and options.time_limit <= 0):
        raise ArgumentError("-n and --time-limit must be positive")
    if program in ([], ["-m"]):
        raise ArgumentError("name what to run: -m MODULE or a script")
    if program[0] != "-m" and not os.path.isfile(program[0]):
        raise ArgumentError(f"there is no file {program[0]}")
    threads = max(1, mpiexec.cores() // options.ranks)
    env = mpiexec.environment(os.environ, threads)
    if options.time_limit is not None:
        env[TIME_LIMIT] = str(options.time_limit)
    threads_text = f"{env['OPENBLAS_NUM_THREADS']} BLAS thread{'s' * (env['OPENBLAS_NUM_THREADS'] != '1')}"
    try:
        comm.needs_mpi()
        command = mpiexec.command(options.ranks, program, options.fault_tolerant)
    except MinidlError:
        if options.ranks > 1 or options.fault_tolerant:
            raise
        print(f"minidl.launch: one process without MPI, {threads_text}", file=sys.stderr, flush=True)
        return [sys.executable, "-m", "minidl.parallel.rank", *program], env
    print(f"minidl.launch: {options.ranks} ranks, {threads_text} each, {command[0]}", file=sys.stderr, flush=True)
    return command, env


class Job:
    """A running job; signals to this process end it in good order.

    Parameters
    ----------
    command : list of str
    env : dict
    time_limit : float, optional
        Seconds.
    """

    def __init__(self, command: list[str], env: dict[str, str], time_limit: float | None) -> None:
        self.time_limit = time_limit
        self.deadline = time.monotonic() + time_limit + _SHOWS if time_limit else None
        self._asked = 0
        self._status: int | None = None  # instead of the job's, if we end it
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        self.process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )
        assert self.process.stderr is not None
        self._reader = threading.Thread(target=without_notes, args=(self.process.stderr, sys.stderr.buffer), daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Until the job ends, or is ended; its exit status."""
        while self.process.poll() is None:
            if self.deadline is not None and time.monotonic() > self.deadline:
                self._status = self._status or 124
                self._end()
            time.sleep(0.05)
        sessions.kill(self.process.pid)  # a rank that its mpiexec has lost
        self._reader.join(_TO_DIE)
        status = self.process.returncode if self._status is None else self._status
        if status == 124 and self.time_limit is not None:
            print(f"error: the job did not end within {self.time_limit:g} seconds", file=sys.stderr)
        return 128 - status if status < 0 else status

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Ask the ranks to finish their update and save; the second time, end them."""
        self._asked += 1
        self._status = 128 + number
        if self._asked == 1 and self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR1)  # which mpiexec hands on; SIGINT would make it kill the ranks
            self.deadline = time.monotonic() + _TO_SAVE
        else:
            self.deadline = time.monotonic()

    def _end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(_TO_DIE)
        except subprocess.TimeoutExpired:
            sessions.kill(self.process.pid)
            self.process.wait()


_NOTES = (b"MPI_ABORT was invoked", b'calling\n"abort"', b"exited with non-zero status", b"BAD TERMINATION")
_BY_SIGNAL = (b"on signal", b"KILLED BY SIGNAL", b"EXIT CODE: 9", b"EXIT CODE: 6", b"EXIT CODE: 11")
_SHORT_NOTES = b"Abort("  # MPICH: "Abort(1) on node 0 ...: application called MPI_Abort"
_LONGEST_NOTE = 20  # lines


def without_notes(source: IO[bytes], target: Any) -> None:
    """Copy lines, but not mpiexec's notes on a rank that ended the job: the rank itself has said why, in one line."""
    note: list[bytes] = []
    dropped = False

    def end_note() -> bool:
        text = b"".join(note)
        drop = any(n in text for n in _NOTES) and not any(s in text for s in _BY_SIGNAL)
        if not drop:
            target.write(text)
        note.clear()
        return drop

    for line in source:
        if dropped and not line.strip(b"\0 \n"):
            continue  # the space between two notes
        dropped = line.startswith(_SHORT_NOTES)
        if dropped:
            continue
        rule = len(line) > 60 and not line.strip(b"-=\r\n")
        if rule or note:
            note.append(line)
            if (rule and len(note) > 1) or len(note) > _LONGEST_NOTE:
                dropped = end_note()
        else:
            target.write(line)
        target.flush()
    end_note()
    target.flush()


if __name__ == "__main__":
    sys.exit(main())
