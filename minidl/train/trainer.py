"""The machinery behind :func:`~minidl.train.fit`: one object that holds a run's state and can save and resume it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any

from ..errors import DataError, TrainingError
from ..nn import Module
from ..optim import Optimizer
from ..optim.clip import clip_grad_norm
from ..optim.schedules import Plateau
from .average import EMA
from .evaluate import Forward, evaluate, evaluation
from .guard import check_gradients
from .history import History
from .interrupt import DelayedInterrupt, TrainingInterrupted
from .metrics import Averages, Metric, named_metrics
from .position import batches, capture_streams, describe, restore_streams
from .progress import Progress
from .run import RunFiles
from .settings import check_settings, plain_config
from .stopping import EarlyStopping, is_better, watched
from .strategy import Serial, Strategy
from .task import Task
from .timeline import Timeline


class Trainer:
    """One run of training; see :func:`~minidl.train.fit` for the parameters.

    Attributes
    ----------
    model, optimizer, history : what is trained, with what, and what happened
    epoch, batch, step : int
        Position: finished epochs, batches of the present epoch, and updates made.
    samples : int
        Samples of the present epoch that were trained on, by all processes together.
    task : Task
        Model, loss, metrics and optimizer, without the run around them.
    timeline : Timeline
        Where the time goes.
    """

    def __init__(
        self,
        model: Module,
        loss: Callable[[Any, Any], Any],
        loader: Iterable[Sequence[Any]],
        optimizer: Optimizer,
        *,
        epochs: int,
        validation: Iterable[Sequence[Any]] | None,
        metrics: Sequence[str] | Mapping[str, Metric],
        schedule: Any,
        callbacks: Sequence[Callable[[Trainer], None]],
        accumulate: int,
        clip_norm: float | None,
        early_stopping: EarlyStopping | int | None,
        ema: EMA | None,
        run_dir: Any,
        checkpoint_every: int | None,
        keep: int,
        strategy: Strategy | None,
        forward: Forward,
        monitor: str | None,
        config: Mapping[str, Any] | None,
        log_every: int,
        progress: bool,
        timeline: Timeline | None,
    ) -> None:
        self.model, self.loss, self.loader, self.optimizer = model, loss, loader, optimizer
        self.epochs, self.validation = epochs, validation
        self.task = Task(model, loss, optimizer, forward, named_metrics(metrics))
        self.schedule, self.callbacks, self.accumulate, self.clip_norm = schedule, callbacks, accumulate, clip_norm
        self.ema = ema
        self.checkpoint_every, self.log_every = checkpoint_every, log_every
        self.strategy: Strategy = strategy or Serial()
        self.monitor = monitor or ("loss" if validation is None else "val_loss")
        self.early_stopping = (
            EarlyStopping(early_stopping, self.monitor) if isinstance(early_stopping, int) else early_stopping
        )
        self.config = plain_config(config)
        check_settings(self)
        self.progress = Progress(progress and self.strategy.is_main)
        self.files = RunFiles(run_dir if self.strategy.is_main else None, keep)
        self.history = History()
        self.epoch = self.batch = self.step = self.samples = 0
        self.timeline = timeline or Timeline()
        self.seconds = 0.0  # of training, over all parts of a resumed run
        self.running = Averages()
        self.best: float | None = None
        self._last_checkpoint: Path | None = None

    # -- running ---------------------------------------------------------------------------------------

    def run(self, resume: Any = False) -> History:
        """Train until the last epoch, or until something stops it."""
        self.model.named_parameters()  # names the parameters, for messages and for the optimizer's state
        try:
            saved = self.strategy.from_main(lambda: self.files.open(resume, self.progress.say))
            if saved is not None:
                self._load(saved)
            self.files.rewind(saved)
            self.strategy.prepare(self)
            with DelayedInterrupt() as self.interrupt:
                while self.epoch < self.epochs and self.history.stopped is None:
                    self._run_epoch()
            self.history.timelines = self.strategy.timelines(self)
        finally:
            self.strategy.close()
            self.progress.close()
            self.files.close()
        if self.early_stopping is not None and self.early_stopping.has_weights:
            self.early_stopping.restore(self.model)
        elif self.ema is not None:
            self.ema.copy_to(self.model)
        return self.history

    def stop(self, reason: str) -> None:
        """End training after this epoch."""
        self.history.stopped = reason

    def _run_epoch(self) -> None:
        self.model.train()
        n_batches = len(self.loader) if isinstance(self.loader, Sized) else None
        self.progress.start_epoch(self.epoch, self.epochs, n_batches, self.batch)
        self._tick = time.perf_counter()
        self.strategy.run_epoch(self)
        if not self.running.n:
            raise DataError("fit: the loader gave no batch; is the dataset smaller than a batch, with drop_last?")
        self._finish_epoch()

    def run_batches(self) -> None:
        """An update from every `accumulate` batches that the strategy has for this process in this epoch."""
        size = self.accumulate * self.strategy.at_once
        group: list[Any] = []
        for batch in self.timeline.each("data", self.strategy.batches(self)):
            group.append(batch)
            if len(group) == size:
                self._update(group)
                group = []
        if group:
            self._update(group)

    def _update(self, group: list[Any]) -> None:
        """One update from one or several batches, and what may follow it: a log line, a checkpoint, an interrupt."""
        self.optimizer.zero_grad()
        n_samples = self.strategy.gradient(self, group)
        norm = self.guarded(check_gradients, self.model, self.optimizer, self.where())
        if self.clip_norm is not None and norm > self.clip_norm:
            clip_grad_norm(self.optimizer.space, self.clip_norm)
        with self.timeline.span("update"):
            self.optimizer.step()
        self.after_update(n_samples, len(group))

    def backward(self, batch: Any, place: int = 0, by_samples: bool = False) -> int:
        """Add one batch's gradient (see :meth:`Task.backward`) and its figures; returns its number of samples.

        `place` is that of the batch within its group, for messages.
        """
        n, values = self.measure(batch, place, by_samples)
        self.take_figures(values, n)
        return n

    def measure(
        self, batch: Any, place: int = 0, by_samples: bool = False, weight: float = 1.0
    ) -> tuple[int, dict[str, float]]:
        """Add one batch's gradient (see :meth:`Task.backward`) without counting its figures: they are returned."""
        with self.timeline.span("compute"):
            return self.guarded(self.task.backward, batch, self.where(place), by_samples, weight)

    def take_figures(self, values: Mapping[str, float], n: int) -> None:
        """Count the means `values` of `n` samples, of this process or of another, in this epoch's figures."""
        self.running.add(values, n)
        self._loss = values["loss"]

    def after_update(self, n_samples: int, n_batches: int) -> None:
        """What follows each update of the weights: schedule, average, log line, checkpoint, interrupt."""
        if self.schedule is not None and not isinstance(self.schedule, Plateau):
            self.schedule.step()
        if self.ema is not None:
            self.ema.update(self.model)
        self.step += 1
        self.batch += n_batches
        self.samples += n_samples
        now = time.perf_counter()
        elapsed, self._tick = now - self._tick, now
        self.seconds += elapsed
        self.progress.step(n_batches, self._loss, n_samples / max(elapsed, 1e-9))
        if self.step % self.log_every == 0:
            record = {"step": self.step, "epoch": self.epoch + 1, "loss": self._loss, "lr": self._lr}
            self.history.steps.append(record)
            self.files.log({"kind": "step", **record})
        if self.strategy.interrupted(self):
            path = self.strategy.save(self, at_once=True)
            raise TrainingInterrupted(f"interrupted at {describe(self.epoch, self.batch, self.step)}", path)
        if self.checkpoint_every is not None and self.step % self.checkpoint_every == 0:
            self.strategy.save(self)

    def _finish_epoch(self) -> None:
        totals = self.strategy.total({**self.running.sums, "": self.running.n})
        n = totals.pop("")
        record: dict[str, Any] = {"epoch": self.epoch + 1, "step": self.step}
        record |= {name: total / n for name, total in totals.items()}
        if self.validation is not None:
            record |= {f"val_{name}": value for name, value in self.strategy.from_main(self._validate).items()}
        before = self.history.epochs[-1]["seconds"] if self.history.epochs else 0.0
        record |= {"lr": self._lr, "seconds": self.seconds}
        record["samples_per_second"] = n / max(self.seconds - before, 1e-9)
        self.history.epochs.append(record)
        self.files.log({"kind": "epoch", **record})
        self.progress.end_epoch(record, self.epochs)
        self.epoch, self.batch, self.samples, self.running = self.epoch + 1, 0, 0, Averages()
        self._judge(record)

    def _judge(self, record: dict[str, Any]) -> None:
        """Is this epoch the best, and should it be the last? Then save."""
        value = watched(record, self.monitor)
        if not math.isfinite(value):
            raise TrainingError(f"epoch {self.epoch}: {self.monitor} is {value}{self._last_good()}")
        best = is_better(value, self.best, self.monitor)
        self.best = value if best else self.best
        if isinstance(self.schedule, Plateau):
            self.schedule.step(value)
        if self.early_stopping is not None:
            with self._averaged():
                if self.early_stopping.update(record, self.model):
                    self.stop(f"{self.early_stopping.monitor} did not improve for {self.early_stopping.patience} epochs")
        for callback in self.callbacks:
            callback(self)
        path = self.save(best)
        if self.strategy.from_main(lambda: self.interrupt.requested):  # while it validated
            raise TrainingInterrupted(f"interrupted after epoch {self.epoch}", path)

    def _validate(self) -> dict[str, float]:
        # of the same epoch, so that what is drawn anew each epoch does not depend on how often the run was resumed
        data = batches(self.validation or (), self.epoch, 0)
        with self._averaged(), self.timeline.span("evaluate"):
            return evaluate(self.model, self.loss, data, self.task.metrics, self.task.forward)

    def _averaged(self) -> Any:
        return evaluation(self.model) if self.ema is None else self.ema.applied(self.model)

    @property
    def _lr(self) -> float:
        return float(self.optimizer.groups[0].get("lr", math.nan))

    # -- errors ----------------------------------------------------------------------------------------

    def where(self, place: int = 0) -> str:
        """The present position in words."""
        return describe(self.epoch, self.batch + place, self.step)

    def guarded(self, check: Callable[..., Any], *args: Any) -> Any:
        """Call `check`; a TrainingError then also names the last good checkpoint."""
        try:
            return check(*args)
        except TrainingError as error:
            raise TrainingError(f"{error}{self._last_good()}") from None

    def _last_good(self) -> str:
        return f"; the last good checkpoint is {self._last_checkpoint}" if self._last_checkpoint else ""

    # -- saving and resuming ---------------------------------------------------------------------------

    def save(self, best: bool = False) -> Path | None:
        """Write a checkpoint of this moment, if there is a run directory; returns the latest one."""
        if self.files.directory is not None:
            with self.timeline.span("save"):
                self._last_checkpoint = self.files.save(self.state_dict(), self.step, best)
        return self._last_checkpoint

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on."""
        return {
            "config": self.config,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "early_stopping": None if self.early_stopping is None else self.early_stopping.state_dict(),
            "streams": capture_streams(self.model, self.loader),
            "position": {"epoch": self.epoch, "batch": self.batch, "step": self.step, "samples": self.samples},
            "n_batches": len(self.loader) if isinstance(self.loader, Sized) else None,
            "running": {"sums": self.running.sums, "n": self.running.n},
            "best": self.best,
            "seconds": self.seconds,
            "history": self.history.state_dict(),
        }

    def _load(self, saved: dict[str, Any]) -> None:
        self.files.check_same_run(self, saved)
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state_dict(saved["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(saved["schedule"])
        if self.ema is not None:
            self.ema.load_state_dict(saved["ema"], self.model)
        if self.early_stopping is not None:
            self.early_stopping.load_state_dict(saved["early_stopping"])
        restore_streams(saved["streams"], self.model, self.loader)
        self.epoch, self.batch, self.step, self.samples = (
            saved["position"][k] for k in ("epoch", "batch", "step", "samples")
        )
        self.running, self.best = Averages(**saved["running"]), saved["best"]
        self.seconds = saved["seconds"]
        self.history.load_state_dict(saved["history"])
        if self.epoch < self.epochs:
            self.progress.say(f"resuming at {describe(self.epoch, self.batch, self.step)}")
