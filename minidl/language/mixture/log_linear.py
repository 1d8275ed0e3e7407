"""Log-linear interpolation: a product of powers of probabilities, normalised over the vocabulary (Klakow 1998).

A word must please every part, where a linear mixture is content with one. The price is the normaliser: even a single
word's probability takes those of the whole vocabulary from each part, so scoring a text is as dear as its distributions,
and fitting the weights is that once a Newton step (about five). A few thousand held-out tokens are enough for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import DataError, TrainingError
from ..model import LanguageModel
from ..vocabulary import START_ID
from .parts import Mixture, side_by_side, tokens_of

_TOLERANCE = 1e-8  # of the mean log probability
_MOST = 50  # passes over the text


class LogLinearMixture(Mixture):
    """p(w | h) = prod_i p_i(w | h)^weight_i / Z(h).

    Every part must hold every word to be possible: a bare cache is to be mixed linearly with another model first.

    Parameters
    ----------
    models : sequence of LanguageModel
        Of one vocabulary.
    weights : (k,) array
        Any numbers; they need not sum to 1, and a negative one takes away what a part knows.

    Raises
    ------
    ArgumentError, DataError
        See :class:`.parts.Mixture`. Later, of its methods, DataError: a word has no probability from a part.
    """

    @classmethod
    def fitted(cls, models: Sequence[LanguageModel], ids: np.ndarray) -> LogLinearMixture:
        """A mixture with the best weights for a text that no part was trained on.

        Parameters
        ----------
        ids : (n,) int array
            See :meth:`.LanguageModel.score_tokens`.

        Raises
        ------
        ArgumentError, DataError
            See :class:`.parts.Mixture`; the text is empty; a word has no probability from a part.
        TrainingError
            No best weights were found.
        """
        mixture = cls(models, np.full(len(models), 1 / max(len(models), 1)))
        mixture.weights = _newton(mixture, ids)
        return mixture

    @property
    def n_parameters(self) -> int:
        return sum(model.n_parameters for model in self.models) + len(self.models)

    def combine(self, log_probs: Sequence[np.ndarray]) -> np.ndarray:
        return self._normalised(self._possible(log_probs))

    def score_tokens(self, ids: np.ndarray) -> np.ndarray:
        ids = np.asarray(ids)
        out = np.zeros(ids.shape)
        at = np.flatnonzero(ids != START_ID)
        start = 0
        for piece in self.distributions(ids):
            places = at[start : start + len(piece)]
            out[places] = piece[np.arange(len(piece)), ids[places]]
            start += len(piece)
        return out

    def _possible(self, log_probs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The same with 0 for a sentence's start, so that sums of products stay finite; to be masked in the end.

        Raises
        ------
        DataError
            Another word has no probability.
        """
        finite = [np.array(one) for one in log_probs]
        for number, one in enumerate(finite, 1):
            one[..., START_ID] = 0
            if not np.isfinite(one).all():
                word = self.vocabulary.words[np.argwhere(~np.isfinite(one))[0, -1]]
                raise DataError(
                    f"log-linear mixture: model {number} gives {word!r} no probability; first mix it linearly with another"
                )
        return finite

    def _normalised(self, log_probs: Sequence[np.ndarray]) -> np.ndarray:
        scores = np.asarray(sum(w * one for w, one in zip(self.weights.tolist(), log_probs, strict=True)))
        scores[..., START_ID] = -np.inf
        scores -= scores.max(-1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


def _newton(mixture: LogLinearMixture, ids: np.ndarray) -> np.ndarray:
    """The weights that make a text most likely.

    The likelihood is concave, and its second derivatives cost little more than its value. A step that overshoots is
    halved. What equal parts leave open, the shortest step decides.
    """
    tokens = tokens_of(ids)
    best, gradient, hessian = _derivatives(mixture, ids, tokens)
    weights = mixture.weights
    step = np.linalg.lstsq(hessian, -gradient, rcond=1e-9)[0]
    for _ in range(_MOST):
        gain = gradient @ step / 2  # to second order
        if gain < _TOLERANCE:
            return weights
        mixture.weights = weights + step
        value, *rest = _derivatives(mixture, ids, tokens)
        if value > best:
            weights, best, (gradient, hessian) = mixture.weights, value, rest
            step = np.linalg.lstsq(hessian, -gradient, rcond=1e-9)[0]
        else:
            step = step / 2
    raise TrainingError(f"log-linear mixture: no best weights in {_MOST} passes over the text; take a longer held-out text")


def _derivatives(mixture: LogLinearMixture, ids: np.ndarray, tokens: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Mean log probability of a text, its gradient (k,) and its second derivatives (k, k).

    With f the parts' log probabilities, they are f of the word less the mean of f, and minus the covariance of f,
    both under the mixture's distribution.
    """
    k, start = len(mixture.models), 0
    value, gradient, hessian = 0.0, np.zeros(k), np.zeros((k, k))
    for pieces in side_by_side(mixture.models, ids):
        f = [one.astype(np.float64) for one in mixture._possible(pieces)]  # sums over a whole text are to be exact
        log_p = mixture._normalised(f)
        n = log_p.shape[0]
        words = np.arange(n), tokens[start : start + n]
        start += n
        p = np.exp(log_p)
        mean = np.stack([np.einsum("nv,nv->n", p, one) for one in f])
        value += log_p[words].sum()
        gradient += (np.stack([one[words] for one in f]) - mean).sum(1)
        for i, j in zip(*np.triu_indices(k), strict=True):
            hessian[i, j] -= np.vdot(p * f[i], f[j]) - mean[i] @ mean[j]
    hessian = np.triu(hessian) + np.triu(hessian, 1).T
    return value / len(tokens), gradient / len(tokens), hessian / len(tokens)
