"""Which states share a density: each state of a phone, between each pair of neighbours, has the number of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ArgumentError
from .phone_set import PhoneSet


class Tying:
    """A table of densities ("pdfs").

    Parameters
    ----------
    tables : sequence of (states, phones, phones) int arrays
        One a phone: by state, left and right neighbour. Numbers run from 0 without a gap.

    Raises
    ------
    ArgumentError
        Another shape, gaps.
    """

    def __init__(self, tables: Sequence[np.ndarray]) -> None:
        self.tables = tuple(np.asarray(t, np.int32) for t in tables)
        n = len(self.tables)
        if not n or any(t.ndim != 3 or t.shape[1:] != (n, n) for t in self.tables):
            raise ArgumentError(f"tying: each table must be (states, {n}, {n})")
        used = np.unique(np.concatenate([np.unique(t) for t in self.tables]))
        if not np.array_equal(used, np.arange(len(used))):
            raise ArgumentError("tying: pdfs must be numbered from 0 without a gap")
        self.n_pdfs = len(used)

    def pdfs(self, left: int, phone: int, right: int) -> tuple[int, ...]:
        """Of each state of a phone, between its neighbours; at the edge of an utterance the neighbour is silence."""
        return tuple(self.tables[phone][:, left, right].tolist())

    def of_frames(self, phones: np.ndarray, states: np.ndarray, lefts: np.ndarray, rights: np.ndarray) -> np.ndarray:
        """The pdf of each frame, (frames,), from phone, state and neighbours of each."""
        pdfs = np.empty(len(phones), np.int64)
        for phone in np.unique(phones):
            here = phones == phone
            pdfs[here] = self.tables[phone][states[here], lefts[here], rights[here]]
        return pdfs


def monophones(phones: PhoneSet) -> Tying:
    """Every state of every phone has a pdf of its own, whatever its neighbours."""
    tables, n, first = [], len(phones), 0
    for topology in phones.topologies:
        own = np.arange(first, first + topology.n_states, dtype=np.int32)
        tables.append(np.broadcast_to(own[:, None, None], (topology.n_states, n, n)))
        first += topology.n_states
    return Tying(tables)
