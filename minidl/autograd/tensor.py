"""A Tensor: an array together with the node of the graph that made it.

Arithmetic and methods are installed by :mod:`minidl.ops.operators`, so that this file knows no operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import backend_of, current_backend
from ..backend.base import device as device_named
from ..errors import DTypeError, GraphError, ShapeError
from .sparse import RowSparse
from .structure import leaves_of

PYTHON_NUMBERS = frozenset((float, int, bool, type(None)))


class Tensor:
    """An array of a backend, and its place in the graph.

    Parameters
    ----------
    data : array
        Array of any registered backend; not copied.
    requires_grad : bool
        Make a leaf whose gradient :meth:`backward` fills.

    Attributes
    ----------
    data : array
        The values.
    grad : array or None
        Gradient of the last :meth:`backward` calls, summed; only on leaves.
    node : Node, Output or None
        What made this tensor; None on leaves.
    """

    __slots__ = ("__weakref__", "_data", "_grad", "_version", "node", "requires_grad")
    __hash__ = object.__hash__
    __array_priority__ = 1000  # CuPy's arrays leave `array @ tensor` to the tensor, as NumPy's do by __array_ufunc__

    if TYPE_CHECKING:  # what minidl.ops.operators installs: NumPy's operators and methods
        __add__: Any
        __radd__: Any
        __sub__: Any
        __rsub__: Any
        __mul__: Any
        __rmul__: Any
        __truediv__: Any
        __rtruediv__: Any
        __pow__: Any
        __rpow__: Any
        __matmul__: Any
        __rmatmul__: Any
        __neg__: Any
        __getitem__: Any
        __setitem__: Any
        __lt__: Any
        __le__: Any
        __gt__: Any
        __ge__: Any

        def __getattr__(self, name: str) -> Any: ...

    def __init__(self, data: Any, requires_grad: bool = False, node: Any = None) -> None:
        self._data = data
        self._grad: Any = None
        self._version = 0
        self.node = node
        self.requires_grad = requires_grad or node is not None
        if requires_grad and data.dtype.kind != "f":
            raise DTypeError(f"only floating tensors can require a gradient, not {data.dtype}; use .astype")

    # -- the array -------------------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """The values; assigning copies into a Parameter and replaces in any other tensor."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = value._data if isinstance(value, Tensor) else value
        self._version += 1

    @property
    def grad(self) -> Any:
        """Summed gradient (an array), or None where none came."""
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        self._grad = value

    @property
    def version(self) -> int:
        """How often the values were changed in place."""
        return self._version

    @property
    def shape(self) -> tuple[int, ...]:
        return self._data.shape

    @property
    def dtype(self) -> np.dtype:
        return self._data.dtype

    @property
    def ndim(self) -> int:
        return self._data.ndim

    @property
    def size(self) -> int:
        return self._data.size

    @property
    def device(self) -> str:
        """``"cpu"`` or ``"cuda"``."""
        return backend_of(self._data).name

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array (a copy if they are on a GPU)."""
        return backend_of(self._data).to_host(self._data)

    def item(self) -> float:
        """The value of a tensor of one element as a Python number."""
        return self._data.item()

    def tolist(self) -> Any:
        """The values as nested Python lists."""
        return self._data.tolist()

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a tensor with no axes")
        return self.shape[0]

    def __bool__(self) -> bool:
        return bool(self._data)

    def __float__(self) -> float:
        return float(self._data)

    def __int__(self) -> int:
        return int(self._data)

    def __index__(self) -> int:
        return self._data.__index__()

    def __repr__(self) -> str:
        body = np.array2string(self.numpy(), separator=", ", prefix="tensor(")
        made_by = getattr(self.node, "name", "output") if self.node is not None else ""
        extra = f", from {made_by}" if made_by else ", requires_grad=True" if self.requires_grad else ""
        return f"tensor({body}, dtype={self.dtype}{extra})"

    def __reduce__(self) -> Any:
        raise TypeError("tensors are not pickled; save arrays with minidl.save, or send tensor.numpy()")

    def __deepcopy__(self, memo: dict) -> Tensor:
        """An independent leaf with the same values."""
        if self.node is not None:
            raise GraphError("a tensor that is part of a graph is not copied deeply; detach() it first")
        made = memo[id(self)] = Tensor(self._data.copy(), self.requires_grad)
        return made

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and self.size == 1 else format(str(self), spec)

    # -- the graph -------------------------------------------------------------------------------------

    def detach(self) -> Tensor:
        """The same array outside the graph; to write into it, take a ``copy()``."""
        return _Detached(self._data) if self.requires_grad else Tensor(self._data)

    def backward(self, gradient: Any = None, *, retain_graph: bool = False) -> None:
        """Add the gradient of this tensor to ``.grad`` of every leaf it depends on.

        Parameters
        ----------
        gradient : array, optional
            What flows in from above; needed unless this tensor has one element.
        retain_graph : bool
            Keep what the graph saved, so that backward may run again.

        Raises
        ------
        GraphError
            No graph, used up, a tensor of several elements without `gradient`, or values changed since.
        """
        from .engine import backward

        backward(self, gradient, retain_graph=retain_graph)

    def to(self, device: str) -> Tensor:
        """This tensor's values on another device, outside the graph; itself if it is there already."""
        target, here = device_named(device), backend_of(self._data)
        if target is here:
            return self
        return Tensor(target.from_host(here.to_host(self._data)), self.requires_grad)

    def accumulate(self, g: Any) -> None:
        """Add `g` to the gradient of this leaf (the engine calls this; `g` may alias other arrays)."""
        if self._grad is None:
            self._grad = g if isinstance(g, RowSparse) else g.copy()
        elif isinstance(g, RowSparse) or isinstance(self._grad, RowSparse):
            self._grad = self._grad + g
        else:
            self._grad += g

    def gradient_target(self) -> Any:
        """An array into which a rule may write this leaf's first gradient, or None."""
        return None

    def gradient_written(self) -> None:
        """Note that a rule has filled :meth:`gradient_target`."""

    def changed_in_place(self) -> None:
        """Note that the values were overwritten, so that an older graph refuses to run backward."""
        self._version += 1

    def refuse_in_place(self, what: str) -> None:
        """Raise if writing into this tensor now would corrupt a graph."""
        from .modes import modes

        if self.node is not None:
            raise GraphError(f"{what}: this tensor is part of a graph; write out of place, or detach() it first")
        if self.requires_grad and modes.recording:
            raise GraphError(f"{what}: this leaf requires a gradient; change it inside `with dl.no_grad():`")


class _Detached(Tensor):
    """Values that a graph may still need: writing into them would change its gradient, unnoticed."""

    __slots__ = ()

    def refuse_in_place(self, what: str) -> None:
        raise GraphError(f"{what}: this tensor shares its values with one that requires a gradient; write into a copy()")


def array_of(x: Any) -> Any:
    """The array of a Tensor; anything else as it is (a NumPy array's own ``.data`` is something else)."""
    return x._data if isinstance(x, Tensor) else x


def _nested(a: Any) -> np.ndarray:
    try:
        return np.asarray(a)
    except ValueError as error:
        raise ShapeError(f"nested lists must be equally long ({str(error).splitlines()[0]})") from error


def plain_array(a: Any) -> Any:
    """Sequences become arrays; Python's floats in them mean float32."""
    if type(a) in PYTHON_NUMBERS:
        return a
    if isinstance(a, list | tuple):
        if any(t.requires_grad for t in leaves_of(a, lambda x: isinstance(x, Tensor))):
            raise GraphError("a list of Tensors would lose their gradients here; join them with stack or concatenate")
        a = _nested(a)
        return a.astype(np.float32) if a.dtype == np.float64 else a
    if not hasattr(a, "dtype"):
        raise DTypeError(f"expected an array, a Tensor or a number, got {type(a).__name__}")
    return a


def with_shape(x: Any) -> Any:
    """`x` if it has a shape; sequences and numbers as arrays, for functions that look at shapes first."""
    if hasattr(x, "shape"):
        return x
    if x is None:
        raise DTypeError("expected an array, a Tensor or a number, got None")
    return plain_array([x]).reshape(()) if type(x) in PYTHON_NUMBERS else plain_array(x)


def tensor(data: Any, requires_grad: bool = False, dtype: Any = None) -> Tensor:
    """Make a Tensor on the current device.

    Python numbers and lists become float32 (integers stay int64, booleans bool); arrays keep their dtype and
    are not copied.

    Parameters
    ----------
    data : array, Tensor, number or nested list
    requires_grad : bool
        Make a leaf that collects a gradient.
    dtype : dtype, optional
        Convert to this dtype.
    """
    if isinstance(data, Tensor):
        data = data._data
    backend = current_backend()
    if not hasattr(getattr(data, "dtype", None), "kind"):  # lists and numbers, and other libraries' tensors
        from_list = not hasattr(data, "dtype")
        data = _nested(data)
        if from_list and data.dtype == np.float64 and dtype is None:
            dtype = np.float32
    if isinstance(data, np.generic):
        data = np.asarray(data)
    if data.dtype.kind not in "fiub":
        raise DTypeError(f"a tensor holds numbers, not {data.dtype}")
    if isinstance(data, np.ndarray):
        data = backend.from_host(data)
    if dtype is not None:
        data = data.astype(dtype, copy=False)
    return Tensor(data, requires_grad)
