"""minidl: chapter 12 of *Deep Learning* (Goodfellow, Bengio, Courville) as a running system in readable NumPy.

``import minidl as dl`` gives the names below; every operation is also an attribute (``dl.exp``, ``dl.conv2d``:
see :mod:`minidl.ops`), and ``dl.nn``, ``dl.optim``, ``dl.data``, ``dl.train``, ``dl.parallel`` are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

from .autograd import (
    Tensor,
    check_grads,
    detect_anomaly,
    enable_grad,
    grad,
    hvp,
    jacobian,
    no_grad,
    op,
    recompute,
    tensor,
    value_and_grad,
)
from .backend import use_device
from .backend.random import seed
from .errors import MinidlError
from .params import Parameter, ParameterSpace

__version__ = "0.1.0"
__all__ = [
    "MinidlError", "Parameter", "ParameterSpace", "Tensor", "check_grads", "detect_anomaly", "enable_grad", "grad",
    "hvp", "jacobian", "load", "no_grad", "op", "recompute", "save", "seed", "tensor", "use_device",
    "value_and_grad",
]  # fmt: skip

_SUBPACKAGES = ("autograd", "backend", "data", "nn", "ops", "optim", "parallel", "params", "train", "vision")


def __getattr__(name: str) -> Any:
    """Load sub-packages, ``save``/``load`` and operations on first use: `import minidl` stays light."""
    if name in _SUBPACKAGES:
        return importlib.import_module(f".{name}", __name__)
    if name in ("load", "save"):
        return getattr(importlib.import_module(".train.checkpoint", __name__), name)
    ops = importlib.import_module(".ops", __name__)
    try:
        return getattr(ops, name)
    except AttributeError:
        raise AttributeError(f"module 'minidl' has no attribute {name!r}") from None


from . import ops as ops  # noqa: E402  (installs the operators of Tensor)
