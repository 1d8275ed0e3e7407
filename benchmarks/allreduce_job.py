"""One rank of a job of :mod:`.allreduce`: ``python -m benchmarks.allreduce_job lenet|exchange minidl|torch OUT.json``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from minidl import data, nn, optim, train
from minidl.parallel import AllReduce, SelfComm, failure
from minidl.parallel.allreduce.exchange import GradientSum, buckets
from minidl.parallel.comm import MpiComm
from minidl.params import Parameter, ParameterSpace

from . import minidl_steps

BATCH, STEPS, BUCKET = 32, 40, 4 << 20
_REPEATS = 12


def main(what: str, library: str, out: str) -> None:
    """Measure, and let rank 0 write the result."""
    result: dict[str, Any] = exchange() if what == "exchange" else {"minidl": lenet, "torch": lenet_torch}[library]()
    if failure.rank() == 0:
        Path(out).write_text(json.dumps(result))


def lenet() -> dict[str, float]:
    """Samples per second of ``train.fit`` on all ranks together; the first epoch is a warm-up."""
    n = BATCH * failure.size() * STEPS
    rng = np.random.default_rng(0)
    images = rng.standard_normal((n, 28, 28, 1), np.float32)
    loader = data.Loader(data.ArrayDataset(images, rng.integers(0, 10, n)), BATCH)
    model = minidl_steps.lenet()
    optimizer = optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    strategy = AllReduce() if failure.size() > 1 else AllReduce(SelfComm())
    history = train.fit(
        model, nn.losses.cross_entropy, loader, optimizer, epochs=3, strategy=strategy, progress=False
    )  # fmt: skip
    return {"samples_per_second": max(history.column("samples_per_second")[1:])}


def lenet_torch() -> dict[str, float]:
    """The same as users of PyTorch write it: DistributedDataParallel on gloo."""
    import torch
    from torch import distributed
    from torch.nn.functional import cross_entropy

    from . import torch_steps

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model: Any = torch_steps.lenet()
    if failure.size() > 1:
        os.environ |= {"RANK": str(failure.rank()), "MASTER_PORT": str(29500 + os.getppid() % 1000)}
        distributed.init_process_group("gloo")
        model = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    x, target = torch.randn(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(STEPS):
            optimizer.zero_grad()
            cross_entropy(model(x), target).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    if failure.size() > 1:
        distributed.destroy_process_group()
    return {"samples_per_second": BATCH * failure.size() * STEPS / min(seconds[1:])}


def exchange() -> dict[str, dict[str, float]]:
    """Seconds for the sum of a space's gradients, and for that of a bare array, in turns."""
    comm, found = MpiComm(), {}
    for megabytes in (4, 40):
        n = megabytes * 2**20 // 4
        space = ParameterSpace([Parameter(np.zeros(n // 8, np.float32)) for _ in range(8)])
        summation, bare = GradientSum(space, comm, BUCKET), np.ones(n, np.float32)
        times: dict[str, list[float]] = {"ours": [], "plain": []}
        for _ in range(_REPEATS):
            for p in space.parameters:
                p.grad = np.ones(p.shape, np.float32)
            for who in times:
                comm.barrier()
                start = time.perf_counter()
                if who == "ours":
                    summation([True] * len(space.parameters))
                else:
                    for bucket in buckets(0, n, BUCKET // 4):
                        comm.Allreduce(bare[bucket])
                times[who].append(time.perf_counter() - start)
        found[str(megabytes)] = {who: median(seconds[2:]) for who, seconds in times.items()}
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
