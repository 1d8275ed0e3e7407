"""A ranking loss: the next word's score above that of other words by a margin (Collobert and Weston, 2008).

Deep Learning, section 12.4.3.4.
"""

from __future__ import annotations

from typing import Any

from ... import ops
from ...backend import backend_of
from ...nn import init as initial
from ...params import Parameter
from .sampled import NoiseTrained


class RankingHinge(NoiseTrained):
    """``max(0, 1 - s(next word) + s(other word))``, the mean over drawn words other than the next.

    The loss says which words fit better, not how much better: scores need only keep their distance of one. What
    :meth:`log_prob` gives is the exact softmax of the scores: a distribution in the order that was learned, but of a
    sharpness that nothing asked for. Its perplexity is worse than those of the other layers, and not what such a network
    is for (Collobert and Weston wanted the word vectors).

    Parameters
    ----------
    hidden_size, counts, n_samples, weight, rng
        See :class:`NoiseTrained`.
    power : float
        Of the noise: 0, all words equally often, as Collobert and Weston draw them.
    """

    surrogate = "ranking: hinge loss between the next word and drawn ones"

    def __init__(
        self,
        hidden_size: int,
        counts: Any,
        n_samples: int = 256,
        power: float = 0.0,
        weight: Parameter | None = None,
        rng: initial.Rng = None,
    ) -> None:
        super().__init__(hidden_size, counts, n_samples, power, weight, rng)

    def _contrast(self, true: Any, others: Any, target: Any, words: Any, times: Any) -> Any:
        xp = backend_of(target).xp
        wrong = (words != target[:, None]) * times
        share = wrong / xp.maximum(wrong.sum(axis=1, keepdims=True), 1)  # a lone draw may be the next word itself
        hinge = ops.maximum(1 - true.reshape((-1, 1)) + others, 0.0)
        return (hinge * share).sum() * (1 / len(target))
