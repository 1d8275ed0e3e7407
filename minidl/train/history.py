"""What happened during training: a record per epoch and a loss per logged step, in memory and in ``metrics.jsonl``."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, CheckpointError
from .timeline import Timeline

Record = dict[str, Any]


class History:
    """Records of a run.

    Attributes
    ----------
    epochs : list of dict
        One record per epoch: ``epoch``, ``step``, ``loss``, metrics, ``val_...``, ``lr``, ``seconds``,
        ``samples_per_second``.
    steps : list of dict
        ``step``, ``epoch``, ``loss``, ``lr`` of the logged steps.
    stopped : str or None
        Why training ended before its last epoch.
    notes : dict
        What a strategy wants to be kept of the whole run, as JSON-able values.
    timelines : dict
        By name of the process, what it spent its time on (of this part of a resumed run; on the main process).
    """

    def __init__(self) -> None:
        self.timelines: dict[str, Timeline] = {}
        self.epochs: list[Record] = []
        self.steps: list[Record] = []
        self.stopped: str | None = None
        self.notes: dict[str, Any] = {}

    def column(self, name: str, of: str = "epochs") -> np.ndarray:
        """One quantity over epochs (or ``of="steps"``); NaN where a record lacks it."""
        records = self.epochs if of == "epochs" else self.steps
        return np.array([record.get(name, np.nan) for record in records], np.float64)

    @property
    def last(self) -> Record:
        """The newest epoch's record."""
        if not self.epochs:
            raise ArgumentError("History: no epoch was finished")
        return self.epochs[-1]

    def state_dict(self) -> dict[str, Any]:
        """All records, for a checkpoint."""
        return {"epochs": self.epochs, "steps": self.steps, "stopped": self.stopped, "notes": self.notes}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self.epochs, self.steps = list(saved["epochs"]), list(saved["steps"])
        self.stopped, self.notes = saved["stopped"], dict(saved.get("notes", {}))

    def __repr__(self) -> str:
        last = ", ".join(f"{k}={v:.4g}" for k, v in self.epochs[-1].items()) if self.epochs else ""
        return f"History({len(self.epochs)} epochs; {last})"


class MetricsFile:
    """``metrics.jsonl``: one JSON object a line, each line written by one call, so that none is ever half there.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        with self._one_line_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def lock(self) -> bool:
        """Keep other runs out until this file is closed (or the process is gone); False if one is in there."""
        try:
            import fcntl

            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except (ImportError, OSError):  # a system, or a file system, without locks
            pass
        return True

    def cut(self, keep_bytes: int) -> None:
        """Shorten the file: what was written after the checkpoint that is resumed happens again."""
        with self._one_line_errors():
            os.ftruncate(self._handle, min(keep_bytes, os.fstat(self._handle).st_size))

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one line."""
        line = (json.dumps(record) + "\n").encode()
        with self._one_line_errors():
            written = os.write(self._handle, line)
            if written < len(line):  # what fitted on a disk that is now full
                self.cut(os.fstat(self._handle).st_size - written)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sync(self) -> int:
        """Make the lines durable; returns the file's length."""
        with self._one_line_errors():
            os.fsync(self._handle)
            return os.fstat(self._handle).st_size

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    @contextlib.contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CheckpointError(f"cannot write {self.path}: {error.strerror}") from error


def read_metrics(path: str | os.PathLike[str]) -> list[Record]:
    """The records of a ``metrics.jsonl``, in order."""
    return [json.loads(line) for line in Path(path).read_text().splitlines()]
