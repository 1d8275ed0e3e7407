"""Functional style: gradients, Jacobians and Hessian products of plain functions, and recomputation.

``dl.grad(f)`` returns a function; ``dl.grad(outputs, inputs)`` differentiates a graph that is there already.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..backend import namespace_of
from ..errors import ArgumentError, GraphError
from .engine import grad_of
from .modes import enable_grad
from .op import Array, op
from .tensor import Tensor, tensor


def grad(
    f: Callable | Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor] | None = None,
    gradients: Any = None,
    *,
    argnums: int | Sequence[int] = 0,
    create_graph: bool = False,
    retain_graph: bool | None = None,
) -> Any:
    """Differentiate a function, or a graph.

    ``grad(f)`` returns a function of the same arguments that gives the gradient of the scalar function `f`
    with respect to argument(s) `argnums`. Given arrays it returns arrays; given Tensors it returns Tensors that
    can be differentiated again, so ``grad(grad(f))`` works to any order.

    ``grad(outputs, inputs, gradients=None, create_graph=False)`` returns the gradients of recorded `outputs`
    (one per input, None where there is no dependence) and leaves every ``.grad`` alone.
    """
    if callable(f) and not isinstance(f, Tensor):
        if isinstance(inputs, int):
            argnums = inputs
        values_and_grads = value_and_grad(f, argnums)
        return lambda *args, **kwargs: values_and_grads(*args, **kwargs)[1]
    if inputs is None:
        raise ArgumentError("grad(outputs, inputs): say with respect to which tensors")
    assert not callable(f)
    if gradients is not None and isinstance(f, Tensor):
        gradients = [gradients[0] if isinstance(gradients, list | tuple) else gradients]
    wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    found = grad_of(f, wanted, gradients, create_graph=create_graph, retain_graph=retain_graph)
    return found[0] if isinstance(inputs, Tensor) else found


def value_and_grad(f: Callable, argnums: int | Sequence[int] = 0) -> Callable:
    """A function that returns ``(f(...), gradient)``; see :func:`grad`.

    An argument may be a list, tuple or dict of arrays (nested at will): its gradient has the same structure.
    """
    positions = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    def evaluate(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        leaves: list[Tensor] = []
        given_tensors = False
        new_args = list(args)
        with enable_grad():
            for position in positions:
                new_args[position], collected = _tracked(args[position])
                given_tensors |= any(was for _, was in collected)
                leaves += [leaf for leaf, _ in collected]
            value = f(*new_args, **kwargs)
            if not isinstance(value, Tensor) or value.size != 1:
                raise GraphError(
                    f"grad: the function must return one number as a Tensor, not {_describe(value)}; "
                    "use dl.jacobian for several"
                )
            parts = grad_of(value, leaves, create_graph=given_tensors)
        parts = [_zeros_like(x, given_tensors) if p is None else p for p, x in zip(parts, leaves, strict=True)]
        supply = iter(parts)
        gradients = [_rebuilt(args[p], supply) for p in positions]
        result = value if given_tensors else value.data
        return result, gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return evaluate


def jacobian(f: Callable, *inputs: Any) -> Any:
    """The Jacobian of `f` with respect to its first argument, shape ``(*y.shape, *x.shape)``.

    ``jacobian(f)`` returns a function, ``jacobian(f, x, ...)`` evaluates at once. One backward per element of y.
    """
    if not inputs:
        return lambda *args: jacobian(f, *args)
    x, given_tensor = _leaf(inputs[0])
    with enable_grad():
        y = f(x, *inputs[1:])
    xp = namespace_of(y.data)
    rows = []
    for i in range(y.size):
        e = xp.zeros(y.size, y.dtype)
        e[i] = 1
        (row,) = grad_of(y, [x], [e.reshape(y.shape)], create_graph=given_tensor, retain_graph=True)
        rows.append(_zeros_like(x, given_tensor) if row is None else row)
    if given_tensor:
        return _stacked(*rows).reshape(y.shape + x.shape)
    return xp.stack(rows).reshape(y.shape + x.shape)


def hvp(f: Callable, *inputs: Any) -> Any:
    """Hessian-vector product of the scalar function `f` at x along v, without forming the Hessian.

    ``hvp(f)`` returns a function of ``(x, v)``, ``hvp(f, x, v)`` evaluates at once. Two backward passes
    (Pearlmutter 1994).
    """
    if not inputs:
        return lambda x, v: hvp(f, x, v)
    x, given_tensor = _leaf(inputs[0])
    v = inputs[1]
    with enable_grad():
        (g,) = grad_of(f(x), [x], create_graph=True)
        product = None if g is None or not g.requires_grad else grad_of(g, [x], [v], create_graph=given_tensor)[0]
    return _zeros_like(x, given_tensor) if product is None else product


# -- helpers ---------------------------------------------------------------------------------------------


def _leaf(x: Any) -> tuple[Tensor, bool]:
    """(`x` as a Tensor that can be differentiated, whether it was one already)."""
    if isinstance(x, Tensor) and x.requires_grad:
        return x, True
    return tensor(x, requires_grad=True), isinstance(x, Tensor)


def _tracked(x: Any) -> tuple[Any, list[tuple[Tensor, bool]]]:
    """`x` with every array in it replaced by a leaf Tensor, and those leaves in order."""
    if isinstance(x, dict):
        pairs = {key: _tracked(value) for key, value in x.items()}
        return {k: v for k, (v, _) in pairs.items()}, [leaf for _, found in pairs.values() for leaf in found]
    if isinstance(x, list | tuple) and any(hasattr(v, "dtype") or isinstance(v, list | tuple | dict) for v in x):
        parts = [_tracked(value) for value in x]
        return type(x)(v for v, _ in parts), [leaf for _, found in parts for leaf in found]
    leaf, was_tensor = _leaf(x)
    return leaf, [(leaf, was_tensor)]


def _rebuilt(like: Any, supply: Any) -> Any:
    if isinstance(like, dict):
        return {key: _rebuilt(value, supply) for key, value in like.items()}
    if isinstance(like, list | tuple) and any(hasattr(v, "dtype") or isinstance(v, list | tuple | dict) for v in like):
        return type(like)(_rebuilt(value, supply) for value in like)
    return next(supply)


def _zeros_like(x: Tensor, as_tensor: bool) -> Any:
    zeros = namespace_of(x.data).zeros_like(x.data)
    return Tensor(zeros) if as_tensor else zeros


@op
def _stacked(*rows: Array, xp):
    """Rows of a Jacobian that is itself differentiated."""
    return xp.stack(rows)


@_stacked.rule("rows")
def _(g):
    return [g[i] for i in range(g.shape[0])]


def _describe(value: Any) -> str:
    return f"a Tensor of shape {value.shape}" if isinstance(value, Tensor) else type(value).__name__
