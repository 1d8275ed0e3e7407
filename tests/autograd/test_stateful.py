"""Random programs on minidl and on the scalar oracle: the same values and the same gradients after every step."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from scalar_oracle import Grid, Scalar

import minidl as dl
from minidl import Tensor

SHAPES = [(), (1,), (3,), (2, 1), (1, 3), (2, 3), (2, 1, 3)]
UNARY = ["tanh", "square", "sin"]
BINARY = {"add": Scalar.__add__, "subtract": Scalar.__sub__, "multiply": Scalar.__mul__}


class Programs(RuleBasedStateMachine):
    """Every tensor made so far, in pairs with what the oracle makes of the same program."""

    pairs = Bundle("pairs")

    def __init__(self):
        super().__init__()
        self.leaves: list[tuple[Tensor, Grid]] = []
        self.latest: tuple[Tensor, Grid] | None = None

    def made(self, tensor, grid):
        self.latest = (tensor, grid)
        return tensor, grid

    @initialize(target=pairs, seed=st.integers(0, 99))
    def first_leaf(self, seed):
        return self.leaf((2, 3), seed)

    def leaf(self, shape, seed):
        values = np.random.default_rng(seed).uniform(-1, 1, shape)
        grid = Grid([Scalar(float(v)) for v in np.ravel(values)], shape)
        self.leaves.append((Tensor(np.asarray(values), requires_grad=True), grid))
        return self.made(*self.leaves[-1])

    @rule(target=pairs, shape=st.sampled_from(SHAPES), seed=st.integers(0, 99))
    def new_leaf(self, shape, seed):
        return self.leaf(shape, seed)

    @rule(target=pairs, x=pairs, name=st.sampled_from(UNARY))
    def unary(self, x, name):
        return self.made(getattr(dl, name)(x[0]), x[1].map(lambda cell: getattr(cell, name)()))

    @rule(target=pairs, x=pairs, z=pairs, name=st.sampled_from(sorted(BINARY)))
    def binary(self, x, z, name):
        """Also of a tensor with itself, and with broadcasting; programs of shapes that do not fit are passed over."""
        try:
            shape = np.broadcast_shapes(x[0].shape, z[0].shape)
        except ValueError:
            return multiple()
        if np.prod(shape) > 12:
            return multiple()
        return self.made(getattr(dl, name)(x[0], z[0]), x[1].combine(z[1], BINARY[name], shape))

    @rule(target=pairs, x=pairs, axis=st.integers(0, 2))
    def total(self, x, axis):
        if axis >= x[0].ndim:
            return multiple()
        return self.made(x[0].sum(axis=axis), x[1].sum(axis))

    @rule(target=pairs, x=pairs)
    def transposed(self, x):
        return self.made(x[0].T, x[1].transposed())

    @rule(target=pairs, x=pairs)
    def flattened(self, x):
        return self.made(x[0].reshape(-1), x[1].reshaped((x[0].size,)))

    @rule(target=pairs, x=pairs)
    def detached(self, x):
        return self.made(x[0].detach(), x[1].map(Scalar.detached))

    @rule(target=pairs, x=pairs)
    def computed_without_a_graph(self, x):
        with dl.no_grad():
            y = x[0] * x[0]
        assert y.node is None and not y.requires_grad
        return self.made(y, x[1].map(lambda cell: cell.square().detached()))

    @rule(x=pairs, again=st.booleans())
    def backward(self, x, again):
        """Gradients accumulate in the leaves, and keeping the graph allows a second time."""
        tensor, grid = x
        if not tensor.requires_grad:
            return
        g = np.cos(np.arange(tensor.size)).reshape(tensor.shape)
        for _ in range(1 + again):
            tensor.backward(g, retain_graph=True)
            for cell, weight in zip(grid.cells, np.ravel(g), strict=True):
                cell.backward(float(weight))

    @invariant()
    def values_agree(self):
        if self.latest is not None:
            tensor, grid = self.latest
            assert tensor.shape == grid.shape
            np.testing.assert_allclose(np.ravel(tensor.numpy()), [c.value for c in grid.cells], rtol=1e-9, atol=1e-12)

    @invariant()
    def gradients_agree(self):
        for tensor, grid in self.leaves:
            expected = [cell.grad for cell in grid.cells]
            found = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad
            np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-8, atol=1e-9)


TestPrograms = Programs.TestCase
TestPrograms.settings = settings(stateful_step_count=25, deadline=None)
