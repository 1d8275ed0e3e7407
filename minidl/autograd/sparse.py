"""A gradient that is zero outside a few rows, as an embedding produces: (row numbers, rows).

Its cost follows the rows that were looked up, not the size of the table.
"""

from __future__ import annotations

from typing import Any

from ..backend import backend_of, namespace_of


class RowSparse:
    """``shape``-d gradient whose row ``rows[i]`` receives ``values[i]``; duplicate rows add up.

    Parameters
    ----------
    rows : integer array (K,)
    values : array (K, *shape[1:])
    shape : tuple
        Shape of the dense gradient it stands for.
    merged : bool
        Whether it came from :meth:`coalesce`, so that the rows ascend and the values are its own.
    """

    __slots__ = ("merged", "rows", "shape", "values")
    __array_ufunc__ = None  # array + RowSparse is ours to compute

    def __init__(self, rows: Any, values: Any, shape: tuple[int, ...], merged: bool = False) -> None:
        self.rows, self.values, self.shape, self.merged = rows, values, shape, merged

    @property
    def dtype(self) -> Any:
        return self.values.dtype

    def __add__(self, other: Any) -> Any:
        if isinstance(other, RowSparse):
            xp = namespace_of(self.values)
            rows = xp.concatenate([self.rows, other.rows])
            return RowSparse(rows, xp.concatenate([self.values, other.values]), self.shape)
        total = other.copy()
        self.add_into(total)
        return total

    __radd__ = __add__

    def add_into(self, target: Any) -> None:
        """``target += self``, in place."""
        merged = self.coalesce()
        target[merged.rows] += merged.values

    def dense(self) -> Any:
        """The whole gradient, zeros included."""
        target = namespace_of(self.values).zeros(self.shape, self.dtype)
        self.add_into(target)
        return target

    def coalesce(self) -> RowSparse:
        """The same gradient with every row at most once, in ascending order; itself, if it is so already.

        Sorted and summed in a fixed order, so that the result is the same on every run and device.
        """
        if self.merged or self.rows.size == 0:
            return self
        xp = namespace_of(self.values)
        unique, inverse = xp.unique(self.rows, return_inverse=True)
        if unique.size == self.rows.size:
            order = xp.argsort(self.rows)
            return RowSparse(unique, self.values[order], self.shape, merged=True)
        total = xp.zeros((unique.size, *self.shape[1:]), self.dtype)
        backend_of(self.values).scatter_add(total, inverse.reshape(-1), self.values)
        return RowSparse(unique, total, self.shape, merged=True)

    def __repr__(self) -> str:
        return f"RowSparse(rows={self.rows.size} of {self.shape[0]}, row shape={self.shape[1:]})"
