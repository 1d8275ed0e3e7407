"""The joint model: n-gram features are part of every answer, exactly, and learn what the hidden vector cannot know."""

import numpy as np
import pytest

import minidl as dl
from minidl import language, optim
from minidl.autograd.check import check_grads
from minidl.errors import ArgumentError
from minidl.language.neural import NeuralModel, make_network, train
from minidl.language.output import ClassSoftmax, JointSoftmax

SIZE, HIDDEN = 40, 6
COUNTS = np.arange(SIZE)[::-1] * 3


def filled(n_features=1 << 12, **options):
    layer = JointSoftmax(HIDDEN, COUNTS, n_features=n_features, rng=0, **options)
    layer.table.data = np.random.default_rng(1).standard_normal(layer.table.shape).astype(np.float32)
    return layer


def drawn(n=30, length=4):
    rng = np.random.default_rng(2)
    words = np.array([i for i in range(SIZE) if i != 1])
    return rng.standard_normal((n, HIDDEN)).astype(np.float32), rng.choice(words, n), rng.choice(SIZE, (n, length))


def test_probabilities_after_contexts_sum_to_one_and_agree():
    layer, (h, target, contexts) = filled(), drawn()
    every = layer.log_prob(h, contexts)
    np.testing.assert_allclose(np.exp(every).sum(-1), 1, atol=1e-5)
    chosen = layer.log_prob_of(h, target, contexts)
    np.testing.assert_allclose(chosen, every[np.arange(30), target], atol=1e-5)
    assert layer.loss(dl.Tensor(h), target, contexts).item() == pytest.approx(-chosen.mean(), rel=1e-5)


def test_features_are_those_of_the_last_words():
    layer, (h, _, contexts) = filled(order=3), drawn()
    said = layer.log_prob(h, contexts)
    farther, nearer = contexts.copy(), contexts.copy()
    farther[:, 0], nearer[:, -1] = 5, (contexts[:, -1] + 1) % SIZE
    np.testing.assert_allclose(layer.log_prob(h, farther), said, atol=1e-6)
    assert np.abs(layer.log_prob(h, nearer)[:, 2:] - said[:, 2:]).max() > 0.1
    short = np.concatenate([np.ones((30, 1), int), contexts[:, -2:]], axis=1)  # what is missing in front are starts
    np.testing.assert_allclose(layer.log_prob(h, contexts[:, -2:]), layer.log_prob(h, short), atol=1e-6)


def test_without_weights_it_is_the_class_softmax():
    h, target, contexts = drawn()
    joint, plain = JointSoftmax(HIDDEN, COUNTS, rng=0), ClassSoftmax(HIDDEN, COUNTS, rng=0)
    np.testing.assert_allclose(joint.log_prob(h, contexts), plain.log_prob(h), atol=1e-6)
    assert joint.loss(dl.Tensor(h), target, contexts).item() == plain.loss(dl.Tensor(h), target).item()


def test_gradient():
    layer, (h, target, contexts) = filled(n_features=97), drawn(8)
    names = [name for name, _ in layer.named_parameters()]

    def loss(rows, *values):
        for name, value in zip(names, values, strict=True):
            setattr(layer, name, value)
        return layer.loss(rows, target, contexts)

    check_grads(loss, h, *[p.numpy() for p in layer.parameters()], order=1)


def test_classes_and_words_have_a_half_of_the_table_each():
    layer, (h, target, contexts) = filled(), drawn()
    layer.loss(dl.Tensor(h), target, contexts).backward()
    rows = np.unique(layer.table.grad.rows)
    n_classes, half = len(layer.bounds) - 1, layer.table.size // 2
    assert 30 < (rows < half).sum() <= 30 * 3 * n_classes and (rows >= half).sum() > 30


def test_samples_follow_the_contexts():
    layer, (h, _, contexts) = filled(), drawn(1)
    n = 20_000
    found = layer.sample(np.repeat(h, n, 0), 0, np.repeat(contexts, n, 0))
    np.testing.assert_allclose(np.bincount(found, minlength=SIZE) / n, np.exp(layer.log_prob(h, contexts))[0], atol=0.02)


def test_it_learns_what_a_weak_network_cannot():
    """With one hidden unit, only the features can tell which of nine words follows which."""
    rng = np.random.default_rng(0)
    follows = dict(zip("abcdefghi", "defghiabc", strict=True))
    sentences = [[w, follows[w]] for w in rng.choice(list("abcdefghi"), 600)]
    vocabulary = language.Vocabulary.from_sentences(sentences)
    ids = vocabulary.encode_sentences(sentences)
    perplexities = {}
    for output in ("class", "joint"):
        dl.seed(0)
        network = make_network("rnn", np.bincount(ids), output=output, embedding_size=2, hidden=1, rng=0)
        train(network, ids, optim.Adam(network.parameters(), lr=0.03), columns=4, length=10, epochs=3, progress=False)
        perplexities[output] = language.perplexity(NeuralModel(network, vocabulary), sentences).including_unknown
    assert perplexities["joint"] < 2.6 < 3 < perplexities["class"]  # the first word alone: the cube root of 9, 2.08


def test_what_makes_no_table_is_refused():
    for options in ({"order": 0}, {"n_features": 1}):
        with pytest.raises(ArgumentError, match="order must be at least 1"):
            JointSoftmax(HIDDEN, COUNTS, **options)
