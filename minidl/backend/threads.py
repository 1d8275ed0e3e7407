"""Runs one function over blocks of rows on a few threads: NumPy's element-wise functions use only one core each.

NumPy releases the interpreter lock inside its loops, so plain threads suffice. Blocks are fixed by the caller
and write to disjoint rows, so the result is the same for any number of threads.
"""

from __future__ import annotations

import contextvars
import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from .blas import blas_threads, one_blas_thread

_pool: ThreadPoolExecutor | None = None


def n_threads() -> int:
    """How many threads share the blocks: as many as BLAS may use, so that one limit serves both.

    Where that cannot be known: ``$OMP_NUM_THREADS``, else the cores we may use.
    """
    return blas_threads() or _n_threads_wished()


@functools.cache
def _n_threads_wished() -> int:
    wish = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(int(wish), cores) if wish.isdigit() and int(wish) > 0 else cores


def parallel_blocks(fn: Callable[[int, int], object], n_rows: int, rows_per_block: int) -> None:
    """Call ``fn(start, stop)`` for consecutive blocks that cover ``range(n_rows)``, in any order.

    Parameters
    ----------
    fn : callable
        Writes its rows in place; it must not touch rows of another block.
    n_rows, rows_per_block : int
        The last block may be shorter. One block (or one core) runs in the calling thread alone.
    """
    if 0 < n_rows <= rows_per_block:
        fn(0, n_rows)
        return
    starts = range(0, n_rows, max(1, rows_per_block))
    todo = iter(starts)

    def work() -> None:
        for start in todo:  # the iterator is shared: whoever is free takes the next block
            fn(start, min(start + starts.step, n_rows))

    helpers = min(n_threads(), len(starts)) - 1 if len(starts) > 1 else 0
    if helpers < 1:
        work()
        return
    with one_blas_thread():
        futures = [_executor().submit(contextvars.copy_context().run, work) for _ in range(helpers)]
        try:
            work()
        finally:
            for future in futures:
                if not future.cancel():  # one that never started is not waited for: nested calls cannot lock up
                    future.result()


def _executor() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(max(1, _n_threads_wished() - 1), thread_name_prefix="minidl-blocks")
    return _pool


def _forget() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # a forked child inherits the pool but none of its threads
