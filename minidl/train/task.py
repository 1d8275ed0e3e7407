"""What is learned: a model with its loss, metrics and optimizer, and how one batch gives a gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..nn import Module
from ..optim import Optimizer
from .evaluate import Forward, device_of, raw, to_device
from .guard import check_batch, check_loss
from .metrics import Metric, measure


class Task:
    """Everything that a process needs to compute gradients, and nothing of the run around it.

    Parameters
    ----------
    model, loss, optimizer, forward : see :func:`~minidl.train.fit`
    metrics : {name: function}
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[[Any, Any], Any],
        optimizer: Optimizer,
        forward: Forward,
        metrics: Mapping[str, Metric],
    ) -> None:
        self.model, self.loss, self.optimizer, self.forward = model, loss, optimizer, forward
        self.metrics = dict(metrics)

    def backward(
        self, batch: Any, where: str, by_samples: bool = False, weight: float = 1.0
    ) -> tuple[int, dict[str, float]]:
        """Add the gradient of one batch to the parameters'.

        Parameters
        ----------
        batch : tuple of arrays
        where : str
            The position in words, for errors.
        by_samples : bool
            Of the sum over samples instead of their mean.
        weight : float
            Of this loss in a larger one.

        Returns
        -------
        n : int
            Samples in the batch.
        values : dict
            Loss and metrics, means over the batch.

        Raises
        ------
        DataError, TrainingError
            NaN or infinity in the batch, or in the loss.
        """
        n = check_batch(batch, where)
        batch = to_device(batch, device_of(self.model))
        output, target = self.forward(self.model, batch)
        loss = self.loss(output, target)
        values = {"loss": check_loss(loss, self.model, self.optimizer, where)}
        factor = weight * n if by_samples else weight
        (loss if factor == 1 else loss * factor).backward()
        return n, values | measure(self.metrics, raw(output), raw(target))
