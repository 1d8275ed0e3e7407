"""Softmaxes that are trained on the next word and a few drawn ones, and what such layers share.

All tokens of a batch share one draw: its words' vectors are gathered once, and the scores are one matrix product.
Deep Learning, section 12.4.3.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...autograd import array_of
from ...backend import backend_of
from ...backend.random import generator
from ...nn import init as initial
from ...nn.checks import check_positive
from ...params import Parameter
from .full import FullSoftmax
from .noise import Noise


class NoiseTrained(FullSoftmax):
    """Base of the layers whose loss touches the batch's words and some noise; the gradient is rows of those alone.

    All else, in particular the exact log probabilities, is that of the full softmax over the same scores. A subclass
    defines ``_contrast``.

    Parameters
    ----------
    hidden_size : int
    counts : (V,) ints
        How often each word occurs, for the noise; the bias starts at the log probability of the words without context.
    n_samples : int
        Noise words that are drawn for each batch.
    power : float
        Of the noise, see :class:`Noise`.
    weight : Parameter (V, H), optional
        That of an Embedding; make it ``sparse=True``, or each step costs V times H after all.
    rng : Generator or seed, optional
        Draws the weight and the noise.
    """

    def __init__(
        self,
        hidden_size: int,
        counts: Any,
        n_samples: int = 1024,
        power: float = 1.0,
        weight: Parameter | None = None,
        rng: initial.Rng = None,
    ) -> None:
        check_positive(type(self).__name__, n_samples=n_samples)
        self.rng = None if rng is None else generator(rng)
        super().__init__(hidden_size, len(counts), weight, self.rng, counts, sparse=True)
        self.n_samples, self.noise = n_samples, Noise(counts, power)

    def _loss(self, rows: Any, target: Any, contexts: Any) -> Any:
        here = backend_of(array_of(rows))
        words, times = self._draw(generator(self.rng))
        words, times = here.from_host(words), here.from_host(times.astype(rows.dtype, copy=False))
        true = (rows * ops.embedding(self.weight, target)).sum(axis=-1) + ops.embedding(self.bias, target)
        vectors = ops.transpose(ops.embedding(self.weight, words))
        others = ops.linear(rows, vectors, ops.embedding(self.bias, words))
        return self._contrast(true, others, target, words, times)

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Noise words, (m,) ascending and each once, and how often each came."""
        return self.noise.draw(self.n_samples, rng)

    def _contrast(self, true: Any, others: Any, target: Any, words: Any, times: Any) -> Any:
        """The loss, from the scores of the next words (n,) and of the noise words (n, m)."""
        raise NotImplementedError(f"{type(self).__name__} has no _contrast method; define it")

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, n_samples={self.n_samples}"


class SampledSoftmax(NoiseTrained):
    """A softmax over the next word and the noise words (Jean, Cho, Memisevic and Bengio, 2015, section 3.1).

    From each score the log probability that the word is in the draw is subtracted, so that frequent words do not gain
    from being drawn more often; a noise word that is the next word counts once. As `n_samples` grows the loss becomes
    the full softmax's; with as many as there are words, no word is drawn and it is that.

    Parameters
    ----------
    hidden_size, counts, n_samples, power, weight, rng
        See :class:`NoiseTrained`.
    """

    surrogate = "sampled softmax: negative log likelihood among the next word and the drawn ones"

    def __init__(
        self,
        hidden_size: int,
        counts: Any,
        n_samples: int = 1024,
        power: float = 1.0,
        weight: Parameter | None = None,
        rng: initial.Rng = None,
    ) -> None:
        super().__init__(hidden_size, counts, n_samples, power, weight, rng)
        self._takes_all = n_samples >= self.size - 1
        self._log_expected = np.zeros(self.size, np.float32) if self._takes_all else self.noise.log_inclusion(n_samples)

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        if not self._takes_all:
            return super()._draw(rng)
        words = np.flatnonzero(self.noise.p)
        return words, np.ones(len(words), np.float32)

    def _contrast(self, true: Any, others: Any, target: Any, words: Any, times: Any) -> Any:
        here = backend_of(target)
        expected = [here.from_host(self._log_expected[here.to_host(w)].astype(true.dtype)) for w in (target, words)]
        others = ops.where(words == target[:, None], -np.inf, others - expected[1])
        scores = ops.concatenate([(true - expected[0]).reshape((-1, 1)), others], axis=1)
        return ops.cross_entropy(scores, here.xp.zeros(len(target), np.int64))
