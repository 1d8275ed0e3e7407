"""The sparse problem as PyTorch's Hogwild example would do it; arguments: workers, examples, epochs.

As in https://github.com/pytorch/examples/tree/main/mnist_hogwild: ``model.share_memory()``, processes from a spawn
context, in each an optimizer of its own and per example ``zero_grad``, ``backward``, ``step``. The gradient is sparse
(``EmbeddingBag(sparse=True)``), which is the quickest way that PyTorch has for this model. Prints a line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

STEP, DECAY = 1.0, 0.9


def main(workers: int, examples: int, epochs: int) -> None:
    """Train with worker processes and print updates per second and the losses."""
    import torch
    from torch import multiprocessing, nn

    from minidl.data.sparse import rcv1_like
    from minidl.parallel.hogwild.sparse_problems import Logistic

    rows = rcv1_like(examples)
    model = nn.EmbeddingBag(rows.n_features, 1, mode="sum", sparse=True)
    nn.init.zeros_(model.weight)
    model.share_memory()
    context = multiprocessing.get_context("spawn")
    ready, go = context.Barrier(workers + 1), context.Barrier(workers + 1)
    processes = [
        context.Process(target=_train, args=(k, workers, model, examples, epochs, ready, go)) for k in range(workers)
    ]
    for p in processes:
        p.start()
    losses, seconds = [], []
    problem = Logistic(rows)
    for _ in range(epochs):
        ready.wait(300)
        start = time.perf_counter()
        go.wait(300)
        seconds.append(time.perf_counter() - start)
        with torch.no_grad():
            losses.append(problem.loss(model.weight.numpy()[:, 0]))
    for p in processes:
        p.join(60)
    print(json.dumps({"updates_per_second": [examples / s for s in seconds], "losses": losses}))


def _train(number: int, workers: int, model: Any, examples: int, epochs: int, ready: Any, go: Any) -> None:
    import torch
    from torch.nn.functional import softplus

    from minidl.data.sparse import rcv1_like

    torch.set_num_threads(1)
    rows = rcv1_like(examples)
    parts = [slice(a, b) for a, b in zip(rows.starts[:-1], rows.starts[1:], strict=True)]
    samples = [(torch.tensor(rows.features[p])[None], torch.tensor(rows.values[p])[None]) for p in parts]
    labels = torch.tensor(rows.labels)
    optimizer = torch.optim.SGD(model.parameters(), lr=STEP)
    for epoch in range(epochs):
        optimizer.param_groups[0]["lr"] = STEP * DECAY**epoch
        order = np.random.default_rng([0, epoch]).permutation(examples)[number::workers].tolist()
        ready.wait(300)
        for i in order:
            index, x = samples[i]
            optimizer.zero_grad()
            loss = softplus(-labels[i] * model(index, per_sample_weights=x)[0, 0])
            loss.backward()
            optimizer.step()
        go.wait(300)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
