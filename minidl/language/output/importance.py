"""Importance sampling: the normaliser of the softmax estimated from drawn words.

Bengio and Senecal (2003, 2008); Deep Learning, section 12.4.3.3, equations 12.15 to 12.18.
"""

from __future__ import annotations

from typing import Any

from ... import ops
from ...backend import backend_of
from .sampled import NoiseTrained


class ImportanceSampling(NoiseTrained):
    """Negative log likelihood with ``Z = sum of exp(s)`` replaced by the mean of ``exp(s_w) / q(w)`` over noise words.

    Its gradient is that of biased importance sampling: scores of the noise words fall in proportion to their weights
    ``exp(s_w) / q(w)``, normalised among themselves. The estimate of Z is unbiased, its logarithm is not. Unlike in
    :class:`SampledSoftmax`, the next word is not in the estimate: with few noise words Z comes out too small for
    contexts whose likely words were not drawn, the loss then has no lower bound and training diverges, as Bengio and
    Senecal saw; take more words rather than fewer (they raised the number as the network grew sharper).

    Parameters
    ----------
    hidden_size, counts, n_samples, power, weight, rng
        See :class:`NoiseTrained`.
    """

    surrogate = "importance sampling: negative log likelihood with an estimated normaliser"

    def _contrast(self, true: Any, others: Any, target: Any, words: Any, times: Any) -> Any:
        here = backend_of(words)
        log_q = here.from_host(self.noise.log_p[here.to_host(words)].astype(true.dtype))
        weights = others + (here.xp.log(times / self.n_samples) - log_q)
        return (ops.logsumexp(weights, axis=-1) - true).mean()
