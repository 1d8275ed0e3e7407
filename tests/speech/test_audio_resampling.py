"""Resampling and perturbation: the filter by its definition, tones that stay tones, sums of energy."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from minidl.errors import ArgumentError, DataError
from minidl.speech.audio import Audio, add_noise, change_speed, change_volume, read, resample, write_wav

DTYPES = [np.int16, np.float32, np.float64]
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def tone(frequency, rate, seconds=0.5):
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


def clip(dtype, n=3000, seed=0, loudness=0.1):
    floats = np.random.default_rng(seed).standard_normal(n) * loudness
    return np.rint(floats * 32768).astype(np.int16) if dtype == np.int16 else floats.astype(dtype)


def by_definition(samples, up, down):
    """Zeros between, a low-pass filter of 20 zero crossings under a Kaiser window, every `down`-th kept."""
    filled = np.zeros(len(samples) * up)
    filled[::up] = samples
    reach = 10 * max(up, down)
    place = np.arange(-reach, reach + 1)
    taps = np.sinc(place / max(up, down)) * np.kaiser(2 * reach + 1, 5.0)
    return np.convolve(filled, taps * up / taps.sum())[reach : reach + len(filled)][::down]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(1, 60), st.sampled_from(DTYPES))
def test_the_polyphase_filter_is_its_definition(up, down, n, dtype):
    samples = clip(dtype, n)
    found = resample(samples, 2000 * down, 2000 * up)
    ratio = Fraction(up, down)
    expected = by_definition(samples, ratio.numerator, ratio.denominator) if ratio != 1 else samples
    assert found.dtype == dtype and len(found) == -(-n * up // down)
    tolerance = {np.int16: 0.51, np.float32: 1e-6, np.float64: 1e-12}[dtype]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("rate", "new"), [(16000, 8000), (8000, 16000), (44100, 16000), (16000, 11025), (16000, 15999)])
def test_a_tone_stays_that_tone(rate, new):
    found = resample(tone(440, rate), rate, new)
    n = round(0.05 * new)
    np.testing.assert_allclose(found[n:-n], tone(440, new)[n : len(found) - n], rtol=0, atol=5e-3)


def test_what_the_lower_rate_cannot_hold_is_gone():
    assert np.abs(resample(tone(6000, 16000), 16000, 8000)[400:-400]).max() < 0.003
    aliased = tone(6000, 16000)[::2]
    assert np.abs(aliased).max() > 0.9


def test_loud_integers_are_clipped():
    loud = np.where(np.arange(400) % 50 < 25, 32767, -32768).astype(np.int16)  # the filter overshoots edges
    found = resample(loud, 8000, 16000)
    assert found.max() == 32767 and found.min() == -32768
    assert ((found > 20000) == (np.repeat(loud, 2) > 20000)).mean() > 0.95  # nothing wrapped round


def test_a_rate_is_asked_for(tmp_path):
    pytest.importorskip("soundfile")
    write_wav(tmp_path / "a.wav", Audio(clip(np.int16, 16000), 16000))
    assert read(tmp_path / "a.wav").rate == 16000
    found = read(tmp_path / "a.wav", rate=8000)
    assert found.rate == 8000 and found.samples.dtype == np.int16
    np.testing.assert_array_equal(found.samples, resample(clip(np.int16, 16000), 16000, 8000))
    for rate in (0, 100, 10**6):
        with pytest.raises(ArgumentError, match="rate must be 2000 to 384000 Hz"):
            read(tmp_path / "a.wav", rate=rate)


def test_rates_and_samples_that_are_refused():
    for rates in ((0, 8000), (8000, 10**9), (-8000, 8000)):
        with pytest.raises(ArgumentError, match="resample: rates must be 2000 to 384000 Hz"):
            resample(clip(np.int16), *rates)
    for samples in (np.zeros((2, 3)), np.zeros(3, np.int32), "sound"):
        with pytest.raises(ArgumentError, match="resample: samples must be int16, float32 or float64"):
            resample(samples, 8000, 16000)
    with pytest.raises(DataError, match=r"resample: 2000000 samples would become 3.84e\+08; cut the clip"):
        resample(np.zeros(2_000_000, np.int16), 2000, 384000)
    assert resample(np.zeros(0, np.float32), 8000, 16000).shape == (0,)


# -- perturbation ----------------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("factor", [0.9, 1.1, 1.0])
def test_faster_is_shorter_and_higher(dtype, factor):
    samples = tone(500, 8000)
    samples = np.rint(samples * 20000).astype(dtype) if dtype == np.int16 else samples.astype(dtype)
    found = change_speed(samples, factor)
    assert found.dtype == dtype and found.shape == (np.ceil(4000 / factor),)
    spectrum = np.abs(np.fft.rfft(found * np.hanning(len(found))))
    frequency = spectrum.argmax() * 8000 / len(found)
    np.testing.assert_allclose(frequency, 500 * factor, rtol=0, atol=2)


def test_speed_is_resampling():
    np.testing.assert_array_equal(change_speed(clip(np.float32), 0.8), resample(clip(np.float32), 8000, 10000))
    np.testing.assert_array_equal(change_speed(clip(np.int16), 1.25), resample(clip(np.int16), 10000, 8000))


@each_dtype
def test_volume_is_a_factor(dtype):
    samples = clip(dtype)
    found = change_volume(samples, 0.5)
    assert found.dtype == dtype
    tolerance = 0.5 if dtype == np.int16 else 0
    np.testing.assert_allclose(found, samples * 0.5, rtol=0, atol=tolerance)


def test_volume_clips_integers():
    found = change_volume(np.array([-32768, -20000, -1, 0, 1, 20000, 32767], np.int16), 2)
    assert found.tolist() == [-32768, -32768, -2, 0, 2, 32767, 32767]


@each_dtype
@pytest.mark.parametrize("given_noise", [None, 100, 10_000])
@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_noise_has_the_energy_asked_for(dtype, given_noise, snr):
    samples = clip(dtype, 4000)
    noise = None if given_noise is None else clip(np.int16, given_noise, seed=7)
    found = add_noise(samples, snr, 3, noise)
    assert found.dtype == dtype and found.shape == samples.shape
    added = found.astype(np.float64) - samples
    own = 10 * np.log10(np.sum(samples.astype(np.float64) ** 2) / np.sum(added**2))
    np.testing.assert_allclose(own, snr, rtol=0, atol={np.int16: 1e-3, np.float32: 1e-4, np.float64: 1e-9}[dtype])


def test_given_noise_is_what_is_added():
    samples, noise = clip(np.float64, 1000), clip(np.float64, 5000, seed=1)
    starts = set()
    for seed in range(3):
        added = add_noise(samples, 10, np.random.default_rng(seed), noise) - samples
        similar = signal.correlate(noise, added, "valid") / np.linalg.norm(added)
        start = similar.argmax()
        np.testing.assert_allclose(similar[start], np.linalg.norm(noise[start : start + 1000]), rtol=1e-9)
        starts.add(start)
    assert len(starts) == 3
    short = add_noise(samples, 10, 0, noise[:300]) - samples  # repeated
    np.testing.assert_allclose(short[300:600], short[:300], rtol=0, atol=1e-12)


def test_the_seed_decides_about_noise():
    samples = clip(np.int16)
    np.testing.assert_array_equal(add_noise(samples, 10, 5), add_noise(samples, 10, 5))
    assert (add_noise(samples, 10, 5) != add_noise(samples, 10, 6)).any()


def test_perturbations_that_are_refused():
    samples = clip(np.int16)
    for factor in (0, -1, 20, np.nan):
        with pytest.raises(ArgumentError, match=r"change_speed: the factor must be 0.1 to 10"):
            change_speed(samples, factor)
    for factor in (-1, np.inf, np.nan):
        with pytest.raises(ArgumentError, match="change_volume: the factor must be at least 0 and finite"):
            change_volume(samples, factor)
    with pytest.raises(ArgumentError, match="the SNR must be -200 to 200 dB, got nan"):
        add_noise(samples, np.nan, 0)
    with pytest.raises(DataError, match="add_noise: the clip is silent"):
        add_noise(np.zeros(10, np.float32), 10, 0)
    for noise in (np.zeros(4), np.zeros(0)):
        with pytest.raises(ArgumentError, match="add_noise: the noise is silent"):
            add_noise(samples, 10, 0, noise)
    pause = np.r_[np.zeros(10**6), 1.0]
    with pytest.raises(ArgumentError, match="silent where it was taken from"):
        add_noise(samples, 10, 0, pause)
