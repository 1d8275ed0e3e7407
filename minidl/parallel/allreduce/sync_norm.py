"""Batch norm over the batches of all ranks: with few samples per rank, its own statistics would be too rough.

The sums behind mean and variance are summed over the ranks, forward and backward (Peng and others 2018, MegDet).
"""

from __future__ import annotations

from typing import Any

from ...autograd import array_of
from ...autograd.op import Array, op
from ...errors import ShapeError
from ...nn import BatchNorm1d, BatchNorm2d, Module
from ...ops.norm import scaled
from ..comm import Comm
from .exchange import sum_in_place, summed


@op
def sum_over_ranks(x: Array, comm: Any) -> Any:
    """The sum over all ranks of `x`, on all ranks; they must all call it, and all go back through it."""
    total = x.copy()
    sum_in_place(comm, total)
    return total


# what a rank's x adds to every rank's total comes back from all of them
sum_over_ranks.rules(x=lambda g, comm: sum_over_ranks(g, comm))


class SyncNorm:
    """Lets the batch-norm layers of a model use the statistics of all ranks while it trains.

    Parameters
    ----------
    comm : Comm

    Attributes
    ----------
    counts : bool
        Whether this rank's batch counts; one that does not still takes part in every sum, with nothing.
    """

    def __init__(self, comm: Comm) -> None:
        self.comm, self.counts = comm, True
        self._converted: list[tuple[Any, type]] = []

    def convert(self, model: Module) -> None:
        """From now on; :meth:`undo` ends it. Names of parameters and buffers stay."""
        for module in model.modules():
            kind = _SYNC.get(type(module))
            if kind is not None:  # another class for the same object: its place in lists and dicts is kept
                self._converted.append((module, type(module)))
                module.__class__ = kind  # type: ignore[assignment]
                _OF[id(module)] = self

    def undo(self) -> None:
        """Make them ordinary layers again."""
        for module, kind in self._converted:
            module.__class__ = kind
            _OF.pop(id(module), None)
        self._converted = []


_OF: dict[int, SyncNorm] = {}  # by module: a communicator in the module itself could not be copied with it


def sync_batch_norm(model: Module, comm: Comm) -> SyncNorm:
    """Let the batch-norm layers of `model` use the statistics of all ranks; ``.undo()`` of the result ends it."""
    made = SyncNorm(comm)
    made.convert(model)
    return made


def _forward(self: Any, x: Any) -> Any:
    """Normalise with sums over all ranks; two passes, so that no cancellation spoils the variance."""
    sync = _OF[id(self)]
    axes = tuple(range(x.ndim - 1))
    weight = 1.0 if sync.counts else 0.0
    n = float(summed(sync.comm, [weight * (x.size // self.num_features)])[0])
    if n < 2:
        raise ShapeError(f"training needs several values per channel, all inputs together have {n:.0f}")
    mean = sum_over_ranks(x.sum(axes) * (weight / n), sync.comm)
    d = x - mean
    var = sum_over_ranks((d * d).sum(axes) * (weight / n), sync.comm)
    self._follow(self.running_mean, array_of(mean))
    self._follow(self.running_var, array_of(var), n / (n - 1))
    return scaled(d * (var + self.eps) ** -0.5, self.weight, self.bias)


class _SyncBatchNorm1d(BatchNorm1d):
    def forward(self, x: Any) -> Any:
        """As its base in evaluation."""
        return _forward(self, x) if self.training else super().forward(x)


class _SyncBatchNorm2d(BatchNorm2d):
    def forward(self, x: Any) -> Any:
        """As its base in evaluation."""
        return _forward(self, x) if self.training else super().forward(x)


_SYNC: dict[type, type] = {BatchNorm1d: _SyncBatchNorm1d, BatchNorm2d: _SyncBatchNorm2d}
