"""Rows of the op table for indexing, scattering and lookups; an ``i`` in a row's name stands for an integer array."""

import numpy as np
from cases import Case

from minidl import ops

SHAPE = (4, 5, 3)
ROWS, COLUMNS = np.array([3, 0, -1, 0]), np.array([1, 4, 1, -5])  # with duplicates, and from the end
GRID = np.array([[0, 2], [2, 2]])
MASK = np.random.default_rng(0).random((4, 5)) < 0.4
ALL = slice(None)


def key(k):
    """A key without arrays."""
    return Case("getitem", ops.getitem, lambda x, key: x[key], [SHAPE], kwargs={"key": k})


def arrays(build, *indices):
    """A key that `build` makes of arrays."""
    return Case("getitem", lambda x, *i: ops.getitem(x, build(*i)), lambda x, *i: x[build(*i)], [SHAPE, *indices])


def scatter_add(x, index, values):
    y = x.copy()
    np.add.at(y, index, values)
    return y


def embedding(w, ids):
    return np.stack([w[i] for i in ids.ravel()]).reshape(*ids.shape, w.shape[1])


CASES = [
    *map(key, [0, -1, (1, 2), (1, 2, 0), (), Ellipsis, None, (None, 1, ..., None), (..., 0)]),
    *map(key, [slice(1, 3), slice(None, None, -1), (ALL, slice(4, 0, -2)), (slice(3, 1),), (slice(-9, 9), 1)]),
    arrays(lambda i: i, ROWS),
    arrays(lambda i: i, GRID),
    arrays(lambda i: i, ROWS[:0]),
    arrays(lambda i: i, np.array(2)),
    arrays(lambda i: i, ROWS.astype(np.int32)),
    arrays(lambda i, j: (i, j), ROWS, COLUMNS),
    arrays(lambda i, j: (i, ALL, j % 3), ROWS, COLUMNS),
    arrays(lambda i: (ALL, i), COLUMNS),
    arrays(lambda i: (..., i), GRID),
    arrays(lambda i: (None, i, slice(1, 4)), ROWS),
    arrays(lambda i: (1, i), COLUMNS),
    arrays(lambda i, j: (i.reshape(-1, 1), j), ROWS[:3], COLUMNS),  # np.ix_
    arrays(lambda m: m, MASK),
    arrays(lambda m: m, np.zeros((4, 5), bool)),
    arrays(lambda m: (ALL, m), MASK[0]),
    arrays(lambda m: (m, slice(None, None, -1)), MASK[:, 1]),
    *[
        Case("take", ops.take, np.take, [SHAPE, i], kwargs=s)
        for i in (ROWS, GRID)
        for s in ({}, {"axis": 0}, {"axis": 1})
    ],
    Case("take_along_axis", ops.take_along_axis, np.take_along_axis, [(3, 4), GRID[[0, 1, 0]]], kwargs={"axis": 1}),
    Case("take_along_axis", ops.take_along_axis, np.take_along_axis, [(3, 2), GRID], kwargs={"axis": 0}),
    Case("take_along_axis", ops.take_along_axis, np.take_along_axis, [(3, 4), ROWS], kwargs={"axis": None}),
    Case("scatter_add", ops.scatter_add, scatter_add, [(4, 3), ROWS, (4, 3)]),
    Case("scatter_add", ops.scatter_add, scatter_add, [(4, 3), GRID, (3,)]),
    Case("scatter_add", ops.scatter_add, scatter_add, [(4,), ROWS, ()]),
    Case(
        "scatter_add",
        lambda x, i, v: ops.scatter_add(x, (ALL, i), v),
        lambda x, i, v: scatter_add(x, (ALL, i), v),
        [(2, 5), COLUMNS, (2, 4)],
    ),
    Case("embedding", ops.embedding, embedding, [(4, 3), ROWS % 4]),
    Case("embedding", ops.embedding, embedding, [(4, 3), GRID]),
    Case(
        "one_hot", lambda i: ops.one_hot(i, 4), lambda i: np.eye(4, dtype=np.float32)[i], [GRID], differentiable=False
    ),
    *[
        Case("diagonal", ops.diagonal, np.diagonal, [(3, 4)], kwargs=s)
        for s in ({}, {"offset": 2}, {"offset": -1}, {"offset": 4}, {"axis1": 1, "axis2": 0})
    ],
    *[
        Case("diagonal", ops.diagonal, np.diagonal, [SHAPE], kwargs=s)
        for s in ({}, {"offset": 1, "axis1": 2, "axis2": 0}, {"offset": -2, "axis1": -2, "axis2": -1})
    ],
]
