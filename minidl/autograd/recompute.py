"""Gradient checkpointing: forget what a part of the network computed, and compute it again in backward.

Memory falls from all activations to those of one part; the price is one more forward (Chen and others 2016,
"Training Deep Nets with Sublinear Memory Cost"). The gradient is the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import Any

from ..backend.random import Draws
from ..errors import GraphError
from .engine import grad_of
from .higher import _alias
from .modes import enable_grad, modes, replaying
from .op import Array, Op
from .structure import leaves_of, rebuilt
from .tensor import Tensor


def recompute(fn: Callable, *inputs: Any) -> Any:
    """``fn(*inputs)`` whose activations are not kept but computed again when backward comes by.

    Parameters
    ----------
    fn : callable
        Takes and returns Tensors; parameters that it uses (a layer's, say) receive their gradients as usual.
        Random numbers are drawn alike both times, from the default stream (``dl.seed``) and from generators that
        are handed to ``rng=``; a function that calls a generator itself must reset it itself. Running statistics
        (batch norm's) move once.
    inputs : Tensors or other values
        Also lists, tuples and dicts of Tensors.
    """
    if not modes.recording:
        return fn(*inputs)
    draws = Draws()
    tensors = list(leaves_of(inputs, _is_tensor))
    with draws.noted():
        y = _outputs(fn(*rebuilt(inputs, _is_tensor, map(_alias, tensors))))
    used = [leaf for leaf in _leaves(y) if not any(leaf is x for x in tensors)]
    values = tuple(part.data for part in y) if isinstance(y, tuple) else y.data
    del y  # here the activations go
    places = rebuilt(inputs, _is_tensor, repeat(_PLACE))

    def again(xs: list[Any]) -> Any:
        return _outputs(fn(*rebuilt(places, lambda x: x is _PLACE, iter(xs))))

    return _replay_op(again, len(tensors), draws, values)(*tensors, *used)


_PLACE = object()  # where a Tensor stood: the inputs themselves are not to be kept


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Tensor)


def _outputs(y: Any) -> Any:
    """A Tensor, or a tuple of them."""
    y = tuple(y) if isinstance(y, list) else y
    if not all(isinstance(part, Tensor) for part in (y if isinstance(y, tuple) else (y,))):
        raise GraphError(f"recompute: the function must return a Tensor or several, not {type(y).__name__}")
    return y


def _leaves(y: Any) -> list[Tensor]:
    """The leaves that `y` depends on, in a fixed order."""
    found: dict[Any, None] = {}
    stack = [t.node if t.node is not None else t for t in (y if isinstance(y, tuple) else (y,)) if t.requires_grad]
    while stack:
        vertex = stack.pop()
        if vertex not in found:
            found[vertex] = None
            if not isinstance(vertex, Tensor):
                stack.extend(p for p in vertex.parents if p is not None)
    return [v for v in found if isinstance(v, Tensor)]


def _replay_op(again: Callable, n_inputs: int, draws: Draws, values: Any) -> Op:
    """An op that hands out `values` forward and runs the function again backward."""

    def recompute(*xs: Array):
        return values

    def rule(g: Any, xs: list[Any]) -> list[Any]:
        gs = g if isinstance(g, tuple) else (g,)
        create_graph = any(isinstance(part, Tensor) for part in gs)
        inputs = [_separate(x, create_graph) for x in xs[:n_inputs]]
        with enable_grad(), replaying(), draws.repeated():
            y = again(inputs)
        ys = y if isinstance(y, tuple) else (y,)
        pairs = [(part, gp) for part, gp in zip(ys, gs, strict=True) if gp is not None]
        sought = inputs + made.used
        tensors = [x for x in sought if isinstance(x, Tensor) and x.requires_grad]
        found = iter(
            grad_of([p for p, _ in pairs], tensors, [q for _, q in pairs], create_graph=create_graph, stop=True)
        )
        return [next(found) if isinstance(x, Tensor) and x.requires_grad else None for x in sought]

    made = _Replay(recompute, True, (), True)
    made.n_inputs = n_inputs
    made.rules(xs=rule)
    return made


class _Replay(Op):
    """Remembers the leaves it was called with: the rule needs them as Tensors, not as arrays."""

    n_inputs = 0
    used: list[Tensor]

    def __call__(self, *args: Any) -> Any:
        self.used = list(args[self.n_inputs :])
        return self.run(args, {})


def _separate(x: Any, create_graph: bool) -> Any:
    """An input as a vertex of its own, so that its gradient is told apart from everything before it."""
    if isinstance(x, Tensor):
        return _alias(x)
    return Tensor(x, requires_grad=not create_graph and x.dtype.kind == "f") if hasattr(x, "dtype") else x
