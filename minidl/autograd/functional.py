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
from .structure import leaves_of, rebuilt
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
        if any(not -len(args) <= position < len(args) for position in positions):
            raise ArgumentError(f"grad: argnums={argnums} names an argument that is not there; {len(args)} were given")
        new_args = list(args)
        with enable_grad():
            for position in positions:
                made = [_leaf(x) for x in leaves_of(args[position], _is_leaf)]
                new_args[position] = rebuilt(args[position], _is_leaf, iter([leaf for leaf, _ in made]))
                given_tensors |= any(was_tensor for _, was_tensor in made)
                leaves += [leaf for leaf, _ in made]
            value = f(*new_args, **kwargs)
            if not isinstance(value, Tensor) or value.size != 1:
                raise GraphError(
                    f"grad: the function must return one number as a Tensor, not {_describe(value)}; "
                    "use dl.jacobian for several"
                )
            parts = grad_of(value, leaves, create_graph=given_tensors)
        parts = [_zeros_like(x, given_tensors) if p is None else p for p, x in zip(parts, leaves, strict=True)]
        supply = iter(parts)
        gradients = [rebuilt(args[p], _is_leaf, supply) for p in positions]
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
    if not isinstance(y, Tensor):
        raise GraphError(f"jacobian: the function must return one Tensor, not {type(y).__name__}")
    xp = namespace_of(y.data)
    rows = []
    for i in range(y.size):
        e = xp.zeros(y.size, y.dtype)
        e[i] = 1
        (row,) = grad_of(y, [x], [e.reshape(y.shape)], create_graph=given_tensor, retain_graph=True)
        rows.append(_zeros_like(x, given_tensor) if row is None else row)
    if not rows:
        return _zeros_like(x, given_tensor).reshape((1, *x.shape))[:0].reshape(y.shape + x.shape)
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


def _is_leaf(x: Any) -> bool:
    """Whether `x` is one array: a list of numbers is, a list of arrays is not."""
    if isinstance(x, list | tuple):
        return not any(hasattr(v, "dtype") or isinstance(v, list | tuple | dict) for v in x)
    return not isinstance(x, dict)


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
