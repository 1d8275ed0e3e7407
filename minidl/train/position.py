"""Where a run is: the position in the data and in every stream of random numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from ..backend.random import default_stream
from ..nn import Module
from ..params import ParameterSpace


def batches(loader: Iterable[Any], epoch: int, start: int) -> Iterator[Any]:
    """The batches of an epoch from number `start` on.

    A :class:`minidl.data.Loader` starts there at once, its order being a function of (seed, epoch); of another
    iterable, the first `start` batches are made and passed over.
    """
    if hasattr(loader, "set_epoch"):
        loader.set_epoch(epoch, start)
        return iter(loader)
    return itertools.islice(loader, start, None)


def describe(epoch: int, batch: int, step: int) -> str:
    """The position in words; everything counted from one."""
    return f"epoch {epoch + 1}, batch {batch + 1}, step {step + 1}"


def capture_streams(model: Module, loader: Any) -> dict[str, Any]:
    """States of the default stream, of generators that modules hold (dropout), and of the loader's generator."""
    return {
        "default": default_stream.state,
        "modules": {path: rng.bit_generator.state for path, rng in generators(model)},
        "loader": loader.state_dict() if hasattr(loader, "state_dict") else None,
    }


def restore_streams(saved: Mapping[str, Any], model: Module, loader: Any) -> None:
    """Put back what :func:`capture_streams` returned."""
    default_stream.state = saved["default"]
    for path, rng in generators(model):
        if path in saved["modules"]:
            rng.bit_generator.state = saved["modules"][path]
    if saved["loader"] is not None and hasattr(loader, "load_state_dict"):
        loader.load_state_dict(saved["loader"])


def generators(model: Module) -> Iterator[tuple[str, np.random.Generator]]:
    """Path and generator of every one that a module holds."""
    for path, module in model.named_modules():
        for name, value in vars(module).items():
            if isinstance(value, np.random.Generator):
                yield f"{path}.{name}", value


def scale_gradients(space: ParameterSpace, factor: float) -> None:
    """Multiply all gradients by `factor`, in place."""
    for p in space.parameters:
        if p.touched:
            g = p.grad.values if p.sparse else p.grad
            g *= factor
