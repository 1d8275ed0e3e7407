"""The checkpoints of one run: a directory that keeps the last few and the best, each one whole file.

A checkpoint holds everything that the rest of the run depends on (weights, buffers, optimizer, schedule, random
streams, position in the data, moving averages, history), so that a run that was killed and resumed ends bit for
bit where it would have ended. Deep Learning leaves this out; practice does not.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import CheckpointError
from . import files
from .files import load as load
from .files import save as save
from .state import flatten, unflatten

FORMAT = 1
_PATTERN = "step-*.safetensors"


class Checkpoints:
    """The checkpoint files in a directory.

    Parameters
    ----------
    directory : path
        Made when the first checkpoint is saved.
    keep : int
        How many of the latest to keep; the best is kept besides.
    """

    def __init__(self, directory: str | os.PathLike[str], keep: int = 2) -> None:
        if keep < 1:
            raise CheckpointError(f"Checkpoints: keep must be at least 1, got {keep}")
        self.directory, self.keep = Path(directory), keep

    @property
    def best(self) -> Path:
        """Where the best checkpoint is, if one was marked."""
        return self.directory / "best.safetensors"

    def paths(self) -> list[Path]:
        """The numbered checkpoints, oldest first."""
        return sorted(self.directory.glob(_PATTERN))

    def latest(self) -> Path | None:
        """The newest checkpoint, or None."""
        paths = self.paths()
        return paths[-1] if paths else None

    def save(self, state: Mapping[str, Any], step: int, best: bool = False) -> Path:
        """Write a checkpoint; then, and only then, remove those that are too old.

        Parameters
        ----------
        state : nested mapping of arrays, numbers and strings
        step : int
            Optimizer steps made; gives the file its name.
        best : bool
            Also keep it as ``best.safetensors``.
        """
        path = self.directory / f"step-{step:09d}.safetensors"
        if best:  # written first: a run that is killed before it has its number makes this step again
            write_state(self.best, state)
            self._name_too(self.best, path)
        else:
            write_state(path, state)
        for old in self.paths()[: -self.keep]:
            if old != path:
                with contextlib.suppress(OSError):
                    old.unlink()
        for leftover in self.directory.glob(".*.tmp"):  # of a run that was killed while it wrote
            with contextlib.suppress(OSError):
                leftover.unlink()
        return path

    def _name_too(self, path: Path, name: Path) -> None:
        """Let `name` be the file at `path` too: no copy, and never a moment without it."""
        temporary = self.directory / ".second-name.tmp"
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        try:
            os.link(path, temporary)
            os.replace(temporary, name)
        except OSError:  # a file system without links
            with files.replacing(name) as f:
                f.write(path.read_bytes())

    def load(self, path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
        """Read a checkpoint (the latest if none is named).

        Raises
        ------
        CheckpointError
            There is none, or it is damaged; the message names the newest good one that is not newer.
        """
        path = self.latest() if path is None else Path(path)
        if path is None:
            raise CheckpointError(f"no checkpoint in {self.directory}")
        try:
            return read_state(path)
        except CheckpointError as error:
            offer = self._good_one_before(path)
            hint = "; no older good one is there" if path in self.paths() else ""
            hint = f"; the previous good one is {offer}" if offer else hint
            raise CheckpointError(f"{error}{hint}") from error

    def _good_one_before(self, path: Path) -> Path | None:
        numbered = path.match(_PATTERN)
        for other in [p for p in reversed(self.paths()) if not numbered or p.name < path.name] + [self.best]:
            try:
                read_state(other)
            except CheckpointError:
                continue
            return other
        return None


def write_state(path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
    """Write a nested state as one file; see :func:`minidl.train.files.save`."""
    arrays, skeleton = flatten(state)
    files.save(path, arrays, {"minidl_checkpoint": FORMAT, "state": skeleton})


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what :func:`write_state` wrote.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, or holds arrays that are no checkpoint of a run.
    """
    arrays, metadata = files.read(path)
    if metadata.get("minidl_checkpoint") != FORMAT or not isinstance(metadata.get("state"), dict):
        raise CheckpointError(
            f"{path}: holds arrays but no minidl checkpoint; read it with dl.load and model.load_state_dict"
        )
    try:
        return unflatten(arrays, metadata["state"])
    except RecursionError as error:
        raise CheckpointError(f"{path}: its metadata is nested too deeply; it was altered") from error


def find(run: str | os.PathLike[str]) -> Path:
    """The checkpoint meant by `run`: a file, or the best (else the latest) of a run directory.

    Raises
    ------
    CheckpointError
        There is none.
    """
    run = Path(run)
    if run.is_file():
        return run
    for directory in (run / "checkpoints", run):
        checkpoints = Checkpoints(directory)
        if checkpoints.best.is_file():
            return checkpoints.best
        if (latest := checkpoints.latest()) is not None:
            return latest
    raise CheckpointError(f"no checkpoint at {run}: expected a run directory or a .safetensors file")
