"""Do all ranks mean the same run? Compared at the start, so that a difference is a line and not a wrong result."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
import sys
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...backend import backend_of
from ...data.dataset import make_batch
from ...errors import ArgumentError, TrainingError
from ...train.trainer import Trainer
from ..comm import Comm

_SAMPLES = 4  # of the data, that are compared


def check_agreement(trainer: Trainer, comm: Comm, settings: Mapping[str, Any]) -> None:
    """Compare code, configuration, seeds, data, model and optimizer over all ranks.

    Raises
    ------
    ArgumentError
        On every rank: what differs first, and where; or more ranks than examples.
    """
    if comm.size == 1:
        return
    told = comm.allgather({**described(trainer), **{name: str(value) for name, value in settings.items()}})
    for name in dict.fromkeys(name for fields in told for name in fields):
        for rank, fields in enumerate(told):
            mine, first = fields.get(name, "nothing"), told[0].get(name, "nothing")
            if mine != first:
                raise ArgumentError(
                    f"AllReduce: the ranks differ in {name}: rank 0 has {first}, rank {rank} has {mine}; "
                    "start all with the same code, data and settings"
                )
    _check_enough(trainer, comm)


def _check_enough(trainer: Trainer, comm: Comm) -> None:
    loader: Any = trainer.loader
    if not hasattr(loader, "order"):
        return
    n = len(loader.order(0))
    least = loader.batch_size * trainer.strategy.at_once if loader.drop_last else comm.size
    if n < least:
        what = f"a whole batch of {loader.batch_size} for each with drop_last" if loader.drop_last else "one for each"
        raise ArgumentError(f"AllReduce: {comm.size} ranks for {n} examples, not enough for {what}; start fewer ranks")


def described(trainer: Trainer) -> dict[str, str]:
    """What the ranks compare, by name, each in a few characters."""
    space = trainer.optimizer.space
    manifest = [(e.name, e.shape) for e in space.manifest]
    fields = {
        "versions of Python and NumPy": f"{platform.python_version()}, {np.__version__}",
        "code of minidl": _code(),
        "code of the main program": _digest([_main_program()]),
        "model": _digest([json.dumps(manifest).encode(), repr(trainer.model).encode()]),
        "precision": ", ".join(sorted({str(s.data.dtype) for s in space.segments})),
        "optimizer": repr(trainer.optimizer),
    }
    for name in ("epochs", "accumulate", "clip_norm", "checkpoint_every", "monitor"):
        fields[name] = str(getattr(trainer, name))
    fields["metrics"] = ", ".join(trainer.task.metrics) or "none"
    for name in ("schedule", "ema", "early_stopping"):
        part = getattr(trainer, name)
        fields[name.replace("_", " ")] = "none" if part is None else type(part).__name__
    if trainer.schedule is not None:
        fields["schedule"] += f" {json.dumps(trainer.schedule.state_dict(), sort_keys=True, default=str)}"
    fields |= {f"configuration {name!r}": repr(value) for name, value in sorted(trainer.config.items())}
    return fields | _data(trainer)


def _data(trainer: Trainer) -> dict[str, str]:
    loader: Any = trainer.loader
    fields = {"batches per epoch": str(len(loader)) if hasattr(loader, "__len__") else "unknown"}
    if hasattr(loader, "order") and hasattr(loader, "dataset"):
        n = len(loader.dataset)
        some = np.unique(np.linspace(0, n - 1, _SAMPLES).astype(np.int64))[: loader.batch_size]
        fields |= {
            "number of examples": str(n),
            "batch size": str(loader.batch_size),
            "drop_last": str(loader.drop_last),
            "seed of the data's order": str(getattr(loader.sampler, "seed", None)),
            "order of the data": _digest([np.ascontiguousarray(loader.order(trainer.epoch))]),
            "data": _digest(np.ascontiguousarray(part) for part in make_batch(loader.dataset, some, 0, 0)),
        }
    return fields


def _digest(parts: Iterable[Any]) -> str:
    sums = hashlib.blake2b(digest_size=6)
    for part in parts:
        sums.update(part)
    return sums.hexdigest()


@functools.cache
def _code() -> str:
    package = Path(__file__).parents[1]
    return _digest(file.read_bytes() for file in sorted(package.rglob("*.py")))


def _main_program() -> bytes:
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file).read_bytes() if file and Path(file).is_file() else b""


def check_replicas(trainer: Trainer, comm: Comm) -> None:
    """Compare the parameters of all ranks bit for bit.

    Raises
    ------
    TrainingError
        On every rank: the first parameter that differs.
    """
    space = trainer.optimizer.space
    sums = [zlib.crc32(np.ascontiguousarray(backend_of(p.data).to_host(p.data)).data) for p in space.parameters]
    told = comm.allgather(sums)
    for i, p in enumerate(space.parameters):
        others = [rank for rank, theirs in enumerate(told) if theirs[i] != told[0][i]]
        if others:
            raise TrainingError(
                f"{trainer.where()}: parameter {p.name} of rank {others[0]} is not that of rank 0; "
                "does a callback change the weights on one rank only?"
            )
