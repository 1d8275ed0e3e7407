"""The optimizers by name: which rule, which state, which hyperparameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError
from . import rules
from .optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum (Polyak) or Nesterov momentum.

    Parameters
    ----------
    parameters
        See :class:`~minidl.optim.Optimizer`.
    lr : float
    momentum : float
        0 for none; no state is kept then.
    nesterov : bool
    weight_decay : float
        Strength of the L2 penalty (added to the gradient), or of decoupled decay.
    decoupled : bool
        Shrink the weights by ``lr * weight_decay`` directly (Loshchilov and Hutter 2019).
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        super().__init__(
            parameters,
            lr=lr,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            decoupled=decoupled,
        )

    def check(self, hyper: dict[str, Any]) -> None:
        super().check(hyper)
        if hyper["nesterov"] and not hyper["momentum"]:
            raise ArgumentError("SGD: nesterov=True needs momentum > 0")

    def state_names_of(self, hyper: dict[str, Any]) -> tuple[str, ...]:
        return ("velocity",) if hyper["momentum"] else ()

    def rule_of(self, hyper: dict[str, Any]) -> Callable[..., None]:
        return rules.momentum if hyper["momentum"] else rules.sgd


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan, Singer 2011)."""

    rule = staticmethod(rules.adagrad)
    state_names = ("sum",)

    def __init__(self, parameters: Any, lr: float = 0.01, eps: float = 1e-10, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, lr=lr, eps=eps, weight_decay=weight_decay)


class RMSprop(Optimizer):
    """RMSprop (Hinton 2012), optionally with momentum."""

    rule = staticmethod(rules.rmsprop)
    state_names = ("mean_square", "velocity")

    def __init__(
        self,
        parameters: Any,
        lr: float = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr=lr, alpha=alpha, eps=eps, momentum=momentum, weight_decay=weight_decay)

    def check(self, hyper: dict[str, Any]) -> None:
        super().check(hyper)
        if not 0 <= hyper["alpha"] < 1:
            raise ArgumentError(f"RMSprop: alpha must lie in [0, 1), got {hyper['alpha']!r}")


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015); `weight_decay` is an L2 penalty unless `decoupled`."""

    rule = staticmethod(rules.adam)
    state_names = ("m", "v")

    def __init__(
        self,
        parameters: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        betas = tuple(betas) if isinstance(betas, list) else betas
        super().__init__(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, decoupled=decoupled)

    def check(self, hyper: dict[str, Any]) -> None:
        super().check(hyper)
        betas = hyper["betas"]
        if not isinstance(betas, tuple) or len(betas) != 2 or not all(0 <= b < 1 for b in betas):
            raise ArgumentError(f"{type(self).__name__}: betas must be two numbers in [0, 1), got {betas!r}")


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    def __init__(
        self,
        parameters: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay, decoupled=True)
