"""A sum whose bits do not depend on who computes it: a tree of fixed shape over the summands.

Floating-point addition is not associative, so a sum over processes depends on their number, unless the order of all
additions is fixed. Here it is: half of the leaves plus the other half, all the way down. A process owns consecutive
leaves; sub-trees within its own are summed where they are, the others come up the tree in messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...backend import backend_of
from ..comm import Comm
from .exchange import put_back, sendable

Arrays = list[Any]


class Tree:
    """The tree over `n_leaves` summands and who owns which, for the process that `comm` says.

    Parameters
    ----------
    n_leaves : int
    comm : Comm
        At most as many processes as leaves.
    """

    def __init__(self, n_leaves: int, comm: Comm) -> None:
        self.n_leaves, self.comm = n_leaves, comm
        self._owner = [r for r in range(comm.size) for _ in range(*self.leaves_of(r))]

    def leaves_of(self, rank: int) -> tuple[int, int]:
        """First leaf of `rank`, and the first one after its last."""
        return rank * self.n_leaves // self.comm.size, (rank + 1) * self.n_leaves // self.comm.size

    def is_mine(self, leaf: int) -> bool:
        """Whether this process owns a leaf."""
        return self._owner[leaf] == self.comm.rank

    # -- summing ---------------------------------------------------------------------------------------

    def own_sums(self, leaf: Callable[[int], Arrays], n_present: int) -> dict[tuple[int, int], Arrays]:
        """Sums of the largest sub-trees that are all this process's, by (first leaf, end).

        Parameters
        ----------
        leaf : function of a leaf's number
            Its arrays, which from then on belong to the tree; called in the order of the leaves.
        n_present : int
            Leaves beyond are missing: a short last group at the end of an epoch.
        """
        found: dict[tuple[int, int], Arrays] = {}

        def descend(lo: int, hi: int) -> None:
            owners = set(self._owner[lo:hi])
            if lo >= n_present or self.comm.rank not in owners:
                return
            if len(owners) == 1:
                found[lo, hi] = self._local(lo, hi, leaf, n_present)
            else:
                middle = _middle(lo, hi)
                descend(lo, middle)
                descend(middle, hi)

        descend(0, self.n_leaves)
        return found

    def _local(self, lo: int, hi: int, leaf: Callable[[int], Arrays], n_present: int) -> Arrays:
        if hi - lo == 1:
            return leaf(lo)
        middle = _middle(lo, hi)
        left = self._local(lo, middle, leaf, n_present)
        return left if middle >= n_present else _add(left, self._local(middle, hi, leaf, n_present))

    def root(self, own: dict[tuple[int, int], Arrays], n_present: int, like: Arrays) -> Arrays | None:
        """The sum over all leaves, on process 0; None on the others.

        Every process takes part, in the order in which a walk up the tree meets its messages: so none waits for
        one that waits for it.

        Parameters
        ----------
        own : dict
            Of :meth:`own_sums`.
        like : list of arrays
            Shapes and dtypes of a leaf's arrays.
        """

        def ascend(lo: int, hi: int) -> Arrays | None:
            if (lo, hi) in own:
                return own.pop((lo, hi))
            owners, me = self._owner[lo:hi], self.comm.rank
            if me not in owners or lo >= n_present:
                return None
            middle = _middle(lo, hi)
            left, right = ascend(lo, middle), ascend(middle, hi)
            a, b = self._owner[lo], self._owner[middle]
            if middle >= n_present:
                return left
            if a != b and me == a:
                right = self._receive(b, like)
            elif a != b and me == b and right is not None:
                self._send(a, right)
            return None if left is None or right is None else _add(left, right)

        return ascend(0, self.n_leaves)

    def _send(self, to: int, arrays: Arrays) -> None:
        for tag, array in enumerate(arrays):
            if array.size:
                self.comm.Send(sendable(self.comm, array), to, tag)

    def _receive(self, source: int, like: Arrays) -> Arrays:
        received = []
        for tag, array in enumerate(like):
            new = backend_of(array).xp.empty_like(array)
            if array.size:
                buffer = sendable(self.comm, new)
                self.comm.Recv(buffer, source, tag)
                put_back(buffer, new)
            received.append(new)
        return received


def _middle(lo: int, hi: int) -> int:
    return (lo + hi + 1) // 2


def _add(left: Arrays, right: Sequence[Any]) -> Arrays:
    for a, b in zip(left, right, strict=True):
        a += b
    return left
