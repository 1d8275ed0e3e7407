"""Update rules: what one step does to a slice of parameters, given the same slice of gradient and state.

A rule changes ``p`` and its state arrays in place and knows nothing of models: the same function runs on a
cache-sized block, a gathered set of rows, a server's shard or a Hogwild worker's parameters. ``work`` is
scratch of the slice's size; ``t`` counts steps from 1. Deep Learning, chapter 8.
"""

from __future__ import annotations

import math
from typing import Any

from ..backend import namespace_of


def decay(p: Any, g: Any, work: Any, weight_decay: float) -> Any:
    """L2 penalty: returns ``g + weight_decay * p`` (in `work`), or `g` itself without a penalty."""
    if not weight_decay:
        return g
    xp = namespace_of(p)
    xp.multiply(p, weight_decay, out=work)
    return xp.add(work, g, out=work)


def sgd(p: Any, g: Any, work: Any, *, lr: float, weight_decay: float, decoupled: bool, **_: Any) -> None:
    """Stochastic gradient descent (algorithm 8.1)."""
    xp = namespace_of(p)
    if decoupled:
        p *= 1 - lr * weight_decay
    else:
        g = decay(p, g, work, weight_decay)
    xp.multiply(g, lr, out=work)
    p -= work


def momentum(
    p: Any, g: Any, velocity: Any, work: Any,
    *, lr: float, momentum: float, nesterov: bool, weight_decay: float, decoupled: bool, **_: Any,
) -> None:  # fmt: skip
    """SGD with momentum (algorithm 8.2) or Nesterov momentum (Sutskever and others 2013), as PyTorch writes it."""
    xp = namespace_of(p)
    if decoupled:
        p *= 1 - lr * weight_decay
    else:
        g = decay(p, g, work, weight_decay)
    velocity *= momentum
    velocity += g
    if nesterov:  # p -= lr * (g + momentum * velocity)
        p -= lr * g
        xp.multiply(velocity, lr * momentum, out=work)
    else:
        xp.multiply(velocity, lr, out=work)
    p -= work


def adagrad(p: Any, g: Any, total: Any, work: Any, *, lr: float, eps: float, weight_decay: float, **_: Any) -> None:
    """Adagrad (Duchi and others 2011; algorithm 8.4): step sizes shrink with the sum of squared gradients."""
    xp = namespace_of(p)
    g = decay(p, g, work, weight_decay).copy() if weight_decay else g
    xp.multiply(g, g, out=work)
    total += work
    xp.sqrt(total, out=work)
    work += eps
    xp.divide(g, work, out=work)
    work *= lr
    p -= work


def rmsprop(
    p: Any, g: Any, mean_square: Any, velocity: Any, work: Any,
    *, lr: float, alpha: float, eps: float, momentum: float, weight_decay: float, **_: Any,
) -> None:  # fmt: skip
    """RMSprop (Hinton 2012; algorithms 8.5 and 8.6): a decaying mean of squares instead of their sum."""
    xp = namespace_of(p)
    g = decay(p, g, work, weight_decay).copy() if weight_decay else g
    xp.multiply(g, g, out=work)
    work *= 1 - alpha
    mean_square *= alpha
    mean_square += work
    xp.sqrt(mean_square, out=work)
    work += eps
    xp.divide(g, work, out=work)
    if momentum:
        velocity *= momentum
        velocity += work
        xp.multiply(velocity, lr, out=work)
    else:
        work *= lr
    p -= work


def adam(
    p: Any, g: Any, m: Any, v: Any, work: Any,
    *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float, decoupled: bool, t: int, **_: Any,
) -> None:  # fmt: skip
    """Adam (Kingma and Ba 2015; algorithm 8.7); with decoupled decay, AdamW (Loshchilov and Hutter 2019)."""
    xp = namespace_of(p)
    b1, b2 = betas
    if decoupled and weight_decay:
        p *= 1 - lr * weight_decay
    elif weight_decay:
        g = decay(p, g, work, weight_decay).copy()
    xp.multiply(g, 1 - b1, out=work)
    m *= b1
    m += work
    xp.multiply(g, g, out=work)
    work *= 1 - b2
    v *= b2
    v += work
    xp.sqrt(v, out=work)
    work *= 1 / math.sqrt(1 - b2**t)  # the corrections of both biases, applied to what is in cache already
    work += eps
    xp.divide(m, work, out=work)
    work *= lr / (1 - b1**t)
    p -= work
