"""An operation: one decorated forward on arrays and, under it, one gradient rule per argument.

The decorator reads the names once: parameters annotated ``Array`` may carry a graph, the others are static.
A rule's parameter names declare what the graph keeps (``y`` is the output, ``x`` the input of that name,
``x_shape`` only its shape), so that nothing is held which no rule asks for.
Called with arrays an op computes arrays; called with at least one Tensor it records. That makes every rule
usable for both first order (arrays) and any higher order (Tensors). Deep Learning, section 6.5.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import namespace_of, namespace_of_type
from ..errors import DeviceError, DTypeError, GraphError, MinidlError, ShapeError
from .messages import shape_error, users_line
from .modes import modes
from .node import Node, Output
from .plan import Plan
from .signature import INJECTED, caller, is_array
from .tensor import PYTHON_NUMBERS, Tensor, plain_array

if TYPE_CHECKING:
    Array = Any
else:

    class Array:
        """Marks a parameter of an op that takes an array or a Tensor (annotation only)."""

registry: dict[str, Op] = {}

_NUMBERS = (np.generic, float, int)


class Op:
    """A differentiable function on arrays; made by :func:`op`, called like the function it wraps."""

    def __init__(self, forward: Callable, differentiable: bool, residuals: Sequence[str], casts: bool) -> None:
        functools.update_wrapper(self, forward)
        self.name = forward.__name__
        self.forward = forward
        self.differentiable = differentiable
        self.residuals = tuple(residuals)
        self.casts = casts  # changes the dtype on purpose, so the check for promotion stays away
        self.argument_rules: dict[str, Callable | None] = {}
        self.fast_rule: Callable | None = None
        self.plain: Callable | None = None
        self._read_signature(inspect.signature(forward))
        self._plans: dict[Any, Plan] = {}  # by the bits of the arguments that want a gradient

    def _read_signature(self, signature: inspect.Signature) -> None:
        parameters = list(signature.parameters.values())
        arrays = [p for p in parameters if is_array(p)]
        self.array_names = tuple(p.name for p in arrays)
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in arrays)
        self.n_required = sum(p.default is p.empty for p in arrays)
        static = [p for p in parameters if p not in arrays and p.name not in INJECTED]
        self.static_names = tuple(p.name for p in static)
        self.wants_xp = "xp" in signature.parameters
        self.wants_recording = "recording" in signature.parameters
        self.injects = self.wants_xp or self.wants_recording

    # -- declaring gradients ---------------------------------------------------------------------------

    def rules(self, **rules: Callable | None) -> Op:
        """Declare one rule per argument, ``g`` first; ``None`` says that an argument has no gradient."""
        unknown = set(rules) - set(self.array_names)
        if unknown:
            raise GraphError(f"op {self.name}: no array argument called {', '.join(sorted(unknown))}")
        self.argument_rules.update(rules)
        self._plans.clear()
        return self

    def rule(self, argument: str) -> Callable[[Callable], Callable]:
        """Decorator form of :meth:`rules` for one argument."""

        def declare(function: Callable) -> Callable:
            self.rules(**{argument: function})
            return function

        return declare

    def fast(self, function: Callable) -> Callable:
        """Declare a joint first-order rule on arrays; it gets ``wanted`` and returns a gradient per argument."""
        self.fast_rule = function
        self._plans.clear()
        return function

    def definition(self, function: Callable) -> Callable:
        """Declare the op in terms of simpler ops: its derivative serves every order above the first."""
        self.plain = function
        self._plans.clear()
        return function

    # -- calling ---------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute, and record if an argument wants a gradient; :mod:`.signature` writes it out for each op."""
        raise NotImplementedError

    def run(self, args: tuple, static: dict[str, Any]) -> Any:
        """Compute and record, with the arguments sorted into those that may carry a graph and the others."""
        arrays: list[Any] = []
        parents: list[Any] = []
        kind: Any = None  # type of the arrays so far
        dtype: Any = None  # their floating dtype
        has_tensor = has_leaf = uneven = scalars = False
        wanted, bit = 0, 1
        for a in args:  # one pass, kept flat: this loop is most of what a small op costs
            parent = None
            if isinstance(a, Tensor):
                has_tensor = True
                node = a.node
                if node is None:
                    has_leaf = True
                if a.requires_grad:
                    wanted |= bit
                    parent = node or a
                a = a._data
            elif type(a) is not np.ndarray:
                a = plain_array(a)
                if a is None or isinstance(a, _NUMBERS):
                    if a is None and len(arrays) < self.n_required:
                        raise DTypeError(f"{self.name}: got None for argument {self.array_names[len(arrays)]!r}")
                    scalars = scalars or type(a) not in PYTHON_NUMBERS
                    arrays.append(a)
                    parents.append(None)
                    bit <<= 1
                    continue
            if type(a) is not kind:
                if kind is not None:
                    self._refuse_two_devices(kind, type(a))
                kind = type(a)
            if a.dtype is not dtype and a.dtype.kind == "f":
                uneven, dtype = dtype is not None, a.dtype
            arrays.append(a)
            parents.append(parent)
            bit <<= 1
        if scalars:  # NumPy's scalars must not promote a Tensor; among arrays they are arrays without axes
            arrays = [(a.item() if has_tensor else np.asarray(a)) if isinstance(a, np.generic) else a for a in arrays]
            uneven = True
        if wanted and not (modes.recording and self.differentiable):
            wanted = 0
        try:
            if not self.injects:
                y = self.forward(*arrays, **static)
            elif not self.wants_recording:  # faster than a dictionary
                y = self.forward(*arrays, **static, xp=np if kind is None else namespace_of_type(kind))
            elif self.wants_xp:
                xp = np if kind is None else namespace_of_type(kind)
                y = self.forward(*arrays, **static, xp=xp, recording=wanted > 0)
            else:
                y = self.forward(*arrays, **static, recording=wanted > 0)
        except MinidlError:
            raise
        except ValueError as error:
            raise self._explain(error, arrays) from error
        except TypeError as error:
            raise DTypeError(f"{self.name}: {str(error).splitlines()[0]}") from error
        residuals: tuple = ()
        if self.residuals:
            y, residuals = self._split_residuals(y)
        if not has_tensor:
            return y
        if type(y) is not kind and isinstance(y, _NUMBERS):
            y = np.asarray(y)
        if type(y) is not kind or y.dtype is not dtype or uneven or modes.anomaly:
            y = tuple([self._checked(part, arrays) for part in y]) if type(y) is tuple else self._checked(y, arrays)
        if not wanted:
            return Tensor(y) if type(y) is not tuple else tuple([Tensor(part) for part in y])
        key = (wanted, len(args)) if self.variadic else wanted
        plan = self._plans.get(key) or self._plan(key, wanted, len(args))
        saved = plan.keep(arrays, y, residuals, static)
        node = Node(plan, parents, saved, plan.versions(args) if has_leaf else (), y, static)
        if modes.anomaly:
            node.where = users_line()
        if type(y) is not tuple:
            return Tensor(y, False, node)
        return tuple([Tensor(part, False, Output(node, i, part)) for i, part in enumerate(y)])

    def _split_residuals(self, y: tuple) -> tuple[Any, tuple]:
        n = len(y) - len(self.residuals)
        return (y[0] if n == 1 else y[:n]), y[n:]

    def _plan(self, key: Any, wanted: int, n_args: int) -> Plan:
        plan = self._plans[key] = Plan(self, tuple(bool(wanted >> i & 1) for i in range(n_args)))
        return plan

    # -- checks ----------------------------------------------------------------------------------------

    def _checked(self, y: Any, arrays: list) -> Any:
        """Make sure that `y` is an array of the dtype its inputs promise, and finite when asked."""
        if isinstance(y, _NUMBERS):
            y = np.asarray(y)
        elif isinstance(y, Tensor) or not hasattr(y, "dtype"):
            raise GraphError(
                f"{self.name}: the forward returned {type(y).__name__} where an array was due; "
                f"it takes Tensors only as {', '.join(self.array_names)}"
            )
        if not self.casts:
            for a in arrays:
                if type(a) not in PYTHON_NUMBERS and a.dtype is not y.dtype:
                    y = self._without_promotion(y, arrays)
                    break
        if modes.anomaly and y.dtype.kind == "f" and not bool(namespace_of(y).isfinite(y).all()):
            raise GraphError(f"{self.name}: the first NaN or infinity appears here ({users_line()})")
        return y

    def _without_promotion(self, y: Any, arrays: list) -> Any:
        dtypes = {a.dtype for a in arrays if type(a) not in PYTHON_NUMBERS and a.dtype.kind == "f"}
        if len(dtypes) > 1:
            names = ", ".join(sorted(d.name for d in dtypes))
            raise DTypeError(f"{self.name}: dtypes {names} do not mix; cast one side with .astype(...)")
        if y.dtype.kind == "f" and y.dtype not in dtypes:  # NumPy promotes float32 with an integer array; we do not
            y = y.astype(dtypes.pop() if dtypes else np.float32, copy=False)  # of integers alone: the default
        return y

    def _refuse_two_devices(self, kind: type, other: type) -> None:
        raise DeviceError(
            f"{self.name}: arrays of two devices ({kind.__module__} and {other.__module__}); "
            "move one side with .to('cpu') or .to('cuda')"
        )

    def _explain(self, error: ValueError, arrays: Sequence) -> ShapeError:
        shapes = [np.shape(a) if type(a) in PYTHON_NUMBERS else a.shape for a in arrays if a is not None]
        return shape_error(self.name, error, shapes)

    def __repr__(self) -> str:
        return f"<op {self.name}({', '.join(self.array_names + self.static_names)})>"


def op(
    forward: Callable | None = None,
    *,
    differentiable: bool = True,
    residuals: Sequence[str] = (),
    casts: bool = False,
) -> Any:
    """Make a function on arrays an operation that Tensors can flow through.

    Parameters
    ----------
    forward : callable
        Its parameters annotated ``Array`` come first and may carry a graph; the others are static. It may ask
        for ``xp`` (the namespace of its arrays) and ``recording`` (whether a graph is kept).
    differentiable : bool
        False for operations without a gradient (comparisons, argmax).
    residuals : sequence of str
        Names of extra arrays that the forward returns after its outputs, kept for rules that ask for them.
    casts : bool
        The result's dtype differs from the inputs' on purpose.

    Examples
    --------
    >>> @op
    ... def cube(x: Array):
    ...     return x * x * x
    >>> cube.rules(x=lambda g, x: 3 * g * x * x)
    <op cube(x)>
    """
    if forward is None:
        return functools.partial(op, differentiable=differentiable, residuals=residuals, casts=casts)
    made = _class_for(forward)(forward, differentiable, residuals, casts)
    registry[f"{forward.__module__}.{made.name}"] = made
    return made


def _class_for(forward: Callable) -> type[Op]:
    """A class of its own for each op, as ``__call__`` is looked up in the class."""
    arrays = [name for name, p in inspect.signature(forward).parameters.items() if is_array(p)]
    return type(Op.__name__, (Op,), {"__call__": caller(forward, arrays)})
