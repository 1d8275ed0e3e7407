"""Keeps freed memory in the process, so that the next array does not have to ask the kernel for it page by page.

Training makes and frees the same large arrays at every step. The C library's ``malloc`` returns each of them to the
kernel, which hands out zeroed pages again one fault at a time: measured here, that is 10 to 40 % of a step. As the
large frameworks do with allocators of their own, we ask glibc to keep what was freed (up to 32 MB an array, its
limit). ``MINIDL_MALLOC=system`` leaves it alone; elsewhere than on Linux with glibc nothing happens.
"""

from __future__ import annotations

import ctypes
import os
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # from malloc.h
_LARGEST = 32 << 20  # bytes; glibc refuses more
_KEPT = 1 << 30  # bytes that may lie free at the top of the heap


def keep_freed_memory() -> bool:
    """Set glibc's thresholds for this process; returns whether it took them."""
    if not sys.platform.startswith("linux") or os.environ.get("MINIDL_MALLOC") == "system":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST) and mallopt(_TRIM_THRESHOLD, _KEPT))
