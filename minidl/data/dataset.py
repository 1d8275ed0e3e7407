"""Datasets: arrays that belong together sample by sample, and how samples of any dataset become a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from ..errors import ArgumentError, DataError, DTypeError, ShapeError

Transform = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
Batch = tuple[np.ndarray, ...]


class Dataset(Protocol):
    """Anything with a length whose samples are tuples of arrays.

    A dataset may also have ``batch(index, epoch)``, which gives a whole batch at once: faster, and told the
    epoch, on which random changes may depend. :class:`ArrayDataset` has.
    """

    def __len__(self) -> int:
        """Number of samples."""

    def __getitem__(self, i: int, /) -> Any:
        """Sample `i`: a tuple of arrays or numbers."""


class ArrayDataset:
    """Arrays of equal length; sample i is row i of each.

    Parameters
    ----------
    *arrays : array_like (N, ...)
        Numbers or booleans; kept, not copied.
    transform : callable, optional
        ``transform(batch, index, epoch)`` changes a batch (n, ...) of the first array, which consists of rows
        `index` (n,); for example :class:`minidl.vision.augment.ShiftFlip`. Called once a batch, so what it does
        to a row must depend on (row, index, epoch) alone: then results do not depend on how the data are split
        into batches, over processes, or on where a run was interrupted.

    Raises
    ------
    DataError
        No samples.
    ShapeError
        Arrays of different lengths, or without an axis.
    DTypeError
        Something other than numbers.
    """

    def __init__(self, *arrays: Any, transform: Transform | None = None) -> None:
        if not arrays:
            raise ArgumentError("ArrayDataset: give at least one array")
        if transform is not None and not callable(transform):
            raise ArgumentError(f"ArrayDataset: transform must be callable, got {type(transform).__name__}")
        self.arrays = tuple(_numeric(a, f"ArrayDataset: array {i}") for i, a in enumerate(arrays))
        for i, a in enumerate(self.arrays):
            if a.ndim == 0:
                raise ShapeError(f"ArrayDataset: array {i} is a single number; samples lie along axis 0")
        lengths = [len(a) for a in self.arrays]
        if len(set(lengths)) > 1:
            raise ShapeError(f"ArrayDataset: arrays of different lengths along axis 0: {', '.join(map(str, lengths))}")
        if lengths[0] == 0:
            raise DataError("ArrayDataset: the arrays are empty; there is nothing to learn from")
        self.transform = transform

    def __len__(self) -> int:
        return len(self.arrays[0])

    def __getitem__(self, i: int) -> Batch:
        """Sample `i` as it is in epoch 0."""
        n = len(self)
        if not -n <= i < n:
            raise IndexError(f"ArrayDataset: sample {i} of {n}")  # the sequence protocol: iteration ends by it
        return tuple(a[0] for a in self.batch(np.array([i % n]), 0))

    def batch(self, index: np.ndarray, epoch: int = 0) -> Batch:
        """Rows `index` (n,) of all arrays, the first one transformed as in `epoch`."""
        first, *others = (a[index] for a in self.arrays)
        if self.transform is not None:
            first = np.asarray(self.transform(first, index, epoch))
            if first.ndim == 0 or len(first) != len(index):
                raise ShapeError(f"ArrayDataset: transform made shape {first.shape} of a batch of {len(index)} samples")
        return first, *others

    def __repr__(self) -> str:
        shapes = ", ".join(f"{a.dtype} {a.shape}" for a in self.arrays)
        return f"ArrayDataset({shapes}{'' if self.transform is None else ', transform=' + repr(self.transform)})"


def make_batch(dataset: Any, index: np.ndarray, epoch: int, number: int) -> Batch:
    """Batch number `number` of an epoch, of samples `index`: contiguous arrays.

    Raises
    ------
    DataError
        Whatever went wrong in the dataset or its transform, with the batch and the sample.
    """
    at = ""
    try:
        if hasattr(dataset, "batch"):
            at = f"samples {_some(index)}"
            parts = dataset.batch(index, epoch)
            parts = parts if isinstance(parts, tuple | list) else (parts,)
        else:
            samples = []
            for i in index.tolist():
                at = f"sample {i}"
                samples.append(dataset[i])
            at = f"samples {_some(index)}"
            parts = collate(samples)
        # contiguous also when made here: the same bits in memory with and without worker processes
        return tuple(np.ascontiguousarray(_numeric(a, f"part {k} of the batch")) for k, a in enumerate(parts))
    except Exception as error:
        raise DataError(f"epoch {epoch}, batch {number}, {at}: {type(error).__name__}: {one_line(error)}") from error


def collate(samples: Sequence[Any]) -> Batch:
    """Samples (tuples of arrays or numbers) to one tuple of arrays with a first axis over samples."""
    rows = [s if isinstance(s, tuple | list) else (s,) for s in samples]
    if len({len(row) for row in rows}) > 1:
        raise ShapeError(f"samples have different numbers of parts: {sorted({len(row) for row in rows})}")
    parts = []
    for k, column in enumerate(zip(*rows, strict=True)):
        arrays = [_weak(a) for a in column]
        if len(shapes := {a.shape for a in arrays}) > 1:
            raise ShapeError(f"part {k} has different shapes in one batch: {sorted(shapes)[0]}, {sorted(shapes)[1]}")
        parts.append(np.stack(arrays))
    return tuple(parts)


def _weak(value: Any) -> np.ndarray:
    """An array; Python floats are float32, as everywhere in minidl."""
    return np.asarray(value, np.float32) if type(value) is float else np.asarray(value)


def _numeric(values: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise DTypeError(f"{what}: cannot be made a NumPy array: {one_line(error)}") from error
    if array.dtype.kind not in "biufc":
        raise DTypeError(f"{what}: expected numbers, got dtype {array.dtype}")
    return array


def _some(index: np.ndarray, most: int = 4) -> str:
    """The first few indices, for messages."""
    text = ", ".join(map(str, index[:most].tolist()))
    return text + (f", ... ({len(index)} in all)" if len(index) > most else "")


def one_line(error: BaseException) -> str:
    """An error's message without line breaks."""
    return " ".join(str(error).split())
