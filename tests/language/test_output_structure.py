"""Trees and classes of words: built as a walk or a loop by hand says, and cheap where that is their purpose."""

import heapq

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax

from minidl.language.output import ClassSoftmax, HierarchicalSoftmax
from minidl.language.output.classes import equal_masses
from minidl.language.output.huffman import BinaryTree

H = 5
COUNTS = np.array([3, 0, 20, 40, 12, 9, 7, 5, 3, 2, 1, 0])
weights = st.lists(st.integers(1, 50), min_size=2, max_size=40)


def hidden(n=3):
    return np.random.default_rng(0).standard_normal((n, H)).astype(np.float32)


def lengths(tree):
    return np.bincount(tree.paths(np.arange(tree.n_leaves))[0], minlength=tree.n_leaves)


def huffman_cost(masses):
    """Sum of weight times length in an optimal tree: that of all merged masses (by a heap)."""
    heap, cost = list(masses), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        cost += merged
        heapq.heappush(heap, merged)
    return cost


# -- trees ----------------------------------------------------------------------------------------------------------


@given(weights)
def test_the_mean_way_is_the_shortest_there_is(masses):
    assert lengths(BinaryTree(masses)) @ masses == huffman_cost(masses)


@given(st.integers(2, 70))
def test_equal_weights_give_ways_of_equal_length(n):
    found = lengths(BinaryTree(np.ones(n)))
    assert set(found) <= {int(np.log2(n)), int(np.ceil(np.log2(n)))}


@given(weights)
def test_ways_lead_from_the_root_to_their_leaves(masses):
    tree, leaves = BinaryTree(masses), np.arange(len(masses))[::-1]
    which, nodes, sides = tree.paths(leaves)
    for i, leaf in enumerate(leaves):
        turns = dict(zip(nodes[which == i], sides[which == i], strict=True))
        at = 0
        while at >= 0:
            at = tree.children[at, turns.pop(at)]
        assert ~at == leaf and not turns
    sums = tree.masses(np.array(masses, float))
    assert sums[0].sum() == sum(masses)
    assert [level.stop for level in tree.levels[:-1]] == [level.start for level in tree.levels[1:]]


def test_no_leaves_asked_for():
    assert [a.size for a in BinaryTree([1, 2, 3]).paths(np.zeros(0, int))] == [0, 0, 0]


@pytest.mark.parametrize("kind", ["huffman", "balanced"])
def test_hierarchical_softmax_by_walking(kind):
    layer, h = HierarchicalSoftmax(H, COUNTS, kind, rng=0), hidden()
    log_p = layer.log_prob(h)

    def walk(node, so_far):
        if node < 0:
            np.testing.assert_allclose(np.exp(log_p[:, layer.words[~node]]), so_far, rtol=1e-5)
            return 1
        left = expit(h @ layer.weight.numpy()[node] + layer.bias.numpy()[node])
        return walk(layer.tree.children[node, 0], so_far * left) + walk(layer.tree.children[node, 1], so_far * (1 - left))

    assert walk(0, np.ones(3)) == len(COUNTS) - 1


def test_frequent_words_have_the_shorter_ways():
    layer = HierarchicalSoftmax(H, COUNTS)
    length = lengths(layer.tree)
    by_word = {w: length[i] for i, w in enumerate(layer.words)}
    assert by_word[3] == length.min() and by_word[11] == length.max() > by_word[3]


# -- classes --------------------------------------------------------------------------------------------------------


def test_classes_are_cut_at_equal_masses():
    assert equal_masses(np.ones(10), 5).tolist() == [0, 2, 4, 6, 8, 10]
    assert equal_masses(np.array([4.0, 1, 1, 1, 1]), 4).tolist() == [0, 1, 3, 5]  # the first has the mass of two classes
    assert equal_masses(np.ones(3), 1).tolist() == [0, 3]


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=50), st.data())
def test_classes_are_not_empty_and_hold_all_words(masses, data):
    bounds = equal_masses(np.array(masses), data.draw(st.integers(1, len(masses))))
    assert bounds[0] == 0 and bounds[-1] == len(masses) and (np.diff(bounds) > 0).all()


def test_frequent_words_are_in_small_classes():
    counts = (1e7 / np.arange(1, 10_001)).astype(int)
    layer = ClassSoftmax(2, counts)
    sizes = np.diff(layer.bounds)
    assert (np.diff(counts[layer.words]) <= 0).all() and 1 not in layer.words
    assert sizes[0] < 10 < 150 < sizes[-1] and len(sizes) == 100
    mass = np.add.reduceat(np.sqrt(counts[layer.words]), layer.bounds[:-1])
    np.testing.assert_allclose(mass, mass.mean(), rtol=0.4)


def test_class_softmax_by_hand():
    layer, h = ClassSoftmax(H, COUNTS, n_classes=4, rng=0), hidden()
    log_p = layer.log_prob(h)
    classes = log_softmax(h @ layer.class_weight.numpy() + layer.class_bias.numpy(), -1)
    for c, (start, stop) in enumerate(zip(layer.bounds, layer.bounds[1:], strict=False)):
        within = log_softmax(h @ layer.weight.numpy()[start:stop].T + layer.bias.numpy()[start:stop], -1)
        np.testing.assert_allclose(log_p[:, layer.words[start:stop]], classes[:, c : c + 1] + within, rtol=1e-5)
    assert len(layer.bounds) == 5
