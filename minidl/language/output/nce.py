"""Noise-contrastive estimation: telling the next word from noise, by scores that need no normalising.

Gutmann and Hyvarinen (2010); Mnih and Teh (2012); Deep Learning, section 18.6.
"""

from __future__ import annotations

import math
from typing import Any

from ... import ops
from ...backend import backend_of
from ...nn import init as initial
from ...params import Parameter
from .sampled import NoiseTrained


class NCE(NoiseTrained):
    """Logistic regression: is a word the next one, or one of k noise words?

    A word's log odds are ``s_w - ln_z - log(k q(w))``. As k grows the gradient becomes that of the likelihood, if the
    network's ``exp(s - ln_z)`` sum to one; and it is best for them to do so, so that they come near it by training.
    The exact log probabilities are normalised all the same.

    Parameters
    ----------
    hidden_size, counts, n_samples, power, weight, rng
        See :class:`NoiseTrained`; k is `n_samples`.
    ln_z : float
        The logarithm of the normaliser, the same for all contexts. Only its difference from the scores matters: with 0
        (Mnih and Teh) and the bias at the log probability of the words without context, as here, the scores are
        normalised from the start but for the weights' random values. faster-rnnlm has 9 and its scores near 0, which is
        1 / 8103 for each word. With scores far from normalised, the noise is told apart by the bias alone, and the
        first epochs go into that.
    """

    surrogate = "noise-contrastive estimation: log loss of telling the next word from noise"

    def __init__(
        self,
        hidden_size: int,
        counts: Any,
        n_samples: int = 1024,
        power: float = 1.0,
        weight: Parameter | None = None,
        rng: initial.Rng = None,
        ln_z: float = 0.0,
    ) -> None:
        super().__init__(hidden_size, counts, n_samples, power, weight, rng)
        self.ln_z = float(ln_z)
        self.bias.data = self.bias.data + self.ln_z

    def _contrast(self, true: Any, others: Any, target: Any, words: Any, times: Any) -> Any:
        here = backend_of(target)
        noise = [self.noise.log_p[here.to_host(w)].astype(true.dtype) for w in (target, words)]
        expected = [here.from_host(log_q) + (math.log(self.n_samples) + self.ln_z) for log_q in noise]
        mistaken = ops.softplus(expected[0] - true).mean()
        fooled = (ops.softplus(others - expected[1]) @ times).mean()
        return mistaken + fooled
