"""A stretch of the flat arrays whose parameters are treated alike: same group, dtype, and kind of gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..backend import backend_of
from .parameter import Parameter

if TYPE_CHECKING:
    from .space import ParameterSpace


class Segment:
    """Consecutive parameters in one flat array.

    Attributes
    ----------
    data, grad : arrays (n,)
        Slices of the space's flat arrays; `grad` is None for row-sparse segments.
    group : int
        Which parameter group, and so which hyperparameters.
    version : int
        Counts changes in place, so that a graph from before an optimizer step refuses to run backward.
    """

    def __init__(
        self, space: ParameterSpace, group: int, trainable: bool, sparse: bool, data: Any, grad: Any
    ) -> None:
        self.space, self.group, self.trainable, self.sparse = space, group, trainable, sparse
        self.data, self.grad = data, grad
        self.parameters: list[Parameter] = []
        self.offsets: list[int] = []
        self.version = 0

    def place(self, parameter: Parameter, offset: int) -> None:
        """Give `parameter` its place at `offset`."""
        self.parameters.append(parameter)
        self.offsets.append(offset)
        part = slice(offset, offset + parameter.size)
        grad = None if self.grad is None else self.grad[part].reshape(parameter.shape)
        parameter.bind(self, self.data[part].reshape(parameter.shape), grad)

    def rebind(self, data: Any, grad: Any) -> None:
        """Point every parameter at `data` (same layout; its values are taken as they are) and `grad`."""
        self.data, self.grad = data, grad
        for parameter, offset in zip(self.parameters, self.offsets, strict=True):
            part = slice(offset, offset + parameter.size)
            parameter.repoint(data[part].reshape(parameter.shape))
            parameter._buffer = None if grad is None else grad[part].reshape(parameter.shape)

    def touched_ranges(self) -> list[tuple[int, int]]:
        """Stretches whose parameters received a gradient; one stretch when all did."""
        if all([p.touched for p in self.parameters]):
            return [(0, self.offsets[-1] + self.parameters[-1].size)]
        ranges: list[tuple[int, int]] = []
        for parameter, start in zip(self.parameters, self.offsets, strict=True):
            if not parameter.touched:
                continue
            stop = start + parameter.size
            if ranges and start - ranges[-1][1] < self.space.alignment(self.data.dtype):
                ranges[-1] = (ranges[-1][0], stop)  # only padding lies between
            else:
                ranges.append((start, stop))
        return ranges

    def blocks(self, touched_only: bool = True) -> Iterator[slice]:
        """Slices that cover the segment (or its touched part), each array's of a megabyte.

        With less, the calls of NumPy cost more than the second-level cache saves.
        """
        ranges = self.touched_ranges() if touched_only else [(0, self.data.size)]
        for start, stop in ranges:
            yield from self.blocks_between(start, stop)

    def blocks_between(self, start: int, stop: int) -> Iterator[slice]:
        """Such slices of one stretch."""
        step = 8 * backend_of(self.data).block_elems
        for begin in range(start, stop, step):
            yield slice(begin, min(begin + step, stop))

    def fill_untouched(self) -> None:
        """Write zeros where no gradient came, for those who read the flat gradient as a whole."""
        if self.grad is None:
            return
        for parameter, offset in zip(self.parameters, self.offsets, strict=True):
            if not parameter.touched:
                self.grad[offset : offset + parameter.size] = 0

    def shard(self, rank: int, size: int) -> slice:
        """The `rank`-th of `size` equal parts."""
        length = -(-self.data.size // size)
        return slice(min(rank * length, self.data.size), min((rank + 1) * length, self.data.size))
