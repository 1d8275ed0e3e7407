"""The experiments of Recht and others (2011), section 5, on this machine: schemes side by side, and longer gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ... import data, nn, ops, optim, train
from ...backend.random import seed as restart
from .sparse_problems import Problem
from .sparse_sgd import Run, minimise
from .strategy import Hogwild

Say = Callable[[str], None]
_COST = {"serial": 15e-6, "lock-free": 15e-6, "round robin": 30e-6, "locked rows": 300e-6}  # seconds an update, guessed


def compare(problem: Problem, workers: Sequence[int], settings: Mapping[str, Any], say: Say) -> list[Run]:
    """The serial loop, Hogwild with each number of workers, and with the largest the two schemes that wait.

    Parameters
    ----------
    settings : mapping
        Of :func:`~minidl.parallel.sparse_sgd.minimise`, the same for all.
    say : callable
        Told of each run.
    """
    most = max(workers)
    plans = [("lock-free", 0), *(("lock-free", n) for n in workers), ("round robin", most), ("locked rows", most)]
    runs = []
    for how, n in plans:
        run = minimise(problem, workers=n, how=how, **settings)
        say(f"{label(run):28} {run.updates_per_second:>10,.0f} updates/s, loss {run.losses[-1]:.4f}")
        runs.append(run)
    return runs


def label(run: Run) -> str:
    """A run's name."""
    return "serial" if not run.workers else f"{run.how}, {run.workers} worker{'s' * (run.workers > 1)}"


def delay_sweep(
    problem: Problem, workers: int, delays: Sequence[float], step: float, seed: int, seconds: float, say: Say
) -> list[dict[str, Any]]:
    """Speed-up over the serial loop, for gradients that take longer and longer (figure 5c).

    Returns
    -------
    list of dict
        ``delay``, ``how``, ``updates_per_second`` (of the fastest of three goes of about `seconds`), ``speed_up``.
    """
    found = []
    for delay in delays:
        serial = _rate(problem, 0, "serial", delay, step, seed, seconds)
        for how in ("lock-free", "round robin", "locked rows"):
            rate = _rate(problem, workers, how, delay, step, seed, seconds)
            found.append({"delay": delay, "how": how, "updates_per_second": rate, "speed_up": rate / serial})
            say(f"gradient + {1e3 * delay:g} ms: {how:12} {rate:>10,.0f} updates/s, {rate / serial:.2f} x serial")
    return found


def _rate(problem: Problem, workers: int, how: str, delay: float, step: float, seed: int, seconds: float) -> float:
    wanted = int(seconds / (delay + _COST[how]))
    n = max(20 * max(workers, 1), min(wanted, len(problem)))
    scheme = "lock-free" if how == "serial" else how
    run = minimise(
        problem, workers=workers, how=scheme, epochs=3, step=step, seed=seed, delay=delay, examples=min(n, len(problem))
    )
    return run.best_updates_per_second


class Dense(nn.Module):
    """Two hidden layers."""

    def __init__(self, n_in: int, n_hidden: int, n_out: int) -> None:
        self.layers = [nn.Linear(n_in, n_hidden), nn.Linear(n_hidden, n_hidden), nn.Linear(n_hidden, n_out)]

    def forward(self, x: Any) -> Any:
        """Images or vectors (N, ...) to scores (N, n_out)."""
        x = x.reshape(x.shape[0], -1)
        for layer in self.layers[:-1]:
            x = ops.relu(layer(x))
        return self.layers[-1](x)


def dense(
    images: data.ImageSet, workers: Sequence[int], seed: int, say: Say, epochs: int = 4, hidden: int = 1024,
    batch_size: int = 64, lr: float = 0.05,
) -> list[dict[str, Any]]:  # fmt: skip
    """A dense net, all of whose weights every update writes, through the ordinary training loop.

    Returns
    -------
    list of dict
        ``workers``, ``locked``, ``samples_per_second`` (of the fastest epoch but the first), ``test_accuracy``,
        ``gradient_ms``, ``update_ms`` and ``wait_ms`` of one update.
    """
    found = []
    for n, locked in [*((n, False) for n in workers), (max(workers), True)]:
        restart(seed)
        model = Dense(images.train_images[0].size, hidden, len(images.classes))
        optimizer = optim.SGD(model.parameters(), lr=lr)
        loader = data.Loader(data.ArrayDataset(images.train_images, images.train_labels), batch_size, True, seed)
        test = data.Loader(data.ArrayDataset(images.test_images, images.test_labels), 500)
        history = train.fit(
            model, nn.losses.cross_entropy, loader, optimizer, epochs=epochs, validation=test, metrics=["accuracy"],
            strategy=Hogwild(n, locked=locked, threads=1, seed=seed), progress=False,
        )  # fmt: skip
        rates = history.column("samples_per_second")
        each = {
            kind: 1e3 * sum(t.seconds.get(kind, 0.0) for t in history.timelines.values()) / history.last["step"]
            for kind in ("compute", "update", "wait")
        }
        found.append({
            "workers": n, "locked": locked, "samples_per_second": float(rates[-max(len(rates) - 1, 1) :].max()),
            "test_accuracy": history.last["val_accuracy"], "gradient_ms": each["compute"],
            "update_ms": each["update"], "wait_ms": each["wait"],
        })  # fmt: skip
        say(
            f"dense net, {n} worker{'s' * (n > 1)}{', locked' * locked}: {found[-1]['samples_per_second']:,.0f} samples/s, "
            f"test accuracy {history.last['val_accuracy']:.2%}; gradient {each['compute']:.2f} ms, "
            f"update {each['update']:.2f} ms, waiting for the lock {each['wait']:.2f} ms"
        )
    return found
