"""A run's directory: checkpoints and ``metrics.jsonl``; nothing in it is ever overwritten by another run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import CheckpointError
from .checkpoint import Checkpoints
from .history import MetricsFile

if TYPE_CHECKING:
    from .trainer import Trainer


class RunFiles:
    """The files of one run; with `directory` None, nothing is written at all."""

    def __init__(self, directory: str | os.PathLike[str] | None, keep: int) -> None:
        self.directory = None if directory is None else Path(directory)
        self.checkpoints = None if self.directory is None else Checkpoints(self.directory / "checkpoints", keep)
        self._metrics: MetricsFile | None = None

    def open(self, resume: Any, say: Callable[[str], None]) -> dict[str, Any] | None:
        """Begin writing; returns the state to resume from, or None for a fresh start.

        Raises
        ------
        CheckpointError
            `resume` without a directory, a damaged checkpoint, or a directory that cannot be written or in which
            another run is being trained.
        """
        if self.directory is None or self.checkpoints is None:
            if resume:
                raise CheckpointError("fit: resume needs run_dir, where the checkpoints are")
            return None
        saved = None
        if not resume:
            if (self.directory / "metrics.jsonl").is_file():
                self._claimed().close()  # nobody's, or refused
            old = set_aside(self.directory)
            if old is not None:
                say(f"an earlier run was here; it is now in {old}")
        elif resume is not True or self.checkpoints.latest() is not None:
            saved = self.checkpoints.load(None if resume is True else resume)
        else:
            say(f"no checkpoint in {self.checkpoints.directory} yet; starting from the beginning")
        self._metrics = self._claimed()
        return saved

    def _claimed(self) -> MetricsFile:
        assert self.directory is not None
        metrics = MetricsFile(self.directory / "metrics.jsonl")
        if not metrics.lock():
            metrics.close()
            raise CheckpointError(f"another run is being trained in {self.directory}; choose another directory, or wait")
        return metrics

    def rewind(self, saved: Mapping[str, Any] | None) -> None:
        """Cut ``metrics.jsonl`` to where it was in the state `saved`, or to nothing."""
        if self._metrics is not None:
            self._metrics.cut(saved["metrics_bytes"] if saved else 0)

    def log(self, record: Mapping[str, Any]) -> None:
        """A line in ``metrics.jsonl``."""
        if self._metrics is not None:
            self._metrics.write(record)

    def save(self, state: Mapping[str, Any], step: int, best: bool) -> Path:
        """A checkpoint, and the length that ``metrics.jsonl`` had then."""
        assert self.checkpoints is not None and self._metrics is not None
        return self.checkpoints.save({**state, "metrics_bytes": self._metrics.sync()}, step, best)

    def close(self) -> None:
        """Close ``metrics.jsonl``."""
        if self._metrics is not None:
            self._metrics.close()
            self._metrics = None

    @staticmethod
    def check_same_run(trainer: Trainer, saved: Mapping[str, Any]) -> None:
        """Refuse a checkpoint that was made with other settings, before anything is changed."""
        here = len(trainer.loader) if hasattr(trainer.loader, "__len__") else None  # type: ignore[arg-type]
        if saved["n_batches"] != here:
            raise CheckpointError(
                f"resume: the checkpoint counts {saved['n_batches']} batches in an epoch, and now there are {here}; "
                "resume with the data and batch size of the first part"
            )
        for name in {**saved["config"], **trainer.config}:
            before, now = saved["config"].get(name), trainer.config.get(name)
            if before != now:
                raise CheckpointError(f"resume: the checkpoint was made with {name} = {before!r}, and now it is {now!r}")
        for name in ("schedule", "ema", "early_stopping"):
            if (saved[name] is None) != (getattr(trainer, name) is None):
                had = "without" if saved[name] is None else "with"
                raise CheckpointError(f"resume: the checkpoint was made {had} {name.replace('_', ' ')}; do the same now")


def set_aside(directory: Path) -> Path | None:
    """Rename a directory that holds a run to ``NAME.1`` (or the next free number); None if it holds none."""
    if not ((directory / "checkpoints").exists() or (directory / "metrics.jsonl").exists()):
        return None
    directory, number = directory.resolve(), 1
    if Path.cwd().is_relative_to(directory):  # it is the user's: it may hold far more than the run
        raise CheckpointError(f"{directory} holds an earlier run and is where you are; choose another directory")
    while (aside := directory.with_name(f"{directory.name}.{number}")).exists():
        number += 1
    try:
        directory.rename(aside)
    except OSError as error:
        raise CheckpointError(f"cannot rename {directory}, which holds an earlier run: {error.strerror}") from error
    return aside
