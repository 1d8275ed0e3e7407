"""The best path: the likeliest label of each frame, repetitions merged and blanks dropped (Graves et al., 2006, 3.2)."""

from __future__ import annotations

import numpy as np


def best_path(log_probs: np.ndarray, blank: int = 0) -> list[int]:
    """The labels that the single likeliest path means; not always the likeliest labels.

    Parameters
    ----------
    log_probs : (T, C) array
        Of each frame, or any scores in the same order.
    blank : int
    """
    path = np.asarray(log_probs).argmax(axis=1)
    new = np.diff(path, prepend=blank) != 0
    return path[new & (path != blank)].tolist()
