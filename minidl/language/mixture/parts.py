"""A mixture's parts: what they must share, how they read a text side by side, and what follows for the whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

import numpy as np

from ...errors import ArgumentError, DataError
from ..model import LanguageModel, Reader
from ..vocabulary import START_ID, Vocabulary

_AT_ONCE = 1 << 18  # probabilities of each part that are combined at the same time


class Mixture(LanguageModel):
    """Several models of one vocabulary, combined word by word; how, a subclass says.

    Parameters
    ----------
    models : sequence of LanguageModel
        The parts; a part may be a mixture itself.
    weights : (k,) array
        One a part.

    Raises
    ------
    ArgumentError
        No parts, or not a finite weight for each.
    DataError
        Parts of different vocabularies; names the first difference.
    """

    def __init__(self, models: Sequence[LanguageModel], weights: Sequence[float] | np.ndarray) -> None:
        self.vocabulary = shared_vocabulary(models)
        self.models = list(models)
        self.weights = np.array(weights, np.float64)
        if self.weights.shape != (len(self.models),) or not np.isfinite(self.weights).all():
            raise ArgumentError(f"mixture: {len(self.models)} models take as many finite weights, got {list(weights)}")

    def __repr__(self) -> str:
        parts = " + ".join(f"{w:.3f} {model!r}" for w, model in zip(self.weights, self.models, strict=True))
        return f"{type(self).__name__}({parts})"

    @abstractmethod
    def combine(self, log_probs: Sequence[np.ndarray]) -> np.ndarray:
        """From all parts' log probabilities of every word, each (..., vocabulary), to those of the whole."""

    @property
    def memory(self) -> int:
        return max(model.memory for model in self.models)

    def log_prob(self, contexts: np.ndarray) -> np.ndarray:
        return self.combine([model.log_prob(contexts) for model in self.models])

    def distributions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        for pieces in side_by_side(self.models, ids):
            yield self.combine(pieces)

    def reader(self) -> Reader:
        return _MixtureReader(self)


class _MixtureReader:
    """A reader of each part, all at the same place."""

    def __init__(self, mixture: Mixture) -> None:
        self._mixture = mixture
        self._readers = [model.reader() for model in mixture.models]

    def log_prob(self) -> np.ndarray:
        return self._mixture.combine([reader.log_prob() for reader in self._readers])

    def read(self, word: int) -> None:
        for reader in self._readers:
            reader.read(word)


def shared_vocabulary(models: Sequence[LanguageModel]) -> Vocabulary:
    """The vocabulary of all models.

    Raises
    ------
    ArgumentError
        No models.
    DataError
        They differ in a word or in their number; names the first difference.
    """
    if not models:
        raise ArgumentError("mixture: no models to mix")
    first = models[0].vocabulary
    for place, model in enumerate(models[1:], 2):
        words, others = first.words, model.vocabulary.words
        for i, (word, other) in enumerate(zip(words, others, strict=False)):
            if word != other:
                raise DataError(
                    f"mixture: word {i} is {word!r} for model 1, {other!r} for model {place}; train both with one vocabulary"
                )
        if len(words) != len(others):
            raise DataError(
                f"mixture: model 1 has {len(words):,} words, model {place} {len(others):,}; train both with one vocabulary"
            )
    return first


def side_by_side(models: Sequence[LanguageModel], ids: np.ndarray) -> Iterator[list[np.ndarray]]:
    """All models' distributions over the same tokens of a text.

    Yields
    ------
    list of (n, vocabulary) float32
        Of the next n tokens that are no starts, one a model. Each model cuts its stream as it likes; these pieces are
        small ones of equal length, so that memory holds one piece of each model and little more.

    Raises
    ------
    ArgumentError
        A model gives fewer tokens than another.
    """
    streams = [model.distributions(ids) for model in models]
    pieces = [np.empty((0, 0), np.float32)] * len(models)
    most = max(1, _AT_ONCE // len(models[0].vocabulary))
    while True:
        for i, stream in enumerate(streams):
            if not len(pieces[i]):
                pieces[i] = next((piece for piece in stream if len(piece)), pieces[i])
        sizes = [len(piece) for piece in pieces]
        if not min(sizes):
            if max(sizes):
                shortest = 1 + int(np.argmin(sizes))
                raise ArgumentError(f"mixture: model {shortest} gives distributions of fewer tokens than others")
            return
        n = min(*sizes, most)
        yield [piece[:n] for piece in pieces]
        pieces = [piece[n:] for piece in pieces]


def tokens_of(ids: np.ndarray) -> np.ndarray:
    """The tokens of a held-out text that have a probability: all but the starts.

    Raises
    ------
    DataError
        There are none.
    """
    ids = np.asarray(ids, np.int64)
    ids = ids[ids != START_ID]
    if not ids.size:
        raise DataError("mixture: the held-out text is empty")
    return ids
