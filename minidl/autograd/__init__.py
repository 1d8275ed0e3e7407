"""Reverse-mode automatic differentiation, define-by-run; it knows no particular operation."""

from .check import check_grads
from .engine import backward, grad_of
from .functional import grad, hvp, jacobian, value_and_grad
from .modes import detect_anomaly, enable_grad, no_grad
from .op import Array, Op, op, registry
from .recompute import recompute
from .sparse import RowSparse
from .tensor import Tensor, array_of, tensor

__all__ = [
    "Array", "Op", "RowSparse", "Tensor", "array_of", "backward", "check_grads", "detect_anomaly", "enable_grad", "grad",
    "grad_of", "hvp", "jacobian", "no_grad", "op", "recompute", "registry", "tensor", "value_and_grad",
]  # fmt: skip
