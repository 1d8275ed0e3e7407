"""Features of bad input: one line that says what was wrong, where, and what to do; silence is no error."""

from dataclasses import replace

import numpy as np
import pytest

from minidl.errors import ArgumentError, DataError
from minidl.speech.features import PROFILES, Frontend, Stream, window

CLIP = np.linspace(-0.5, 0.5, 1000)
every_profile = pytest.mark.parametrize("name", PROFILES)


def refused(error, says, call):
    with pytest.raises(error, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_that_are_not_finite(bad, dtype):
    clip = CLIP.astype(dtype)
    clip[[17, 20]] = bad
    says = rf"sample 17 of the clip is {bad} \(2 of 1000 are not finite\); repair it"
    refused(DataError, says, lambda: Frontend().mfcc(clip, 16000))
    refused(DataError, "sample 17 of clip 1", lambda: Frontend().mfcc([CLIP, clip], 16000))
    refused(DataError, "sample 17 of the chunk", lambda: Stream(Frontend(), "mfcc", 16000).push(clip))


@every_profile
def test_a_wrong_rate(name):
    says = rf"{name} is for \d+ Hz, the (clip|chunk) has 8000 Hz; resample it or replace\(profile, sample_rate=8000\)"
    refused(ArgumentError, says, lambda: Frontend(name).fbank(CLIP, 8000))
    refused(ArgumentError, says, lambda: Stream(Frontend(name), "log_energy", 8000).push(CLIP))
    Frontend(replace(PROFILES[name], sample_rate=8000)).fbank(CLIP, 8000)


def test_a_clip_shorter_than_a_frame():
    says = r"the clip has 399 samples, too few for one frame of 400 \(profile kaldi\); leave it out"
    refused(DataError, says, lambda: Frontend().mfcc(CLIP[:399], 16000))
    refused(DataError, "clip 1 has 399 samples", lambda: Frontend().mfcc([CLIP, CLIP[:399]], 16000))
    stream = Stream(Frontend(), "mfcc", 16000)
    assert stream.push(CLIP[:399]).shape == (0, 13)
    refused(DataError, says, stream.finish)
    assert Frontend().mfcc(CLIP[:400], 16000).shape == (1, 13)


@every_profile
def test_a_clip_without_samples(name):
    rate = PROFILES[name].sample_rate
    refused(DataError, "has 0 samples", lambda: Frontend(name).log_energy(CLIP[:0], rate))
    refused(DataError, "has 0 samples", Stream(Frontend(name), "log_energy", rate).finish)


@every_profile
@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_silence_is_at_the_floor(name, dtype):
    p, silence = PROFILES[name], np.zeros(4000, dtype)
    floor = 10 * np.log10(p.log_floor) if p.log == "decibel" else np.log(p.log_floor)
    np.testing.assert_allclose(Frontend(p).fbank(silence, p.sample_rate), floor, rtol=1e-5, atol=1e-6)
    ceps = Frontend(p).mfcc(silence, p.sample_rate)
    others = ceps[:, :-1] if p.zeroth_last else ceps[:, 1:]
    np.testing.assert_allclose(others, 0, rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    "clip, says",
    [
        (CLIP * 20000, r"in -1 to 1, the clip goes up to 10000; divide 16-bit values by 32768"),
        (np.arange(1000), "must be int16, or float32 or float64 in -1 to 1; got int64"),
        (CLIP + 1j, "got complex128"),
        (np.float64(0.5), r"a clip is \(N,\), several are \(B, N\) or a list; got shape \(\)"),
        ([CLIP[None]], r"one channel is \(N,\); the clip has shape \(1, 1000\)"),
    ],
)
def test_what_is_no_clip(clip, says):
    refused(ArgumentError, says, lambda: Frontend().mfcc(clip, 16000))


def test_what_a_frontend_and_a_stream_refuse():
    refused(ArgumentError, "dither 1 of profile kaldi needs rng=", lambda: Frontend(replace(PROFILES["kaldi"], dither=1.0)))
    refused(ArgumentError, "'sphinx' is unknown; choose one of kaldi", lambda: Frontend("sphinx"))
    refused(ArgumentError, "'plp' is unknown; choose one of fbank", lambda: Stream(Frontend(), "plp", 16000))
    refused(ArgumentError, r"replace\(profile, range_db=None\)", lambda: Stream(Frontend("librosa"), "mfcc", 22050))
    stream = Stream(Frontend(), "mfcc", 16000)
    stream.push(CLIP)
    stream.finish()
    refused(ArgumentError, "it is finished", lambda: stream.push(CLIP))
    refused(ArgumentError, "it is finished", stream.finish)


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"edges": "none"}, "edges must be one of 'whole frames'"),
        ({"sample_rate": 0}, "sample_rate must be at least 1 Hz; got 0"),
        ({"frame_shift": 0.01}, "frame_shift must be at least 1 sample"),
        ({"frame_shift": 26.0}, "frame_shift .* at most the frame's 400; got 26.0"),
        ({"high_hz": 9000.0}, "high_hz must be above low_hz .* at most half the rate, 8000; got 9000.0"),
        ({"high_hz": 10.0}, "high_hz must be above low_hz"),
        ({"preemphasis": 1.5}, "preemphasis must be in"),
        ({"n_ceps": 24}, r"n_ceps must be at least 1 and at most n_filters \(23\); got 24"),
        ({"log_floor": 0.0}, "log_floor must be above 0"),
        ({"lifter": -1.0}, "lifter must be at least 0"),
    ],
)
def test_conventions_that_are_none(changes, says):
    refused(ArgumentError, "profile kaldi: " + says, lambda: replace(PROFILES["kaldi"], **changes))


def test_windows_that_are_none():
    refused(ArgumentError, "'kaiser' is unknown; choose one of rectangular", lambda: window("kaiser", 4))
    refused(ArgumentError, "at least 1 sample is needed, not 0", lambda: window("hann", 0))
