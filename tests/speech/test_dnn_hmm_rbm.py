"""RBMs against all their states written down: free energy, gradient, and what contrastive divergence comes near to."""

import itertools

import numpy as np
import pytest
from speech.dnn_toys import utterances

from minidl.data import ArrayDataset
from minidl.errors import ArgumentError, TrainingError
from minidl.nn import losses
from minidl.optim import SGD
from minidl.speech.dnn_hmm import RBM, initialise, make_network, pretrain, pretrain_network, train_rbm


def small(gaussian, seed=0):
    """Three visible and two hidden units in float64, so that sums over states are exact."""
    rng, rbm = np.random.default_rng(seed), RBM(3, 2, gaussian, rng=seed)
    rbm.weights = rng.standard_normal((3, 2)) * 0.7
    rbm.visible, rbm.hidden = rng.standard_normal(3) * 0.5, rng.standard_normal(2) * 0.5
    return rbm


def binary(n):
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


def energy(rbm, v, h):
    """As the class defines it, for one state."""
    own = sum((v - rbm.visible) ** 2) / 2 if rbm.gaussian else -sum(rbm.visible * v)
    return own - sum(v[i] * rbm.weights[i, j] * h[j] for i in range(3) for j in range(2)) - sum(rbm.hidden * h)


@pytest.mark.parametrize("gaussian", [False, True])
def test_free_energy_sums_over_hidden_states(gaussian):
    rbm, points = small(gaussian), np.random.default_rng(1).standard_normal((5, 3)) if gaussian else binary(3)
    expected = [-np.log(sum(np.exp(-energy(rbm, v, h)) for h in binary(2))) for v in points]
    np.testing.assert_allclose(rbm.free_energy(points), expected, rtol=1e-12)
    p = np.array([[np.exp(-energy(rbm, v, h)) for h in binary(2)] for v in points])
    p /= p.sum(1, keepdims=True)
    np.testing.assert_allclose(rbm.hidden_probabilities(points), p @ binary(2), rtol=1e-12)


def model_expectations(rbm):
    """E[v h], E[v] and E[h] under the model, by all its states; given h, Gaussian units have a known mean."""
    if not rbm.gaussian:
        states = [(v, h) for v in binary(3) for h in binary(2)]
        p = np.exp([-energy(rbm, v, h) for v, h in states])
    else:  # the integral over v of exp(-energy) is exp(b h + a W h + |W h|^2 / 2), times what h does not change
        states = [(rbm.visible + rbm.weights @ h, h) for h in binary(2)]
        p = np.exp([h @ rbm.hidden + rbm.visible @ rbm.weights @ h + sum((rbm.weights @ h) ** 2) / 2 for _, h in states])
    p /= p.sum()
    v, h = (np.array([s[k] for s in states]) for k in (0, 1))
    return (v * p[:, None]).T @ h, p @ v, p @ h


def exact_gradient(rbm, data):
    h = rbm.hidden_probabilities(data)
    of_data = data.T @ h / len(data), data.mean(0), h.mean(0)
    return [a - b for a, b in zip(of_data, model_expectations(rbm), strict=True)]


def test_the_exact_gradient_is_that_of_the_likelihood():
    """The oracle itself, by differences of the log-likelihood with the partition function written out."""
    rbm, data = small(False), binary(3)[[1, 5, 5, 6]]

    def log_likelihood():
        return (-rbm.free_energy(data)).mean() - np.log(np.exp(-rbm.free_energy(binary(3))).sum())

    for p, gradient in zip((rbm.weights, rbm.visible, rbm.hidden), exact_gradient(rbm, data), strict=True):
        for i in np.ndindex(p.shape):
            p[i] += 1e-5
            up = log_likelihood()
            p[i] -= 2e-5
            np.testing.assert_allclose((up - log_likelihood()) / 2e-5, gradient[i], rtol=1e-6, atol=1e-9)
            p[i] += 1e-5


@pytest.mark.parametrize("gaussian", [False, True])
def test_many_steps_come_to_the_exact_gradient(gaussian):
    """30,000 chains: the noise of a mean is below 0.006 (Gaussian 0.012); four deviations are allowed."""
    rbm, rng = small(gaussian), np.random.default_rng(2)
    rbm.weights *= 2  # so that one step is clearly biased
    data = rng.standard_normal((3, 3)) if gaussian else binary(3)[[1, 5, 6]]
    found, _ = rbm.contrast(np.repeat(data, 10_000, 0), rng, steps=40, sample_visible=True)
    for own, exact in zip(found, exact_gradient(rbm, data), strict=True):
        np.testing.assert_allclose(own, exact, rtol=0, atol=0.05 if gaussian else 0.024)
    one, _ = rbm.contrast(np.repeat(data, 10_000, 0), rng)
    assert max(abs(a - b).max() for a, b in zip(one, exact_gradient(rbm, data), strict=True)) > 0.05  # a step is biased
    assert sum((a * b).sum() for a, b in zip(one, exact_gradient(rbm, data), strict=True)) > 0  # and yet points uphill


def test_learning_makes_the_data_more_likely():
    rng = np.random.default_rng(3)
    data = binary(3)[rng.choice([1, 6], 200)].astype(np.float32)
    rbm = RBM(3, 4, rng=0)

    def log_likelihood():
        return float((-rbm.free_energy(data)).mean() - np.log(np.exp(-rbm.free_energy(binary(3))).sum()))

    before = log_likelihood()
    errors = train_rbm(rbm, lambda index: data[index], len(data), epochs=40, batch_size=20, rng=1)
    assert before < -2 and log_likelihood() > -1.0  # the best is -log 2
    assert errors[-1] < errors[0] / 4
    assert all(p.dtype == np.float32 for p in (rbm.weights, rbm.visible, rbm.hidden))


def test_a_gaussian_layer_reconstructs_better_and_better():
    x = np.random.default_rng(4).standard_normal((400, 2)).astype(np.float32) @ np.array([[1, 1, 0, 0], [0, 0, 1, -1]], "f4")
    rbm = RBM(4, 16, gaussian=True, rng=0)
    errors = train_rbm(rbm, lambda index: x[index], len(x), epochs=30, lr=0.05, rng=0)
    assert errors[-1] < 0.6 * errors[0]
    with np.errstate(all="ignore"), pytest.raises(TrainingError, match="try a lower lr"):
        train_rbm(RBM(4, 16, gaussian=True, rng=0), lambda index: 50 * x[index], len(x), epochs=30, lr=50.0, rng=0)


def test_a_stack_becomes_the_layers_of_a_network():
    x = np.random.default_rng(5).standard_normal((150, 12)).astype(np.float32)
    layers = pretrain(ArrayDataset(x), [7, 5], rng=0)
    again = pretrain(ArrayDataset(x), [7, 5], rng=0)
    assert [r.gaussian for r in layers] == [True, False]
    assert all((a.weights == b.weights).all() for a, b in zip(layers, again, strict=True))
    network = make_network("sigmoid", 4, 1, 3, layers=2, units=7, rng=0)
    with pytest.raises(ArgumentError, match=r"RBMs of shapes \[\(12, 7\), \(7, 5\)\] do not fit"):
        initialise(network, layers)
    initialise(network, pretrain(ArrayDataset(x), [7, 7], rng=0))
    layers = pretrain(ArrayDataset(x), [7, 7], rng=0)
    expected = layers[1].hidden_probabilities(layers[0].hidden_probabilities(x))
    expected = expected @ network.out.weight.numpy() + network.out.bias.numpy()
    np.testing.assert_allclose(network.eval()(x).numpy(), expected, atol=1e-5)
    with pytest.raises(ArgumentError, match="kind='sigmoid'"):
        initialise(make_network("relu", 4, 1, 3, units=7, rng=0), layers)
    with pytest.raises(ArgumentError, match="at least one visible"):
        RBM(0, 3)


def test_each_rbm_learns_from_what_those_below_make_of_the_data():
    x = np.random.default_rng(6).standard_normal((150, 12)).astype(np.float32)
    rng = np.random.default_rng(0)
    first = RBM(12, 7, gaussian=True, rng=rng)
    train_rbm(first, lambda index: x[index], len(x), epochs=2, lr=0.01, rng=rng)
    hidden = first.hidden_probabilities(x)
    second = RBM(7, 5, rng=rng)
    train_rbm(second, lambda index: hidden[index], len(x), epochs=1, lr=0.4, rng=rng)
    found = pretrain(ArrayDataset(x), [7, 5], rng=0)
    np.testing.assert_allclose(found[0].weights, first.weights, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found[1].weights, second.weights, rtol=0, atol=1e-4)  # rows of a product, in other batches


def test_pretraining_on_utterances_sets_the_input_right():
    features, _ = utterances(4)
    network = make_network("sigmoid", 12, 1, 6, layers=2, units=8, rng=0)
    layers = pretrain_network(network, features, rng=0)
    np.testing.assert_array_equal(network.hidden[0].weight.numpy(), layers[0].weights)
    frames = np.concatenate(list(features.values()))
    np.testing.assert_allclose(network.mean.numpy(), np.tile(frames.mean(0), 3), rtol=1e-5)
    np.testing.assert_allclose(network.scale.numpy(), np.tile(1 / frames.std(0), 3), rtol=1e-5)
    losses.cross_entropy(network(np.tile(frames, 3)), np.zeros(len(frames), int)).backward()
    SGD(network.parameters(), lr=0.1).step()  # the layers are the network's own: the RBMs stay as they are
    assert (network.hidden[0].weight.numpy() != layers[0].weights).any()
