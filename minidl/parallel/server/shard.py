"""A server's shard of the flat parameter space: what is sent of it, and the optimizer's ordinary step on it.

Dense segments are cut into equal slices. Tables with row-sparse gradients are cut between rows; of them only rows
that have a gradient, or that changed since a worker's last fetch, are ever sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...autograd import RowSparse
from ...backend import namespace_of
from ...errors import ArgumentError
from ...optim import Optimizer
from ...params import Parameter, Segment


@dataclass(frozen=True)
class Table:
    """The rows `first` ... `stop` - 1 of a row-sparse parameter, at `part` of its segment."""

    parameter: Parameter
    segment: int
    first: int
    stop: int
    part: slice


class Gradient:
    """A gradient on the way: which parameters it is of, dense slices, and rows with their values.

    Attributes
    ----------
    touched : tuple of bool
        For each parameter of the space, whether it has a gradient.
    rows : tuple of int
        For each table, how many rows follow.
    arrays : list
        A dense slice per trainable dense segment; then row numbers and values of each table.
    """

    def __init__(self, touched: Sequence[bool], rows: Sequence[int], arrays: Sequence[Any]) -> None:
        self.touched, self.rows, self.arrays = tuple(touched), tuple(rows), list(arrays)


class Shard:
    """Part number `index` of `count`, of the parameters that `optimizer` trains.

    Parameters
    ----------
    optimizer : Optimizer
    index, count : int

    Raises
    ------
    ArgumentError
        The part is empty.
    """

    def __init__(self, optimizer: Optimizer, index: int, count: int) -> None:
        self.optimizer, self.space = optimizer, optimizer.space
        self.parts = [_part(segment, index, count) for segment in self.space.segments]
        self.dense = [n for n, part in enumerate(self.parts) if part.stop > part.start]
        self.tables = [table for table in self._tables(index, count) if table.stop > table.first]
        if not self.dense and not self.tables:
            size = sum(p.size for p in self.space.parameters if p.requires_grad)
            raise ArgumentError(
                f"ParameterServer: server {index} of {count} would have no parameters (the model has {size}); "
                "use fewer servers"
            )
        self._changed = [np.zeros(table.stop - table.first, np.int64) for table in self.tables]  # in which version

    def _tables(self, index: int, count: int) -> Iterator[Table]:
        for number, segment in enumerate(self.space.segments):
            if not (segment.sparse and segment.trainable):
                continue
            for parameter, offset in zip(segment.parameters, segment.offsets, strict=True):
                height, width = parameter.shape[0], parameter.size // max(parameter.shape[0], 1)
                each = -(-height // count)
                first, stop = min(index * each, height), min((index + 1) * each, height)
                yield Table(parameter, number, first, stop, slice(offset + first * width, offset + stop * width))

    # -- gradients -------------------------------------------------------------------------------------

    def gradient(self) -> Gradient:
        """The space's present gradient, as far as it is this shard's (views, no copies)."""
        segments, rows, arrays = self.space.segments, [], []
        for number in self.dense:
            if not all(p.touched for p in segments[number].parameters):
                segments[number].fill_untouched()
            arrays.append(segments[number].grad[self.parts[number]])
        for table in self.tables:
            indices, values = _cut(table)
            rows.append(len(indices))
            arrays += [indices, values]
        return Gradient([p.touched for p in self.space.parameters], rows, arrays)

    def room(self, touched: Sequence[bool], rows: Sequence[int], private: bool) -> Gradient:
        """A gradient of this form to receive into; dense slices in the space's own arrays, unless `private`."""
        xp, arrays = self.space.backend.xp, []
        for number in self.dense:
            grad = self.space.segments[number].grad[self.parts[number]]
            arrays.append(xp.empty_like(grad) if private else grad)
        for table, n in zip(self.tables, rows, strict=True):
            arrays += [xp.empty(n, np.int64), xp.empty((n, *table.parameter.shape[1:]), table.parameter.dtype)]
        return Gradient(touched, rows, arrays)

    def apply(self, gradients: Sequence[tuple[Gradient, int]], version: int) -> None:
        """One step of the optimizer on this shard.

        Parameters
        ----------
        gradients : sequence of (Gradient, number of samples)
            The step's gradient is their mean over all samples.
        version : int
            Of the weights after the step.
        """
        self.optimizer.zero_grad()
        scales = [1.0] if len(gradients) == 1 else [n / sum(n for _, n in gradients) for _, n in gradients]
        self._set_dense([g for g, _ in gradients], scales)
        for number, table in enumerate(self.tables):
            self._set_rows(number, table, [g for g, _ in gradients], scales, version)
        self.optimizer.step(self.parts)

    def _set_dense(self, gradients: Sequence[Gradient], scales: Sequence[float]) -> None:
        for place, number in enumerate(self.dense):
            target = self.space.segments[number].grad[self.parts[number]]
            first = gradients[0].arrays[place]
            if first is not target:
                target[...] = first
            if len(gradients) > 1:
                target *= scales[0]
                for g, scale in zip(gradients[1:], scales[1:], strict=True):
                    target += g.arrays[place] * scale
        for parameter, *touched in zip(self.space.parameters, *(g.touched for g in gradients), strict=True):
            parameter.touched = any(touched) and not parameter.sparse

    def _set_rows(
        self, number: int, table: Table, gradients: Sequence[Gradient], scales: Sequence[float], version: int
    ) -> None:
        for g, scale in zip(gradients, scales, strict=True):
            rows, values = g.arrays[len(self.dense) + 2 * number :][:2]
            if len(rows):
                table.parameter.accumulate(RowSparse(rows, values * scale if scale != 1 else values, table.parameter.shape))
                self._changed[number][self.space.backend.to_host(rows) - table.first] = version

    # -- weights ---------------------------------------------------------------------------------------

    def changed(self, since: int) -> list[np.ndarray]:
        """For each table, the rows that changed after version `since` (all of them for -1)."""
        return [
            np.flatnonzero(changed > since) + table.first
            for table, changed in zip(self.tables, self._changed, strict=True)
        ]

    def weights(self, rows: Sequence[np.ndarray]) -> list[Any]:
        """The dense slices (views), then row numbers and values of each table."""
        arrays = [self.space.segments[number].data[self.parts[number]] for number in self.dense]
        for table, indices in zip(self.tables, rows, strict=True):
            arrays += [indices, table.parameter._data[self.space.backend.from_host(indices)]]
        return arrays

    def weights_room(self, rows: Sequence[int]) -> list[Any]:
        """Arrays to receive :meth:`weights` into: dense ones in place."""
        arrays = [self.space.segments[number].data[self.parts[number]] for number in self.dense]
        for table, n in zip(self.tables, rows, strict=True):
            values = self.space.backend.xp.empty((n, *table.parameter.shape[1:]), table.parameter.dtype)
            arrays += [np.empty(n, np.int64), values]
        return arrays

    def take_weights(self, arrays: Sequence[Any]) -> None:
        """Put the rows among received weights into place."""
        for table, indices, values in zip(self.tables, arrays[len(self.dense) :: 2], arrays[len(self.dense) + 1 :: 2],
                                          strict=True):  # fmt: skip
            table.parameter._data[self.space.backend.from_host(indices)] = values
        self.space.changed_in_place()

    # -- everything a server owns ------------------------------------------------------------------------

    def owned(self, averages: Mapping[str, Any] | None = None) -> list[Any]:
        """Views of all that this server keeps: values, optimizer state, and moving averages of whole parameters.

        The same on every rank, so that the coordinator can receive another server's into its own arrays.
        """
        arrays = []
        places = [(number, self.parts[number]) for number in self.dense] + [(t.segment, t.part) for t in self.tables]
        for number, part in places:
            arrays += [a[part] for a in (self.space.segments[number].data, *self.optimizer.state_of(number))]
            arrays += list(self._averages(number, part, averages or {}))
        return arrays

    def _averages(self, number: int, part: slice, averages: Mapping[str, Any]) -> Iterator[Any]:
        segment = self.space.segments[number]
        for parameter, offset in zip(segment.parameters, segment.offsets, strict=True):
            start, stop = max(part.start - offset, 0), min(part.stop - offset, parameter.size)
            if start < stop and parameter.name in averages:
                yield averages[parameter.name].reshape(-1)[start:stop]


def _part(segment: Segment, index: int, count: int) -> slice:
    """The shard of a segment that is trained and dense, without the padding at its end; else nothing."""
    if segment.sparse or not segment.trainable:
        return slice(0, 0)
    used, part = segment.offsets[-1] + segment.parameters[-1].size, segment.shard(index, count)
    return slice(min(part.start, used), min(part.stop, used))


def _cut(table: Table) -> tuple[Any, Any]:
    """Row numbers and values of a table's gradient that lie in this shard."""
    parameter = table.parameter
    xp = namespace_of(parameter._data)
    if not parameter.touched:
        return xp.empty(0, np.int64), xp.empty((0, *parameter.shape[1:]), parameter.dtype)
    g = parameter.grad = parameter.grad.coalesce()
    first, stop = (int(i) for i in xp.searchsorted(g.rows, xp.asarray([table.first, table.stop])))
    return g.rows[first:stop].astype(np.int64, copy=False), g.values[first:stop]
