"""Gradients as graphs: rules run on Tensors, so that what they return can be differentiated again.

The saved arrays are wrapped with the nodes they came from. A fused op has no rules to run on Tensors; its
plain definition is evaluated and differentiated in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import GraphError
from .engine import fitted, grad_of
from .node import Node
from .op import Array, op
from .plan import Source
from .tensor import Tensor


def send_tensors(walk: Any, node: Node, g: Any) -> None:
    """Run the rules of `node` on Tensors and deliver what they return."""
    for position, part in _tensor_gradients(walk, node, g):
        if part is not None and walk.wants(node.parents[position]):
            walk.send(node.parents[position], fitted(node, position, part))


def _tensor_gradients(walk: Any, node: Node, g: Any) -> list[tuple[int, Any]]:
    """Pairs of (argument position, gradient Tensor or None)."""
    plan, saved = node.plan, node.saved
    assert saved is not None
    if plan.op.plain is not None:
        return _through_definition(walk, node, g)
    if plan.op.variadic and plan.joint is not None:
        return list(enumerate(plan.joint.rule(g, *_wrapped(node, plan.joint.sources, saved[0]))))
    if not plan.calls:
        raise GraphError(
            f"{plan.op.name}: create_graph=True needs rules that work on tensors, and this op has only a fast "
            "first-order rule; call it with create_graph=False or give it a definition"
        )
    return [
        (call.position, call.rule(g, *_wrapped(node, call.sources, values)))
        for call, values in zip(plan.calls, saved[plan.joint is not None :], strict=False)
        if walk.wants(node.parents[call.position])
    ]


def _wrapped(node: Node, sources: Sequence[Source], values: Sequence[Any]) -> list[Any]:
    """Saved values with arrays as Tensors, tied to the graph they came from."""
    wrapped = []
    for (kind, key), value in zip(sources, values, strict=True):
        if kind == "array":
            value = _tied(value, node.parents[key])
        elif kind == "output":
            value = Tensor(value, node=node) if node.n_outputs == 1 else value
        elif kind == "arrays":
            value = [_tied(v, p) for v, p in zip(value, node.parents, strict=True)]
        wrapped.append(value)
    return wrapped


def _tied(array: Any, parent: Any) -> Any:
    if isinstance(parent, Tensor):
        return parent
    if parent is not None:
        return Tensor(array, node=parent)
    return Tensor(array) if hasattr(array, "dtype") and array.dtype.kind == "f" else array


@op
def _alias(x: Array):
    """The same values as a separate vertex: tells apart two uses of one tensor."""
    return x


_alias.rules(x=lambda g: g)


def _through_definition(walk: Any, node: Node, g: Any) -> list[tuple[int, Any]]:
    definition = node.plan.op.plain
    assert definition is not None and node.saved is not None
    inputs = _wrapped(node, node.plan.inputs, node.saved[-1])
    tracked = [i for i, p in enumerate(node.parents) if walk.wants(p)]
    for i in tracked:
        inputs[i] = _alias(inputs[i])
    outputs = definition(*inputs, **node.static)
    if not isinstance(outputs, tuple):
        outputs, g = (outputs,), (g,)
    pairs = [(y, gy) for y, gy in zip(outputs, g, strict=True) if gy is not None and isinstance(y, Tensor)]
    ys, gs = [y for y, _ in pairs], [gy for _, gy in pairs]
    parts = grad_of(ys, [inputs[i] for i in tracked], gs, create_graph=True, stop=True)
    return list(zip(tracked, parts, strict=True))
