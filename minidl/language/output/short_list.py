"""A short list: the network gives the most frequent words, and a simpler model all others (Schwenk, 2007).

Deep Learning, section 12.4.3.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...backend import backend_of
from ...errors import ArgumentError
from ...nn import init as initial
from ..model import LanguageModel
from ..vocabulary import START_ID
from .base import OutputLayer
from .full import FullSoftmax
from .noise import log_unigram, unigram

_LOWEST = float(np.finfo(np.float32).min)  # in place of -inf: no NaN from inf - inf
_OTHER = 0  # the number that stands for all other words in the short list's softmax


class ShortList(OutputLayer):
    """A softmax over the `n_short` most frequent words and one for all others, which share its probability.

    They share it as the `tail` model says, renormalised over them. In Schwenk's the network has no output for the others,
    and the n-gram model says how probable it is that the next word is in the list. Here the network learns that (Park,
    Liu, Gales and Woodland, 2010; Deep Learning describes it so too), and is a whole distribution with any tail.

    Parameters
    ----------
    hidden_size : int
    counts : (V,) ints
        How often each word occurs.
    n_short : int
        Words that the network knows.
    tail : LanguageModel, optional
        Of the same vocabulary, asked for what follows the contexts. Without it, or where no contexts are given, the
        others share by frequency alone.
    rng : Generator or seed, optional

    Attributes
    ----------
    inner : FullSoftmax
        Over 0 for the others, 1 for a sentence's start, and the short list.
    short, others : int64 arrays
        The words in the list and those outside, each with the most frequent first.

    Raises
    ------
    ArgumentError
        `n_short` that leaves no word out, or a tail of another vocabulary.
    """

    def __init__(
        self, hidden_size: int, counts: Any, n_short: int, tail: LanguageModel | None = None, rng: initial.Rng = None
    ) -> None:
        super().__init__(hidden_size, len(counts))
        if not 1 <= n_short <= self.size - 2:
            raise ArgumentError(f"ShortList: n_short={n_short} must be between 1 and {self.size - 2} to leave a word out")
        if tail is not None and len(tail.vocabulary) != self.size:
            raise ArgumentError(f"ShortList: the tail knows {len(tail.vocabulary)} words, the counts are of {self.size}")
        p = unigram(counts)
        order = np.delete(np.argsort(-p, kind="stable"), -1)  # the start, the only one of probability zero, is last
        self.short, self.others, self.tail = order[:n_short], order[n_short:], tail
        self._place = np.full(self.size, _OTHER)
        self._place[START_ID] = START_ID
        self._place[self.short] = np.arange(n_short) + 2
        self._log_share = log_unigram(counts, self.size) - np.log(p[self.others].sum()).astype(np.float32)
        self.inner = FullSoftmax(hidden_size, n_short + 2, rng=rng)
        self.inner.bias.data = np.log([p[self.others].sum(), 1.0, *p[self.short]])
        if tail is not None:
            self.surrogate = "negative log likelihood of the short list's words and of all others as one"

    def _loss(self, rows: Any, target: Any, contexts: Any) -> Any:
        here = backend_of(target)
        words = here.to_host(target)
        loss = self.inner.loss(rows, here.from_host(self._place[words]))
        if self.tail is not None:  # what it says is no matter of training, and needs contexts
            return loss
        return loss - float(self._log_share[words[self._place[words] == _OTHER]].sum() / len(words))

    def _log_prob(self, rows: Any, contexts: Any) -> Any:
        here = backend_of(rows)
        inner = self.inner.log_prob(rows)
        out = here.from_host(self._shares(contexts, len(rows))) + inner[:, :1]
        out[:, here.from_host(self.short)] = inner[:, 2:]
        return out

    def _log_prob_of(self, rows: Any, target: Any, contexts: Any) -> Any:
        here = backend_of(rows)
        words = here.to_host(target)
        outside = np.flatnonzero(self._place[words] == _OTHER)
        shares = self._shares(None if contexts is None else contexts[outside], len(outside))
        share = np.zeros(len(words), np.float32)
        share[outside] = shares[np.arange(len(outside)), words[outside]]
        return self.inner.log_prob_of(rows, here.from_host(self._place[words])) + here.from_host(share)

    def _shares(self, contexts: Any, n: int) -> np.ndarray:
        """Log probabilities of words, given that they are none of the list, (n, V); of those in the list without meaning."""
        if contexts is None or self.tail is None:
            return np.broadcast_to(self._log_share, (n, self.size))
        log_p = self.tail.log_prob(contexts)
        total = ops.logsumexp(log_p[:, self.others], axis=1, keepdims=True)
        return np.where(total > -np.inf, log_p - np.maximum(total, _LOWEST), self._log_share)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, n_short={len(self.short)}"
