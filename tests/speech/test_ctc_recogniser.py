"""A CTC network learns labels from patterns whose places nobody tells it; bad utterances are set aside; files."""

import numpy as np
import pytest
import strict_backend

from minidl.errors import ArgumentError, CheckpointError, DataError
from minidl.speech.ctc import CtcNetwork, WordDecoder, label_error, load, save, train_ctc
from minidl.speech.ctc.utterances import Utterances, steps_needed
from minidl.speech.decoder import Loop
from minidl.speech.features import Moments
from minidl.speech.features.spec_augment import SpecAugment
from minidl.speech.lexicon import Lexicon
from minidl.train import evaluation, files

N_FEATURES = 6
LABELS = ("SIL", "a", "b", "c")
LEXICON = Lexicon({"ab": [["a", "b"]], "ca": [["c", "a"]], "b": [["b"]]})
PATTERNS = np.random.default_rng(7).standard_normal((5, N_FEATURES))


def said(labels, rng):
    """Frames of labels: each a pattern held for 4 to 8 frames, background around them, offset and scale of their own."""
    spans = [0]
    for label in labels:
        spans += [label, 0]
    frames = np.concatenate([np.repeat(PATTERNS[s][None], rng.integers(4, 9), 0) for s in spans])
    return ((frames + 0.2 * rng.standard_normal(frames.shape)) * 5 + 20).astype(np.float32)


def corpus(n, seed):
    """Utterances of one to four words with pauses between them: features, labels, words."""
    rng, classes = np.random.default_rng(seed), {name: i for i, name in enumerate(LABELS, 1)}
    features, labels, words = {}, {}, {}
    for i in range(n):
        words[f"u{i}"] = tuple(str(w) for w in rng.choice(LEXICON.words, rng.integers(1, 5)))
        spelled = [[classes[p] for p in LEXICON.pronunciations(w)[0].phones] for w in words[f"u{i}"]]
        labels[f"u{i}"] = [label for word in spelled for label in (*word, classes["SIL"])]
        features[f"u{i}"] = said(labels[f"u{i}"], rng)
    return features, labels, words


def network(**options):
    return CtcNetwork(N_FEATURES, LABELS, **{"hidden_size": 24, "rng": 0, **options})


@pytest.fixture(scope="module")
def trained():
    features, labels, _ = corpus(60, 0)
    net = network()
    result = train_ctc(
        net, features, labels, validation=corpus(10, 1)[:2], epochs=12, lr=2e-2, batch_size=10, progress=False
    )
    return net, result


def test_learns_the_labels(trained):
    net, result = trained
    features, labels, _ = corpus(20, 2)
    assert label_error(net, features, labels) < 0.02
    assert result.set_aside == {} and result.history.last["val_loss"] < 0.1 * result.history.epochs[0]["val_loss"]


def test_finds_the_words(trained):
    net, _ = trained
    features, _, words = corpus(20, 2)
    decoder = WordDecoder(LABELS, LEXICON, Loop(LEXICON.words))
    assert sum(decoder.decode(net.log_probs(features[name])).words == words[name] for name in words) >= 19


def test_frames_are_normalised_as_in_training(trained):
    net, _ = trained
    everything = np.concatenate(list(corpus(60, 0)[0].values()))
    np.testing.assert_allclose(net.mean.data, everything.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(net.deviation.data, everything.std(0), rtol=1e-4, atol=1e-4)


def test_scale_and_offset_of_features_do_not_matter():
    features = corpus(1, 0)[0]["u0"]
    plain, other = network(), network()
    plain.normalise_by(Moments.of(features))
    other.normalise_by(Moments.of(features * 50 + 3))
    np.testing.assert_allclose(other.log_probs(features * 50 + 3), plain.log_probs(features), rtol=0, atol=1e-4)


def test_what_does_not_vary_stays_finite():
    net = network()
    net.normalise_by(Moments.of(np.full((5, N_FEATURES), 7.0)))
    assert np.isfinite(net.log_probs(np.full((5, N_FEATURES), 7.0))).all()


def test_a_batch_equals_each_alone(trained):
    """Whatever the padding, also where the last step is not full."""
    net, _ = trained
    features, labels, _ = corpus(5, 3)
    loader = Utterances(net, features, labels, batch_size=5)
    ((n_frames, batch, _, _),) = loader
    batch[n_frames[0] :, 0] = 1e3
    with evaluation(net):
        logits, n_steps = net(batch, n_frames)
    for i, name in enumerate(loader.names):
        own = net.log_probs(features[name])
        assert own.shape == (-(-len(features[name]) // 3), 5) and n_steps[i] == len(own)
        np.testing.assert_allclose(np.exp(own).sum(1), 1, rtol=1e-5)
        here = logits.data[: n_steps[i], i]
        np.testing.assert_allclose(here - here[:, :1], own - own[:, :1], rtol=1e-3, atol=1e-4)


def test_batches_are_a_function_of_seed_and_epoch():
    features, labels, _ = corpus(12, 4)
    loader = Utterances(network(), features, labels, 5, seed=3, augment=SpecAugment(0, 2, 1, 4, 1, 0.5))
    assert len(loader) == 3 and [len(features[n]) for n in loader.names] == sorted(len(f) for f in features.values())
    loader.set_epoch(1)
    whole = list(loader)
    loader.set_epoch(1, 1)
    for again, first in zip(loader, whole[1:], strict=True):
        for a, b in zip(again, first, strict=True):
            np.testing.assert_array_equal(a, b)


def test_each_epoch_is_augmented_anew():
    features, labels, _ = corpus(4, 4)
    loader = Utterances(network(), features, labels, 4, augment=SpecAugment(0, 2, 1, 4, 1, 0.5))
    epochs = []
    for epoch in (0, 1, 0):
        loader.set_epoch(epoch)
        epochs += [batch[1] for batch in loader]
    assert (epochs[0] != epochs[1]).any() and (epochs[0] == epochs[2]).all()


def test_resumed_training_ends_where_it_would_have(tmp_path):
    features, labels, _ = corpus(12, 5)
    settings = {"batch_size": 4, "progress": False, "spec_augment": SpecAugment(0, 2, 1, 4, 1, 0.5)}
    options = {"num_layers": 2, "dropout": 0.2, "hidden_size": 6}
    whole, broken, again = (network(**options) for _ in range(3))
    for net in (whole, broken, again):
        net.lstm.rng, net.dropout.rng = np.random.default_rng(1), np.random.default_rng(2)
    train_ctc(whole, features, labels, epochs=3, **settings)
    train_ctc(broken, features, labels, epochs=2, run_dir=tmp_path, **settings)
    train_ctc(again, features, labels, epochs=3, run_dir=tmp_path, resume=True, **settings)
    for name, value in whole.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], value)


def test_what_cannot_be_learned_is_set_aside_and_named():
    features, labels, _ = corpus(6, 6)
    features["short"], labels["short"] = features["u0"][:9], [1, 2, 2]  # three steps, and a blank is needed
    features["mute"], labels["mute"] = features["u0"][:0], [1]
    features["unknown"] = features["late"] = features["u0"]
    there = {"u1": features["u1"], "late": features.pop("late")}, labels
    result = train_ctc(network(), features, labels, validation=there, epochs=1, progress=False)
    assert result.set_aside == {
        "short": "its 9 frames make 3 steps, and its labels need 4",
        "mute": "it has no frames",
        "unknown": "it has no labels",
        "late": "it has no labels",
    }
    with pytest.raises(DataError, match="no utterance can be learned; short: its 9 frames"):
        Utterances(network(), {"short": features["short"]}, labels)


def test_steps_needed():
    assert [steps_needed(np.array(labels)) for labels in ([], [1], [1, 1], [1, 2, 1], [1, 1, 1])] == [0, 1, 3, 3, 5]


def test_one_direction_and_a_frame_a_step():
    net = network(bidirectional=False, stack=1, num_layers=2)
    features = corpus(1, 0)[0]["u0"]
    whole = net.log_probs(features)
    assert whole.shape == (len(features), 5)
    np.testing.assert_allclose(net.log_probs(features[:7]), whole[:7], rtol=1e-5, atol=1e-6)


def test_strict_backend(trained):
    net, _ = trained
    features = corpus(1, 8)[0]["u0"]
    moved = network()
    moved.load_state_dict(net.state_dict())
    for item in (*moved.parameters(), *moved.buffers()):
        item.move_to(strict_backend.StrictBackend())
    np.testing.assert_allclose(moved.log_probs(features), net.log_probs(features), rtol=1e-5, atol=1e-5)


def test_files(trained, tmp_path):
    net, _ = trained
    path, features = tmp_path / "ctc.safetensors", corpus(1, 9)[0]["u0"]
    save(net, path, {"features": "fbank"})
    found, about = load(path)
    assert about == {"features": "fbank"} and found.labels == LABELS
    np.testing.assert_array_equal(found.log_probs(features), net.log_probs(features))
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data[: rng.integers(len(data))] if rng.random() < 0.3 else data)
        for place in rng.integers(0, max(1, min(len(broken), 3000)), 3 if broken else 0):
            broken[place] = rng.integers(256)
        if broken == data:
            continue
        path.write_bytes(broken)
        with pytest.raises((CheckpointError, DataError)):
            load(path)


def test_files_of_another_kind(tmp_path):
    path = tmp_path / "other.safetensors"
    recipe = {**network().recipe, "stack": 2}
    for metadata in ({"kind": "other"}, {"kind": "minidl CTC network", "recipe": {"n": 1}, "about": {}},
                     {"kind": "minidl CTC network", "recipe": recipe, "about": {}}):  # fmt: skip
        files.save(path, network().state_dict(), metadata)
        with pytest.raises(DataError, match=r"no CTC network|not sound"):
            load(path)


def test_what_is_refused():
    net = network()
    features, labels, _ = corpus(2, 0)
    assert net.classes(["a", "c"]) == [2, 4]
    with pytest.raises(DataError, match="'d' is none of its 4 labels"):
        net.classes(["a", "d"])
    with pytest.raises(ArgumentError, match="u0: labels must be whole numbers from 1 to 4"):
        Utterances(net, features, {**labels, "u0": [0, 1]})
    with pytest.raises(ArgumentError, match="u1: labels must be"):
        Utterances(net, features, {**labels, "u1": [1, 5]})
    with pytest.raises(ArgumentError, match=r"features must be \(frames, 6\)"):
        net.log_probs(np.zeros((4, 5)))
    with pytest.raises(DataError, match="u1: frame 3 is not finite"):
        features["u1"][3, 2] = np.nan
        Utterances(net, features, labels)
    with pytest.raises(ArgumentError, match="batch_size"):
        Utterances(net, features, labels, 0)
    with pytest.raises(ArgumentError, match="no label twice"):
        CtcNetwork(3, ["a", "a"])
    with pytest.raises(ArgumentError, match="stack must be positive"):
        CtcNetwork(3, ["a"], stack=0)
