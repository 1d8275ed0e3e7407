"""Utterances as the batches that a CTC network reads: those of like length side by side, padded to the longest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ...data import Shuffled
from ...errors import ArgumentError, DataError
from ..features.spec_augment import SpecAugment, spec_augment
from .recogniser import CtcNetwork, checked_features
from .words import BLANK

Batch = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class Utterances:
    """Batches of frames (N,), features (T, N, D), numbers of labels (N,) and labels (N, S).

    What cannot be learned is set aside: no features, or more labels than steps of the network.

    Parameters
    ----------
    network : CtcNetwork
    features : mapping of name to (T, D) array
    labels : mapping of name to sequence of int
        Classes, of the same names at least.
    batch_size : int
    seed : int
        The order of batches is a function of seed and epoch; so is `augment`.
    augment : str or SpecAugment, optional
        See :func:`~minidl.speech.features.spec_augment`.

    Attributes
    ----------
    names : list of str
        Of the utterances that are left, by length.
    set_aside : dict
        Why others are not, by name.

    Raises
    ------
    ArgumentError, DataError
        Features of another width, or with NaN; labels that are no classes, or the blank; nothing is left.
    """

    def __init__(
        self, network: CtcNetwork, features: Mapping[str, np.ndarray], labels: Mapping[str, Sequence[int]],
        batch_size: int = 16, seed: int = 0, augment: str | SpecAugment | None = None,
    ) -> None:  # fmt: skip
        if batch_size < 1:
            raise ArgumentError(f"ctc: batch_size must be at least 1, got {batch_size}")
        self._features, self._labels = dict[str, np.ndarray](), dict[str, np.ndarray]()
        self.set_aside = dict[str, str]()
        for name, own in features.items():
            if name not in labels:
                self.set_aside[name] = "it has no labels"
                continue
            if not len(own):
                self.set_aside[name] = "it has no frames"
                continue
            classes = _checked_labels(name, labels[name], len(network.labels))
            steps, needed = network.n_steps(len(own)), steps_needed(classes)
            if steps < needed:
                self.set_aside[name] = f"its {len(own)} frames make {steps} steps, and its labels need {needed}"
                continue
            self._features[name], self._labels[name] = checked_features(name, own, network.n_features), classes
        if not self._features:
            reason = next((f"; {name}: {why}" for name, why in self.set_aside.items()), "")
            raise DataError(f"ctc: no utterance can be learned{reason}")
        self.names = sorted(self._features, key=lambda name: len(self._features[name]))
        self.batch_size, self.seed, self._augment = batch_size, seed, augment
        self._order = Shuffled(len(self), seed)
        self._epoch = self._start = 0

    def __len__(self) -> int:
        return -(-len(self.names) // self.batch_size)

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Let the next iteration be this epoch, from batch number `start` on."""
        self._epoch, self._start = epoch, start

    def __iter__(self) -> Iterator[Batch]:
        for number in self._order.order(self._epoch)[self._start :]:
            yield self._batch(range(number * self.batch_size, min((number + 1) * self.batch_size, len(self.names))))

    def _batch(self, places: range) -> Batch:
        features = [self._features_of(place) for place in places]
        labels = [self._labels[self.names[place]] for place in places]
        padded, n_frames = _padded(features, 0)
        targets, n_labels = _padded(labels, BLANK)
        return n_frames, padded.swapaxes(0, 1), n_labels, targets

    def _features_of(self, place: int) -> np.ndarray:
        features = self._features[self.names[place]]
        if self._augment is None:
            return features
        return spec_augment(features, self._augment, np.random.default_rng([self.seed, self._epoch, place]))


def steps_needed(labels: np.ndarray) -> int:
    """The least number of steps that can say some labels: one each, and a blank between equal ones."""
    return len(labels) + int((labels[1:] == labels[:-1]).sum())


def _padded(arrays: list[np.ndarray], value: float) -> tuple[np.ndarray, np.ndarray]:
    """Arrays (n, ...) as one (N, longest, ...), at least 1 long, and their lengths."""
    lengths = np.array([len(a) for a in arrays])
    padded = np.full((len(arrays), max(1, lengths.max()), *arrays[0].shape[1:]), value, arrays[0].dtype)
    for row, a in zip(padded, arrays, strict=True):
        row[: len(a)] = a
    return padded, lengths


def _checked_labels(name: str, labels: Sequence[int], n_labels: int) -> np.ndarray:
    classes = np.asarray(labels, np.int64).reshape(-1)
    if not np.array_equal(classes, labels) or ((classes <= BLANK) | (classes > n_labels)).any():
        raise ArgumentError(f"ctc: {name}: labels must be whole numbers from 1 to {n_labels}")
    return classes
