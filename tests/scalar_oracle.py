"""Automatic differentiation of single Python floats: slow, short, and independent of minidl. The stateful test's oracle."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence


class Scalar:
    """A float with the scalars that it was made of and its derivative by each of them."""

    def __init__(self, value: float, parents: Sequence[tuple[Scalar, float]] = ()) -> None:
        self.value, self.parents, self.grad = value, list(parents), 0.0

    def __add__(self, other: Scalar) -> Scalar:
        return Scalar(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __sub__(self, other: Scalar) -> Scalar:
        return Scalar(self.value - other.value, [(self, 1.0), (other, -1.0)])

    def __mul__(self, other: Scalar) -> Scalar:
        return Scalar(self.value * other.value, [(self, other.value), (other, self.value)])

    def tanh(self) -> Scalar:
        y = math.tanh(self.value)
        return Scalar(y, [(self, 1 - y * y)])

    def square(self) -> Scalar:
        return Scalar(self.value**2, [(self, 2 * self.value)])

    def sin(self) -> Scalar:
        return Scalar(math.sin(self.value), [(self, math.cos(self.value))])

    def detached(self) -> Scalar:
        return Scalar(self.value)

    def backward(self, g: float) -> None:
        """Add ``g`` times the derivative by every scalar below to its ``grad``."""
        order: list[Scalar] = []
        seen: set[int] = set()
        stack = [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif id(node) not in seen:
                seen.add(id(node))
                stack += [(node, True), *((parent, False) for parent, _ in node.parents)]
        flow = {id(self): g}
        for node in reversed(order):
            node.grad += flow.get(id(node), 0.0)
            for parent, slope in node.parents:
                flow[id(parent)] = flow.get(id(parent), 0.0) + flow.get(id(node), 0.0) * slope


class Grid:
    """Scalars in a box of some shape, in row-major order."""

    def __init__(self, cells: Sequence[Scalar], shape: tuple[int, ...]) -> None:
        self.cells, self.shape = list(cells), shape

    def at(self, index: Sequence[int]) -> Scalar:
        """The cell at `index`; axes of length one are broadcast, missing leading ones too."""
        place = 0
        for i, n in zip(index[len(index) - len(self.shape) :], self.shape, strict=True):
            place = place * n + (i if n > 1 else 0)
        return self.cells[place]

    def map(self, f: Callable[[Scalar], Scalar]) -> Grid:
        return Grid([f(cell) for cell in self.cells], self.shape)

    def combine(self, other: Grid, f: Callable[[Scalar, Scalar], Scalar], shape: tuple[int, ...]) -> Grid:
        return Grid([f(self.at(i), other.at(i)) for i in indices(shape)], shape)

    def sum(self, axis: int) -> Grid:
        shape = (*self.shape[:axis], *self.shape[axis + 1 :])
        sums = []
        for i in indices(shape):
            parts = [self.at((*i[:axis], k, *i[axis:])) for k in range(self.shape[axis])]
            sums.append(Scalar(sum(p.value for p in parts), [(p, 1.0) for p in parts]))
        return Grid(sums, shape)

    def transposed(self) -> Grid:
        return Grid([self.at(i[::-1]) for i in indices(self.shape[::-1])], self.shape[::-1])

    def reshaped(self, shape: tuple[int, ...]) -> Grid:
        return Grid(self.cells, shape)


def indices(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(itertools.product(*map(range, shape)))
