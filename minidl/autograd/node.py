"""The recorded graph: a node per operation, pointing to the nodes of its inputs and to nothing else.

Tensor -> node -> parent nodes; no node points to its output, so there are no cycles and a graph dies by
reference count as soon as its last Tensor does.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plan import Plan
    from .tensor import Tensor


_clock = itertools.count()


class Node:
    """One recorded operation.

    Attributes
    ----------
    plan : Plan
        The op's rules for the arguments that want a gradient.
    time : int
        Counts up with each vertex made: descending time is a topological order for the way back.
    parents : list
        Per argument: the Node or Output that made it, the leaf Tensor itself, or None.
    saved : tuple or None
        What the rules asked for, as :attr:`Plan.keep` orders it; None once backward has used it up.
    versions : sequence of (Tensor, int)
        Leaves whose arrays are in `saved`, with the version they had.
    """

    __slots__ = ("dtype", "n_outputs", "parents", "plan", "saved", "shape", "static", "time", "versions", "where")

    def __init__(
        self, plan: Plan, parents: list, saved: tuple, versions: Sequence[tuple[Tensor, int]], y: Any, static: dict
    ) -> None:
        self.plan, self.parents, self.saved, self.versions, self.static = plan, parents, saved, versions, static
        self.time = next(_clock)
        self.where: str | None = None
        if isinstance(y, tuple):
            self.n_outputs, self.shape, self.dtype = len(y), None, None
        else:
            self.n_outputs, self.shape, self.dtype = 1, y.shape, y.dtype

    @property
    def name(self) -> str:
        return self.plan.op.name


class Output:
    """One of several outputs of a node: passes its gradient on to its place there."""

    __slots__ = ("dtype", "parents", "position", "shape", "time")
    n_outputs = 0

    def __init__(self, node: Node, position: int, y: Any) -> None:
        self.parents, self.position, self.shape, self.dtype = [node], position, y.shape, y.dtype
        self.time = next(_clock)
