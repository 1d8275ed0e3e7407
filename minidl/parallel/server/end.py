"""How a job of servers and workers ends: in good order, after an error of any rank, or at a signal; never with a hang."""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from ...errors import TrainingError
from .. import failure
from .follower import failure_of
from .link import Link, Lost, Stopped

if TYPE_CHECKING:
    from ...train.trainer import Trainer

_LINGER = 2.0  # seconds in which rank 0 prints what was wrong, before another rank's status could end the job
_INTERRUPTED = 130
_FINISH = 3.0  # seconds


class Together:
    """``with together:`` an error inside ends the other ranks too; rank 0 is told, and alone speaks of it.

    Parameters
    ----------
    link : Link
    """

    def __init__(self, link: Link) -> None:
        self.link, self.is_main = link, link.comm.rank == 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, where: TracebackType | None) -> None:
        if error is None or self.is_main or not isinstance(error, Exception):
            return
        try:
            if not isinstance(error, Lost | Stopped):
                self.link.send(0, failure_of(error))
            if isinstance(error, Stopped):
                raise error
            self._await_stop()
        except Stopped as stopped:
            time.sleep(0 if stopped.status in (0, _INTERRUPTED) else _LINGER)
            raise SystemExit(stopped.status) from None
        except Lost:
            died = TrainingError("server 0 (rank 0) has died; resume from the latest checkpoint")
            raise (died if isinstance(error, Lost) else error) from None

    def dismiss(self, ranks: Iterable[int]) -> None:
        """On rank 0, at the end: tell the others, with the status that the present error, if any, means."""
        error = sys.exc_info()[1]
        status = 0 if error is None else _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
        for rank in sorted(ranks):
            with contextlib.suppress(Lost):
                self.link.stop(rank, status)

    def await_dismissal(self) -> None:
        """On the others, at the end: leave when rank 0 says so."""
        error = sys.exc_info()[1]
        if isinstance(error, SystemExit):
            return
        try:
            with self:
                if error is not None:
                    raise error
                self._await_stop()
        except SystemExit as end:
            if end.code:
                raise

    def _await_stop(self) -> None:
        while True:
            self.link.receive(0)  # whatever it is about, it comes too late


class Signals:
    """SIGTERM, and the launcher's SIGUSR1, are to rank 0 what Ctrl-C is: it finishes an update, saves, and ends all.

    Other ranks wait for that.

    Parameters
    ----------
    trainer : Trainer
    is_main : bool
    """

    def __init__(self, trainer: Trainer, is_main: bool) -> None:
        self._previous: dict[int, Any] = {}

        def note(signum: int, frame: FrameType | None) -> None:
            if is_main and hasattr(trainer, "interrupt"):
                trainer.interrupt.requested = True

        if threading.current_thread() is threading.main_thread():  # only there may handlers be set
            for name in ("SIGTERM", "SIGUSR1"):
                if hasattr(signal, name):
                    number = getattr(signal, name)
                    self._previous[number] = signal.signal(number, note)

    def restore(self) -> None:
        """As it was."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}


def leave_in_time() -> None:
    """After a rank's death, also one that nobody noticed, ending MPI may hang: leave without it after some seconds.

    That is at the very end of Python, and no thread of Python runs while MPI ends; hence an alarm. Only where ranks may
    die (``mpirun --with-ft ulfm``), for there mpiexec takes no notice of who ends so.
    """
    if failure.outlives_deaths() and hasattr(signal, "setitimer"):
        atexit.register(_set_alarm)


def _set_alarm() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, _FINISH)
