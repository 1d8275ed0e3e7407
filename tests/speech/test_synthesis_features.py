"""The features of synthetic speech tell its phones and voices apart."""

from dataclasses import replace

import numpy as np

from minidl.speech.features import Frontend
from minidl.speech.synthesis import VOICES, make_voice, speak

WORDS = "zero one two three four five six seven eight nine".split()


def centres(seed):
    """Cepstra of the middle of each phone of ten digits, less the utterance's mean, and the labels."""
    spoken = speak(np.random.default_rng(seed).permutation(WORDS).tolist(), make_voice(seed), seed)
    mfcc = Frontend().mfcc(spoken.audio.samples, spoken.audio.rate)
    mfcc -= mfcc.mean(0)
    # Of a stop, what is heard is at its end.
    at = [0.25 * s.start + 0.75 * s.end if s.label in "TK" else (s.start + s.end) / 2 for s in spoken.phones]
    frames = np.clip(np.round(np.array(at) * 100 - 1.25).astype(int), 0, len(mfcc) - 1)
    return mfcc[frames], [s.label for s in spoken.phones]


def test_phones_are_told_apart_by_the_nearest_mean():
    """Of other voices: none of these voices was heard before."""
    train, test = [centres(seed) for seed in range(12)], [centres(seed) for seed in range(100, 104)]
    features, labels = np.concatenate([f for f, _ in train]), np.concatenate([n for _, n in train])
    names = np.unique(labels)
    means = np.array([features[labels == n].mean(0) for n in names])
    within = np.mean([features[labels == n].var(0) for n in names], axis=0)
    hits = []
    for f, n in test:
        nearest = ((f[:, None] - means) ** 2 / within).sum(2).argmin(1)
        hits += (names[nearest] == n).tolist()
    assert np.mean(hits) > 0.85


def test_voices_differ():
    """The mean log spectra of any two that say the same."""
    frontend = Frontend()
    spoken = [speak("three one four nine", replace(voice, noise=-60), 0).audio for voice in VOICES.values()]
    means = np.array([frontend.fbank(a.samples, a.rate).mean(0) for a in spoken])
    distances = np.linalg.norm(means[:, None] - means, axis=2)
    assert distances[~np.eye(len(means), dtype=bool)].min() > 1
