"""The parts of the features by hand: windows, mel, profiles compared, deltas, splicing, normalisation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minidl.errors import ArgumentError, DataError
from minidl.speech.features import (
    PROFILES,
    WINDOWS,
    Moments,
    cmvn_global,
    cmvn_speaker,
    cmvn_utterance,
    deltas,
    diff_profiles,
    differences,
    get_profile,
    splice,
    window,
)
from minidl.speech.features.framing import n_frames
from minidl.speech.features.mel import mel_filters, to_hz, to_mel

RAMP = np.arange(12.0).reshape(6, 2)


def test_windows_by_hand():
    np.testing.assert_allclose(window("hann", 5), [0, 0.5, 1, 0.5, 0], rtol=0, atol=1e-15)
    np.testing.assert_allclose(window("hann periodic", 4), [0, 0.5, 1, 0.5], rtol=0, atol=1e-15)
    np.testing.assert_allclose(window("hamming", 3), [0.08, 1, 0.08], rtol=0, atol=1e-15)
    np.testing.assert_allclose(window("blackman", 5), [0, 0.34, 1, 0.34, 0], rtol=0, atol=1e-15)
    np.testing.assert_allclose(window("povey", 5), [0, 0.5**0.85, 1, 0.5**0.85, 0], rtol=0, atol=1e-15)
    assert (window("rectangular", 3) == 1).all() and all(np.isfinite(window(name, 1)).all() for name in WINDOWS)


@pytest.mark.parametrize(
    "scale, hz, mel", [("htk", 1000, 999.9908), ("htk", 0, 0), ("slaney", 1000, 15), ("slaney", 6400, 42)]
)
def test_mel_by_hand(scale, hz, mel):
    assert to_mel(hz, scale) == pytest.approx(mel, abs=1e-3)
    assert to_hz(mel, scale) == pytest.approx(hz, rel=1e-5)


@given(st.floats(0, 24000), st.sampled_from(["htk", "slaney"]))
def test_mel_and_back(hz, scale):
    assert to_hz(to_mel(hz, scale), scale) == pytest.approx(hz, rel=1e-9, abs=1e-9)


def test_filters_share_a_bin_between_two():
    """Between the first and the last peak the weights of each bin sum to 1; with equal area each filter's do, times Hz."""
    weights = mel_filters(PROFILES["kaldi"])
    assert weights.shape == (257, 23) and (weights >= 0).all() and weights[256].sum() == 0
    inside = slice(weights[:, 0].argmax() + 1, weights[:, -1].argmax())
    np.testing.assert_allclose(weights.sum(1)[inside], 1, rtol=0, atol=1e-12)
    librosa = mel_filters(PROFILES["librosa"])
    np.testing.assert_allclose(librosa.sum(0)[64:] * 22050 / 2048, 1, rtol=0.01, atol=0)


@pytest.mark.parametrize(
    "edges, counts",
    [
        ("whole frames", {0: 0, 399: 0, 400: 1, 559: 1, 560: 2}),
        ("zeros after", {0: 0, 1: 1, 400: 1, 401: 2, 560: 2, 561: 3}),
        ("zeros around", {0: 0, 1: 1, 159: 1, 160: 2, 16000: 101}),
        ("mirrored", {0: 0, 79: 0, 80: 1, 239: 1, 240: 2, 16000: 100}),
    ],
)
def test_frame_counts(edges, counts):
    profile = replace(PROFILES["kaldi"], edges=edges)
    assert {n: n_frames(n, profile) for n in counts} == counts


def test_lengths_in_samples():
    """25 ms at 11025 Hz is 275.6 samples: Kaldi takes 275, python_speech_features 276, librosa counts samples itself."""
    kaldi, psf, librosa = (replace(PROFILES[n], sample_rate=11025) for n in ("kaldi", "psf", "librosa"))
    assert (kaldi.frame_samples, kaldi.shift_samples, kaldi.fft_size) == (275, 110, 512)
    assert (psf.frame_samples, psf.shift_samples) == (276, 110)
    assert (librosa.frame_samples, librosa.shift_samples, librosa.fft_size) == (2048, 512, 2048)
    assert replace(PROFILES["htk"], frame_length=25.6).frame_samples == 409


def test_profiles_that_differ(capsys):
    other = replace(PROFILES["kaldi"], name="hires", n_filters=40, high_hz=-400.0)
    assert differences("kaldi", other) == {"n_filters": (23, 40), "high_hz": (0.0, -400.0)}
    diff_profiles("kaldi", other)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["convention", "kaldi", "hires"], ["n_filters", "23", "40"], ["high_hz", "0.0", "-400.0"]]
    diff_profiles("psf", "psf")
    assert "no convention differs" in capsys.readouterr().out
    assert {"window", "spectrum", "remove_mean", "zeroth_last"} <= set(differences("kaldi", "htk"))
    assert get_profile("htk") is PROFILES["htk"] and get_profile(other) is other


def test_deltas_by_hand():
    """A unit step: slope filter [-2 -1 0 1 2] / 10, then itself convolved with it, / 100: 4 4 1 -4 -10 -4 1 4 4."""
    impulse = np.zeros((9, 1))
    impulse[4] = 1
    found = deltas(impulse)
    np.testing.assert_allclose(found[:, 1] * 10, [0, 0, 2, 1, 0, -1, -2, 0, 0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[:, 2] * 100, [4, 4, 1, -4, -10, -4, 1, 4, 4], rtol=0, atol=1e-12)
    np.testing.assert_allclose(deltas(RAMP, order=1)[2:4, 2:], 2, rtol=1e-12)
    np.testing.assert_allclose(deltas(RAMP, order=1)[0, 2:], (2 + 2 * 4) / 10, rtol=1e-12)  # x_{-1} = x_{-2} = x_0
    assert deltas(RAMP.astype(np.float32)).dtype == np.float32 and (deltas(RAMP, order=0) == RAMP).all()


def test_deltas_equal_python_speech_features():
    psf = pytest.importorskip("python_speech_features")
    features = np.random.default_rng(0).normal(size=(30, 4))
    np.testing.assert_allclose(deltas(features, 3, order=1)[:, 4:], psf.delta(features, 3), rtol=0, atol=1e-12)


def test_splicing_by_hand():
    found = splice(RAMP, 1, 2)
    assert found.shape == (6, 8)
    assert found[0].tolist() == [0, 1, 0, 1, 2, 3, 4, 5] and found[5].tolist() == [8, 9, 10, 11, 10, 11, 10, 11]
    assert (splice(RAMP, 0, 0) == RAMP).all()


@pytest.mark.parametrize("change", [deltas, splice])
def test_what_has_no_context(change):
    for bad in (RAMP[0], RAMP[:0], RAMP.astype(int)):
        with pytest.raises(ArgumentError, match="features must be floats"):
            change(bad)
    with pytest.raises(ArgumentError, match="at least"):
        change(RAMP, -1)


@pytest.mark.parametrize("variance", [False, True])
def test_normalised_by_utterance_speaker_and_all(variance):
    rng = np.random.default_rng(1)
    utterances = [rng.normal(5 * i, 1 + i, (20 + i, 3)) for i in range(4)]
    groups = {
        "utterance": (cmvn_utterance(utterances, variance), [[0], [1], [2], [3]]),
        "speaker": (cmvn_speaker(utterances, ["a", "b", "a", "b"], variance), [[0, 2], [1, 3]]),
        "global": (cmvn_global(utterances, variance), [[0, 1, 2, 3]]),
    }
    for found, members in groups.values():
        for group in members:
            frames, plain = (np.concatenate([some[i] for i in group]) for some in (found, utterances))
            np.testing.assert_allclose(frames.mean(0), 0, rtol=0, atol=1e-9)
            np.testing.assert_allclose(frames.std(0), 1 if variance else plain.std(0), rtol=1e-9, atol=0)


def test_moments_add():
    whole, parts = Moments.of(RAMP), Moments.of(RAMP[:2]) + Moments.of(RAMP[2:])
    assert whole.count == parts.count == 6
    assert (whole.total == parts.total).all() and (whole.squares == parts.squares).all() and whole.squares[0] == 220


def test_what_does_not_vary_becomes_zero():
    constant = np.full((53, 2), -15.9424, np.float32) * np.array([1, 1e3], np.float32)
    exact = Moments(3, np.array([0.3]), np.array([0.03 + 3e-17]))  # a variance of 1e-17 beside a mean square of 0.01
    np.testing.assert_allclose(exact.normalise(np.array([[0.1 + 1e-9]]), variance=True), 1e-2, rtol=1e-3, atol=0)
    found = cmvn_utterance([constant], variance=True)[0]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 0, rtol=0, atol=1e-6)


def test_what_cannot_be_normalised():
    with pytest.raises(DataError, match="frame 1 is not finite"):
        Moments.of(np.array([[1.0], [np.nan]]))
    with pytest.raises(ArgumentError, match=r"must be \(T, D\)"):
        Moments.of(np.ones(3))
    with pytest.raises(ArgumentError, match="moments of 0 frames of 2 do not fit"):
        Moments.of(RAMP[:0]).normalise(RAMP)
    with pytest.raises(ArgumentError, match=r"do not fit features \(6, 1\)"):
        Moments.of(RAMP).normalise(RAMP[:, :1])
    with pytest.raises(ArgumentError, match="2 utterances but 1 speakers"):
        cmvn_speaker([RAMP, RAMP], ["a"])
