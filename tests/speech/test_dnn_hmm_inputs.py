"""Windows that are views equal windows that are copied; every frame is a sample once, in pieces or alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from speech.dnn_toys import N_FEATURES, N_STATES, utterances

from minidl.data import Loader
from minidl.errors import ArgumentError, DataError
from minidl.speech.dnn_hmm import ChunkDataset, FrameDataset, Frames, windows
from minidl.speech.dnn_hmm.inputs import IGNORED, checked_features, paired
from minidl.speech.features import splice

FEATURES, ALIGNMENTS = utterances(5)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_windows_are_spliced_frames(n_frames, width, context, seed):
    features = np.random.default_rng(seed).standard_normal((n_frames, width)).astype(np.float32)
    for given_features in (features, features[:, ::-1], np.asfortranarray(features)):
        np.testing.assert_array_equal(windows(given_features, context), splice(given_features, context, context))


def test_a_batch_of_windows_never_reaches_into_another_utterance():
    frames = Frames(FEATURES, ALIGNMENTS, N_STATES, 4)
    x, y = FrameDataset(frames).batch(np.arange(len(frames.targets)))
    np.testing.assert_array_equal(x, np.concatenate([splice(f, 4, 4) for f in FEATURES.values()]))
    np.testing.assert_array_equal(y, np.concatenate(list(ALIGNMENTS.values())))
    np.testing.assert_array_equal(frames.single(), np.concatenate(list(FEATURES.values())))
    assert x.dtype == np.float32 and y.dtype == np.int64


def test_windows_take_no_memory_of_their_own():
    frames = Frames(FEATURES, ALIGNMENTS, N_STATES, 4)
    base = frames.windows
    while base.base is not None:
        base = base.base
    n_padded = sum(len(f) + 8 for f in FEATURES.values())
    assert np.asarray(base).nbytes == n_padded * N_FEATURES * 4


def test_an_epoch_has_every_frame_once():
    frames = Frames(FEATURES, ALIGNMENTS, N_STATES, 1)
    rows = np.concatenate([np.concatenate([x, y[:, None]], 1) for x, y in Loader(FrameDataset(frames), 7, shuffle=True)])
    x, y = FrameDataset(frames).batch(np.arange(len(frames.targets)))
    everything = np.concatenate([x, y[:, None]], 1)
    np.testing.assert_array_equal(np.unique(rows, axis=0), np.unique(everything, axis=0))
    assert (rows != everything).any()
    samples = list(FrameDataset(frames))
    assert len(samples) == len(everything) and samples[3][1] == frames.targets[3]


@pytest.mark.parametrize(("length", "warm_up", "delay"), [(7, 4, 0), (7, 4, 3), (100, 5, 2), (1, 0, 0), (10, 50, 5)])
def test_chunks_hold_every_frame_once_with_what_precedes_it(length, warm_up, delay):
    frames = Frames(FEATURES, ALIGNMENTS, N_STATES, 2)
    dataset = ChunkDataset(frames, length, warm_up, delay)
    x, y = dataset.batch(np.arange(len(dataset)))
    assert (
        x.shape == (len(dataset), warm_up + length + delay, 5 * N_FEATURES) and y.shape == x[:, : warm_up + length, 0].shape
    )
    counts = y != IGNORED
    spliced = np.concatenate([splice(f, 2, 2) for f in FEATURES.values()])
    np.testing.assert_array_equal(x[:, : warm_up + length][counts], spliced)
    np.testing.assert_array_equal(y[counts], frames.targets)
    chunk = 0
    for name, own in FEATURES.items():
        w = splice(own, 2, 2)
        for start in range(0, len(own), length):
            read = max(0, start - warm_up)
            expected = w[np.minimum(read + np.arange(x.shape[1]), len(w) - 1)]  # beyond its end, the last frame
            np.testing.assert_array_equal(x[chunk], expected, err_msg=name)
            assert counts[chunk].argmax() == start - read
            chunk += 1


def test_pairs_and_those_left_out():
    used, left_out = paired({"b": 1, "a": 2, "c": 3}, {"a": 4, "b": 5, "d": 6})
    assert used == {"a": 2, "b": 1} and left_out == ("c", "d")
    with pytest.raises(DataError, match="none of 1 utterances with features is among the 1 with an alignment"):
        paired({"a": 1}, {"b": 1})


def test_what_does_not_fit_is_refused_by_name():
    one = np.zeros((3, 2), np.float32)
    with pytest.raises(DataError, match="x: 3 frames of features but 2 of alignment"):
        Frames({"x": one}, {"x": np.array([0, 1])}, 2, 1)
    with pytest.raises(DataError, match=r"x: states must be in \[0, 2\), got 0 to 2"):
        Frames({"x": one}, {"x": np.array([0, 1, 2])}, 2, 1)
    with pytest.raises(DataError, match="y: 3 features a frame, where the others have 2"):
        Frames({"x": one, "y": np.zeros((1, 3))}, {"x": np.zeros(3, int), "y": np.zeros(1, int)}, 2, 1)
    with pytest.raises(DataError, match="no frame to learn from"):
        Frames({"x": one[:0]}, {"x": np.zeros(0, int)}, 2, 1)
    with pytest.raises(DataError, match="u: frame 1 is not finite"):
        checked_features([[0.0, 1.0], [np.nan, 0.0]], "u")
    with pytest.raises(ArgumentError, match=r"u: features must be \(frames, 3\), got \(3, 2\)"):
        checked_features(one, "u", 3)
    with pytest.raises(ArgumentError, match="context must be at least 0"):
        Frames({"x": one}, {"x": np.zeros(3, int)}, 2, -1)
    with pytest.raises(ArgumentError, match="length >= 1"):
        ChunkDataset(Frames({"x": one}, {"x": np.zeros(3, int)}, 2, 1), length=0)
