"""One flat array for all parameters: what the optimizer, Hogwild, all-reduce, a server and a checkpoint share.

Each of them is then an operation on slices of one array. Values are one contiguous array per dtype, and so are
gradients; parameters are views. Offsets are multiples of 64 bytes (a cache line: aligned for SIMD, and two
processes never write into the same line of different parameters).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import Backend, backend_of
from ..errors import ArgumentError, DeviceError, ShapeError
from .parameter import Parameter
from .segment import Segment

CACHE_LINE = 64  # bytes


@dataclass(frozen=True)
class Entry:
    """Where a parameter lives: a line of the manifest."""

    name: str
    shape: tuple[int, ...]
    offset: int
    size: int
    segment: int


class ParameterSpace:
    """All parameters of a model as views of flat arrays.

    Parameters
    ----------
    parameters : iterable of Parameter, or of groups
        A group is a mapping with key ``"params"``; its other entries are hyperparameters (see ``minidl.optim``).
        A parameter given twice is stored once; in two groups, it is an error.
    world_size : int
        Segment lengths become multiples of ``world_size`` cache lines, so that shards are equal.

    Raises
    ------
    ArgumentError
        No parameters, something that is not a Parameter, or one parameter in two groups.
    """

    def __init__(self, parameters: Iterable[Any], world_size: int = 1) -> None:
        self.world_size = world_size
        self.groups = _as_groups(parameters)
        self.segments: list[Segment] = []
        self._flat: dict[Any, tuple[Any, Any]] = {}  # dtype -> (values, gradients)
        self._place()

    # -- building --------------------------------------------------------------------------------------

    def _place(self) -> None:
        kinds: dict[tuple, list[Parameter]] = {}
        for number, group in enumerate(self.groups):
            for p in group["params"]:
                kinds.setdefault((str(p.dtype), number, p.requires_grad, p.sparse), []).append(p)
        backend = self._one_backend()
        for dtype in sorted({key[0] for key in kinds}):
            mine = {key: members for key, members in kinds.items() if key[0] == dtype}
            lengths = [self._length(members, np.dtype(dtype)) for members in mine.values()]
            flat = backend.flat(sum(lengths), dtype), backend.flat(sum(lengths), dtype)
            self._flat[np.dtype(dtype)] = flat
            start = 0
            for ((_, number, trainable, sparse), members), length in zip(mine.items(), lengths, strict=True):
                part = slice(start, start + length)
                grad = None if sparse else flat[1][part]
                self._add_segment(Segment(self, number, trainable, sparse, flat[0][part], grad), members)
                start += length

    def _add_segment(self, segment: Segment, members: list[Parameter]) -> None:
        step, offset = self.alignment(segment.data.dtype), 0
        for p in members:
            segment.place(p, offset)
            offset += -(-p.size // step) * step
        self.segments.append(segment)

    def _length(self, members: list[Parameter], dtype: np.dtype) -> int:
        step = self.alignment(dtype)
        used = sum(-(-p.size // step) * step for p in members)
        whole = step * self.world_size
        return -(-used // whole) * whole

    def _one_backend(self) -> Backend:
        backends = {backend_of(p._data) for p in self.parameters}
        if len(backends) != 1:
            names = " and ".join(sorted(b.name for b in backends))
            raise DeviceError(f"a ParameterSpace lives on one device; these parameters are on {names}")
        return backends.pop()

    @staticmethod
    def alignment(dtype: Any) -> int:
        """Elements of `dtype` in a cache line."""
        return CACHE_LINE // np.dtype(dtype).itemsize

    # -- reading ---------------------------------------------------------------------------------------

    @property
    def parameters(self) -> list[Parameter]:
        """Every parameter once, group by group."""
        return [p for group in self.groups for p in group["params"]]

    @property
    def backend(self) -> Backend:
        """The device that holds the arrays."""
        return backend_of(next(iter(self._flat.values()))[0])

    @property
    def data(self) -> Any:
        """The values as one flat array (padding included, which is zero); writing into it changes the model."""
        return self._whole()[0]

    @property
    def grad(self) -> Any:
        """The gradients as one flat array, zero where none came (row-sparse ones live outside it)."""
        for segment in self.segments:
            segment.fill_untouched()
        return self._whole()[1]

    def _whole(self) -> tuple[Any, Any]:
        if len(self._flat) != 1:
            names = ", ".join(map(str, self._flat))
            raise ArgumentError(f"this space holds several dtypes ({names}); use .segments instead")
        return next(iter(self._flat.values()))

    def named_views(self) -> Iterator[tuple[str, Any]]:
        """(name, values) of every parameter, in registration order."""
        for p in self.parameters:
            yield p.name, p._data

    @property
    def manifest(self) -> list[Entry]:
        """Where each parameter lives."""
        return [
            Entry(p.name, p.shape, offset, p.size, number)
            for number, segment in enumerate(self.segments)
            for p, offset in zip(segment.parameters, segment.offsets, strict=True)
        ]

    def trainable_segments(self) -> list[Segment]:
        """The segments that an optimizer may change."""
        return [s for s in self.segments if s.trainable]

    # -- changing --------------------------------------------------------------------------------------

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for segment in self.segments:
            for p in segment.parameters:
                p.touched, p._rows = False, None

    def changed_in_place(self) -> None:
        """Note that values were overwritten (the optimizer calls this)."""
        for segment in self.segments:
            segment.version += 1

    def shard(self, rank: int, size: int) -> list[slice]:
        """Per segment, the slice that `rank` of `size` owns."""
        return [segment.shard(rank, size) for segment in self.segments]

    def bind(self, array: Any) -> None:
        """Live in `array` (same length and dtype as :attr:`data`) from now on; its values are taken as they are.

        Raises
        ------
        ShapeError
            Another length, dtype, or an array that is not contiguous and aligned.
        """
        values, grads = self._whole()
        if array.shape != values.shape or array.dtype != values.dtype:
            raise ShapeError(
                f"bind: the space is {values.shape} of {values.dtype}, the array {array.shape} of {array.dtype}"
            )
        if not (array.flags.c_contiguous and getattr(array.flags, "aligned", True)):
            raise ShapeError("bind: the array must be contiguous and aligned")
        self._repoint(values.dtype, array, grads)

    def to(self, backend: Backend) -> None:
        """Move everything to another device; gradients are forgotten."""
        self.zero_grad()
        for dtype, (values, _) in list(self._flat.items()):
            moved = backend.flat(values.size, dtype)
            moved[...] = backend.from_host(backend_of(values).to_host(values))
            self._repoint(dtype, moved, backend.flat(values.size, dtype))

    def _repoint(self, dtype: Any, values: Any, grads: Any) -> None:
        self._flat[dtype] = values, grads
        start = 0
        for segment in self.segments:
            if segment.data.dtype == dtype:
                part = slice(start, start + segment.data.size)
                segment.rebind(values[part], None if segment.sparse else grads[part])
                start = part.stop


def _as_groups(parameters: Iterable[Any]) -> list[dict[str, Any]]:
    """Groups with lists of distinct parameters, checked."""
    if isinstance(parameters, Parameter) or not isinstance(parameters, Iterable):
        raise ArgumentError(f"expected parameters, e.g. model.parameters(), not {type(parameters).__name__}")
    given: Sequence[Any] = list(parameters)
    groups = [dict(g) for g in given] if given and isinstance(given[0], Mapping) else [{"params": given}]
    owner: dict[int, int] = {}
    for number, group in enumerate(groups):
        if "params" not in group:
            raise ArgumentError(f"a parameter group needs the key 'params', this one has {', '.join(map(repr, group))}")
        members = [group["params"]] if isinstance(group["params"], Parameter) else list(group["params"])
        for p in members:
            if not isinstance(p, Parameter):
                raise ArgumentError(f"a parameter group holds Parameters, not {type(p).__name__}")
            if owner.setdefault(id(p), number) != number:
                raise ArgumentError(f"parameter {p.name or p.shape} is in two groups; a tied weight has one group")
        group["params"] = list({id(p): p for p in members}.values())
    if not any(g["params"] for g in groups):
        raise ArgumentError("no parameters to train were given")
    for number, p in enumerate(p for g in groups for p in g["params"]):
        p.name = p.name or f"parameter{number}"
    return groups
