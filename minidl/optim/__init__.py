"""Optimizers: update rules on slices of the parameter space, learning-rate schedules, gradient clipping."""

from . import schedules
from .clip import clip_grad_norm, clip_grad_value, grad_norm
from .lbfgs import LBFGS
from .optimizer import Optimizer
from .optimizers import SGD, Adagrad, Adam, AdamW, RMSprop

__all__ = [
    "LBFGS", "SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop",
    "clip_grad_norm", "clip_grad_value", "grad_norm", "schedules",
]  # fmt: skip
