"""A hash table over sorted keys: finds many of them at once, several times as fast as a binary search.

Open addressing with linear probing (Knuth, The Art of Computer Programming, volume 3, section 6.4), which KenLM takes
too. All keys move in at once: in the order of their homes, each goes to its home or right behind the one before it.
"""

from __future__ import annotations

import numpy as np

from ...errors import DataError

_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio (Knuth): neighbouring keys are scattered
_FARTHEST = 10_000  # from home; with distinct keys and half of the places empty, the logarithm of their number


class HashIndex:
    """Where keys are in an array.

    Parameters
    ----------
    keys : (n,) int64
        Different ones, not below 0. They are kept, not copied.

    Raises
    ------
    DataError
        The same key very often: looking for others would take for ever.
    """

    def __init__(self, keys: np.ndarray) -> None:
        self._keys = keys
        self._shift = np.uint64(64 - (2 * len(keys) + 1).bit_length())
        bits = len(keys).bit_length()
        packed = self._homes(keys) << bits | np.arange(len(keys))  # one array sorts faster than an argsort
        packed.sort()
        homes, rows = packed >> bits, packed & ((1 << bits) - 1)
        places = np.arange(len(keys))
        places += np.maximum.accumulate(homes - places)
        if (places - homes > _FARTHEST).any():
            raise DataError("n-grams: one stands in its table again and again; the file that it was read from is damaged")
        size = max((1 << int(64 - self._shift)) + 1, int(places.max(initial=0)) + 2)
        # the last place is empty: there every search ends
        self._rows = np.full(size, -1, np.int32 if len(keys) < 1 << 31 else np.int64)
        self._rows[places] = rows

    def _homes(self, keys: np.ndarray) -> np.ndarray:
        return (keys.view(np.uint64) * _FACTOR >> self._shift).view(np.int64)

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Rows of keys, (n,); -1 for those that are not there."""
        if not len(self._keys):
            return np.full(keys.shape, -1)
        places = self._homes(keys)
        rows = self._rows[places]
        left = np.flatnonzero((self._keys[rows] != keys) & (rows >= 0))
        while left.size:
            places[left] += 1
            there = self._rows[places[left]]
            rows[left] = there
            left = left[(there >= 0) & (self._keys[there] != keys[left])]
        return rows.astype(np.int64)  # keys of the next order would overflow
