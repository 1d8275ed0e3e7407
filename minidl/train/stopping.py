"""Early stopping: end training when the watched quantity no longer gets better (section 7.8, algorithm 7.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ArgumentError
from ..nn import Module


class EarlyStopping:
    """Stops after `patience` epochs without improvement.

    Parameters
    ----------
    patience : int
        Epochs to wait.
    monitor : str
        A column of the history, e.g. ``"val_loss"``.
    min_delta : float
        Smallest change that counts as better.
    restore_best : bool
        Give the model its best epoch's weights at the end.
    """

    def __init__(
        self, patience: int = 5, monitor: str = "val_loss", min_delta: float = 0.0, restore_best: bool = True
    ) -> None:
        if patience < 1:
            raise ArgumentError(f"EarlyStopping: patience must be at least 1, got {patience}")
        self.patience, self.monitor, self.min_delta = patience, monitor, min_delta
        self.restore_best = restore_best
        self.best: float | None = None
        self.bad_epochs = 0
        self._weights: dict[str, Any] | None = None

    def update(self, record: Mapping[str, Any], model: Module) -> bool:
        """Look at an epoch's record; True if training should end."""
        value = watched(record, self.monitor)
        if is_better(value, self.best, self.monitor, self.min_delta):
            self.best, self.bad_epochs = value, 0
            if self.restore_best:
                self._weights = model.state_dict()
        else:
            self.bad_epochs += 1
        return self.bad_epochs >= self.patience

    @property
    def has_weights(self) -> bool:
        """Whether the best weights were kept."""
        return self._weights is not None

    def restore(self, model: Module) -> None:
        """Give `model` the best weights, if they were kept."""
        if self._weights is not None:
            model.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"best": self.best, "bad_epochs": self.bad_epochs, "weights": self._weights}

    def load_state_dict(self, saved: Mapping[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned."""
        self.best, self.bad_epochs, self._weights = saved["best"], saved["bad_epochs"], saved["weights"]


def watched(record: Mapping[str, Any], monitor: str) -> float:
    """The value of `monitor` in an epoch's record."""
    if monitor not in record:
        raise ArgumentError(f"monitor {monitor!r} is not measured; there are {', '.join(record)}")
    return record[monitor]


def is_better(value: float, best: float | None, monitor: str, min_delta: float = 0.0) -> bool:
    """Larger is better for an accuracy, smaller for everything else."""
    if best is None:
        return True
    return value > best + min_delta if monitor.endswith("accuracy") else value < best - min_delta
