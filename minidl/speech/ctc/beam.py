"""Prefix beam search: the likeliest labels, each with all of its paths (Graves and Jaitly, 2014; Hannun et al., 2014).

Paths that mean the same so far are one hypothesis, with two probabilities: those that end with a blank and those that end
with its last label. Only after a blank does the same label once more count as another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, inf, log1p
from typing import Any, Protocol

import numpy as np

from ...errors import ArgumentError, DataError

State = tuple[Any, ...]
Scores = dict[State, tuple[float, float]]


@dataclass(frozen=True)
class Width:
    """How much a search looks at.

    Attributes
    ----------
    hypotheses : int
        As many at most after each frame.
    margin : float
        None whose log probability is so far below the best one's.
    floor : float
        In each frame, none of the labels with a log probability below this as a new one.
    """

    hypotheses: int = 64
    margin: float = 16.0
    floor: float = -9.0

    def __post_init__(self) -> None:
        if self.hypotheses < 1 or not self.margin > 0 or not self.floor < 0:
            raise ArgumentError(f"beam search: hypotheses and margin must be positive and floor negative, got {self}")


EXACT = Width(1 << 62, inf, -inf)


class Prefixes(Protocol):
    """Which labels may follow which: hypotheses are states, tuples that end with their last label (at first, the blank)."""

    def start(self) -> State:
        """Nothing said yet."""

    def after(self, state: State) -> Iterable[tuple[State, float]]:
        """The states with one label more, and what is added to their log probability; asked often."""


class AnyLabels:
    """Labels in any order: a state is all labels so far, after a blank."""

    def __init__(self, n_classes: int, blank: int) -> None:
        self._blank, self._labels = blank, [label for label in range(n_classes) if label != blank]
        self._known = dict[State, list[tuple[State, float]]]()

    def start(self) -> State:
        return (self._blank,)

    def after(self, state: State) -> Iterable[tuple[State, float]]:
        if state not in self._known:
            self._known[state] = [((*state, label), 0.0) for label in self._labels]
        return self._known[state]


def likeliest_labels(
    log_probs: np.ndarray, n: int = 1, blank: int = 0, width: Width | None = None
) -> list[tuple[tuple[int, ...], float]]:
    """The likeliest label sequences, best first, with their log probabilities.

    Parameters
    ----------
    log_probs : (T, C) array
    n : int
        How many, at most.
    blank : int
    width : Width, optional
        ``EXACT`` prunes nothing: its time grows with C to the power of T.

    Raises
    ------
    ArgumentError, DataError
        Another shape, a blank that is no class; NaN.
    """
    found = search(log_probs, AnyLabels(np.shape(log_probs)[-1], blank), blank, width or Width())
    totals = {state[1:]: log_add(*pair) for state, pair in found.items()}
    return best(totals, n)


def search(log_probs: np.ndarray, prefixes: Prefixes, blank: int, width: Width) -> Scores:
    """States after the last frame, with the log probabilities of their paths: with a blank, and with a label at the end.

    Raises
    ------
    ArgumentError, DataError
        See :func:`likeliest_labels`.
    """
    log_probs = _checked(log_probs, blank)
    scores: Scores = {prefixes.start(): (0.0, -inf)}
    for frame in log_probs.tolist():
        scores = _pruned(_extended(scores, prefixes, frame, blank, width.floor), width)
    return scores


def _extended(scores: Scores, prefixes: Prefixes, frame: list[float], blank: int, floor: float) -> Scores:
    """All hypotheses after one frame more."""
    with_blank, with_label = dict[State, float](), dict[State, float]()
    for state, (blank_end, label_end) in scores.items():
        total, last = log_add(blank_end, label_end), state[-1]
        with_blank[state] = total + frame[blank]
        with_label[state] = log_add(with_label.get(state, -inf), label_end + frame[last])
        for reached, added in prefixes.after(state):
            label = reached[-1]
            if frame[label] >= floor:
                score = (blank_end if label == last else total) + added + frame[label]
                if score > -inf:
                    with_label[reached] = log_add(with_label.get(reached, -inf), score)
    return {state: (with_blank.get(state, -inf), score) for state, score in with_label.items()}


def _pruned(scores: Scores, width: Width) -> Scores:
    totals = {state: log_add(*pair) for state, pair in scores.items()}
    least = max(totals.values()) - width.margin
    kept = [state for state, total in totals.items() if total >= least]
    if len(kept) > width.hypotheses:
        kept = sorted(kept, key=totals.__getitem__, reverse=True)[: width.hypotheses]
    return {state: scores[state] for state in kept}


def best(totals: dict[Any, float], n: int) -> list[tuple[Any, float]]:
    """The `n` keys of the highest values, best first; none of minus infinity."""
    possible = [item for item in totals.items() if item[1] > -inf]
    return sorted(possible, key=lambda item: -item[1])[:n]


def log_add(a: float, b: float) -> float:
    """``log(exp(a) + exp(b))`` of two numbers."""
    if a < b:
        a, b = b, a
    return a if b == -inf else a + log1p(exp(b - a))


def _checked(log_probs: np.ndarray, blank: int) -> np.ndarray:
    log_probs = np.asarray(log_probs, np.float64)
    if log_probs.ndim != 2 or not 0 <= blank < log_probs.shape[1]:
        raise ArgumentError(
            f"beam search: log_probs must be (frames, classes), the blank (here {blank}) one of the classes, "
            f"got shape {log_probs.shape}"
        )
    wrong = np.isnan(log_probs) | (log_probs > 1e-3)
    if wrong.any():
        frame, label = np.argwhere(wrong)[0]
        raise DataError(f"beam search: {log_probs[frame, label]} at frame {frame}, class {label} is no log probability")
    return log_probs
