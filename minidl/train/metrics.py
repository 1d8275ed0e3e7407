"""What is measured beside the loss: accuracy, the confusion matrix, and averages over batches of unequal size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError

Metric = Callable[[Any, Any], float]


def accuracy(output: Any, target: Any) -> float:
    """Share of rows of `output` (..., classes) whose largest entry is at `target` (...)."""
    return float((output.argmax(-1) == target).mean())


def top_k_accuracy(k: int) -> Metric:
    """A metric: the share of rows with `target` among the `k` largest entries of `output`."""

    def top_k(output: Any, target: Any) -> float:
        own = output.reshape(-1, output.shape[-1])[range(target.size), target.reshape(-1)]
        return float(((output.reshape(-1, output.shape[-1]) > own[:, None]).sum(1) < k).mean())

    return top_k


def confusion_matrix(target: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts (n_classes, n_classes): row = true class, column = predicted class.

    Raises
    ------
    ArgumentError
        Classes outside 0 ... n_classes - 1, or different numbers of true and predicted ones.
    """
    target, predicted = np.asarray(target, np.int64), np.asarray(predicted, np.int64)
    if target.shape != predicted.shape:
        raise ArgumentError(f"confusion_matrix: {target.shape} true and {predicted.shape} predicted classes")
    for which, classes in (("true", target), ("predicted", predicted)):
        if classes.size and not 0 <= classes.min() <= classes.max() < n_classes:
            raise ArgumentError(f"confusion_matrix: a {which} class is outside 0 ... {n_classes - 1}")
    pairs = target * n_classes + predicted
    return np.bincount(pairs.reshape(-1), minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def named_metrics(metrics: Sequence[str] | Mapping[str, Metric]) -> dict[str, Metric]:
    """Metrics by name, from names or a mapping of name to ``metric(output, target) -> float``."""
    if isinstance(metrics, Mapping):
        return dict(metrics)
    metrics = [metrics] if isinstance(metrics, str) else metrics
    known: dict[str, Metric] = {"accuracy": accuracy, "top_5_accuracy": top_k_accuracy(5)}
    unknown = [m for m in metrics if m not in known]
    if unknown:
        raise ArgumentError(f"unknown metric {unknown[0]!r}; known are {', '.join(known)}, or pass {{name: function}}")
    return {name: known[name] for name in metrics}


def measure(metrics: Mapping[str, Metric], output: Any, target: Any) -> dict[str, float]:
    """The value of each metric, as Python's float: what JSON and checkpoints can hold."""
    return {name: _number(name, metric(output, target)) for name, metric in metrics.items()}


def _number(name: str, value: Any) -> float:
    if hasattr(value, "item") and value.size == 1:  # of NumPy, of a device, or a Tensor
        value = value.item()
    if not isinstance(value, int | float):
        raise ArgumentError(f"metric {name!r} must give a number, got {type(value).__name__}")
    return float(value)


class Averages:
    """Running means over samples; a short last batch counts for less."""

    def __init__(self, sums: Mapping[str, float] | None = None, n: int = 0) -> None:
        self.sums, self.n = dict(sums or {}), n

    def add(self, values: Mapping[str, float], n: int) -> None:
        """Take in the means `values` of `n` samples."""
        self.n += n
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value * n

    def means(self) -> dict[str, float]:
        """The means so far."""
        return {name: total / self.n for name, total in self.sums.items()} if self.n else {}
