"""Class-based softmax: first the class of the next word, then the word among those of its class.

Goodman (2001); Mikolov, Kombrink, Burget, Cernocky and Khudanpur (2011); Deep Learning, section 12.4.3.2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops
from ...autograd import RowSparse, array_of
from ...autograd.op import Array, op
from ...backend import backend_of, namespace_of
from ...errors import ArgumentError
from ...nn import init as initial
from ...params import Parameter
from .base import OutputLayer, draw
from .noise import unigram


class ClassSoftmax(OutputLayer):
    """``p(w | h) = p(class of w | h) p(w | class of w, h)``, each a softmax: about 2 sqrt(V) scores instead of V.

    Words are sorted by frequency and cut into classes of equal mass, where a word's mass is the square root of its
    frequency (the "new classes" of rnnlm): frequent words are in small classes, and rare ones not all in a single one.

    Parameters
    ----------
    hidden_size : int
    counts : (V,) ints
        How often each word occurs. Biases start at the log probabilities without context.
    n_classes : int, optional
        About sqrt(V) unless given; they become fewer where a single word has the mass of several classes.
    rng : Generator or seed, optional
        Draws the weights, uniform with standard deviation ``1 / sqrt(H)``.

    Attributes
    ----------
    words : (V - 1,) int64
        All but a sentence's start, the most frequent first; ``bounds[c]`` to ``bounds[c + 1]`` are those of class c.
    bounds : (C + 1,) int64
    class_weight : Parameter (H, C)
    class_bias : Parameter (C,)
    weight : Parameter (V - 1, H)
        A row for each word, in the order of `words`, so that a class is a slice.
    bias : Parameter (V - 1,)
    """

    def __init__(self, hidden_size: int, counts: Any, n_classes: int | None = None, rng: initial.Rng = None) -> None:
        super().__init__(hidden_size, len(counts))
        n_classes = round(math.sqrt(self.size)) if n_classes is None else n_classes
        if not 1 <= n_classes < self.size:
            raise ArgumentError(f"ClassSoftmax: n_classes must be between 1 and the number of words, not {n_classes}")
        p = unigram(counts)
        self.words = np.delete(np.argsort(-p, kind="stable"), -1)  # the start, the only one of probability zero, is last
        p = p[self.words]
        self.bounds = equal_masses(np.sqrt(p), n_classes)
        self._place = np.zeros(self.size, np.int64)
        self._place[self.words] = np.arange(len(self.words))
        bound = math.sqrt(3 / hidden_size)
        self.class_weight = Parameter(initial.uniform((hidden_size, len(self.bounds) - 1), rng, bound))
        self.class_bias = Parameter(np.log(np.add.reduceat(p, self.bounds[:-1])).astype(np.float32))
        self.weight = Parameter(initial.uniform((len(p), hidden_size), rng, bound), sparse=True)
        self.bias = Parameter(np.log(p).astype(np.float32), sparse=True)

    def _loss(self, rows: Any, target: Any, contexts: Any) -> Any:
        own, groups, places = self._grouped(target)
        between = ops.cross_entropy(ops.linear(rows, self.class_weight, self.class_bias) + self._of_classes(contexts), own)
        within = nll_in_class(rows, self.weight, self.bias, self._of_words(contexts, groups), groups=groups, places=places)
        return between + within.sum() * (1 / len(target))

    def _of_classes(self, contexts: Any) -> Any:
        """What is added to the classes' scores, (n, C) or a number: nothing, here."""
        return 0.0

    def _of_words(self, contexts: Any, groups: list[tuple[Any, slice]]) -> Any:
        """What is added to the scores of each group's words, tokens times words of one group after the other, or None."""
        return None

    def _log_prob_of(self, rows: Any, target: Any, contexts: Any) -> Any:
        own, groups, places = self._grouped(target)
        between = ops.cross_entropy(self._class_scores(rows, contexts), own, reduction="none")
        added = array_of(self._of_words(contexts, groups))
        within = nll_in_class(rows, self.weight.data, self.bias.data, added, groups=groups, places=places)
        return -(between + within)

    def _log_prob(self, rows: Any, contexts: Any) -> Any:
        here = backend_of(rows)
        between = ops.log_softmax(self._class_scores(rows, contexts))
        in_order = here.xp.empty((len(rows), len(self.words)), rows.dtype)
        for c in range(len(self.bounds) - 1):
            words = self._slice(c)
            in_order[:, words] = self._log_prob_in(rows, words, contexts) + between[:, c : c + 1]
        out = here.xp.empty((len(rows), self.size), rows.dtype)
        out[:, here.from_host(self.words)] = in_order
        return out

    def _sample(self, rows: Any, contexts: Any, rng: np.random.Generator) -> Any:
        here = backend_of(rows)
        own = here.to_host(draw(ops.log_softmax(self._class_scores(rows, contexts)), rng))
        places = np.empty(len(rows), np.int64)
        for c, tokens in _by_class(own):
            words = self._slice(c)
            before = None if contexts is None else contexts[tokens]
            drawn = draw(self._log_prob_in(rows[here.from_host(tokens)], words, before), rng)
            places[tokens] = words.start + here.to_host(drawn)
        return here.from_host(self.words[places])

    def _class_scores(self, rows: Any, contexts: Any) -> Any:
        return ops.linear(rows, self.class_weight.data, self.class_bias.data) + array_of(self._of_classes(contexts))

    def _log_prob_in(self, rows: Any, words: slice, contexts: Any) -> Any:
        """Log probabilities of the words of a class, given the class."""
        scores = ops.linear(rows, self.weight.data[words].T, self.bias.data[words])
        added = array_of(self._of_words(contexts, [(slice(None), words)]))
        return ops.log_softmax(scores if added is None else scores + added.reshape(scores.shape))

    def _slice(self, c: int) -> slice:
        return slice(int(self.bounds[c]), int(self.bounds[c + 1]))

    def _grouped(self, target: Any) -> tuple[Any, list[tuple[Any, slice]], Any]:
        """The class of each word; for each class that occurs, its tokens and words; and each word's place in its class."""
        here = backend_of(target)
        place = self._place[here.to_host(target)]
        own = self.bounds.searchsorted(place, side="right") - 1
        groups = [(here.from_host(tokens), self._slice(c)) for c, tokens in _by_class(own)]
        return here.from_host(own), groups, here.from_host(place - self.bounds[own])

    @property
    def _row_cost(self) -> int:
        return len(self.bounds) + int(np.diff(self.bounds).max()) + self.hidden_size

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, n_classes={len(self.bounds) - 1}"


@op(residuals=("p",))
def nll_in_class(
    x: Array, w: Array, b: Array, added: Array | None = None, groups: Any = (), places: Any = None, *, xp: Any
):  # fmt: skip
    """Negative log likelihood of each token's word among those of its class, (n,).

    A primitive for its cost: a matrix product for each class that occurs, on its tokens and its words alone.

    Parameters
    ----------
    x : array (n, H)
    w, b : arrays (V, H) and (V,)
    added : array (m,), optional
        To the scores, tokens times words of one group after the other.
    groups : list of (tokens, words)
        For each class that occurs, int array and slice.
    places : int array (n,)
        Of each token's word in its class.
    """
    losses, p, at = xp.empty(len(x), x.dtype), [], 0
    for tokens, words in groups:
        scores = x[tokens] @ w[words].T + b[words]
        if added is not None:
            scores += added[at : (at := at + scores.size)].reshape(scores.shape)
        scores -= scores.max(axis=1, keepdims=True)
        right = scores[xp.arange(len(tokens)), places[tokens]]
        xp.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        losses[tokens] = xp.log(total[:, 0]) - right
        scores /= total
        p.append(scores)
    return losses, p


@nll_in_class.fast
def _(
    g: Any, x: Any, w: Any, b: Any, added: Any, p: Any, groups: Any, places: Any, wanted: tuple[bool, ...]
) -> tuple:  # fmt: skip
    xp = namespace_of(x)
    gx = xp.empty_like(x)
    n_rows = sum(words.stop - words.start for _, words in groups)
    gw, gb = xp.empty((n_rows, w.shape[1]), w.dtype), xp.empty(n_rows, b.dtype)
    to_added = []
    at = 0
    for (tokens, words), probability in zip(groups, p, strict=True):
        to_scores = probability * g[tokens][:, None]
        to_scores[xp.arange(len(tokens)), places[tokens]] -= g[tokens]
        part = slice(at, at + words.stop - words.start)
        gx[tokens] = to_scores @ w[words]
        gw[part], gb[part] = to_scores.T @ x[tokens], to_scores.sum(axis=0)
        to_added.append(to_scores.reshape(-1))
        at = part.stop
    g_added = None if added is None else xp.concatenate(to_added)
    rows = xp.concatenate([xp.arange(words.start, words.stop) for _, words in groups])
    return gx, RowSparse(rows, gw, w.shape), RowSparse(rows, gb, b.shape), g_added


def _by_class(own: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Each class that occurs, ascending, and its tokens."""
    order = np.argsort(own, kind="stable")
    cuts = np.flatnonzero(np.diff(own[order])) + 1
    return [(int(own[part[0]]), part) for part in np.split(order, cuts) if part.size]


def equal_masses(mass: np.ndarray, n: int) -> np.ndarray:
    """Bounds of at most `n` stretches of about equal mass, (m + 1,) int64, none of them empty."""
    before = np.cumsum(mass) - mass
    stretch = np.floor(before * (n / mass.sum()))
    return np.concatenate([[0], np.flatnonzero(np.diff(stretch)) + 1, [len(mass)]])
