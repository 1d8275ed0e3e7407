"""Rows of the op table for changes of shape and order."""

import numpy as np
from cases import Case

from minidl import ops

SHAPE = (2, 3, 4)


def rows(name, *settings, shape=SHAPE):
    return [Case(name, getattr(ops, name), getattr(np, name), [shape], kwargs=s) for s in settings]


def of_several(name, shapes, **kwargs):
    op, reference = getattr(ops, name), getattr(np, name)
    return Case(name, lambda *xs, **k: op(xs, **k), lambda *xs, **k: reference(xs, **k), shapes, kwargs=kwargs)


def split(x, n, axis=0):
    return tuple(np.split(x, n, axis))


def pad(x, width, value=0.0):
    return np.pad(x, width, constant_values=value)


CASES = [
    *rows("reshape", {"shape": (6, 4)}, {"shape": (4, -1)}, {"shape": -1}, {"shape": (1, 2, 3, 4)}),
    *rows("reshape", {"shape": ()}, {"shape": (1, 1)}, shape=(1,)),
    *rows("transpose", {}, {"axes": (1, 2, 0)}, {"axes": (0, -1, 1)}),
    *rows("swapaxes", {"axis1": 0, "axis2": 2}, {"axis1": -1, "axis2": 1}, {"axis1": 1, "axis2": 1}),
    *rows("moveaxis", {"source": 0, "destination": -1}, {"source": (0, 2), "destination": (1, 0)}),
    *rows("expand_dims", {"axis": 0}, {"axis": -1}, {"axis": (1, -1)}),
    *rows("squeeze", {}, {"axis": 0}, {"axis": (0, -1)}, shape=(1, 3, 1)),
    *rows("ravel", {}),
    *rows("broadcast_to", {"shape": (2, 3, 4)}, {"shape": (5, 3, 4)}, shape=(3, 1)),
    *rows("broadcast_to", {"shape": (2, 2)}, shape=()),
    of_several("concatenate", [(2, 3), (4, 3), (1, 3)]),
    of_several("concatenate", [(2, 3), (2, 1)], axis=-1),
    of_several("concatenate", [(2, 3), (2,)], axis=None),
    of_several("concatenate", [(2, 3)], axis=1),
    of_several("stack", [(2, 3), (2, 3)]),
    of_several("stack", [(2, 3), (2, 3), (2, 3)], axis=-1),
    of_several("stack", [(2, 3), (2, 3)], axis=1),
    *[
        Case("split", ops.split, split, [(6, 4)], kwargs=s)
        for s in ({"n": 3}, {"n": 2, "axis": -1}, {"n": [1, 4]}, {"n": (1, 1, -1), "axis": 1}, {"n": [2, 9]})
    ],
    *[
        Case("pad", ops.pad, pad, [(3, 4)], kwargs=s)
        for s in ({"width": 1}, {"width": (2, 0), "value": 1.5}, {"width": [(0, 1), (2, 3)]}, {"width": 0})
    ],
    *rows("flip", {}, {"axis": 1}, {"axis": (0, -1)}),
    *rows("roll", {"shift": 5}, {"shift": -1, "axis": 1}, {"shift": (1, 2), "axis": (0, 2)}),
    *rows("roll", {"shift": 1, "axis": (0, 1)}, {"shift": (1, 2), "axis": 1}),
    *rows(
        "repeat",
        {"repeats": 2},
        {"repeats": 3, "axis": 1},
        {"repeats": [0, 2, 1], "axis": -2},
        {"repeats": 0, "axis": 0},
    ),
    *[
        Case("tile", ops.tile, lambda x, repeats: np.tile(x, repeats), [(2, 3)], kwargs={"repeats": r})
        for r in (2, (2, 1), (2, 1, 3), (2, 0))
    ],
]
