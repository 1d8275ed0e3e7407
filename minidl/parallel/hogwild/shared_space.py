"""A parameter space, and its optimizer's state, in memory that processes share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...data.shared import ALIGNMENT, aligned, flat_view, new_block
from ...errors import ArgumentError
from ...optim import Optimizer
from ...params import ParameterSpace
from .shipping import outline, same_space


class SharedSpace:
    """Moves a space into shared memory; given to a child as an argument, it makes the child's view of it there.

    Gradients stay private. The memory has no name and is gone with the last process that maps it.

    Parameters
    ----------
    optimizer : Optimizer
        Whose space, and whose state.
    share_state : bool
        One state (momentum, sums of squares) for all; otherwise each process begins with a copy.
    context : multiprocessing context

    Raises
    ------
    ArgumentError
        Parameters of several dtypes, or not enough shared memory.
    """

    def __init__(self, optimizer: Optimizer, share_state: bool, context: Any) -> None:
        space = optimizer.space
        if len({p.dtype for p in space.parameters}) > 1:
            names = ", ".join(sorted({str(p.dtype) for p in space.parameters}))
            raise ArgumentError(f"shared memory: all parameters must have one dtype, and these have {names}")
        self.outline, self.world_size = outline(space), space.world_size
        self.share_state, self.n, self.dtype = share_state, space.data.size, space.data.dtype.str
        self.counts = {  # state arrays of each segment
            number: (len(optimizer.state_of(number)), segment.data.size)
            for number, segment in enumerate(space.segments)
            if segment.trainable
        }
        n_state = sum(count * aligned(size) for count, size in self.counts.values())
        itemsize = space.data.itemsize
        self._values = new_block(context, self.n * itemsize + ALIGNMENT)
        self._state = new_block(context, n_state * itemsize + ALIGNMENT)
        self._fill(optimizer)

    def _fill(self, optimizer: Optimizer) -> None:
        """Copy what is there into the shared memory, and live there."""
        values = flat_view(self._values, self.n, self.dtype)
        values[...] = optimizer.space.data
        optimizer.space.bind(values)
        for number, arrays in self._states():
            for shared, own in zip(arrays, optimizer.state_of(number), strict=True):
                shared[...] = own
            if self.share_state:
                optimizer.bind_state(number, arrays)

    def _states(self) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Views of the state arrays by the number of the segment."""
        whole = flat_view(self._state, sum(c * aligned(s) for c, s in self.counts.values()), self.dtype)
        start = 0
        for number, (count, size) in self.counts.items():
            arrays = []
            for _ in range(count):
                arrays.append(whole[start : start + size])
                start += aligned(size)
            yield number, arrays

    def attach(self) -> ParameterSpace:
        """In a child: a space of its own whose values are the shared ones."""
        space = same_space(self.outline, self.world_size)
        space.bind(flat_view(self._values, self.n, self.dtype))
        return space

    def attach_state(self, optimizer: Optimizer) -> None:
        """In a child: give its optimizer the shared state, or a copy of what that was at the start."""
        for number, arrays in self._states():
            optimizer.bind_state(number, arrays if self.share_state else [a.copy() for a in arrays])

    def release(self, optimizer: Optimizer) -> None:
        """Let the space and the state live in ordinary memory again, with the values that they have now."""
        space = optimizer.space
        space.bind(_private(space, space.data))
        if self.share_state:
            for number, arrays in self._states():
                optimizer.bind_state(number, [_private(space, a) for a in arrays])


def _private(space: ParameterSpace, values: np.ndarray) -> Any:
    own = space.backend.flat(values.size, values.dtype)
    own[...] = values
    return own
