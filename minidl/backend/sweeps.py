"""Many products with one matrix, one after the other: the sweep of a recurrent net over its time steps.

BLAS copies ("packs") a large matrix at every product so as to read it in order; for a batch of 20 rows that costs more than
the arithmetic. OpenBLAS multiplies small matrices as they lie. So the matrix is cut into panels of a few columns
once for the whole sweep: 0.9 -> 0.36 ms for (20, 650) @ (650, 2600) on two cores.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .base import namespace_of
from .blas import one_blas_thread
from .matmul import WORTH_SPLITTING, matmul
from .threads import n_threads, parallel_blocks

_UNPACKED = 1_000_000  # multiply-adds of a product that OpenBLAS makes without packing
_WIDTHS = range(16, 65, 16)  # columns of a panel: whole cache lines, and no wider than helps


@contextlib.contextmanager
def products_with(w: Any, n_rows: int) -> Iterator[Callable[[Any], Any]]:
    """Gives ``multiply(a)``, which returns ``a @ w`` for `a` of shape (n_rows, K).

    The result may lie in a buffer that the next product overwrites; until then it is the caller's to change.

    Parameters
    ----------
    w : array (K, N)
        May be a transposed view.
    """
    size = n_rows * w.shape[0] * w.shape[1]
    width = max((n for n in _WIDTHS if n_rows * w.shape[0] * n <= _UNPACKED), default=0)
    if type(w) is np.ndarray and width and size > _UNPACKED:
        multiply = _by_panels(_panels(w, width), n_rows, w.shape[1])
    else:
        w = namespace_of(w).ascontiguousarray(w)  # BLAS multiplies by a plain matrix faster than by a transposed one
        multiply = (lambda a: matmul(a, w)) if size >= WORTH_SPLITTING else (lambda a: a @ w)
    with contextlib.nullcontext() if size >= WORTH_SPLITTING else one_blas_thread():  # once, not at every product
        yield multiply


def _panels(w: np.ndarray, width: int) -> np.ndarray:
    """The columns of `w` in runs of `width`, (n, K, width), with zeros after the last."""
    k, n = w.shape
    panels = np.zeros((-(-n // width), k, width), w.dtype)
    for i, panel in enumerate(panels):
        part = w[:, i * width : (i + 1) * width]
        panel[:, : part.shape[1]] = part
    return panels


def _by_panels(panels: np.ndarray, n_rows: int, n_columns: int) -> Callable[[Any], Any]:
    n_panels, k, width = panels.shape
    y = np.empty((n_rows, n_panels * width), panels.dtype)
    by_panel = y.reshape(n_rows, n_panels, width).swapaxes(0, 1)
    parts = n_threads() if n_rows * k * n_columns >= WORTH_SPLITTING else 1

    def multiply(a: Any) -> Any:
        def block(start: int, stop: int) -> None:
            np.matmul(a, panels[start:stop], out=by_panel[start:stop])

        parallel_blocks(block, n_panels, -(-n_panels // parts))
        return y[:, :n_columns]

    return multiply
