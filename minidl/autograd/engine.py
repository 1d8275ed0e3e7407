"""The backward walk: gradients flow from outputs to leaves, each node once, in topological order.

First order hands rules raw arrays, so no Tensor and no node is made; ``create_graph`` hands them Tensors, so
that the gradient is itself a graph. The walk is iterative: a recurrent net of 10,000 steps is no deeper than
any other. Deep Learning, section 6.5.6, algorithm 6.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

from ..backend import namespace_of
from ..errors import GraphError
from .modes import enable_grad, modes
from .node import Node
from .sparse import RowSparse
from .tensor import Tensor

Vertex = Any  # Node, Output, or a leaf Tensor


def backward(root: Tensor, gradient: Any = None, *, retain_graph: bool = False) -> None:
    """Fill ``.grad`` of the leaves below `root`; see :meth:`Tensor.backward`."""
    if not root.requires_grad:
        raise GraphError(
            "backward: this tensor has no graph; none of its inputs has requires_grad=True, "
            "or it was computed under no_grad() or detached"
        )
    _walk([(_vertex(root), _seed(root, gradient))], None, retain_graph)


def grad_of(
    outputs: Tensor | Sequence[Tensor],
    inputs: Sequence[Tensor],
    gradients: Sequence[Any] | None = None,
    *,
    create_graph: bool = False,
    retain_graph: bool | None = None,
    stop: bool = False,
) -> list[Any]:
    """Gradients of `outputs` with respect to `inputs`; touches no ``.grad``.

    Parameters
    ----------
    outputs : Tensor or sequence of Tensor
    inputs : sequence of Tensor
        Leaves or intermediate tensors.
    gradients : sequence of arrays or Tensors, optional
        What flows into each output; ones where an output has a single element.
    create_graph : bool
        Return Tensors that can be differentiated again.
    stop : bool
        Do not look behind the inputs: partial instead of total derivatives.

    Returns
    -------
    list
        An array (Tensor with `create_graph`) per input; None where an output does not depend on it.
    """
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    gradients = [None] * len(outputs) if gradients is None else list(gradients)
    roots = []
    for y, g in zip(outputs, gradients, strict=True):
        if y.requires_grad:
            roots.append((_vertex(y), _seed(y, g, as_tensor=create_graph)))
    targets = [_vertex(x) for x in inputs]
    if create_graph:
        with enable_grad():
            found = _walk(roots, targets, retain_graph is not False, create_graph=True, stop=stop)
    else:
        found = _walk(roots, targets, bool(retain_graph), stop=stop)
    return [found.get(t) for t in targets]


def _vertex(t: Tensor) -> Vertex:
    return t if t.node is None else t.node


def _seed(y: Tensor, g: Any, as_tensor: bool = False) -> Any:
    """The gradient that flows into `y` from above, checked."""
    if g is None:
        if y.size != 1:
            raise GraphError(
                f"backward: a tensor of shape {y.shape} needs a gradient of that shape; "
                "reduce it with .sum() or .mean() first, or pass one"
            )
        g = namespace_of(y._data).ones_like(y._data)
    elif not (as_tensor and isinstance(g, Tensor)):
        g = g._data if isinstance(g, Tensor) else g
        g = namespace_of(y._data).asarray(g, dtype=y.dtype)
    if g.shape != y.shape:
        raise GraphError(f"backward: gradient of shape {g.shape} for a tensor of shape {y.shape}")
    return Tensor(g) if as_tensor and not isinstance(g, Tensor) else g


# -- the walk --------------------------------------------------------------------------------------------


class _Walk:
    """Gradients on their way down: those that wait at a vertex, and what may become of them.

    Vertices are visited in descending order of creation, which is a topological order: whatever used a vertex
    was made after it.
    """

    def __init__(self, targets: list[Vertex] | None, useful: set | None, create_graph: bool) -> None:
        self.targets = None if targets is None else set(targets)  # None: every leaf collects in .grad
        self.useful = useful
        self.create_graph = create_graph
        self.found: dict[Vertex, Any] = {}
        self.waiting: dict[Vertex, Any] = {}
        self.owned: set[Vertex] = set()  # whose gradient is our own sum, so that it may be added to in place
        self.heap: list[tuple[int, Vertex]] = []

    def wants(self, vertex: Vertex | None) -> bool:
        """Whether a gradient for `vertex` is of use to anyone."""
        return vertex is not None and (self.useful is None or vertex in self.useful)

    def send(self, vertex: Vertex, g: Any) -> None:
        """Deliver a contribution: a leaf collects it at once, any other vertex waits for the rest of its sum."""
        if isinstance(vertex, Tensor):
            if self.targets is None:
                vertex.accumulate(g)
            else:
                self._add(self.found, vertex, g)
        elif vertex in self.waiting:
            self._add(self.waiting, vertex, g)
        else:
            self.waiting[vertex] = g
            heappush(self.heap, (-vertex.time, vertex))

    def _add(self, sums: dict, vertex: Vertex, g: Any) -> None:
        """The first contribution is adopted, the second makes a sum of our own, later ones add to it in place."""
        before = sums.get(vertex)
        if before is None:
            sums[vertex] = g
        elif isinstance(before, list):  # the outputs of a multi-output node
            for i, part in enumerate(g):
                if part is not None:
                    before[i] = part if before[i] is None else before[i] + part
        elif vertex in self.owned and not self.create_graph and not isinstance(g, RowSparse):
            before += g
            sums[vertex] = before  # a 0-d sum is a scalar, for which += makes a new object
        else:
            sums[vertex] = before + g
            if not isinstance(sums[vertex], RowSparse):
                self.owned.add(vertex)


def _walk(
    roots: list[tuple[Vertex, Any]],
    targets: list[Vertex] | None,
    retain_graph: bool,
    create_graph: bool = False,
    stop: bool = False,
) -> dict[Vertex, Any]:
    """Send gradients from `roots` down; to all leaves' ``.grad``, or to `targets` only (returned)."""
    useful = None if targets is None else _leading_to(set(targets), [v for v, _ in roots], stop)
    walk = _Walk(targets, useful, create_graph)
    for vertex, g in roots:
        if walk.wants(vertex):
            walk.send(vertex, g)
    while walk.heap:
        vertex = heappop(walk.heap)[1]
        g = walk.waiting.pop(vertex)
        if type(g) is RowSparse:  # only leaves hold sparse gradients; the rules of ops take arrays
            g = g.dense()
        if walk.targets is not None and vertex in walk.targets:
            walk.found[vertex] = g
            if stop:
                continue
        if vertex.n_outputs == 0:  # an Output: passes the gradient on to its place
            parts: list[Any] = [None] * vertex.parents[0].n_outputs
            parts[vertex.position] = g
            walk.send(vertex.parents[0], parts)
            continue
        if vertex.n_outputs > 1:
            g = tuple(g)
        if vertex.saved is None or vertex.versions:
            _check_alive(vertex)
        if create_graph:
            from .higher import send_tensors

            send_tensors(walk, vertex, g)
        else:
            _send_arrays(walk, vertex, g)
        if not retain_graph:
            vertex.saved = None
    return walk.found


def _leading_to(targets: set[Vertex], roots: list[Vertex], stop: bool) -> set[Vertex]:
    """The vertices from which a target can be reached."""
    seen, stack = set(roots), list(roots)
    while stack:
        vertex = stack.pop()
        if isinstance(vertex, Tensor) or (stop and vertex in targets):
            continue
        for parent in vertex.parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    useful = targets & seen
    inner = [v for v in seen if not isinstance(v, Tensor) and not (stop and v in targets)]
    for vertex in sorted(inner, key=lambda v: v.time):  # parents before those who used them
        if any(p in useful for p in vertex.parents):
            useful.add(vertex)
    return useful


def _send_arrays(walk: _Walk, node: Node, g: Any) -> None:
    """Run the node's rules on arrays and deliver what they return.

    A rule that takes ``out`` writes the first gradient of a leaf straight into the leaf's buffer.
    """
    plan, parents, useful = node.plan, node.parents, walk.useful
    if plan.joint is not None:
        for position, part in enumerate(plan.joint.rule(g, *node.saved[0])):  # type: ignore[index]
            parent = parents[position]
            if part is not None and parent is not None and (useful is None or parent in useful):
                walk.send(parent, fitted(node, position, part))
        return
    for call, values in zip(plan.calls, node.saved):  # type: ignore[arg-type]  # noqa: B905  (a hot line)
        parent = parents[call.position]
        if useful is not None and parent not in useful:
            continue
        if call.takes_out and useful is None and isinstance(parent, Tensor):
            out = parent.gradient_target()
            part = call.rule(g, *values, out=out)
            if out is not None:
                parent.gradient_written()
                continue
        else:
            part = call.rule(g, *values)
        if part is not None:
            if part.shape != parent.shape or part.dtype is not parent.dtype or modes.anomaly:
                part = fitted(node, call.position, part)
            walk.send(parent, part)


def _check_alive(node: Node) -> None:
    if node.saved is None:
        raise GraphError(
            f"backward: the graph below {node.name} was used up by an earlier backward; "
            "pass retain_graph=True to the first call, or compute the loss again"
        )
    for leaf, version in node.versions:
        if leaf.version != version:
            raise GraphError(
                f"backward: an input of {node.name} of shape {leaf.shape} was changed in place since the "
                "forward (an optimizer step, or an assignment); compute the loss again before backward"
            )


def fitted(node: Node, position: int, g: Any) -> Any:
    """Sum out broadcast axes of `g` and check that it has the shape and dtype of the argument."""
    target = node.parents[position]
    given = g.shape
    if given != target.shape:
        g = unbroadcast(g, target.shape)
        if g.shape != target.shape:
            raise GraphError(
                f"{node.name}: the rule for {_argument(node, position)} returned a gradient of shape {given}; "
                f"the argument has shape {target.shape}"
            )
    if g.dtype is not target.dtype and g.dtype != target.dtype:
        if g.dtype.kind == "f" and _meets_integers(node):  # NumPy makes float64 of float32 and int64; we do not
            return g.astype(target.dtype)
        raise GraphError(
            f"{node.name}: the rule for {_argument(node, position)} returned {g.dtype} for an argument of "
            f"{target.dtype}; rules must not promote"
        )
    if modes.anomaly:
        _check_finite(node, position, g)
    return g


def _meets_integers(node: Node) -> bool:
    values = [v for group in node.saved or () for v in group]
    return any(getattr(v, "dtype", None) is not None and v.dtype.kind in "iub" for v in values)


def _check_finite(node: Node, position: int, g: Any) -> None:
    values = g.values if isinstance(g, RowSparse) else g._data if isinstance(g, Tensor) else g
    if not bool(namespace_of(values).isfinite(values).all()):
        raise GraphError(
            f"{node.name}: the first NaN or infinity of the backward pass appears in the gradient for "
            f"{_argument(node, position)} (forward at {node.where or 'unknown line'})"
        )


def _argument(node: Node, position: int) -> str:
    names = node.plan.op.array_names
    return f"{names[0]}[{position}]" if node.plan.op.variadic else repr(names[position])


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum `g` over the axes along which an argument of `shape` was broadcast."""
    extra = g.ndim - len(shape)
    if extra < 0:
        return g
    axes = tuple(range(extra)) + tuple(
        extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1
    )
    if not axes:
        return g
    g = g.sum(axis=axes)
    return g.reshape(shape) if g.size == _size(shape) else g


def _size(shape: tuple[int, ...]) -> int:
    n = 1
    for length in shape:
        n *= length
    return n
