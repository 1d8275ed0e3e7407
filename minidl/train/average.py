"""Moving averages of the weights, which often generalise better than the last weights (section 8.7.3)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from ..backend import backend_of
from ..errors import ArgumentError
from ..nn import Module


class EMA:
    """Exponential moving average of all parameters and floating buffers of a model.

    Parameters
    ----------
    decay : float
        Weight of the past; in the first steps ``(1 + t) / (10 + t)`` where that is smaller, so that the initial
        weights are soon forgotten.
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ArgumentError(f"EMA: decay must be in [0, 1), got {decay!r}")
        self.decay, self.t = decay, 0
        self._average: dict[str, Any] = {}

    @property
    def averages(self) -> Mapping[str, Any]:
        """The averages by name, so far; views."""
        return self._average

    def update(self, model: Module) -> None:
        """Take in the model's present weights."""
        decay = min(self.decay, (1 + self.t) / (10 + self.t))
        self.t += 1
        for name, member in _members(model):
            now, average = member.data, self._average.get(name)
            if average is None or now.dtype.kind != "f":
                self._average[name] = now.copy()
            else:
                average += (now - average) * (1 - decay)

    @contextlib.contextmanager
    def applied(self, model: Module) -> Iterator[None]:
        """Inside the block `model` has the averaged weights."""
        kept = {name: member.data.copy() for name, member in _members(model)}
        self.copy_to(model)
        try:
            yield
        finally:
            for name, member in _members(model):
                member.data = kept[name]

    def copy_to(self, model: Module) -> None:
        """Give `model` the averaged weights."""
        for name, member in _members(model):
            if name in self._average:
                member.data = self._average[name].copy()

    def state_dict(self) -> dict[str, Any]:
        """Averages by name (on the host), decay and count."""
        host = {name: backend_of(a).to_host(a).copy() for name, a in self._average.items()}
        return {"decay": self.decay, "t": self.t, "average": host}

    def load_state_dict(self, saved: Mapping[str, Any], model: Module) -> None:
        """Take over what :meth:`state_dict` returned, on the device of `model`."""
        self.decay, self.t = saved["decay"], saved["t"]
        here = dict(_members(model))
        self._average = {
            name: backend_of(here[name].data).from_host(a.copy()) for name, a in saved["average"].items()
        }


def _members(model: Module) -> list[tuple[str, Any]]:
    return [*model.named_parameters(), *model.named_buffers()]
