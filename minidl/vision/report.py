"""The report of an image classifier: curves, confusion matrix, filters, and the worst mistakes as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..train import figures
from ..train.history import History
from ..train.metrics import confusion_matrix
from ..train.report import Report, environment, epochs_table


def classifier_report(
    title: str,
    lead: str,
    *,
    history: History,
    images: np.ndarray,
    target: np.ndarray,
    scores: np.ndarray,
    classes: Sequence[str],
    first_filters: np.ndarray | None = None,
    numbers: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    model: str = "",
) -> Report:
    """Put a report together; ``.write(path)`` makes the file.

    Parameters
    ----------
    images : (N, H, W, C) in [0, 1]
        Test images.
    target : (N,) integers
    scores : (N, classes)
        The model's outputs before softmax.
    first_filters : (KH, KW, C, n), optional
        Weights of the first convolution.
    numbers : mapping, optional
        What stands at the top.
    model : str
        The model's summary.
    """
    p = probabilities(scores)
    page = Report(title, lead)
    page.numbers(numbers or {})
    words = {"val": "test"}
    page.figure(
        "Loss and accuracy", figures.curves(history, words=words), "After each epoch. Training figures are means over "
        "the epoch, with dropout and augmentation on; the pale line is the loss of single steps."
    )  # fmt: skip
    matrix = confusion_matrix(target, p.argmax(1), len(classes))
    page.figure(
        "Confusion matrix", figures.confusion(matrix, classes),
        f"{int(np.trace(matrix)):,} of {int(matrix.sum()):,} test images are right (blue); errors are orange."
    )  # fmt: skip
    _add_mistakes(page, images, target, p, classes)
    if first_filters is not None:
        page.figure(
            "First-layer filters", figures.filters(first_filters),
            "Weights of the first convolution: red is positive, blue is negative.", form="png",
        )  # fmt: skip
    rows, header = epochs_table(history)
    page.table("Epochs and timing", rows, [name.replace("val ", "test ") for name in header])
    page.table("Configuration", [(k.replace("_", " "), _words(v)) for k, v in (config or {}).items()])
    if model:
        page.verbatim("Model", model)
    page.table("Environment", list(environment().items()))
    return page


def _add_mistakes(
    page: Report, images: np.ndarray, target: np.ndarray, p: np.ndarray, classes: Sequence[str], most: int = 24
) -> None:
    """The errors of which the model was surest."""
    predicted = p.argmax(1)
    wrong = np.flatnonzero(predicted != target)
    if not len(wrong):
        page.text("Worst mistakes", "There are none: every test image is right.")
        return
    worst = wrong[np.argsort(-p[wrong, predicted[wrong]])][:most]
    which = "All errors"
    if len(worst) < len(wrong):
        which = f"The {len(worst)} of {len(wrong):,} errors of which the model was surest"
    words = "\nas " if max(map(len, classes)) > 3 else " as "  # long names get a line each
    captions = [f"{classes[target[i]]}{words}{classes[predicted[i]]}\n{p[i, predicted[i]]:.0%}" for i in worst]
    page.figure(
        "Worst mistakes", figures.pictures(images[worst], captions),
        f"{which}: true class, what it was taken for, and the probability that the model gave to that.", form="png",
    )  # fmt: skip


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Softmax over the last axis, on the host."""
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
