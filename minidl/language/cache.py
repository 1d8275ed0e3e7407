"""A cache: words that stood in the text a short while ago are likely to come again (Kuhn and De Mori 1990).

Alone it is a poor model; mixed with another, it tells that one what the text is about.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import ArgumentError
from .model import LanguageModel, checked_contexts
from .vocabulary import START_ID, Vocabulary

_AT_ONCE = 1 << 22  # probabilities of :meth:`CacheModel.distributions` that are in memory at the same time


class CacheModel(LanguageModel):
    """How often each word stands among the last ones, over all sentences since the text began.

    A word that is `age` places back counts decay^(age - 1); sentence ends are words, starts are not. The shares of the
    words are mixed with a distribution in which every word is possible; before the first word it stands alone.

    Parameters
    ----------
    vocabulary : Vocabulary
    size : int
        How many words are remembered.
    decay : float
        Above 0, at most 1, with which all count alike.
    floor : float
        The weight of the other distribution, above 0 and below 1.
    unigram : (V,) array, optional
        The other distribution, its place 1 being 0; otherwise all words are equally likely.

    Raises
    ------
    ArgumentError
        Numbers outside these ranges; no distribution.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        size: int = 500,
        decay: float = 1.0,
        floor: float = 0.1,
        unigram: np.ndarray | None = None,
    ) -> None:
        if size < 1 or not 0 < decay <= 1 or not 0 < floor < 1:
            raise ArgumentError(
                f"cache: size must be at least 1, decay in (0, 1], floor in (0, 1); got {size}, {decay}, {floor}"
            )
        self.vocabulary, self.size, self.decay, self.floor = vocabulary, size, decay, floor
        self._n_estimated = 0 if unigram is None else len(vocabulary)
        self._unigram = _even(len(vocabulary)) if unigram is None else np.asarray(unigram, np.float64)
        if self._unigram.shape != (len(vocabulary),) or (self._unigram < 0).any() or self._unigram[START_ID] != 0:
            raise ArgumentError(f"cache: unigram must be ({len(vocabulary)},) probabilities, 0 for {START_ID}, the start")
        if abs(self._unigram.sum() - 1) > 1e-6:
            raise ArgumentError(f"cache: the unigram probabilities must sum to 1, not to {self._unigram.sum():.6g}")
        with np.errstate(divide="ignore"):  # of every word in an empty cache, and of those that are not in a cache
            self._empty, self._without_it = (np.log(a).astype(np.float32) for a in (self._unigram, floor * self._unigram))

    @property
    def memory(self) -> int:
        return self.size

    @property
    def n_parameters(self) -> int:
        return self._n_estimated

    def log_prob(self, contexts: np.ndarray) -> np.ndarray:
        """See :meth:`.LanguageModel.log_prob`; a context is what the cache holds, whatever sentences it is of."""
        size = len(self.vocabulary)
        contexts = checked_contexts(contexts, size)
        out = np.empty((len(contexts), size), np.float32)
        for line, context in zip(out, contexts, strict=True):
            words = context[context != START_ID][-self.size :]
            line[:] = self._without_it if words.size else self._empty
            weights = self.decay ** np.arange(len(words) - 1, -1, -1.0)
            shares = np.bincount(words, weights, size)[words] / weights.sum()
            line[words] = np.log((1 - self.floor) * shares + self.floor * self._unigram[words])
        return out

    def score_tokens(self, ids: np.ndarray) -> np.ndarray:
        ids = np.asarray(ids, np.int64)
        tokens = ids[ids != START_ID]
        counts, totals = _counts_before(tokens, self.size, self.decay), _totals(len(tokens), self.size, self.decay)
        shares = np.divide(counts, totals, out=self._unigram[tokens], where=totals > 0)
        log_probs = np.zeros(ids.size)
        log_probs[ids != START_ID] = np.log((1 - self.floor) * shares + self.floor * self._unigram[tokens])
        return log_probs

    def distributions(self, ids: np.ndarray) -> Iterator[np.ndarray]:
        ids = np.asarray(ids)
        tokens, reader = ids[ids != START_ID], self.reader()
        step = max(1, _AT_ONCE // len(self.vocabulary))
        for start in range(0, len(tokens), step):
            some = tokens[start : start + step].tolist()
            piece = np.empty((len(some), len(self.vocabulary)), np.float32)
            for line, word in zip(piece, some, strict=True):
                line[:] = reader.log_prob()
                reader.read(word)
            yield piece

    def reader(self) -> _CacheReader:
        return _CacheReader(self)


class _CacheReader:
    """Keeps the cache while it reads."""

    def __init__(self, model: CacheModel) -> None:
        self._model, self._words = model, np.zeros(0, np.int64)

    def log_prob(self) -> np.ndarray:
        return self._model.log_prob(self._words[None])[0]

    def read(self, word: int) -> None:
        self._words = np.append(self._words, word)[-self._model.size :]


def _even(size: int) -> np.ndarray:
    even = np.full(size, 1.0 / (size - 1))
    even[START_ID] = 0.0
    return even


def _totals(n: int, size: int, decay: float) -> np.ndarray:
    """The weight of all that is remembered at each of n places."""
    ages = np.minimum(np.arange(n), size)
    return ages.astype(np.float64) if decay == 1 else (1 - decay**ages) / (1 - decay)


def _counts_before(tokens: np.ndarray, size: int, decay: float) -> np.ndarray:
    """The weight of each token's word in the cache that stands before it, (n,)."""
    counts, words = np.zeros(len(tokens)), tokens.tolist()
    value, place_of = dict[int, float](), dict[int, int]()  # a word's weight at the place where it last changed
    forgotten = decay**size
    for place, word in enumerate(words):
        if place > size:
            old = words[place - size - 1]
            value[old] = max(value[old] * decay ** (place - place_of[old]) - forgotten, 0.0)
            place_of[old] = place
        if word in value:
            counts[place] = value[word] * decay ** (place - place_of[word])
        value[word], place_of[word] = float(counts[place]) * decay + 1, place + 1
    return counts
