"""A binary tree with the words at its leaves: a word is the turns on the way to it (Huffman, 1952)."""

from __future__ import annotations

import numpy as np


class BinaryTree:
    """The Huffman tree of some weights: the mean number of turns is the least there is. Equal weights balance it.

    Inner nodes are numbered level by level from the root, which is 0.

    Parameters
    ----------
    weights : (n,) numbers
        Of the leaves, two or more.

    Attributes
    ----------
    children : (n - 1, 2) int64
        Left and right child of each inner node: an inner node's number, or ``~leaf``, which is negative.
    levels : list of slices
        The inner nodes of each level.
    """

    def __init__(self, weights: np.ndarray) -> None:
        self.n_leaves = len(weights)
        children = _merged(np.asarray(weights, np.float64))
        at, number = np.array([len(children) - 1]), np.empty(len(children), np.int64)
        self.levels: list[slice] = []
        order: list[np.ndarray] = []
        while at.size:
            begin = self.levels[-1].stop if order else 0
            number[at] = np.arange(begin, begin + at.size)
            self.levels.append(slice(begin, begin + at.size))
            order.append(at)
            below = children[at].reshape(-1)
            at = below[below >= 0]
        by_level = np.concatenate(order)
        children = children[by_level]
        self.children = np.where(children >= 0, number[np.maximum(children, 0)], children)
        self._up = np.full(len(number), -1)  # from each inner node and leaf to its parent, as 2 * parent + side
        self._leaf_up = np.empty(self.n_leaves, np.int64)
        places, flat = np.arange(2 * len(number)), self.children.reshape(-1)
        self._up[flat[flat >= 0]] = places[flat >= 0]
        self._leaf_up[~flat[flat < 0]] = places[flat < 0]

    def masses(self, weights: np.ndarray) -> np.ndarray:
        """Sums of leaves' weights below the left and the right child of each inner node, (n - 1, 2) float64."""
        sums = np.zeros(self.children.shape)
        for level in reversed(self.levels):
            child = self.children[level]
            below = sums[np.maximum(child, 0)].sum(axis=-1)
            sums[level] = np.where(child < 0, weights[np.maximum(~child, 0)], below)
        return sums

    def paths(self, leaves: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The way from the root to each of some leaves, all in one list.

        Returns
        -------
        which : (m,) int64
            Which of the leaves, ascending.
        nodes : (m,) int64
            The inner nodes on its way.
        sides : (m,) int64
            0 where the way goes left, 1 where it goes right.
        """
        steps, at = [], self._leaf_up[leaves]
        while (at >= 0).any():
            steps.append(at)
            at = np.where(at >= 0, self._up[at >> 1], -1)
        table = np.stack(steps, axis=1) if steps else np.zeros((0, 0), np.int64)
        there = table >= 0
        return np.nonzero(there)[0], table[there] >> 1, table[there] & 1


def _merged(weights: np.ndarray) -> np.ndarray:
    """Children of the inner nodes in the order in which these are made; the root is the last.

    Two queues, each ascending, hold what can be merged: leaves, and nodes in the order of their making (van Leeuwen, 1976).
    """
    order = np.argsort(weights, kind="stable")
    queues = [[*weights[order].tolist(), np.inf], [np.inf]]  # masses of leaves and of nodes
    fronts = [0, 0]
    children = []
    for node in range(len(weights) - 1):
        mass = 0.0
        for _ in range(2):
            which = queues[1][fronts[1]] < queues[0][fronts[0]]
            mass += queues[which][fronts[which]]
            children.append(fronts[1] if which else ~order[fronts[0]])
            fronts[which] += 1
        queues[1][node:] = [mass, np.inf]
    return np.array(children, np.int64).reshape(-1, 2)
