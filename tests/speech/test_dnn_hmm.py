"""Networks in place of mixtures: each kind learns, scores by posterior over prior, and comes back from disk as it was."""

import numpy as np
import pytest
from speech.dnn_toys import ALIGNMENTS, FEATURES, N_FEATURES, N_STATES, network, trained, utterances

from minidl.autograd import Tensor, no_grad
from minidl.errors import ArgumentError, CheckpointError, DataError
from minidl.speech.dnn_hmm import (
    KINDS,
    NetworkEmission,
    load,
    make_network,
    save,
    state_priors,
    windows,
)
from minidl.speech.dnn_hmm.training import frame_accuracy, frame_loss
from minidl.speech.features import splice
from minidl.speech.hmm import HMM, ergodic, train
from minidl.train import files

every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_every_kind_learns_what_states_sound_like(kind):
    net = network(kind)
    result = trained(net)
    first, best = result.history.epochs[0], max(e["val_frame_accuracy"] for e in result.history.epochs)
    assert best > 0.5  # chance is 0.17
    assert min(e["val_loss"] for e in result.history.epochs) < first["loss"]
    assert all(p.dtype == np.float32 for p in (*net.parameters(), *net.buffers()))
    features, alignments = utterances(4, seed=7)
    emission = NetworkEmission(net, result.priors)
    hits = [emission.log_likelihood(features[n]).argmax(1) == alignments[n] for n in features]
    assert np.concatenate(hits).mean() > 0.5
    np.testing.assert_allclose(result.priors, state_priors(ALIGNMENTS, N_STATES), rtol=1e-12)


@every_kind
def test_scores_are_log_softmax_less_log_prior(kind):
    net, priors = network(kind), np.arange(1.0, N_STATES + 1) / 21
    net.normalise_by(np.concatenate(list(FEATURES.values())))
    features = FEATURES["u00"]
    x = splice(features, 2, 2)
    if net.delay is not None:
        x = np.concatenate([x, np.repeat(x[-1:], net.delay, 0)])[None]
    with no_grad():
        logits = net.eval()(x).numpy().reshape(-1, N_STATES).astype(np.float64)
    net.train()
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    emission = NetworkEmission(net, priors)
    np.testing.assert_allclose(np.exp(emission.posteriors(features).log_probs), p, rtol=1e-5)
    np.testing.assert_allclose(emission.log_likelihood(features), np.log(p / priors), rtol=0, atol=1e-4)
    assert emission.log_likelihood(features).dtype == np.float64 and net.training
    half = NetworkEmission(net, priors, prior_scale=0.5)
    np.testing.assert_allclose(half.log_likelihood(features), np.log(p) - 0.5 * np.log(priors), rtol=0, atol=1e-4)
    assert emission.log_likelihood(features[:0]).shape == (0, N_STATES)
    assert emission.n_parameters == sum(p.size for p in net.parameters())


def test_utterances_longer_than_a_batch_are_scored_alike():
    features = np.random.default_rng(0).standard_normal((2500, N_FEATURES)).astype(np.float32)
    net = network("relu")
    emission = NetworkEmission(net, np.full(N_STATES, 1 / N_STATES))
    with no_grad():
        whole = net.eval()(splice(features, 2, 2)).numpy()
    found = emission.posteriors(features).log_probs
    np.testing.assert_allclose(found - found[:, :1], whole - whole[:, :1], rtol=0, atol=1e-4)


def test_the_network_sees_inputs_of_mean_0_and_variance_1():
    frames = np.concatenate([np.concatenate(list(FEATURES.values())), np.full((616, N_FEATURES), 3, "f4")])
    frames[:, 4] = 7.25  # what does not vary
    net = network("relu", context=0)
    net.normalise_by(frames)
    x = net.normalised(windows(frames, 0)).numpy()
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.delete(x.std(0), 4), 1, atol=1e-4)
    assert (x[:, 4] == 0).all() and net.scale.numpy()[4] == 1


@pytest.mark.parametrize("pool", [1, 2])
def test_convolution_over_frequency_by_hand(pool):
    """One filter over 2 bands: at place i it sees bands i and i + 1 of every map and frame; of `pool` places the best."""
    net = make_network("conv", 10, 1, 3, maps=2, filters=1, width=2, pool=pool, layers=1, units=4, rng=0)
    x = np.random.default_rng(0).standard_normal((1, 30)).astype(np.float32)
    bands = x.reshape(3 * 2, 5)  # frames x maps, bands
    kernel = net.conv.weight.numpy()[:, 0, :, 0]  # (bands, frames x maps)
    answers = [max(0, sum(kernel[k] @ bands[:, i + k] for k in range(2))) for i in range(4)]
    hidden = np.maximum(0, np.array(answers).reshape(-1, pool).max(1) @ net.hidden[0].weight.numpy())
    np.testing.assert_allclose(net.eval()(x).numpy()[0], hidden @ net.out.weight.numpy(), atol=1e-5)


def test_a_delayed_network_hears_what_follows_and_no_more():
    features = FEATURES["u01"]
    for delay in (0, 3):
        net = make_network("lstm", N_FEATURES, 0, N_STATES, units=8, delay=delay, rng=0)
        emission = NetworkEmission(net, np.full(N_STATES, 1 / N_STATES))
        changed = features.copy()
        changed[20] += 1
        differs = (emission.log_likelihood(changed) != emission.log_likelihood(features)).any(1)
        assert differs.argmax() == 20 - delay


def test_figures_leave_out_what_is_ignored():
    logits = np.log(np.array([[[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]]]))
    target = np.array([[-100, 0, 0]])
    assert frame_accuracy(logits, target) == 0.5
    np.testing.assert_allclose(frame_loss(Tensor(logits), target).item(), -np.log([0.9, 0.2]).mean(), rtol=1e-6)


# -- in a hidden Markov model, and on disk --------------------------------------------------------------


def test_a_hidden_markov_model_takes_it_for_any_emission():
    net = network("relu")
    emission = NetworkEmission(net, trained(net).priors)
    hmm = HMM(ergodic(N_STATES), emission)
    features, alignments = utterances(3, seed=8)
    hits = [hmm.align(features[n]).states[0] == alignments[n] for n in features]
    assert np.concatenate(hits).mean() > 0.5
    with pytest.raises(ArgumentError, match="call train_network"):
        train(hmm, features)
    with pytest.raises(ArgumentError, match="call train_network"):
        emission.update(None)
    with pytest.raises(ArgumentError, match=r"a: features must be \(frames, 12\), got \(3, 2\)"):
        emission.checked(np.zeros((3, 2)), "a")
    with pytest.raises(DataError, match="network emission: frame 0 is not finite"):
        emission.log_likelihood(np.full((1, N_FEATURES), np.nan))
    with pytest.raises(ArgumentError, match=r"priors must be \(6,\)"):
        NetworkEmission(net, np.ones(3) / 3)


@every_kind
def test_a_saved_network_scores_exactly_as_before(kind, tmp_path):
    net = network(kind)
    net.normalise_by(FEATURES["u00"])
    emission = NetworkEmission(net, state_priors(ALIGNMENTS, N_STATES), prior_scale=0.7)
    save(tmp_path / "n.safetensors", emission, {"corpus": "toy"})
    again = load(tmp_path / "n.safetensors")
    np.testing.assert_array_equal(again.log_likelihood(FEATURES["u01"]), emission.log_likelihood(FEATURES["u01"]))
    assert again.network.recipe == net.recipe and again.prior_scale == 0.7
    assert files.read(tmp_path / "n.safetensors")[1]["about"] == {"corpus": "toy"}


def test_what_is_no_saved_network_is_refused(tmp_path):
    path, net = tmp_path / "n", network("relu")
    emission = NetworkEmission(net, state_priors(ALIGNMENTS, N_STATES))
    save(path, emission)
    arrays, metadata = files.read(path)
    for change in (
        {"kind": "other"}, {"recipe": None}, {"prior_scale": None}, {"recipe": {**net.recipe, "kind": "gru"}},
        {"recipe": {**net.recipe, "units": 10**9}}, {"recipe": {**net.recipe, "layers": 10**6}}, {"recipe": {}},
        {"recipe": {**net.recipe, "kind": "lstm", "delay": 10**9}},
        {"recipe": {**net.recipe, "units": "x"}}, {"recipe": {**net.recipe, "units": 16}},
        {"recipe": {**net.recipe, "rng": 3}}, {"recipe": {**net.recipe, "context": None}},
        {"recipe": {**net.recipe, "dropout": "x"}}, {"recipe": {**net.recipe, "units": [1]}}, {"prior_scale": "1"},
    ):  # fmt: skip
        files.save(path, arrays, metadata | change)
        with pytest.raises(DataError, match=r"no acoustic network|it was altered"):
            load(path)
    files.save(path, {**arrays, "priors": arrays["priors"] * 2}, metadata)
    with pytest.raises(DataError, match="sum to 1"):
        load(path)
    with pytest.raises(ArgumentError, match="make_network"):
        net.recipe = {}
        save(path, emission)


def test_damaged_files_say_so(tmp_path):
    path, net = tmp_path / "n", make_network("relu", 2, 0, 2, layers=1, units=2, rng=0)
    save(path, NetworkEmission(net, np.array([0.5, 0.5])))
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(data[: rng.integers(len(data))] if rng.random() < 0.3 else data)
        for place in rng.integers(len(damaged), size=3) if damaged else ():
            damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        with pytest.raises((DataError, CheckpointError)):
            load(path)


def test_networks_that_cannot_be_are_refused():
    for kind, change, message in (
        ("gru", {}, "kind must be one of sigmoid, relu, maxout, conv, lstm"), ("relu", {"filters": 3}, "relu: .*filters"),
        ("relu", {"units": 0}, "units must be a whole number of at least 1"), ("relu", {"layers": 1.5}, "layers must be"),
        ("conv", {"maps": 5}, "12 features in 5 maps make 2.4 bands"), ("conv", {"maps": 1, "width": 13}, "hold a filter"),
        ("lstm", {"delay": -1}, "delay must be a whole number of at least 0"),
        ("relu", {"dropout": 1.0}, r"p must lie in \[0, 1\)"),
    ):  # fmt: skip
        with pytest.raises(ArgumentError, match=message):
            make_network(kind, 12, 1, 4, **change)
    with pytest.raises(ArgumentError, match="delay must"):
        make_network("lstm", 12, 1, 4, delay=1.5)
    with pytest.raises(ArgumentError, match="context must"):
        make_network("relu", 12, -1, 4)
