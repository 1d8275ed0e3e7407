"""Which items belong to which row: the arcs of a state, the words that end in it, the states that a boundary leads to."""

from __future__ import annotations

import numpy as np


class Fan:
    """Items sorted by row, looked up for many rows at once (compressed sparse rows).

    Parameters
    ----------
    rows : (N,) int array
        Of each item, in ascending order.
    n_rows : int
    """

    def __init__(self, rows: np.ndarray, n_rows: int) -> None:
        self._begins = np.searchsorted(rows, np.arange(n_rows))
        self._counts = np.diff(self._begins, append=len(rows))

    def of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All items of some rows: for each item the place in `rows`, and its number, two int arrays."""
        counts = self._counts[rows]
        places = np.arange(len(rows)).repeat(counts)
        shifts = self._begins[rows] - (counts.cumsum() - counts)
        return places, np.arange(len(places)) + shifts[places]
