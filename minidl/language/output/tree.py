"""Hierarchical softmax: a word is found by yes-or-no turns down a binary tree, about log2 V of them.

Morin and Bengio (2005); Mnih and Hinton (2009); Deep Learning, section 12.4.3.2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import ops
from ...autograd import array_of
from ...backend import backend_of, namespace_of
from ...errors import ArgumentError
from ...nn import init as initial
from ...params import Parameter
from ..vocabulary import START_ID
from .base import OutputLayer
from .huffman import BinaryTree
from .noise import unigram


class HierarchicalSoftmax(OutputLayer):
    """The probability of a word is the product of those of the turns to it; each inner node is a logistic unit.

    Normalised by construction. A loss touches the nodes on the ways to the batch's words, so its cost and its gradient
    follow the length of those ways; all log probabilities together cost as much as a softmax.

    Parameters
    ----------
    hidden_size : int
    counts : (V,) ints
        How often each word occurs. Biases start where the turns have these frequencies.
    tree : {"huffman", "balanced"}
        Short ways to frequent words, so that the mean way is as short as can be; or ways of equal length, with words of
        like frequency side by side.
    rng : Generator or seed, optional
        Draws the weight, uniform with standard deviation ``1 / sqrt(H)``.

    Attributes
    ----------
    weight : Parameter (V - 2, H)
        A row for each inner node, the root first.
    bias : Parameter (V - 2,)
    """

    def __init__(self, hidden_size: int, counts: Any, tree: str = "huffman", rng: initial.Rng = None) -> None:
        super().__init__(hidden_size, len(counts))
        if tree not in ("huffman", "balanced"):
            raise ArgumentError(f"HierarchicalSoftmax: tree must be 'huffman' or 'balanced', not {tree!r}")
        p = np.delete(unigram(counts), START_ID)
        self.kind, self.words = tree, np.delete(np.arange(self.size), START_ID)  # the word at each leaf
        if tree == "balanced":
            order = np.argsort(-p, kind="stable")
            self.words, p = self.words[order], p[order]
        self.tree = BinaryTree(p if tree == "huffman" else np.ones(len(p)))
        self._leaf = np.zeros(self.size, np.int64)
        self._leaf[self.words] = np.arange(len(self.words))
        n = len(self.tree.children)
        self.weight = Parameter(initial.uniform((n, hidden_size), rng, math.sqrt(3 / hidden_size)), sparse=True)
        left, right = self.tree.masses(p).T
        self.bias = Parameter(np.log(left / right).astype(np.float32), sparse=True)

    def _loss(self, rows: Any, target: Any, contexts: Any) -> Any:
        return self._turns(rows, target, self.weight, self.bias)[1].sum() * (1 / len(target))

    def _turns(self, rows: Any, target: Any, weight: Any, bias: Any) -> tuple[Any, Any]:
        """Each turn on the ways to some words: whose it is, and its negative log probability."""
        here = backend_of(array_of(rows))
        which, nodes, sides = self.tree.paths(self._leaf[here.to_host(target)])
        sign = here.from_host((2 * sides - 1).astype(rows.dtype))  # -1 left, 1 right
        which, nodes = here.from_host(which), here.from_host(nodes)
        scores = (ops.take(rows, which, axis=0) * ops.embedding(weight, nodes)).sum(axis=-1)
        return which, ops.softplus((scores + ops.embedding(bias, nodes)) * sign)

    def _log_prob_of(self, rows: Any, target: Any, contexts: Any) -> Any:
        which, costs = self._turns(rows, target, self.weight.data, self.bias.data)
        total = namespace_of(rows).zeros(len(rows), rows.dtype)
        backend_of(rows).scatter_add(total, which, -costs)
        return total

    def _log_prob(self, rows: Any, contexts: Any) -> Any:
        """One pass over the levels: each child's log probability is its parent's and that of the turn."""
        here = backend_of(rows)
        xp = here.xp
        scores = self.weight.data @ rows.T + self.bias.data[:, None]  # (nodes, n): a level's rows lie together
        inner = xp.zeros_like(scores)
        out = xp.empty((self.size, len(rows)), rows.dtype)
        for level in self.tree.levels:
            for side, sign in enumerate((1, -1)):
                child = self.tree.children[level, side]
                reached = inner[level] - ops.softplus(-sign * scores[level])
                is_leaf = child < 0
                out[here.from_host(self.words[~child[is_leaf]])] = reached[here.from_host(np.flatnonzero(is_leaf))]
                inner[here.from_host(child[~is_leaf])] = reached[here.from_host(np.flatnonzero(~is_leaf))]
        return xp.ascontiguousarray(out.T)

    def _sample(self, rows: Any, contexts: Any, rng: np.random.Generator) -> Any:
        """Down the tree, a turn at a time: the cost follows the length of the ways."""
        here = backend_of(rows)
        at = np.zeros(len(rows), np.int64)
        while (walking := np.flatnonzero(at >= 0)).size:
            nodes, mine = here.from_host(at[walking]), rows[here.from_host(walking)]
            scores = (mine * self.weight.data[nodes]).sum(axis=-1) + self.bias.data[nodes]
            left = here.to_host(ops.sigmoid(scores)) > rng.random(len(walking))
            at[walking] = self.tree.children[at[walking], np.where(left, 0, 1)]
        return here.from_host(self.words[~at])

    @property
    def _row_cost(self) -> int:
        return 4 * len(self.tree.levels) * self.hidden_size

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, tree={self.kind!r}"
