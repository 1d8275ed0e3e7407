"""The full softmax over all words, and the scores that other layers train by cheaper means.

Bengio, Ducharme, Vincent and Jauvin (2003); Deep Learning, equations 12.8 and 12.9.
Loss and gradient cost V times H a token.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops
from ...autograd import array_of
from ...backend import namespace_of
from ...errors import ShapeError
from ...nn import init as initial
from ...params import Parameter
from ..vocabulary import START_ID
from .base import OutputLayer
from .noise import log_unigram


class FullSoftmax(OutputLayer):
    """``p(w | h) = exp(s_w) / sum of exp(s)`` with the scores ``s = weight @ h + bias``.

    Parameters
    ----------
    hidden_size : int
    size : int
    weight : Parameter (V, H), optional
        That of an Embedding, so that words have one vector for both ends of the network (Press and Wolf, 2017).
    rng : Generator or seed, optional
        Draws the weight, uniform with standard deviation ``1 / sqrt(H)``.
    counts : (V,) ints, optional
        How often each word occurs. The bias then starts at the log probability of the words without context: training
        need not find that first, which takes it a long time for rare words; zero otherwise.
    sparse : bool
        Gradients of weight and bias as rows; for layers whose loss touches few words.

    Attributes
    ----------
    weight : Parameter (V, H)
        A row for each word, as in an embedding: so the two may be one, and few words' rows lie together.
    bias : Parameter (V,)
    """

    def __init__(
        self,
        hidden_size: int,
        size: int,
        weight: Parameter | None = None,
        rng: initial.Rng = None,
        counts: Any = None,
        sparse: bool = False,
    ) -> None:
        super().__init__(hidden_size, size)
        if weight is None:
            weight = Parameter(initial.uniform((size, hidden_size), rng, math.sqrt(3 / hidden_size)), sparse=sparse)
        elif not isinstance(weight, Parameter) or weight.shape != (size, hidden_size):
            raise ShapeError(f"{type(self).__name__}: weight must be a Parameter of shape ({size}, {hidden_size}), not "
                             f"{getattr(weight, 'shape', weight)!r}")  # fmt: skip
        self.weight = weight
        self.bias = Parameter(initial.zeros((size,)) if counts is None else log_unigram(counts, size), sparse=sparse)

    def _scores(self, rows: Any, weight: Any, bias: Any) -> Any:
        """Scores of all words, (n, V): arrays of arrays, Tensors with a graph of Tensors."""
        never = namespace_of(array_of(bias)).zeros(self.size, bias.dtype)
        never[START_ID] = -np.inf
        return ops.linear(rows, ops.transpose(weight), bias + never)

    def _loss(self, rows: Any, target: Any, contexts: Any) -> Any:
        return ops.cross_entropy(self._scores(rows, self.weight, self.bias), target)

    def _log_prob(self, rows: Any, contexts: Any) -> Any:
        return ops.log_softmax(self._scores(rows, self.weight.data, self.bias.data))

    def _log_prob_of(self, rows: Any, target: Any, contexts: Any) -> Any:
        scores = self._scores(rows, self.weight.data, self.bias.data)
        return -ops.cross_entropy(scores, target, reduction="none")
