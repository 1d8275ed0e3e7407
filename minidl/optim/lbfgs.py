"""L-BFGS: quasi-Newton steps from the last few gradients, with a line search; for full batches.

The inverse Hessian is never formed: two loops over the history apply it (Nocedal and Wright 2006, algorithm
7.4); the step length satisfies the strong Wolfe conditions (algorithms 3.5 and 3.6). Deep Learning, section 8.6.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import backend_of
from ..errors import ArgumentError
from .optimizer import Optimizer


class LBFGS(Optimizer):
    """Limited-memory BFGS.

    Parameters
    ----------
    parameters
        See :class:`~minidl.optim.Optimizer`; dense, of one dtype, one group.
    lr : float
        First step length that the line search tries (or the step length itself without a search).
    max_iter : int
        Iterations per call of :meth:`step`.
    history : int
        Pairs of (step, change of gradient) remembered.
    tolerance_grad, tolerance_change : float
        Stop when the largest component of the gradient, or of a step, is below.
    line_search : {"strong_wolfe", None}
    max_evaluations : int
        Bound on evaluations of the closure in one line search.
    """

    def __init__(
        self,
        parameters: Any,
        lr: float = 1.0,
        max_iter: int = 20,
        history: int = 10,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        line_search: str | None = "strong_wolfe",
        max_evaluations: int = 25,
    ) -> None:
        if line_search not in ("strong_wolfe", None):
            raise ArgumentError(f"LBFGS: line_search must be 'strong_wolfe' or None, got {line_search!r}")
        super().__init__(
            parameters, lr=lr, max_iter=max_iter, tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change, max_evaluations=max_evaluations,
        )  # fmt: skip
        if len(self.groups) != 1 or any(s.sparse for s in self.space.segments):
            raise ArgumentError("LBFGS: takes one group of dense parameters")
        self.line_search = line_search
        self.history = history
        self._steps: list[Any] = []
        self._changes: list[Any] = []
        self._scale = 1.0

    def step(self, closure: Callable[[], Any] | None = None) -> float:  # type: ignore[override]
        """Run up to `max_iter` iterations; returns the loss at the start.

        Parameters
        ----------
        closure : callable
            Clears the gradients, computes the loss, calls backward, and returns the loss.
        """
        if closure is None:
            raise ArgumentError("LBFGS.step needs a closure that recomputes the loss and its gradient")
        hyper = self.groups[0]
        self.t += 1
        loss, g = self._evaluate(closure)
        first = loss
        for _ in range(hyper["max_iter"]):
            if float(abs(g).max()) <= hyper["tolerance_grad"]:
                break
            direction = self._direction(g)
            slope = _dot(g, direction)
            if slope > -1e-32:  # not downhill any more: the memory is worn out
                self._steps, self._changes = [], []
                direction, slope = -g, -_dot(g, g)
            x = self.space.data.copy()
            length = hyper["lr"] * (1.0 if self._steps else min(1.0, 1.0 / float(abs(g).sum())))
            at = _Line(self, closure, x, direction)
            if self.line_search:
                length, new_loss, new_g = strong_wolfe(at, length, loss, g, slope, hyper["max_evaluations"])
                at.move(length)
            else:
                new_loss, new_g = at(length)
            self._remember(length * direction, new_g - g)
            small = length * float(abs(direction).max()) <= hyper["tolerance_change"]
            stalled = abs(new_loss - loss) < hyper["tolerance_change"]
            loss, g = new_loss, new_g
            if small or stalled:
                break
        return first

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[float, Any]:
        loss = float(closure())
        return loss, self.space.grad.copy()

    def _direction(self, g: Any) -> Any:
        """Minus the approximate inverse Hessian times `g` (the two-loop recursion)."""
        q, alphas = -g, []
        pairs = list(zip(self._steps, self._changes, strict=True))
        for s, y in reversed(pairs):
            alpha = _dot(s, q) / _dot(y, s)
            q = q - q.dtype.type(alpha) * y
            alphas.append(alpha)
        q = q * q.dtype.type(self._scale)
        for (s, y), alpha in zip(pairs, reversed(alphas), strict=True):
            beta = _dot(y, q) / _dot(y, s)
            q = q + q.dtype.type(alpha - beta) * s
        return q

    def _remember(self, s: Any, y: Any) -> None:
        curvature = _dot(y, s)
        if curvature <= 1e-10 * _dot(s, s):
            return  # would make the approximation indefinite
        self._scale = curvature / _dot(y, y)
        self._steps.append(s)
        self._changes.append(y)
        if len(self._steps) > self.history:
            del self._steps[0], self._changes[0]

    def state_dict(self) -> dict[str, Any]:
        saved = super().state_dict()
        host = backend_of(self.space.data).to_host
        saved["state"] = {"history": {f"step{i}": host(s) for i, s in enumerate(self._steps)}}
        saved["state"]["history"] |= {f"change{i}": host(y) for i, y in enumerate(self._changes)}
        return saved | {"scale": self._scale}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        super().load_state_dict({**saved, "state": {}})
        device = backend_of(self.space.data).from_host
        kept = saved["state"].get("history", {})
        n = len(kept) // 2
        self._steps = [device(np.asarray(kept[f"step{i}"])) for i in range(n)]
        self._changes = [device(np.asarray(kept[f"change{i}"])) for i in range(n)]
        self._scale = float(saved.get("scale", 1.0))


def _dot(a: Any, b: Any) -> float:
    return float((a * b).sum(dtype=np.float64))


class _Line:
    """The loss along ``x + t * direction``."""

    def __init__(self, optimizer: LBFGS, closure: Callable[[], Any], x: Any, direction: Any) -> None:
        self.optimizer, self.closure, self.x, self.direction = optimizer, closure, x, direction

    def move(self, t: float) -> None:
        space = self.optimizer.space
        space.data[...] = self.x + self.x.dtype.type(t) * self.direction
        space.changed_in_place()

    def __call__(self, t: float) -> tuple[float, Any]:
        self.move(t)
        loss, g = self.optimizer._evaluate(self.closure)
        return (loss if math.isfinite(loss) else math.inf), g

    def slope(self, g: Any) -> float:
        """Derivative along the line where the gradient is `g`."""
        return _dot(g, self.direction)


def strong_wolfe(
    at: _Line, t: float, f0: float, g0: Any, slope0: float, evaluations: int, c1: float = 1e-4, c2: float = 0.9
) -> tuple[float, float, Any]:
    """A step length with sufficient decrease and small slope: (length, loss, gradient).

    Brackets by doubling, then bisects with cubic interpolation; on giving up, the best point seen.
    """
    low = (0.0, f0, slope0, g0)
    high: tuple[float, float, float, Any] | None = None
    for _ in range(evaluations):
        f, g = at(t)
        point = (t, f, at.slope(g), g)
        if not math.isfinite(f) or f > f0 + c1 * t * slope0 or (high is None and f >= low[1] and low[0] > 0):
            high = point
        elif high is not None and f >= low[1]:
            high = point
        elif abs(point[2]) <= -c2 * slope0:
            return t, f, g
        elif high is None and point[2] < 0:
            low = point
            t = 2 * t if t > 0 else 1.0
            continue
        else:
            if high is None or point[2] * (high[0] - low[0]) >= 0:
                high = low
            low = point
        t = _between(low, high)
        if abs(high[0] - low[0]) * abs(slope0) < 1e-16:
            break
    return low[0], low[1], low[3]


def _between(low: tuple, high: tuple) -> float:
    """Minimiser of the cubic through both ends, kept away from them; the middle where there is none."""
    (a, fa, da, _), (b, fb, db, _) = low, high
    middle, width = (a + b) / 2, abs(b - a)
    if not math.isfinite(fb):
        return middle
    d1 = da + db - 3 * (fa - fb) / (a - b) if a != b else 0.0
    square = d1 * d1 - da * db
    if square < 0 or a == b:
        return middle
    d2 = math.copysign(math.sqrt(square), b - a)
    if db - da + 2 * d2 == 0:
        return middle
    t = b - (b - a) * (db + d2 - d1) / (db - da + 2 * d2)
    inside = min(a, b) + 0.1 * width <= t <= max(a, b) - 0.1 * width
    return t if inside else middle
