"""The CTC loss beside PyTorch's: ``python -m benchmarks.speech_ctc [--utterances N] [--frames T] [--spoken S]``.

Loss and gradient of random logits, in float32 on one thread; the gradients' largest difference is printed with the times.
Whole training steps are rows of :mod:`.run`: ctc-lstm.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from minidl import Tensor
from minidl.speech.ctc import ctc_loss

from .turns import installed, report, take_turns

LossAndGradient = tuple[float, np.ndarray]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speech_ctc", description=__doc__.splitlines()[0])
    parser.add_argument("--utterances", type=int, default=32, help="(default: 32)")
    parser.add_argument("--frames", type=int, default=100, help="of an utterance (default: 100)")
    parser.add_argument("--labels", type=int, default=20, help="that there are, beside the blank (default: 20)")
    parser.add_argument("--spoken", type=int, default=30, help="labels of an utterance (default: 30)")
    parser.add_argument("--rounds", type=int, default=31, help="of which the median is taken (default: 31)")
    args = parser.parse_args()
    rng, n = np.random.default_rng(0), args.utterances
    logits = rng.standard_normal((args.frames, n, args.labels + 1), np.float32)
    targets = rng.integers(1, args.labels + 1, (n, args.spoken))
    lengths = np.full(n, args.frames), np.full(n, args.spoken)

    def ours() -> LossAndGradient:
        x = Tensor(logits, requires_grad=True)
        loss = ctc_loss(x, targets, *lengths)
        loss.backward()
        return loss.item(), np.asarray(x.grad)

    ways, target = {"minidl": ours}, {"torch": 1.0}
    with threadpool_limits(1):
        if installed("torch", "torch"):
            ways["torch"] = theirs(logits, targets, lengths)
            (loss, gradient), (expected, other) = ours(), ways["torch"]()
            print(f"loss {loss:.5f}, PyTorch's {expected:.5f}; largest difference {abs(gradient - other).max():.2g}")
        report(take_turns(ways, args.rounds), target)


def theirs(logits: np.ndarray, targets: np.ndarray, lengths: tuple[np.ndarray, np.ndarray]) -> Callable[[], LossAndGradient]:
    """PyTorch's, with the logarithm of softmax that ours has in it."""
    import torch

    torch.set_num_threads(1)
    x, labels, (n_frames, n_labels) = torch.from_numpy(logits), torch.from_numpy(targets), map(torch.from_numpy, lengths)

    def way() -> LossAndGradient:
        y = x.clone().requires_grad_()
        loss = torch.nn.functional.ctc_loss(y.log_softmax(2), labels, n_frames, n_labels)
        loss.backward()
        assert y.grad is not None
        return loss.item(), y.grad.numpy()

    return way


if __name__ == "__main__":
    main()
