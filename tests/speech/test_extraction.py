"""Features of corpora: the front end's, normalised by speaker, with differences; what cannot be used is set aside."""

import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

from minidl.errors import ArgumentError, DataError
from minidl.speech.audio import Audio, change_speed, change_volume, resample
from minidl.speech.corpora import Utterance
from minidl.speech.extraction import Extractor, FeatureSettings
from minidl.speech.features import Frontend, deltas, get_profile

SETTINGS = FeatureSettings("mfcc", 8000)


def noise(seed, n=4000, rate=8000, dtype=np.int16):
    samples = np.random.default_rng(seed).standard_normal(n) * 3000 * (1 + seed)
    return Audio(samples.astype(np.int16) if dtype == np.int16 else (samples / 32768).astype(np.float32), rate)


def said(name, speaker, audio):
    return Utterance(name, speaker, ("x",), lambda: audio)


UTTERANCES = [said("a1", "a", noise(0)), said("b1", "b", noise(1, 2000)), said("a2", "a", noise(2, 3000))]


def by_hand(statics, variance=False, order=2):
    """Of one speaker: less the mean of all frames, over their deviation, with differences."""
    everything = np.concatenate(statics).astype(np.float64)
    scale = everything.std(0) if variance else 1.0
    normalised = [((s - everything.mean(0)) / scale).astype(np.float32) for s in statics]
    return [deltas(s, order=order) for s in normalised]


@pytest.mark.parametrize("kind", ["mfcc", "fbank"])
@pytest.mark.parametrize(("variance", "order"), [(False, 2), (True, 0), (True, 1)])
def test_features_by_hand(kind, variance, order):
    settings = FeatureSettings(kind, 8000, 20, order, variance)
    found = Extractor(settings).corpus(UTTERANCES)
    assert found.set_aside == {} and list(found.features) == ["a1", "b1", "a2"]
    frontend = Frontend(replace(get_profile("kaldi"), sample_rate=8000, n_filters=20))
    statics = {u.name: getattr(frontend, kind)(u.read().samples, 8000) for u in UTTERANCES}
    expected = dict(zip(("a1", "a2"), by_hand([statics["a1"], statics["a2"]], variance, order), strict=True))
    expected["b1"] = by_hand([statics["b1"]], variance, order)[0]
    width = (13 if kind == "mfcc" else 20) * (order + 1)
    for name, own in found.features.items():
        assert own.dtype == np.float32 and own.shape == (len(statics[name]), width)
        np.testing.assert_allclose(own, expected[name], rtol=1e-4, atol=1e-4)


def test_a_recording_alone_is_normalised_by_itself():
    extractor = Extractor(SETTINGS)
    np.testing.assert_array_equal(extractor(noise(0)), extractor.corpus(UTTERANCES[:1]).features["a1"])
    together = extractor.corpus(UTTERANCES).features["a1"]
    assert abs(together - extractor(noise(0))).max() > 0.1
    assert abs(extractor(noise(0))[:, :13].mean(0)).max() < 1e-4


def test_every_run_finds_the_same():
    first, again = (Extractor(SETTINGS).corpus(UTTERANCES).features for _ in range(2))
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])


def test_another_rate_is_resampled():
    wide = noise(3, 16000, 16000)
    found = Extractor(SETTINGS).static(wide)
    np.testing.assert_array_equal(found, Extractor(SETTINGS).static(Audio(resample(wide.samples, 16000, 8000), 8000)))
    assert len(found) == 98


def test_floats_are_heard_as_integers():
    own = Extractor(SETTINGS)
    audio = noise(1, 4000)
    floats = Audio((audio.samples / 32768).astype(np.float32), 8000)
    np.testing.assert_allclose(own.static(floats), own.static(audio), rtol=1e-4, atol=1e-3)


def test_samples_are_changed_first():
    extractor = Extractor(SETTINGS)
    found = extractor.corpus(UTTERANCES[:1], lambda samples: change_speed(samples, 0.8)).features["a1"]
    np.testing.assert_array_equal(found, extractor(Audio(change_speed(noise(0).samples, 0.8), 8000)))
    assert len(found) == 61 and len(extractor(noise(0))) == 48
    at_rate = []
    extractor.static(noise(3, 16000, 16000), lambda samples: [at_rate.append(len(samples)), samples][1])
    assert at_rate == [8000]  # of the features, not of the recording
    louder = extractor.static(noise(0), lambda samples: change_volume(samples, 2.0))
    assert louder[:, 0].mean() > extractor.static(noise(0))[:, 0].mean() + 1


def test_what_cannot_be_used_is_set_aside_and_named():
    def unreadable():
        raise DataError("lost.wav: the file is empty")

    nan = np.full(4000, 0.1, np.float32)
    nan[7] = np.nan
    bad = [
        Utterance("lost", "a", (), unreadable),
        said("nan", "a", Audio(nan, 8000)),
        said("short", "a", noise(0, 199)),
        said("none", "c", noise(0, 0)),
        said("loud", "a", Audio(9000 + np.arange(4000, dtype=np.float32), 8000)),
        said("slow", "a", noise(0, 4000, 500)),
    ]
    found = Extractor(SETTINGS).corpus([*bad[:3], *UTTERANCES, *bad[3:]])
    assert found.set_aside["lost"] == "lost.wav: the file is empty"
    reasons = {"nan": "sample 7 of the clip is nan", "short": "199 samples, too few for one frame of 200",
               "none": "has 0 samples", "loud": "floats must be in -1 to 1", "slow": "rates must be"}  # fmt: skip
    for name, why in reasons.items():
        assert why in found.set_aside[name]
    assert len(found.set_aside) == 6
    good = Extractor(SETTINGS).corpus(UTTERANCES).features  # nothing of the others is in the speaker's mean
    assert found.features.keys() == good.keys()
    for name, own in found.features.items():
        np.testing.assert_array_equal(own, good[name])
    with pytest.raises(DataError, match="too few for one frame"):
        Extractor(SETTINGS)(noise(0, 10))
    assert Extractor(SETTINGS).corpus([]).features == {}


@pytest.mark.parametrize("variance", [False, True])
@pytest.mark.parametrize("kind", ["mfcc", "fbank"])
def test_one_frame_has_features(kind, variance):
    """What never varies becomes 0, without a division by it."""
    extractor = Extractor(FeatureSettings(kind, 8000, variance=variance))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = extractor(noise(0, 200))
    assert one.shape[0] == 1
    np.testing.assert_allclose(one, 0, rtol=0, atol=1e-3)


@pytest.mark.parametrize("samples", [np.zeros(8000, np.int16), np.full(8000, 0.25, np.float32)], ids=["zeros", "constant"])
def test_silence_is_refused(samples):
    with pytest.raises(DataError, match=r"silent: all of its 8000 samples are (0|0\.25);"):
        Extractor(SETTINGS)(Audio(samples, 8000))
    extracted = Extractor(SETTINGS).corpus([said("dumb", "a", Audio(samples, 8000)), said("fine", "a", noise(0, 900))])
    assert list(extracted.features) == ["fine"] and "silent" in extracted.set_aside["dumb"]


@pytest.mark.parametrize("settings", [SETTINGS, FeatureSettings("fbank", 16000, 40, 0, True)], ids=["mfcc", "fbank"])
def test_settings_go_through_json(settings):
    assert FeatureSettings(**json.loads(json.dumps(settings.as_dict()))) == settings


def test_times_of_frames():
    """A frame stands for the stretch of one shift in its middle; at 11,025 Hz 10 ms are 110 whole samples."""
    assert (FeatureSettings().shift, FeatureSettings().offset) == (0.01, 0.0075)
    odd = FeatureSettings(rate=11025)
    assert (odd.shift, odd.offset) == (110 / 11025, (275 - 110) / 2 / 11025)
    frames = Extractor(odd).static(noise(0, 275 + 110 * 1000, 11025))
    assert len(frames) == 1001


@pytest.mark.parametrize(
    "wrong",
    [{"kind": "plp"}, {"kind": ["mfcc"]}, {"rate": 1999}, {"rate": 16000.0}, {"rate": "16000"}, {"n_filters": 12},
     {"n_filters": 10**9}, {"order": -1}, {"order": 11}, {"order": None}, {"variance": 1}],
    ids=str,
)  # fmt: skip
def test_settings_that_are_refused(wrong):
    with pytest.raises(ArgumentError, match=f"features: {next(iter(wrong))} must be"):
        FeatureSettings(**wrong)
