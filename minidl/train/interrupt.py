"""Ctrl-C between updates instead of within one, so that what is saved is whole."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any


class TrainingInterrupted(KeyboardInterrupt):
    """Training ended at the user's wish, in good order.

    Attributes
    ----------
    checkpoint : Path or None
        Where the run can go on from.
    """

    def __init__(self, message: str, checkpoint: Path | None) -> None:
        super().__init__(message)
        self.checkpoint = checkpoint


class DelayedInterrupt:
    """Inside the block, the first Ctrl-C only sets `requested`; the second interrupts at once.

    Where Ctrl-C is ignored, as in a shell's background jobs, it stays so.
    """

    def __init__(self) -> None:
        self.requested = False
        self._previous: Any = None
        self._active = threading.current_thread() is threading.main_thread()  # only there may handlers be set
        self._active = self._active and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN

    def __enter__(self) -> DelayedInterrupt:
        if self._active:
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True

    def __exit__(self, *exc: object) -> None:
        if self._active and self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
