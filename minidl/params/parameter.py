"""A parameter: a named leaf Tensor whose values and gradient become views of flat arrays once it is bound.

The flat arrays stay outside the graph (design: flat storage, named leaf parameters). Until a
:class:`~minidl.params.ParameterSpace` binds it, a parameter owns a small array and is used alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import RowSparse, Tensor, array_of
from ..autograd.tensor import with_shape
from ..backend import Backend, backend_of, current_backend, namespace_of
from ..errors import DTypeError, ShapeError

if TYPE_CHECKING:
    from .segment import Segment


class Parameter(Tensor):
    """A leaf Tensor that training changes.

    Parameters
    ----------
    data : floating array
        Initial values; moved to the current device.
    sparse : bool
        Keep the gradient as (rows, values): for tables of which a step touches few rows.

    Attributes
    ----------
    name : str
        Dotted path, given by the module that owns it.
    touched : bool
        Whether a gradient came since the last ``zero_grad``; ``grad`` is None otherwise.
    """

    __slots__ = ("_buffer", "_rows", "_segment", "name", "sparse", "touched")

    def __init__(self, data: Any, sparse: bool = False, name: str = "") -> None:
        data = array_of(with_shape(data))
        if isinstance(data, np.ndarray):
            data = current_backend().from_host(data)
        super().__init__(data, requires_grad=True)
        self.name, self.sparse, self.touched = name, sparse, False
        self._segment: Segment | None = None
        self._buffer: Any = None  # where a dense gradient is collected
        self._rows: RowSparse | None = None  # the gradient of a sparse parameter

    # -- values ----------------------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """The values; assigning copies into place, so that the flat array stays whole."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        value = array_of(value)
        if isinstance(value, np.ndarray | list | float):
            value = backend_of(self._data).from_host(np.asarray(value))
        if value.shape != self.shape:
            raise ShapeError(f"parameter {self.name or '(unnamed)'}: has shape {self.shape}, assigned {value.shape}")
        if value.dtype.kind != "f":
            raise DTypeError(f"parameter {self.name or '(unnamed)'}: is {self.dtype}, assigned {value.dtype}")
        self._data[...] = value
        self.changed_in_place()

    def changed_in_place(self) -> None:
        if self._segment is not None:
            self._segment.version += 1
        else:
            self._version += 1

    @property
    def version(self) -> int:
        return self._version if self._segment is None else self._segment.version

    # -- gradient --------------------------------------------------------------------------------------

    @property
    def grad(self) -> Any:
        """Summed gradient: an array, a RowSparse for a sparse parameter, or None where none came."""
        if not self.touched:
            return None
        return self._rows if self.sparse else self._buffer

    @grad.setter
    def grad(self, value: Any) -> None:
        value = None if value is None else array_of(with_shape(value))
        if value is not None and value.shape != self.shape:
            raise ShapeError(f"parameter {self.name or '(unnamed)'}: has shape {self.shape}, its gradient {value.shape}")
        self.zero_grad()
        if value is not None:
            self.accumulate(value)

    def zero_grad(self) -> None:
        """Forget the gradient (nothing is written: the next one overwrites)."""
        self.touched, self._rows = False, None

    def gradient_target(self) -> Any:
        if self.touched or self.sparse:
            return None
        if self._buffer is None:
            self._buffer = namespace_of(self._data).empty_like(self._data)
        return self._buffer

    def gradient_written(self) -> None:
        self.touched = True

    def accumulate(self, g: Any) -> None:
        if self.sparse:
            self._accumulate_rows(g)
        else:
            self._accumulate_dense(g)
        self.touched = True

    def _accumulate_dense(self, g: Any) -> None:
        target = self.gradient_target()
        if target is None:  # a gradient is there: add
            if isinstance(g, RowSparse):
                g.add_into(self._buffer)
            else:
                self._buffer += g
        elif isinstance(g, RowSparse):
            target[...] = 0
            g.add_into(target)
        else:
            target[...] = g

    def _accumulate_rows(self, g: Any) -> None:
        if not isinstance(g, RowSparse):
            xp = namespace_of(g)
            g = RowSparse(xp.arange(self.shape[0]), g.copy(), self.shape)
        self._rows = g if self._rows is None else self._rows + g

    # -- binding ---------------------------------------------------------------------------------------

    def bind(self, segment: Segment, data: Any, grad: Any) -> None:
        """Live in views of a segment's arrays from now on; the values are copied there."""
        data[...] = self._data
        if grad is not None and self.touched:
            grad[...] = self._buffer
        self._segment, self._data, self._buffer = segment, data, grad

    def repoint(self, data: Any) -> None:
        """Take the values that `data` holds: another process's memory, or another device's."""
        self._data = data

    def move_to(self, backend: Backend) -> None:
        """Move to another device; a bound parameter takes its whole space along."""
        if backend is backend_of(self._data):
            return
        if self._segment is not None:
            self._segment.space.to(backend)
            return
        self._data = backend.from_host(backend_of(self._data).to_host(self._data))
        self._buffer, self.touched = None, False

    def __deepcopy__(self, memo: dict) -> Parameter:
        """An independent, unbound parameter with the same values (copies of views would lose their space)."""
        made = type(self)(self._data.copy(), self.sparse, self.name)
        made.requires_grad = self.requires_grad
        memo[id(self)] = made
        return made

    def __repr__(self) -> str:
        return f"Parameter({self.name or 'unnamed'}, shape={self.shape}, dtype={self.dtype})"
