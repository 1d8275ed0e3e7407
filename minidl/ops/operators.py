"""Gives Tensor its operators and NumPy-style methods, and teaches NumPy's functions to take Tensors.

Kept apart from the Tensor class, so that the engine knows no operation (Chainer's trick).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..autograd.modes import modes
from ..autograd.tensor import Tensor, array_of
from ..backend import backend_of
from ..errors import ArgumentError, DeviceError, DTypeError, GraphError, RangeError, ShapeError
from . import arithmetic, einsum, elementwise, index, linalg, reduce, shape

_BINARY: dict[str, Callable] = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "pow": arithmetic.power,
    "and": arithmetic.bitwise_and,
    "or": arithmetic.bitwise_or,
    "xor": arithmetic.bitwise_xor,
}
_COMPARISONS: dict[str, Callable] = {
    "eq": arithmetic.equal,
    "ne": arithmetic.not_equal,
    "lt": arithmetic.less,
    "le": arithmetic.less_equal,
    "gt": arithmetic.greater,
    "ge": arithmetic.greater_equal,
}


def _shape_arguments(arguments: tuple) -> Any:
    """``x.reshape(2, 3)`` and ``x.reshape((2, 3))`` mean the same."""
    return arguments[0] if len(arguments) == 1 and not isinstance(arguments[0], int) else arguments


def _transpose(x: Tensor, *axes: Any) -> Tensor:
    order = _shape_arguments(axes) if axes else None
    return shape.transpose(x, order)


_METHODS: dict[str, Callable] = {
    "reshape": lambda x, *to: shape.reshape(x, _shape_arguments(to)),
    "transpose": _transpose,
    "ravel": shape.ravel,
    "flatten": shape.ravel,
    "dot": linalg.dot,
    "trace": linalg.trace,
    "round": elementwise.round,
    "copy": lambda x: arithmetic.add(x, 0),
} | {
    name: getattr(module, name)
    for module, names in {
        reduce: "sum mean var std max min prod cumsum argmax argmin any all norm logsumexp",
        shape: "swapaxes squeeze repeat",
        elementwise: "clip astype exp log sqrt abs tanh sigmoid relu",
        index: "take",
    }.items()
    for name in names.split()
}


def _matmul_reflected(x: Tensor, other: Any) -> Tensor:
    return linalg.matmul(np.asarray(other) if isinstance(other, list) else other, x)


def _in_place(name: str, function: Callable, x: Tensor, other: Any) -> Tensor:
    """``x += other``: into the array where no graph needs the old values, otherwise a new tensor."""
    if modes.recording and (x.node is not None or (getattr(other, "requires_grad", False) and not x.requires_grad)):
        return function(x, other)
    x.refuse_in_place(f"x {name}= ...")
    value = function(x.data, other.data if isinstance(other, Tensor) else other)
    if not np.can_cast(value.dtype, x.dtype, "same_kind"):
        raise DTypeError(f"x {name}= ...: the result is {value.dtype}, x is {x.dtype}; write x = x ... instead")
    if value.shape != x.shape:
        raise ArgumentError(f"x {name}= ...: the result has shape {value.shape}, x has {x.shape}")
    x.data[...] = value
    x.changed_in_place()
    return x


def _set_item(x: Tensor, key: Any, value: Any) -> None:
    x.refuse_in_place("x[...] = ...")
    if modes.recording and getattr(value, "requires_grad", False):
        raise GraphError("x[...] = value: the value's gradient would be lost; use where, concatenate or scatter_add, "
                         "or assign value.detach()")  # fmt: skip
    try:
        x.data[index.plain_key(key, x.data)] = array_of(value)
    except IndexError as error:
        raise RangeError(f"x[...] = ...: {error} (shape {x.shape})") from error
    except ValueError as error:
        raise ShapeError(f"x[...] = ...: {error}") from error
    x.changed_in_place()


def _iterate(x: Tensor) -> Iterator[Tensor]:
    if not x.ndim:
        raise TypeError("iteration over a tensor with no axes")
    return (index.getitem(x, i) for i in range(x.shape[0]))


# -- NumPy -----------------------------------------------------------------------------------------------

_UFUNCS: dict[Any, Callable] = {
    getattr(np, name): getattr(module, name)
    for module in (arithmetic, elementwise)
    for name in vars(module)
    if isinstance(getattr(np, name, None), np.ufunc)
} | {np.matmul: linalg.matmul, np.true_divide: arithmetic.divide}
_UFUNCS[np.absolute] = elementwise.abs
_UFUNCS[np.rint] = elementwise.round



def _clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """``numpy.clip``, which has two names for each bound."""
    return elementwise.clip(x, a_min if min is None else min, a_max if max is None else max)


def _pad(x: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    """``numpy.pad`` with one constant."""
    if mode != "constant" or np.ndim(constant_values):
        raise ArgumentError("np.pad of tensors: surrounds with one number, mode='constant', constant_values=number")
    return shape.pad(x, pad_width, constant_values)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """``numpy.linalg.norm`` of vectors; of matrices the Frobenius norm."""
    n_axes = x.ndim if axis is None else len(axis) if isinstance(axis, tuple) else 1
    if ord is None or (ord == "fro" and n_axes == 2):
        return reduce.norm(x, axis, keepdims)
    if n_axes != 1:
        raise ArgumentError(f"np.linalg.norm of tensors: of matrices only ord=None or 'fro', got {ord!r}")
    return reduce.norm(x, axis, keepdims, ord)


_FUNCTIONS: dict[Any, Callable] = {
    getattr(np, name): getattr(module, name)
    for module, names in {
        reduce: "sum mean var std max min prod cumsum argmax argmin any all",
        shape: "reshape transpose swapaxes moveaxis expand_dims squeeze broadcast_to concatenate stack split flip "
        "roll repeat tile ravel",
        index: "take take_along_axis diagonal",
        elementwise: "where",
        linalg: "dot vdot inner outer tensordot trace triu tril",
        einsum: "einsum",
    }.items()
    for name in names.split()
} | {
    np.linalg.inv: linalg.inverse,
    np.linalg.solve: linalg.solve,
    np.linalg.cholesky: linalg.cholesky,
    np.linalg.slogdet: linalg.slogdet,
    np.linalg.det: linalg.det,
    np.linalg.norm: _norm,
    np.clip: _clip,
    np.pad: _pad,
    np.round: elementwise.round,
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
    np.size: lambda x: x.size,
}


def _array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """``np.exp(tensor)`` and ``array + tensor``."""
    function = _UFUNCS.get(ufunc)
    if method != "__call__" or kwargs or function is None:
        what = f"np.{ufunc.__name__}" + (f".{method}" if method != "__call__" else "")
        what += f" with {', '.join(kwargs)}=" if kwargs else ""
        raise TypeError(f"{what} does not take tensors; use an op of minidl, or tensor.numpy() for plain numbers")
    return function(*inputs)


def _array_function(self: Tensor, function: Any, types: Any, args: tuple, kwargs: dict) -> Any:
    """``np.sum(tensor)``, ``np.concatenate([...])`` and the like."""
    ours = _FUNCTIONS.get(function)
    if ours is None:
        raise TypeError(
            f"{function.__module__}.{function.__name__} does not take tensors; use an op of minidl, "
            "or tensor.numpy() for plain numbers"
        )
    return ours(*args, **kwargs)


def _as_numpy(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    if backend_of(self.data).name != "cpu":
        raise DeviceError(f"this tensor is on {self.device}; copy it to the host with tensor.numpy()")
    array = np.asarray(self.data, dtype=dtype)
    return array.copy() if copy else array


def install() -> None:
    """Put operators, methods and NumPy's protocols onto Tensor."""
    for name, function in _BINARY.items():
        setattr(Tensor, f"__{name}__", lambda x, z, f=function: f(x, z))
        setattr(Tensor, f"__r{name}__", lambda x, z, f=function: f(z, x))
        setattr(Tensor, f"__i{name}__", lambda x, z, n=name, f=function: _in_place(n, f, x, z))
    for name, function in _COMPARISONS.items():
        setattr(Tensor, f"__{name}__", lambda x, z, f=function: f(x, z))
    for name, function in _METHODS.items():
        setattr(Tensor, name, lambda x, *args, f=function, **kwargs: f(x, *args, **kwargs))
    protocols: dict[str, Any] = {
        "__hash__": object.__hash__,  # assigning __eq__ must not make tensors unhashable
        "__matmul__": lambda x, z: linalg.matmul(x, z),
        "__rmatmul__": _matmul_reflected,
        "__neg__": lambda x: elementwise.negative(x),
        "__abs__": lambda x: elementwise.abs(x),
        "__invert__": lambda x: arithmetic.invert(x),
        "__getitem__": index.getitem,
        "__setitem__": _set_item,
        "__iter__": _iterate,
        "__contains__": lambda x, z: bool(arithmetic.equal(x, z).data.any()),
        "__array__": _as_numpy,
        "__array_ufunc__": _array_ufunc,
        "__array_function__": _array_function,
        "__dlpack__": lambda x, **kwargs: x.data.__dlpack__(**kwargs),
        "__dlpack_device__": lambda x: x.data.__dlpack_device__(),
        "T": property(lambda x: shape.transpose(x, None)),
    }
    for name, value in protocols.items():
        setattr(Tensor, name, value)


install()
