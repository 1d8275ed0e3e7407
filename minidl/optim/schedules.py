"""Learning-rate schedules: each multiplies the optimizer's initial rates by a factor of the step.

Call ``step()`` once per optimizer step (or per epoch, if the numbers mean epochs). State is saved and restored
with the checkpoint. Deep Learning, section 8.3.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..errors import ArgumentError, CheckpointError
from .optimizer import Optimizer


class Schedule:
    """Base: a subclass gives the factor at step `t` (counted from 0)."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.initial = [group["lr"] for group in optimizer.groups]
        self.t = 0
        self._apply()

    def factor(self, t: int) -> float:
        """What the initial learning rates are multiplied with at step `t`."""
        raise NotImplementedError

    def step(self, metric: float | None = None) -> None:
        """Go on to the next step; `metric` matters to :class:`Plateau` only."""
        self.t += 1
        self._apply()

    def _apply(self) -> None:
        for group, lr in zip(self.optimizer.groups, self.initial, strict=True):
            group["lr"] = lr * self.factor(self.t)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, as JSON-able values."""
        return {k: v for k, v in vars(self).items() if k != "optimizer"}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Raises
        ------
        CheckpointError
            The state of another kind of schedule.
        """
        own = self.state_dict().keys()
        if saved.keys() != own:
            raise CheckpointError(f"state for {type(self).__name__}: needs {', '.join(own)}, found {', '.join(saved)}")
        vars(self).update(saved)
        self._apply()


class Step(Schedule):
    """Multiply by `gamma` every `every` steps, or at the given `milestones`."""

    def __init__(
        self, optimizer: Optimizer, every: int | None = None, gamma: float = 0.1, milestones: Sequence[int] = ()
    ) -> None:
        if every is not None and every < 1:
            raise ArgumentError(f"Step: every must be at least 1, got {every}")
        if (every is None) == (not milestones):
            raise ArgumentError("Step: needs either every= or milestones=")
        self.every, self.gamma, self.milestones = every, gamma, list(milestones)
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        passed = t // self.every if self.every else sum(t >= m for m in self.milestones)
        return self.gamma**passed


class Exponential(Schedule):
    """Multiply by `gamma` every step."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        if not gamma > 0:
            raise ArgumentError(f"Exponential: gamma must be positive, got {gamma!r}")
        self.gamma = gamma
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return self.gamma**t


class Cosine(Schedule):
    """Half a cosine from 1 down to `final` over `steps`, after a linear warm-up (Loshchilov and Hutter 2017)."""

    def __init__(self, optimizer: Optimizer, steps: int, warmup: int = 0, final: float = 0.0) -> None:
        if not 0 <= warmup < steps:
            raise ArgumentError(f"Cosine: needs 0 <= warmup < steps, got warmup {warmup}, steps {steps}")
        self.steps, self.warmup, self.final = steps, warmup, final
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        if t < self.warmup:
            return (t + 1) / (self.warmup + 1)
        progress = min((t - self.warmup) / (self.steps - self.warmup), 1.0)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2


class Warmup(Schedule):
    """Linear from `start` to 1 over `steps`, then constant (Goyal and others 2017)."""

    def __init__(self, optimizer: Optimizer, steps: int, start: float = 0.0) -> None:
        if steps < 1:
            raise ArgumentError(f"Warmup: steps must be at least 1, got {steps}")
        self.steps, self.start = steps, start
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return self.start + (1 - self.start) * min((t + 1) / self.steps, 1.0)


class OneCycle(Schedule):
    """Up from ``1/divide`` to 1 in the first `rise` of the steps, then down to ``1/final_divide`` (Smith 2018).

    The optimizer's learning rate is the peak; both legs are half cosines.
    """

    def __init__(
        self, optimizer: Optimizer, steps: int, rise: float = 0.3, divide: float = 25.0, final_divide: float = 1e4
    ) -> None:
        if steps < 1 or not 0 < rise < 1:
            raise ArgumentError(f"OneCycle: needs steps >= 1 and 0 < rise < 1, got {steps} and {rise}")
        self.steps, self.rise, self.divide, self.final_divide = steps, rise, divide, final_divide
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        top = max(self.rise * self.steps, 1.0)
        if t < top:
            return _half_cosine(1 / self.divide, 1.0, t / top)
        return _half_cosine(1.0, 1 / self.final_divide, min((t - top) / max(self.steps - top, 1.0), 1.0))


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * progress)) / 2


class Plateau(Schedule):
    """Multiply by `gamma` when `metric` has not improved for more than `patience` calls.

    Parameters
    ----------
    mode : {"min", "max"}
        Whether a smaller or a larger metric is better.
    threshold : float
        Smallest relative change that counts as better.
    lowest : float
        The factor never falls below this.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        gamma: float = 0.1,
        patience: int = 10,
        mode: str = "min",
        threshold: float = 1e-4,
        lowest: float = 0.0,
    ) -> None:
        if mode not in ("min", "max"):
            raise ArgumentError(f"Plateau: mode must be 'min' or 'max', got {mode!r}")
        self.gamma, self.patience, self.mode = gamma, patience, mode
        self.threshold, self.lowest = threshold, lowest
        self.best: float | None = None
        self.bad_calls, self.current = 0, 1.0
        super().__init__(optimizer)

    def factor(self, t: int) -> float:
        return self.current

    def step(self, metric: float | None = None) -> None:
        if metric is None:
            raise ArgumentError("Plateau.step needs the metric it watches")
        metric = float(metric)  # of a Tensor, say: the state is to be JSON-able
        if self._is_better(metric):
            self.best, self.bad_calls = metric, 0
        else:
            self.bad_calls += 1
        if self.bad_calls > self.patience:
            self.current, self.bad_calls = max(self.current * self.gamma, self.lowest), 0
        super().step()

    def _is_better(self, metric: float) -> bool:
        if self.best is None:
            return True
        margin = self.threshold * abs(self.best)
        return metric < self.best - margin if self.mode == "min" else metric > self.best + margin
