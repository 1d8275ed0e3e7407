"""A text as the batches that a neural model reads: folded into columns, cut into pieces, each going on from the last.

Truncated back-propagation through time (Williams and Peng 1990; Deep Learning, section 10.2.2): gradients stay within a
piece, the state goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ...errors import ArgumentError, DataError
from ...train.evaluate import raw, to_host
from ..model import contexts_of
from ..vocabulary import END_ID, START_ID


def stream(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a network reads and what is to come next, (n,) int64 each, of sentences with their starts and ends.

    Each end of a sentence stands for the start of the next as well, so that starts are left out; the first word comes
    after an end.
    """
    ids = np.asarray(ids, np.int64)
    target = ids[ids != START_ID]
    return np.concatenate([[END_ID], target[:-1]]), target


class Columns:
    """Batches (words, target), each (length, columns): column j is the j-th part of the text.

    Parameters
    ----------
    ids : (n,) int array
        Sentences as :meth:`.Vocabulary.encode_sentences` gives them.
    columns : int
        Parts that are read side by side; what does not fill them all at the text's end is left out.
    length : int
        Words of each column in a batch; the last batch may be shorter.
    context : int
        Above 0, batches are (words, contexts, target), with the so many words of the sentence before each token,
        (length, columns, context).

    Attributes
    ----------
    state : tuple of arrays, or None
        Of the network after the last batch, kept here so that it is part of a checkpoint.

    Raises
    ------
    DataError
        Fewer tokens than columns.
    """

    def __init__(self, ids: np.ndarray, columns: int = 20, length: int = 35, context: int = 0) -> None:
        if columns < 1 or length < 1:
            raise ArgumentError(f"Columns: columns and length must be at least 1, got {columns}, {length}")
        words, target = stream(ids)
        rows = len(target) // columns
        if not rows:
            raise DataError(f"the text has {len(target)} tokens, fewer than the {columns} columns of a batch; add text")
        self._arrays = [_folded(a, columns, rows) for a in (words, target)]
        if context:
            self._arrays.insert(1, _folded(contexts_of(ids, context).astype(np.int32), columns, rows))
        self.length, self.context, self.n_rows = length, context, rows
        self.state: tuple[Any, ...] | None = None
        self._start = 0

    def __len__(self) -> int:
        return -(-self.n_rows // self.length)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        for start in range(self._start * self.length, self.n_rows, self.length):
            yield tuple(a[start : start + self.length] for a in self._arrays)

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Begin with batch number `start`; with the first, the text begins anew."""
        self._start = start
        if not start:
            self.state = None

    def state_dict(self) -> dict[str, Any]:
        """The state of the network, for a checkpoint."""
        return {"state": None if self.state is None else [to_host(raw(s)) for s in self.state]}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self.state = None if saved["state"] is None else tuple(saved["state"])


def _folded(a: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """The first ``rows * columns`` of a as (rows, columns, ...), one column after the other."""
    return a[: rows * columns].reshape(columns, rows, *a.shape[1:]).swapaxes(0, 1).copy()
