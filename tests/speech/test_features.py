"""Features: equal to the programs whose profiles they follow, to the definitions, and the same by every way of asking."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from speech.feature_oracles import PLACES, kaldi, program, signal

from minidl.speech.features import PROFILES, Frontend, Stream

GOLDEN = json.loads((Path(__file__).parent / "golden_features.json").read_text())
MODULES = {"kaldi": "kaldi_native_fbank", "htk": "kaldi_native_fbank", "psf": "python_speech_features", "librosa": "librosa"}
PCM = signal()
FLOATS = PCM / 32768
TOLERANCE = {"fbank": 1e-4, "mfcc": 1e-3}
KALDI = PROFILES["kaldi"]
SMALL = replace(KALDI, frame_length=4, frame_shift=1.5, n_filters=5, n_ceps=4)  # 64 and 24 samples


def compute(profile, kind, samples, rate=None):
    frontend = Frontend(profile, rng=0)
    return getattr(frontend, kind)(samples, rate or frontend.profile.sample_rate)


@pytest.mark.parametrize("key", GOLDEN)
def test_equal_to_recorded_numbers(key):
    name, kind = key.split()
    found = compute(name, kind, FLOATS)
    assert found.shape == tuple(GOLDEN[key]["shape"])
    atol = TOLERANCE[kind] if name == "kaldi" else 1e-4
    np.testing.assert_allclose(found[np.ix_(*PLACES)], GOLDEN[key]["values"], rtol=0, atol=atol)


@pytest.mark.parametrize("key", GOLDEN)
def test_equal_to_the_programs(key):
    name, kind = key.split()
    pytest.importorskip(MODULES[name])
    expected = program(name, kind, PCM)
    np.testing.assert_allclose(
        compute(name, kind, FLOATS), expected, rtol=0, atol=TOLERANCE[kind] if name == "kaldi" else 1e-4
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"edges": "mirrored"},
        {"use_energy": True},
        {"window": "hamming", "remove_mean": False, "preemphasis": 0.9},
        {"n_filters": 40, "n_ceps": 40, "high_hz": -400.0},
        {"lifter": 0.0, "window": "blackman", "frame_length": 30.0, "frame_shift": 7.5},
        {"zeroth_last": True, "dct": "htk"},
    ],
)
def test_equal_to_kaldi_with_other_conventions(changes):
    pytest.importorskip("kaldi_native_fbank")
    profile = replace(KALDI, **changes)
    np.testing.assert_allclose(compute(profile, "mfcc", FLOATS), kaldi("mfcc", profile, PCM), rtol=0, atol=1e-3)


def test_htk_by_its_book():
    """Frame 3, step by step in plain loops (HTK Book 3.4, equations 5.13 and 5.14, and the lifter of 5.12)."""
    frame = PCM[480:880].astype(float)
    emphasised = [0.03 * frame[0], *(frame[i] - 0.97 * frame[i - 1] for i in range(1, 400))]
    windowed = [x * (0.54 - 0.46 * np.cos(2 * np.pi * i / 399)) for i, x in enumerate(emphasised)]
    magnitude = np.abs(np.fft.fft(windowed, 512))
    mel = [2595 * np.log10(1 + k * 16000 / 512 / 700) for k in range(257)]
    centres = [j * mel[256] / 27 for j in range(28)]
    logs = []
    for j in range(1, 27):
        sides = [min(m - centres[j - 1], centres[j + 1] - m) * 27 / mel[256] for m in mel]
        logs.append(np.log(max(1, sum(s * a for s, a in zip(sides, magnitude[:257], strict=True) if s > 0))))
    ceps = [np.sqrt(2 / 26) * sum(m * np.cos(np.pi * i / 26 * (j + 0.5)) for j, m in enumerate(logs)) for i in range(13)]
    ceps = [c * (1 + 11 * np.sin(np.pi * i / 22)) for i, c in enumerate(ceps)]
    np.testing.assert_allclose(compute("htk", "fbank", FLOATS)[3], logs, rtol=1e-9, atol=0)
    np.testing.assert_allclose(compute("htk", "mfcc", FLOATS)[3], [*ceps[1:], ceps[0]], rtol=1e-9, atol=1e-9)


def test_log_energy_by_hand():
    frame = PCM[160:560].astype(float)
    energy = np.log(np.sum((frame - frame.mean()) ** 2))
    assert compute("kaldi", "log_energy", FLOATS)[1, 0] == pytest.approx(energy, rel=1e-12)
    assert compute("htk", "log_energy", FLOATS)[1, 0] == pytest.approx(np.log(np.sum(frame**2)), rel=1e-12)
    np.testing.assert_allclose(compute("psf", "log_energy", FLOATS)[:, 0], compute("psf", "mfcc", FLOATS)[:, 0], rtol=1e-12)


def test_mirrored_ends_by_hand():
    """Frame 0 begins 120 samples before the clip: samples 119 to 0, then 0 to 279."""
    found = compute(replace(KALDI, edges="mirrored", remove_mean=False), "log_energy", FLOATS)
    x = PCM.astype(float)
    first, last = [*x[119::-1], *x[:280]], [*x[-280:], *x[:-121:-1]]
    assert len(found) == 50
    np.testing.assert_allclose(np.exp(found[[0, -1], 0]), [np.square(first).sum(), np.square(last).sum()], rtol=1e-12)


def test_filters_far_below_the_loudest_are_raised():
    """With librosa, 80 dB below the loudest of each clip, not of all clips."""
    loud, quiet = np.concatenate([FLOATS, np.zeros(8000)]), FLOATS / 1000
    for found in compute("librosa", "fbank", [loud, quiet]):
        assert found.max() - found.min() <= 80 + 1e-9
    raised = compute("librosa", "fbank", loud)
    assert raised.max() - raised.min() == pytest.approx(80, abs=1e-9)
    natural = compute(replace(KALDI, range_db=20.0), "fbank", FLOATS)
    assert natural.max() - natural.min() == pytest.approx(2 * np.log(10), abs=1e-9)


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("kind", ["fbank", "mfcc", "log_energy"])
def test_batches_and_dtypes(name, kind):
    """Clips at once equal clips alone; integers and float32 give float32, close to float64's float64."""
    clips = [PCM[:5000], PCM[1000:1900], PCM[300:8000]]
    apart = [compute(name, kind, clip) for clip in clips]
    for together, alone in zip(compute(name, kind, clips), apart, strict=True):
        np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-4)
    equal = compute(name, kind, np.stack([PCM[:4000], PCM[4000:]]))
    assert equal.ndim == 3 and equal.dtype == np.float32
    np.testing.assert_allclose(equal[1], compute(name, kind, PCM[4000:]), rtol=1e-5, atol=1e-4)
    single = compute(name, kind, FLOATS.astype(np.float32))
    assert single.dtype == apart[0].dtype == np.float32 and compute(name, kind, FLOATS).dtype == np.float64
    np.testing.assert_allclose(single, compute(name, kind, PCM), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(single, compute(name, kind, FLOATS), rtol=1e-4, atol=2e-3)
    assert compute(name, kind, []) == []


def test_many_clips_over_several_blocks():
    """Blocks that hold the ends of clips, and blocks within one clip."""
    rng = np.random.default_rng(3)
    clips = [rng.uniform(-0.5, 0.5, n) for n in (20000, 200, 64, 3000, 9000)]
    for together, clip in zip(compute(SMALL, "mfcc", clips), clips, strict=True):
        np.testing.assert_allclose(together, compute(SMALL, "mfcc", clip), rtol=0, atol=1e-9)


def test_the_clip_is_not_changed_and_layout_does_not_matter():
    before = FLOATS.copy()
    for name in PROFILES:
        expected = compute(name, "mfcc", FLOATS)
        np.testing.assert_allclose(compute(name, "mfcc", np.repeat(FLOATS, 2)[::2]), expected, rtol=0, atol=1e-12)
        np.testing.assert_allclose(compute(name, "mfcc", FLOATS[::-1].copy()[::-1]), expected, rtol=0, atol=1e-12)
    assert (before == FLOATS).all()


@pytest.mark.parametrize("name", ["kaldi", "htk", "psf"])
def test_louder_is_a_constant_in_log_mel(name):
    shift = np.log(2) if name == "htk" else np.log(4)
    louder = compute(name, "fbank", FLOATS) - compute(name, "fbank", FLOATS / 2)
    np.testing.assert_allclose(louder, shift, rtol=0, atol=1e-9)


def test_dither_is_off_by_default_and_seeded():
    assert all(p.dither == 0 for p in PROFILES.values())
    silence, noisy = np.zeros(4000, np.int16), replace(KALDI, dither=1.0)
    first, again = (Frontend(noisy, rng=7).fbank(silence, 16000) for _ in range(2))
    assert (first == again).all() and not (first == Frontend(noisy, rng=8).fbank(silence, 16000)).all()
    energy = np.exp(Frontend(noisy, rng=7).log_energy(silence, 16000))
    assert energy.mean() == pytest.approx(399, rel=0.1)  # 400 samples of variance 1, less their mean


@pytest.mark.parametrize("edges", ["whole frames", "zeros after", "zeros around", "mirrored"])
@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["frame", "signal"]),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([np.int16, np.float64]),
    st.tuples(st.integers(0, 30), st.integers(12, 130), st.integers(0, 130), st.integers(0, 200)),
    st.sampled_from(["fbank", "mfcc", "log_energy"]),
)
def test_a_stream_gives_the_same_frames(edges, over, dither, dtype, sizes, kind):
    profile = replace(SMALL, edges=edges, preemphasis_over=over, dither=dither)
    clip = np.resize(PCM if dtype is np.int16 else FLOATS, sum(sizes)).astype(dtype)
    stream = Stream(Frontend(profile, rng=5), kind, 16000)
    assume(sum(sizes) >= (64 if edges == "whole frames" else 12))
    found = [stream.push(chunk) for chunk in np.split(clip, np.cumsum(sizes)[:-1])]
    found.append(stream.finish())
    expected = getattr(Frontend(profile, rng=5), kind)(clip, 16000)
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-4, atol=1e-3 if dtype is np.int16 else 1e-9)


@pytest.mark.parametrize("name", ["kaldi", "htk", "psf"])
def test_a_stream_of_a_named_profile_gives_frames_early(name):
    stream = Stream(Frontend(name), "mfcc", 16000)
    found = [stream.push(PCM[i : i + 400]) for i in range(0, 8000, 400)]
    assert len(found[0]) == 1 and found[0].dtype == np.float32
    np.testing.assert_allclose(np.concatenate([*found, stream.finish()]), compute(name, "mfcc", PCM), rtol=1e-4, atol=1e-3)


def test_a_stream_of_librosa_without_its_range():
    profile = replace(PROFILES["librosa"], range_db=None)
    stream = Stream(Frontend(profile), "fbank", 22050)
    found = [*(stream.push(FLOATS[i : i + 999]) for i in range(0, 8000, 999)), stream.finish()]
    np.testing.assert_allclose(np.concatenate(found), compute(profile, "fbank", FLOATS), rtol=0, atol=1e-9)
