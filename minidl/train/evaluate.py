"""Measures a model on data without changing it: no graph, evaluation mode, and everything put back after."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..autograd import no_grad
from ..backend import Backend, backend_of
from ..errors import DataError
from ..nn import Module
from .guard import check_batch
from .metrics import Averages, Metric, measure, named_metrics

Forward = Callable[[Module, Sequence[Any]], tuple[Any, Any]]


def inputs_and_target(model: Module, batch: Sequence[Any]) -> tuple[Any, Any]:
    """The usual forward: all but the last part of the batch go in, the last is the target."""
    return model(*batch[:-1]), batch[-1]


def evaluate(
    model: Module,
    loss: Callable[[Any, Any], Any],
    loader: Iterable[Sequence[Any]],
    metrics: Sequence[str] | Mapping[str, Metric] = (),
    forward: Forward = inputs_and_target,
) -> dict[str, float]:
    """Mean loss and metrics over all samples of `loader`.

    Returns
    -------
    dict
        ``{"loss": ..., name of metric: ...}``

    Raises
    ------
    DataError
        The loader is empty, or a batch is.
    """
    averages, measures = Averages(), named_metrics(metrics)
    for number, batch in enumerate(loader):
        batch = to_device(batch, device_of(model))
        n = check_batch(batch, f"evaluation batch {number + 1}")
        with evaluation(model):
            output, target = forward(model, batch)
            values = {"loss": float(loss(output, target).item())}
        values |= measure(measures, raw(output), raw(target))
        averages.add(values, n)
    if not averages.n:
        raise DataError("evaluate: the loader gave no batch")
    return averages.means()


def predict(
    model: Module, loader: Iterable[Sequence[Any]], forward: Forward = inputs_and_target
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and targets of all samples, concatenated, as NumPy arrays."""
    outputs, targets = [], []
    for batch in loader:
        with evaluation(model):
            output, target = forward(model, to_device(batch, device_of(model)))
        outputs.append(to_host(raw(output)))
        targets.append(to_host(raw(target)))
    if not outputs:
        raise DataError("predict: the loader gave no batch")
    return np.concatenate(outputs), np.concatenate(targets)


@contextlib.contextmanager
def evaluation(model: Module) -> Iterator[None]:
    """No graph and evaluation mode inside the block; afterwards each module has its own mode again."""
    modes = [(m, m.training) for m in model.modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for m, training in modes:
            m.training = training


def device_of(model: Module) -> Backend | None:
    """The backend that holds the model's parameters; None for a model without any."""
    for p in model.parameters():
        return backend_of(p.data)
    return None


def to_device(batch: Any, backend: Backend | None) -> Any:
    """The batch's NumPy arrays on `backend`."""
    if backend is None or backend.name == "cpu" or not isinstance(batch, tuple | list):
        return batch
    return type(batch)(backend.from_host(a) if isinstance(a, np.ndarray) else a for a in batch)


def raw(value: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return value.data if hasattr(value, "requires_grad") else value


def to_host(array: Any) -> np.ndarray:
    """A NumPy array of an array on any device."""
    return backend_of(array).to_host(array)
