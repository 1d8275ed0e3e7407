"""Batch-norm statistics and other buffers that a forward pass changes: how processes come to hold the same ones.

Each process changes them by its own batches; the mean change, weighted by samples, becomes everybody's. Running
averages are linear, so this is the running average of the mean of all processes' statistics.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...backend import backend_of
from ...nn import Module


class Buffers:
    """The floating buffers of a model, and what they were when an update began.

    A layer gives its buffer a new array (``buffer.data = ...``); one that writes into the old array is not seen.

    Attributes
    ----------
    size : int
        Of all together.
    """

    def __init__(self, model: Module) -> None:
        self.members = [b for b in model.buffers() if b.dtype.kind == "f"]
        self.size = sum(b.size for b in self.members)
        self.begin()

    def begin(self) -> None:
        """An update begins: remember what they are."""
        self.before = [b.data for b in self.members]

    def changed(self) -> list[bool]:
        """Which ones have changed here."""
        return [b.data is not before for b, before in zip(self.members, self.before, strict=True)]

    def change(self, which: Sequence[bool], weight: float) -> np.ndarray:
        """Changes of those in `which`, one after the other, times `weight`; float64, on the host."""
        parts = [
            (backend_of(b.data).to_host(b.data).astype(np.float64) - backend_of(before).to_host(before)).reshape(-1)
            for b, before, wanted in zip(self.members, self.before, which, strict=True)
            if wanted
        ]
        return np.concatenate(parts) * weight if parts else np.zeros(0)

    def restore(self) -> None:
        """As they were."""
        for b, before in zip(self.members, self.before, strict=True):
            if b.data is not before:
                b.data = before

    def apply(self, which: Sequence[bool], change: np.ndarray) -> None:
        """What they were, plus the `change` of those in `which`."""
        start = 0
        for b, before, wanted in zip(self.members, self.before, which, strict=True):
            if wanted:
                old, backend = backend_of(before).to_host(before), backend_of(before)
                part = change[start : start + old.size].reshape(old.shape)
                b.data = backend.from_host((old + part).astype(old.dtype))
                start += old.size
