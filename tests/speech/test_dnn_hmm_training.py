"""Training: the rate is halved when it gets slow, the best weights stay, a resumed run is the same, bad data is named."""

from types import SimpleNamespace

import numpy as np
import pytest
from speech.dnn_toys import ALIGNMENTS, FEATURES, N_STATES, network, trained, utterances

from minidl.errors import ArgumentError, CheckpointError, DataError
from minidl.optim import SGD
from minidl.speech.dnn_hmm import (
    Halving,
    NetworkEmission,
    state_priors,
    train_network,
)
from minidl.speech.dnn_hmm.halving import KeepBest, go_on_from_the_best


def test_the_rate_is_halved_from_when_it_gets_slow():
    """Gains by hand: 20 %, 0.5 % (slow), 5 %, 0.05 % (the last); then one that got worse ends it as well."""
    optimizer = SGD(network("relu").parameters(), lr=0.8)
    schedule, rates = Halving(optimizer), []
    for loss in (2.0, 1.6, 1.592, 1.5124, 1.5117):
        assert not schedule.finished
        schedule.step(loss)
        rates.append(optimizer.groups[0]["lr"])
    np.testing.assert_allclose(rates, [0.8, 0.8, 0.4, 0.2, 0.1], rtol=1e-12)
    assert schedule.finished
    stuck = Halving(SGD(network("relu").parameters(), lr=0.8))
    for loss in (2.0, 2.0):
        stuck.step(loss)
    assert stuck.halving and not stuck.finished  # half the rate may do what the full one could not
    kept = Halving(optimizer, keep=3)
    for loss in (2.0, 2.0, 2.5):
        kept.step(loss)
    assert optimizer.groups[0]["lr"] == pytest.approx(0.1) and not kept.halving
    with pytest.raises(ArgumentError, match="needs 0 <= least <= slow"):
        Halving(optimizer, slow=0.1, least=0.2)
    with pytest.raises(ArgumentError, match="held-out"):
        kept.step()


def test_an_epoch_that_made_it_worse_is_undone():
    net, best = network("relu"), KeepBest()
    before = net.state_dict()
    trainer = SimpleNamespace(model=net, early_stopping=best, schedule=None)
    for loss, change in ((2.0, 0), (2.5, 1)):
        net.out.weight.data = net.out.weight.data + np.float32(change)
        assert not best.update({"val_loss": loss}, net)
        go_on_from_the_best(trainer)
    np.testing.assert_array_equal(net.out.weight.numpy(), before["out.weight"])


def test_training_ends_by_itself_with_the_best_weights():
    net = network("relu")
    result = trained(net, epochs=60, lr=0.02, validation=utterances(4, seed=5))
    losses = [e["val_loss"] for e in result.history.epochs]
    assert len(losses) < 60 and "gained less than 0.1%" in result.history.stopped
    emission = NetworkEmission(net, result.priors)
    held, states = utterances(4, seed=5)
    logs = np.concatenate([emission.posteriors(held[n]).log_probs[np.arange(len(states[n])), states[n]] for n in held])
    np.testing.assert_allclose(-logs.mean(), min(losses), rtol=1e-5)


@pytest.mark.parametrize("kind", ["relu", "lstm"])
def test_a_run_that_is_resumed_ends_where_it_would_have(kind, tmp_path):
    whole, parts = network(kind), network(kind)
    trained(whole, epochs=4)
    trained(parts, epochs=2, run_dir=tmp_path)
    parts = network(kind, seed=5)
    trained(parts, epochs=4, run_dir=tmp_path, resume=True)
    for name, value in whole.state_dict().items():
        np.testing.assert_array_equal(parts.state_dict()[name], value, err_msg=name)
    with pytest.raises(CheckpointError, match="method"):
        trained(network(kind), epochs=4, run_dir=tmp_path, resume=True, method="sgd")


def test_a_network_that_was_trained_before_keeps_its_input():
    net = network("sigmoid")
    trained(net, epochs=1)
    before = net.mean.numpy().copy()
    features = {n: f + 1 for n, f in FEATURES.items()}
    train_network(net, features, ALIGNMENTS, epochs=1, normalise=False, method="sgd", rng=0, progress=False)
    np.testing.assert_array_equal(net.mean.numpy(), before)
    train_network(net, features, ALIGNMENTS, epochs=1, rng=0, progress=False)
    np.testing.assert_allclose(net.mean.numpy(), before + 1, atol=0.2)  # other utterances are held out


def test_utterances_without_a_partner_are_left_out_and_named():
    features = {n: FEATURES[n] for n in list(FEATURES)[:6]}
    alignments = {n: ALIGNMENTS[n] for n in list(FEATURES)[3:9]}
    result = train_network(network("relu"), features, alignments, epochs=1, rng=0, progress=False)
    assert result.left_out == ("u00", "u01", "u02", "u06", "u07", "u08")
    expected = state_priors({n: ALIGNMENTS[n] for n in ("u03", "u04", "u05")}, N_STATES)
    np.testing.assert_allclose(result.priors, expected, rtol=1e-12)


def test_what_cannot_be_trained_on_is_refused():
    net = network("relu")
    short = {**ALIGNMENTS, "u03": ALIGNMENTS["u03"][:-1]}
    for features, alignments, message in (
        (FEATURES, short, r"u03: \d+ frames of features but \d+ of alignment"),
        (FEATURES, {"x": ALIGNMENTS["u00"]}, "none of 12 utterances"),
        (FEATURES, {**ALIGNMENTS, "u02": ALIGNMENTS["u02"] * 0 - 1}, "u02: states must be in"),
        ({"u00": FEATURES["u00"]}, ALIGNMENTS, "none to hold out"),
    ):
        with pytest.raises(DataError, match=message):
            train_network(net, features, alignments, progress=False, rng=0)
    with pytest.raises(ArgumentError, match="takes 12 features a frame, these have 11"):
        train_network(net, {n: f[:, 1:] for n, f in FEATURES.items()}, ALIGNMENTS, progress=False)
    for bad, message in (({"method": "lbfgs"}, "'adam' or 'sgd'"), ({"validation": 1.5}, "between 0 and 1")):
        with pytest.raises(ArgumentError, match=message):
            trained(net, **bad)
