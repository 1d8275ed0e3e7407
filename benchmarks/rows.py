"""What is timed: one row per network, with its sizes and the speed to reach. Both libraries read it from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Row:
    """One network and how it is trained.

    Attributes
    ----------
    name : str
        On the command line and in the results.
    model : str
        The function that builds it, in ``minidl_steps.py`` and ``torch_steps.py``.
    sizes : dict
        Its arguments.
    batch : tuple of int
        Shape of the input.
    classes : int
    optimizer : {"sgd", "adam"}
        SGD with momentum 0.9, or Adam; learning rate 0.001.
    target : float
        PyTorch's time over ours that the row is to reach.
    steps : int
        Training steps in one timed sample, so that a sample lasts a few tenths of a second.
    words : bool
        The input is word numbers, of `classes` words.
    one_label : bool
        Of each row of words; otherwise of each word.
    spoken : int
        Above 0: inputs are utterances (frames, utterances, features), and so many labels each, without their times, are
        learned by CTC, whose blank is class 0.
    """

    name: str
    model: str
    sizes: dict[str, Any]
    batch: tuple[int, ...]
    classes: int
    target: float
    optimizer: str = "sgd"
    steps: int = 1
    words: bool = False
    one_label: bool = False
    spoken: int = 0

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs (float32, or int64 word numbers) and labels, the same for both libraries."""
        rng = np.random.default_rng(0)
        if self.words:
            labels = self.batch[:1] if self.one_label else self.batch
            return rng.integers(0, self.classes, self.batch), rng.integers(0, self.classes, labels)
        inputs = rng.standard_normal(self.batch, np.float32)
        if self.spoken:
            return inputs, rng.integers(1, self.classes, (self.batch[1], self.spoken))
        return inputs, rng.integers(0, self.classes, self.batch[0])

    def lengths(self) -> tuple[np.ndarray, np.ndarray]:
        """Frames and labels of each utterance: all of them."""
        n_frames, n = self.batch[:2]
        return np.full(n, n_frames), np.full(n, self.spoken)


ROWS = [
    Row("mlp-sgd", "mlp", {"widths": (784, 1024, 1024, 10)}, (128, 784), 10, 1.0, steps=8),
    Row("mlp-adam", "mlp", {"widths": (784, 1024, 1024, 10)}, (128, 784), 10, 1.0, "adam", steps=8),
    Row("mlp-tiny", "mlp", {"widths": (64, 64, 64, 10)}, (32, 64), 10, 2.5, steps=300),
    Row("lenet", "lenet", {}, (64, 28, 28, 1), 10, 0.7, steps=3),
    Row("conv-bn", "conv_bn", {"channels": ((32, 32), (64, 64), (128,))}, (64, 32, 32, 3), 10, 0.7, steps=2),
    Row("nplm", "nplm", {"width": 64, "hidden": 128, "context": 4, "vocabulary": 10_000}, (400, 4), 10_000, 1.0,
        steps=4, words=True, one_label=True),
    Row("lstm-200", "lstm", {"hidden": 200, "vocabulary": 10_000}, (20, 20), 10_000, 1.0, steps=2, words=True),
    Row("lstm-650", "lstm", {"hidden": 650, "vocabulary": 10_000}, (35, 20), 10_000, 1.0, words=True),
    Row(
        "gpt", "gpt", {"width": 256, "layers": 4, "heads": 8, "length": 128, "vocabulary": 1000},
        (16, 128), 1000, 1.0, "adam", words=True,
    ),
    Row("acoustic-dnn", "mlp", {"widths": (440, 512, 512, 512, 150)}, (256, 440), 150, 1.0, steps=8),
    Row("ctc-lstm", "ctc_lstm", {"features": 120, "hidden": 128, "classes": 21}, (100, 32, 120), 21, 1.0, "adam", spoken=30),
]  # fmt: skip


def row(name: str) -> Row:
    """The row called `name`."""
    return next(r for r in ROWS if r.name == name)
