"""Looks for what must never reach the weights: empty batches, NaN and infinity in data, loss and gradients."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import numpy as np

from ..backend import namespace_of
from ..errors import DataError, TrainingError
from ..nn import Module
from ..optim import Optimizer
from ..optim.clip import grad_norm


def check_batch(batch: Any, where: str) -> int:
    """Number of samples in `batch`, a sequence of arrays.

    Raises
    ------
    DataError
        The batch is empty, or a floating array in it holds NaN or infinity; names the array and the sample.
    """
    n = n_samples(batch, where)
    for number, a in enumerate(batch):
        if not hasattr(a, "shape"):
            raise DataError(f"{where}: part {number} of the batch is a {type(a).__name__}, not an array")
        if a.size == 0:
            raise DataError(f"{where}: empty batch (part {number} has shape {a.shape})")
        if a.dtype.kind == "f":
            finite = namespace_of(a).isfinite(a)
            if not finite.all():
                first = next(int(i) for i in finite.reshape(-1).argmin(keepdims=True))
                sample = first // max(a.size // a.shape[0], 1) if a.ndim else 0
                raise DataError(
                    f"{where}: NaN or infinity in the data (part {number} of the batch, sample {sample}); "
                    "clean or leave out such samples"
                )
    return n


def n_samples(batch: Any, where: str) -> int:
    """Number of samples in `batch`, which is not looked at otherwise.

    Raises
    ------
    DataError
        It is no batch.
    """
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise DataError(f"{where}: a batch must be a tuple (input, ..., target), not {type(batch).__name__}")
    return int(batch[0].shape[0]) if getattr(batch[0], "shape", ()) else 1


def check_loss(loss: Any, model: Module, optimizer: Optimizer, where: str) -> float:
    """The value of a scalar loss Tensor.

    Raises
    ------
    TrainingError
        It is NaN or infinite.
    """
    if not hasattr(loss, "requires_grad"):
        raise TrainingError(f"{where}: the loss must be a Tensor, not {type(loss).__name__}")
    if loss.size != 1:
        raise TrainingError(f"{where}: the loss must be a single number, not of shape {loss.shape}; take its mean")
    value = float(loss.item())
    if math.isfinite(value):
        return value
    with contextlib.suppress(Exception), np.errstate(all="ignore"):
        loss.backward()  # only to see which gradients it spoils
    bad = _first_bad(model) or "weights and gradients are finite; dl.detect_anomaly() finds the operation"
    raise TrainingError(f"{where}: the loss is {value}; {bad}{_advice(optimizer)}")


def check_gradients(model: Module, optimizer: Optimizer, where: str) -> float:
    """The global gradient norm.

    Raises
    ------
    TrainingError
        It is not finite; names the first parameter at fault. Nothing was updated yet.
    """
    with np.errstate(all="ignore"):  # an overflow becomes the error below
        norm = grad_norm(optimizer.space)
    if math.isfinite(norm):
        return norm
    bad = _first_bad(model)
    what = f"the gradient is not finite; {bad}" if bad else "the norm of the gradient is too large for a number"
    raise TrainingError(f"{where}: {what}{_advice(optimizer)}")


def _first_bad(model: Module) -> str:
    """Which parameter first got something that is not a finite number: gradients flow from the last to the first.

    Empty if none did.
    """
    for kind, named in (("values", model.named_parameters()), ("gradient", model.named_parameters()[::-1])):
        for name, p in named:
            a = p.data if kind == "values" else p.grad
            a = getattr(a, "values", a) if p.sparse and kind == "gradient" else a
            if a is not None and not bool(namespace_of(a).isfinite(a).all()):
                return f"first bad parameter: {name} (its {kind})"
    return ""


def _advice(optimizer: Optimizer) -> str:
    lr = optimizer.groups[0].get("lr")
    return f"; no weight was changed by this step; try a learning rate below {lr:.3g}, or clip_norm" if lr else ""
