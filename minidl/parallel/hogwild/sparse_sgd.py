"""Stochastic gradient descent on single examples of a sparse problem: in this process, or in several on one array.

Recht and others (2011), section 5: the step is constant within an epoch and shrinks by a factor from one to the next.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...data.shared import ALIGNMENT, SharedPickle, flat_view, new_block
from ...errors import ArgumentError, TrainingError
from . import crew
from .crew import Crew
from .guards import GUARDS, Free, pause
from .sparse_problems import Problem

_SLICE = 1000  # examples between two looks at whether the parent is still there


@dataclass
class Run:
    """What a run did.

    Attributes
    ----------
    how : str
        ``"serial"`` or the scheme.
    workers : int
        Processes; 0: the calling one.
    losses : list of float
        At the start, and after each epoch.
    seconds : list of float
        Of training, at the same moments; measuring the loss is not counted.
    updates : int
        Steps on single examples.
    processor_seconds : float
        That all workers together were computing; where other programs take turns with them, less than they took.
    """

    how: str
    workers: int
    w: np.ndarray
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    updates: int = 0
    processor_seconds: float = 0.0

    @property
    def updates_per_second(self) -> float:
        """Of all workers together."""
        return self.updates / max(self.seconds[-1], 1e-9)

    @property
    def best_updates_per_second(self) -> float:
        """In the fastest epoch: what is left of a disturbed measurement."""
        return self.updates / (len(self.seconds) - 1) / max(np.diff(self.seconds).min(), 1e-9)

    @property
    def undisturbed_updates_per_second(self) -> float:
        """As if each worker had a core to itself all the time."""
        return self.updates * max(self.workers, 1) / max(self.processor_seconds, 1e-9)


def minimise(
    problem: Problem,
    *,
    workers: int = 0,
    how: str = "lock-free",
    epochs: int = 5,
    step: float = 0.1,
    decay: float = 0.9,
    seed: int = 0,
    delay: float | None = None,
    examples: int | None = None,
    after_epoch: Callable[[Run], None] | None = None,
) -> Run:
    """Train from the problem's start.

    Parameters
    ----------
    problem : Problem
    workers : int
        Processes; 0: none, a plain loop in this one.
    how : {"lock-free", "round robin", "locked rows"}
        How workers share the weights; see :mod:`.guards`.
    epochs : int
    step, decay : float
        The step in epoch e is ``step * decay**e``.
    seed : int
        Of the start and of each epoch's order.
    delay : float, optional
        Seconds that computing a gradient takes longer (figure 5c). Zero is the same loop as for other delays; None
        is the fast one.
    examples : int, optional
        How many of an epoch's examples to use.
    after_epoch : callable, optional
        Called with the run so far.

    Raises
    ------
    TrainingError
        A worker died, or the weights are no longer finite.
    """
    _check(problem, workers, how, epochs, step, decay, delay, examples)
    n = len(problem) if examples is None else min(examples, len(problem))
    run = Run(how if workers else "serial", workers, problem.start(seed))
    team: _Alone | _Team = _Team(problem, run, how, delay, n, seed) if workers else _Alone(problem, run.w, delay, n, seed)
    try:
        _note(run, problem, step, 0.0)
        for epoch in range(epochs):
            start = time.perf_counter()
            run.processor_seconds += team.epoch(epoch, step * decay**epoch)
            run.updates += n
            _note(run, problem, step, time.perf_counter() - start)
            if after_epoch is not None:
                after_epoch(run)
        run.w = run.w.copy()  # no longer the shared memory
    finally:
        team.close()
    return run


def _note(run: Run, problem: Problem, step: float, seconds: float) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        loss = problem.loss(run.w) if np.isfinite(run.w).all() else math.nan
    if not math.isfinite(loss):
        raise TrainingError(
            f"{run.how}, epoch {len(run.losses)}: the loss is {loss}; try a step below {step:.3g} and keep the data's "
            "values near 1"
        )
    run.losses.append(loss)
    run.seconds.append((run.seconds[-1] if run.seconds else 0.0) + seconds)


class Part:
    """One process's part of every epoch.

    Parameters
    ----------
    problem : Problem
    w : array
        Possibly shared.
    guard : Free
    delay : float or None
    n : int
        Examples in an epoch.
    number, of : int
        This process takes every `of`-th example of the order.
    gone : callable
        Whether to give up.
    """

    def __init__(
        self, problem: Problem, w: np.ndarray, guard: Free, delay: float | None, n: int, seed: int,
        number: int = 0, of: int = 1, gone: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self.problem, self.w, self.guard, self.delay = problem, w, guard, delay
        self.n, self.seed, self.number, self.of, self.gone = n, seed, number, of, gone
        self._slice = _SLICE if not delay else max(1, min(_SLICE, int(0.1 / delay)))
        self._plain = delay is None and type(guard) is Free

    def epoch(self, epoch: int, step: float) -> float:
        """Go through this part once; returns the processor time."""
        start = time.process_time()
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.problem))[: self.n]
        mine = order[self.number :: self.of].tolist()
        go = self.problem.run if self._plain else self._guarded
        for first in range(0, len(mine), self._slice):
            if self.gone():
                raise EOFError("the parent is gone")
            with np.errstate(over="ignore", invalid="ignore"):  # seen in the loss
                go(self.w, mine[first : first + self._slice], step)
        if len(mine) < -(-self.n // self.of):  # others have one example more: let its turn pass
            self.guard.enter(np.zeros(0, np.int64))
            self.guard.leave(np.zeros(0, np.int64))
        return time.process_time() - start

    def _guarded(self, w: np.ndarray, order: list[int], step: float) -> None:
        change_of, enter, leave, delay = self.problem.change, self.guard.enter, self.guard.leave, self.delay
        for i in order:
            index, change = change_of(w, i, step)
            if delay:
                pause(delay)
            enter(index)
            w[index] += change
            leave(index)


class _Alone(Part):
    """The calling process does everything."""

    def __init__(self, problem: Problem, w: np.ndarray, delay: float | None, n: int, seed: int) -> None:
        super().__init__(problem, w, Free(None, 1), delay, n, seed)

    def close(self) -> None:
        pass


class _Team:
    """Worker processes on weights in shared memory."""

    def __init__(self, problem: Problem, run: Run, how: str, delay: float | None, n: int, seed: int) -> None:
        self._crew = Crew("Hogwild")
        context = self._crew.context
        block = new_block(context, run.w.nbytes + ALIGNMENT)
        w = flat_view(block, run.w.size, np.float32).reshape(run.w.shape)
        w[...] = run.w
        run.w = w
        guard = GUARDS[how](context, run.workers)
        sent = SharedPickle(problem, context, "Hogwild: the problem", "")
        try:
            self._crew.start(run.workers, _serve, run.workers, sent, block, guard, delay, n, seed)
            self._crew.gather("ready")
        except BaseException:
            self._crew.close()
            raise

    def epoch(self, epoch: int, step: float) -> float:
        return sum(self._crew.ask_all(epoch, step, answer="done").values())

    def close(self) -> None:
        self._crew.close()


def _serve(
    connection: Any, number: int, of: int, sent: SharedPickle, block: Any, guard: Free, delay: float | None, n: int,
    seed: int,
) -> None:  # fmt: skip
    """A worker: each message is an epoch and its step."""

    def make() -> Callable[..., tuple[Any, ...]]:
        problem = sent.load()
        w = flat_view(block, math.prod(problem.shape), np.float32).reshape(problem.shape)
        guard.join(number, connection.poll)  # during an epoch, what can be read from the pipe is its end
        part = Part(problem, w, guard, delay, n, seed, number, of, connection.poll)
        return functools.partial(_epoch, part)

    crew.serve(connection, make)


def _epoch(part: Part, epoch: int, step: float) -> tuple[Any, ...]:
    return "done", part.epoch(epoch, step)


def _check(
    problem: Problem, workers: int, how: str, epochs: int, step: float, decay: float, delay: float | None,
    examples: int | None,
) -> None:  # fmt: skip
    if how not in GUARDS:
        raise ArgumentError(f"minimise: how must be one of {', '.join(GUARDS)}, got {how!r}")
    if workers < 0 or workers > len(problem):
        raise ArgumentError(f"minimise: workers must be in 0 ... {len(problem)}, one for each example, got {workers}")
    if epochs < 1 or (examples is not None and examples < max(workers, 1)):
        raise ArgumentError(f"minimise: epochs and examples must be at least 1, got {epochs} and {examples}")
    if not 0 < step < math.inf or not 0 < decay <= 1:
        raise ArgumentError(f"minimise: step must be above 0 and decay in (0, 1], got {step} and {decay}")
    if delay is not None and not 0 <= delay < 60:
        raise ArgumentError(f"minimise: delay must lie between 0 and 60 seconds, got {delay}")
