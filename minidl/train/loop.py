"""The training loop: batches in, updates out, with everything around it that a long run needs.

One function, :func:`fit`. Interrupted at any moment and resumed, a run ends bit for bit where it would have
ended. How a step's gradients become an update is the `strategy`'s business (serial here). Deep Learning,
section 8.1.3.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..nn import Module
from ..optim import Optimizer
from .average import EMA
from .evaluate import Forward, inputs_and_target
from .history import History
from .metrics import Metric
from .stopping import EarlyStopping
from .strategy import Strategy
from .timeline import Timeline
from .trainer import Trainer


def fit(
    model: Module,
    loss: Callable[[Any, Any], Any],
    loader: Iterable[Sequence[Any]],
    optimizer: Optimizer,
    *,
    epochs: int,
    validation: Iterable[Sequence[Any]] | None = None,
    metrics: Sequence[str] | Mapping[str, Metric] = (),
    schedule: Any = None,
    callbacks: Sequence[Callable[[Trainer], None]] = (),
    accumulate: int = 1,
    clip_norm: float | None = None,
    early_stopping: EarlyStopping | int | None = None,
    ema: EMA | float | None = None,
    run_dir: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    keep: int = 2,
    resume: bool | str | os.PathLike[str] = False,
    strategy: Strategy | None = None,
    forward: Forward = inputs_and_target,
    monitor: str | None = None,
    config: Mapping[str, Any] | None = None,
    log_every: int = 10,
    progress: bool = True,
    device: str | None = None,
    timeline: Timeline | None = None,
) -> History:
    """Train `model` on the batches of `loader`.

    Parameters
    ----------
    model : Module
    loss : callable
        ``loss(output, target)``, a scalar Tensor: the mean over the batch.
    loader : iterable of batches
        Each a tuple of arrays ``(input, ..., target)``. A :class:`minidl.data.Loader`, or anything that can be
        iterated anew each epoch.
    optimizer : Optimizer
        Of the model's parameters.
    epochs : int
        How often to go through the loader, counted from the very start also in a resumed run.
    validation : iterable of batches, optional
        Measured after each epoch; its figures are called ``val_...``.
    metrics : names or {name: function}
        Beside the loss: ``"accuracy"``, or ``function(output, target) -> float``, the mean over the batch.
    schedule : optim.schedules.Schedule, optional
        Stepped after each update; a ``Plateau`` after each epoch, with the monitored figure.
    callbacks : sequence of callables
        Called with the :class:`Trainer` after each epoch; ``trainer.stop("reason")`` ends training.
    accumulate : int
        Sum gradients over this many batches before an update (as if they were one batch, also a short last one).
    clip_norm : float, optional
        Scale the gradient down to this global norm.
    early_stopping : EarlyStopping or int, optional
        Stop when the monitored figure gets no better; an int is the patience in epochs.
    ema : EMA or float, optional
        Keep a moving average of the weights (a float is its decay). Validation uses it, and the model has the
        averaged weights when training is over.
    run_dir : path, optional
        Where ``metrics.jsonl`` and ``checkpoints/`` go. What an earlier run left there is renamed, not overwritten.
    checkpoint_every : int, optional
        Save after every so many updates too, not only after each epoch.
    keep : int
        How many of the latest checkpoints to keep, besides the best.
    resume : bool or path
        Go on from the latest checkpoint in `run_dir` (from the start if there is none), or from this file.
    strategy : Strategy, optional
        How gradients become an update; :class:`Serial` if not given.
    forward : callable
        ``forward(model, batch) -> (output, target)``, for batches of another form.
    monitor : str, optional
        The figure that says which epoch is best; ``val_loss``, or ``loss`` without validation.
    config : mapping, optional
        Settings to keep with each checkpoint; a resumed run must have the same.
    log_every : int
        Updates between two lines of step losses in ``metrics.jsonl``.
    progress : bool
        Show a bar on a terminal, a line per epoch elsewhere.
    device : {"cpu", "cuda"}, optional
        Move the model there first; batches follow the model.
    timeline : Timeline, optional
        Where this process counts its time; give one that keeps spans, for a trace of ``history.timelines``.

    Returns
    -------
    History

    Raises
    ------
    TrainingError
        NaN or infinity in loss or gradient: names step, parameter, and the last good checkpoint.
    DataError
        An empty batch, or one with NaN or infinity.
    CheckpointError
        A checkpoint that cannot be written, is damaged, or belongs to another model.
    TrainingInterrupted
        Ctrl-C, after the update in progress was finished and saved.
    """
    if device is not None:
        model.to(device)
    return Trainer(
        model, loss, loader, optimizer, epochs=epochs, validation=validation, metrics=metrics, schedule=schedule,
        callbacks=callbacks, accumulate=accumulate, clip_norm=clip_norm, early_stopping=early_stopping,
        ema=EMA(ema) if isinstance(ema, int | float) else ema, run_dir=run_dir, checkpoint_every=checkpoint_every,
        keep=keep, strategy=strategy, forward=forward, monitor=monitor, config=config,
        log_every=log_every, progress=progress, timeline=timeline,
    ).run(resume)  # fmt: skip
