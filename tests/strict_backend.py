"""An array type that behaves as CuPy's where it matters, so that GPU mistakes show on machines without a GPU.

It never turns into a NumPy array by itself, refuses NumPy's arrays and functions, offers only functions and methods
that CuPy documents (its comparison table, CuPy 13), keeps scalars as arrays without axes, wraps integer indices that
are out of bounds, and returns NaN where LAPACK would raise. ``use_device("strict")`` makes new arrays of this kind.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.special

from minidl.autograd import Tensor
from minidl.backend import Backend, register

FUNCTIONS = frozenset(
    """
    abs absolute add all allclose amax amin angle any append arange arccos arccosh arcsin arcsinh arctan arctan2 arctanh
    argmax argmin argpartition argsort argwhere around array array_equal array_split asarray ascontiguousarray atleast_1d
    atleast_2d atleast_3d average bincount bitwise_and bitwise_or bitwise_xor broadcast_arrays broadcast_to cbrt ceil
    choose clip column_stack compress concatenate convolve copy copysign copyto corrcoef correlate cos cosh count_nonzero
    cov cross cumprod cumsum diag diag_indices diagonal diff digitize divide divmod dot dsplit dstack einsum empty
    empty_like equal exp exp2 expand_dims expm1 extract eye fabs fill_diagonal flatnonzero flip fliplr flipud floor
    floor_divide fmax fmin fmod full full_like gradient greater greater_equal histogram hsplit hstack hypot identity
    indices inner invert isclose isfinite isin isinf isnan ix_ kron left_shift less less_equal lexsort linspace log log10
    log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logspace matmul max maximum mean median
    meshgrid min minimum mod moveaxis multiply nan_to_num nanargmax nanargmin nanmax nanmean nanmin nanprod nanstd nansum
    nanvar negative nonzero not_equal ones ones_like outer packbits pad partition percentile piecewise place power prod ptp
    put putmask quantile ravel ravel_multi_index reciprocal remainder repeat reshape resize right_shift rint roll rollaxis
    rot90 round searchsorted select sign signbit sin sinc sinh size sort split sqrt square squeeze stack std subtract sum
    swapaxes take take_along_axis tan tanh tensordot tile trace transpose tri tril tril_indices triu triu_indices
    true_divide trunc unique unravel_index unwrap vander var vdot vsplit vstack where zeros zeros_like
    """.split()
)
LINALG = frozenset(
    "cholesky det eigh eigvalsh inv lstsq matrix_power matrix_rank norm pinv qr slogdet solve svd".split()
)
METHODS = frozenset(
    """
    all any argmax argmin argpartition argsort astype choose clip compress conj copy cumprod cumsum diagonal dot fill
    flatten item max mean min nonzero partition prod ptp put ravel repeat reshape round searchsorted sort squeeze std sum
    swapaxes take tobytes tolist trace transpose var view
    """.split()
)
FROM_HOST = frozenset(("array", "asarray", "ascontiguousarray"))  # the only functions that take NumPy's arrays
CONSTANTS = ("inf", "nan", "pi", "e", "newaxis", "finfo", "iinfo", "dtype", "result_type", "can_cast")
DTYPES = "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 intp float16 float32 float64 floating integer".split()


class StrictArray:
    """A NumPy array behind CuPy's manners.

    Parameters
    ----------
    host : numpy.ndarray or NumPy scalar
    """

    __slots__ = ("_host",)
    __hash__ = None
    __array_ufunc__ = None  # so that NumPy leaves `array + strict` to us, who refuse it

    def __init__(self, host: Any) -> None:
        self._host = np.asarray(host)
        if self._host.dtype.kind not in "fiub":
            raise TypeError(f"strict: unsupported dtype {self._host.dtype}")

    # -- leaving the device ----------------------------------------------------------------------------------

    def get(self) -> np.ndarray:
        """The values as a NumPy array: the only way out."""
        return self._host.copy()

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("strict: implicit conversion to a NumPy array is not allowed; use .get()")

    def __array_function__(self, function: Any, *args: Any) -> Any:
        raise TypeError(f"strict: np.{function.__name__} was called on an array of the device; use its namespace xp")

    # -- CuPy's attributes -----------------------------------------------------------------------------------

    shape, dtype, ndim, size, itemsize, nbytes, strides = (
        property(operator.attrgetter(f"_host.{name}"))
        for name in "shape dtype ndim size itemsize nbytes strides".split()
    )

    @property
    def T(self) -> StrictArray:
        return StrictArray(self._host.T)

    @property
    def data(self) -> Any:
        """CuPy has a pointer to device memory here, not an array."""
        return object()

    @property
    def flags(self) -> types.SimpleNamespace:
        """CuPy knows only these flags."""
        flags = self._host.flags
        return types.SimpleNamespace(
            c_contiguous=flags.c_contiguous, f_contiguous=flags.f_contiguous, owndata=flags.owndata
        )

    def __getattr__(self, name: str) -> Any:
        if name not in METHODS:
            raise AttributeError(f"strict: CuPy's arrays have no {name!r}")
        return _guarded(f"ndarray.{name}", getattr(self._host, name))

    # -- indexing --------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> StrictArray:
        return StrictArray(self._host[_wrapped_key(key, self.shape)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._host[_wrapped_key(key, self.shape)] = _host_of(value, "assignment")

    def __iter__(self) -> Iterator[StrictArray]:
        if not self.ndim:
            raise TypeError("strict: iteration over an array without axes")
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        return len(self._host)

    def __repr__(self) -> str:
        return f"strict({self._host!r})"


def _guarded(name: str, function: Callable, takes_host: bool = False) -> Callable:
    """A NumPy function that takes and gives only arrays of the device."""

    def call(*args: Any, **kwargs: Any) -> Any:
        if unknown := {"where", "initial"} & kwargs.keys():
            raise TypeError(f"strict: CuPy's {name} knows no {unknown.pop()}=")
        args = tuple(_host_of(a, name, takes_host) for a in args)
        hosts = {key: _host_of(a, name, takes_host) for key, a in kwargs.items()}
        result = function(*args, **hosts)
        return kwargs["out"] if isinstance(kwargs.get("out"), StrictArray) else _on_device(result)

    return call


def _host_of(a: Any, name: str, takes_host: bool = False) -> Any:
    """What NumPy gets in place of `a`; NumPy's own arrays are refused."""
    if isinstance(a, StrictArray):
        return a._host
    if isinstance(a, np.ndarray) and not takes_host:
        raise TypeError(f"strict: {name} got a numpy.ndarray; move it to the device first")
    if isinstance(a, list | tuple):
        return type(a)(_host_of(part, name, takes_host) for part in a)
    return a


def _on_device(result: Any) -> Any:
    if isinstance(result, np.ndarray | np.generic):
        return StrictArray(result)
    if isinstance(result, tuple | list):
        return tuple(_on_device(part) for part in result)
    return result


def _wrapped_key(key: Any, shape: tuple[int, ...]) -> Any:
    """A key for NumPy that wraps integer arrays out of bounds around, as CuPy's kernels do."""
    parts = list(_host_of(key if isinstance(key, tuple) else (key,), "indexing"))
    axes = [
        p.ndim if getattr(p, "dtype", None) == np.bool_ else 1 for p in parts if p is not None and p is not Ellipsis
    ]
    if [getattr(p, "dtype", None) for p in parts].count(np.bool_) > 1:
        raise IndexError("strict: CuPy takes no more than one boolean array in an index")
    axis = 0
    for i, part in enumerate(parts):
        if part is Ellipsis:
            axis = len(shape) - sum(axes)
        elif part is not None:
            if isinstance(part, np.ndarray) and part.dtype.kind in "iu" and part.ndim:
                parts[i] = part % max(1, shape[axis])
            axis += axes.pop(0)
    return tuple(parts) if isinstance(key, tuple) else parts[0]


# -- operators -----------------------------------------------------------------------------------------------


def _binary(name: str) -> tuple[Callable, Callable, Callable]:
    """An operator, the same from the right, and in place (where it has that form)."""
    function = getattr(operator, name)
    assign = getattr(operator, f"i{name.rstrip('_')}", None)

    def forward(self: StrictArray, other: Any) -> StrictArray:
        if isinstance(other, Tensor):  # CuPy leaves it to the other's __array_ufunc__
            return NotImplemented
        return StrictArray(function(self._host, _host_of(other, f"operator {name}")))

    def reflected(self: StrictArray, other: Any) -> StrictArray:
        return StrictArray(function(_host_of(other, f"operator {name}"), self._host))

    def in_place(self: StrictArray, other: Any) -> StrictArray:
        assign(self._host, _host_of(other, f"operator {name}="))
        return self  # also without axes, where NumPy would make a new scalar

    return forward, reflected, in_place


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    for _prefix, _method in zip(("", "r", "i"), _binary(_name), strict=True):
        setattr(StrictArray, f"__{_prefix}{_name.rstrip('_')}__", _method)
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    setattr(StrictArray, f"__{_name}__", _binary(_name)[0])
for _function in (operator.neg, operator.abs, operator.invert):
    setattr(StrictArray, f"__{_function.__name__}__", lambda x, f=_function: StrictArray(f(x._host)))
for _convert in (bool, int, float, operator.index):  # allowed in CuPy, each waits for the device
    setattr(StrictArray, f"__{_convert.__name__}__", lambda x, f=_convert: f(x._host))


# -- the namespace -------------------------------------------------------------------------------------------


def _linalg(name: str) -> Callable:
    """CuPy does not raise for singular matrices: it returns NaN. And its ``solve`` does not broadcast."""
    function = getattr(np.linalg, name)

    def quiet(*args: Any, **kwargs: Any) -> Any:
        if name == "solve" and args[0].shape[:-1] != args[1].shape[: args[0].ndim - 1]:
            raise ValueError("strict: a must have (..., M, M) shape and b must have (..., M) or (..., M, K)")
        try:
            return function(*args, **kwargs)
        except np.linalg.LinAlgError:
            return np.full_like(args[-1], np.nan)

    return _guarded(f"linalg.{name}", quiet)


def _add_at(target: StrictArray, index: Any, values: Any) -> None:
    np.add.at(target._host, _wrapped_key(index, target.shape), _host_of(values, "add.at"))


def _namespace() -> types.ModuleType:
    xp: Any = types.ModuleType("strict")
    for name in (*CONSTANTS, *DTYPES):
        setattr(xp, name, getattr(np, name))
    for name in sorted(FUNCTIONS):
        setattr(xp, name, _guarded(name, getattr(np, name), takes_host=name in FROM_HOST))
    xp.add.at = _add_at
    xp.ndarray = StrictArray
    xp.linalg = types.SimpleNamespace(**{name: _linalg(name) for name in LINALG})
    as_strided = _guarded("as_strided", np.lib.stride_tricks.as_strided)
    xp.lib = types.SimpleNamespace(stride_tricks=types.SimpleNamespace(as_strided=as_strided))
    return xp


class StrictBackend(Backend):
    """The device ``"strict"``."""

    name = "strict"
    xp = _namespace()
    array_type = StrictArray
    block_elems = 1 << 62

    def flat(self, n: int, dtype: Any) -> StrictArray:
        return StrictArray(np.zeros(n, dtype))

    def from_host(self, array: np.ndarray) -> StrictArray:
        return StrictArray(array.copy())

    def to_host(self, array: StrictArray) -> np.ndarray:
        return array.get()

    def scatter_add(self, target: StrictArray, index: Any, values: Any) -> None:
        self.xp.add.at(target, index, values)

    def rng(self, seed: Any) -> types.SimpleNamespace:
        """As CuPy's: it draws on the device, and is no ``numpy.random.Generator``."""
        draws = np.random.default_rng(seed)
        names = ("integers", "random", "standard_normal", "uniform")
        return types.SimpleNamespace(**{name: _guarded(name, getattr(draws, name)) for name in names})

    def erf(self, x: StrictArray) -> StrictArray:
        return StrictArray(scipy.special.erf(x._host))


register(StrictBackend())
