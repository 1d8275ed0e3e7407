"""How a model travels to a process of our own: everything by value, but parameters by their place in the space.

Modules refuse to be pickled, as copies of views would silently leave their flat array. Here the parameters are not
copied: the receiver has a space with the same layout, and each reference becomes the parameter at that place.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from typing import Any

import numpy as np

from ...autograd import Op, Tensor
from ...data.shared import cannot_be_sent
from ...nn import Module
from ...nn.tree import Buffer
from ...optim import Optimizer
from ...params import Parameter, ParameterSpace

Outline = list[list[tuple[tuple[int, ...], str, bool, str, bool]]]  # of each group, what makes its parameters


def outline(space: ParameterSpace) -> Outline:
    """What :func:`same_space` needs: shape, dtype, sparse, name and requires_grad of each parameter, by group."""
    return [
        [(p.shape, p.dtype.str, p.sparse, p.name, p.requires_grad) for p in group["params"]] for group in space.groups
    ]


def same_space(groups: Outline, world_size: int) -> ParameterSpace:
    """A space of new parameters (zeros) with the layout of the one that was outlined."""
    made = []
    for group in groups:
        parameters = []
        for shape, dtype, sparse, name, requires_grad in group:
            p = Parameter(np.zeros(shape, dtype), sparse, name)
            p.requires_grad = requires_grad
            parameters.append(p)
        made.append({"params": parameters})
    return ParameterSpace(made, world_size)


def dumps(value: Any, space: ParameterSpace, what: str) -> bytes:
    """Pickle `value`, for example a :class:`~minidl.train.task.Task`.

    Raises
    ------
    ArgumentError
        Something in it cannot be sent, such as a lambda; `what` is how the message calls it.
    """
    file = io.BytesIO()
    try:
        _Pickler(file, space).dump(value)
    except Exception as error:  # pickling runs code of the objects' own, which may raise anything
        raise cannot_be_sent(what, error) from error
    return file.getvalue()


def loads(text: bytes, space: ParameterSpace) -> Any:
    """What :func:`dumps` was given, on the parameters of `space`."""
    return _Unpickler(io.BytesIO(text), space).load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, space: ParameterSpace) -> None:
        super().__init__(file, protocol=5)
        self._space = space
        self._places = {id(p): place for place, p in enumerate(space.parameters)}

    def persistent_id(self, obj: Any) -> Any:
        if obj is self._space:
            return "space"
        return self._places.get(id(obj)) if isinstance(obj, Parameter) else None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, Op):
            return obj.__dict__["__qualname__"]  # by name, as functions are
        if isinstance(obj, Tensor):
            return _tensor(obj)
        if isinstance(obj, Optimizer):  # its state goes another way: it may be shared
            return copyreg.__newobj__, (type(obj),), {**vars(obj), "_state": {}, "_work": {}}  # type: ignore[attr-defined]
        if isinstance(obj, Module):
            return copyreg.__newobj__, (type(obj),), dict(vars(obj))  # type: ignore[attr-defined]
        return NotImplemented


def _tensor(tensor: Tensor) -> tuple[Any, ...]:
    if tensor.node is not None:
        raise TypeError("it holds a Tensor that is part of a graph; keep .data instead")
    if isinstance(tensor, Parameter):  # of no optimizer: nobody changes it
        return _own_parameter, (tensor.numpy().copy(), tensor.sparse, tensor.name, tensor.requires_grad)
    if isinstance(tensor, Buffer):
        return type(tensor), (tensor.numpy().copy(),)
    return Tensor, (tensor.numpy().copy(), tensor.requires_grad)


def _own_parameter(data: np.ndarray, sparse: bool, name: str, requires_grad: bool) -> Parameter:
    p = Parameter(data, sparse, name)
    p.requires_grad = requires_grad
    return p


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, space: ParameterSpace) -> None:
        super().__init__(file)
        self._space, self._parameters = space, space.parameters

    def persistent_load(self, pid: Any) -> Any:
        return self._space if pid == "space" else self._parameters[pid]
