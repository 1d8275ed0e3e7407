"""The synthesiser speaks the words it was given, with its voices, and says truly where each phone is."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from minidl.errors import ArgumentError
from minidl.speech.lexicon import Lexicon, digits
from minidl.speech.synthesis import PHONES, VOICES, Voice, make_voice, speak, speak_phones
from minidl.speech.synthesis.tracks import Shapes
from minidl.speech.synthesis.tract import HOP, RATE, filtered, n_moments, voice_responses

WORDS = digits().words
PLAIN = Voice(pitch=100, breath=0, noise=-100, intonation=0, jitter=0, articulation=0)


def steady(phone, voice=PLAIN, seconds=0.4):
    """The middle 0.2 seconds of one phone."""
    samples = speak_phones([("SIL", 0.05), (phone, seconds), ("SIL", 0.05)], voice, 0).audio.samples.astype(float)
    middle = len(samples) // 2
    return samples[middle - RATE // 10 : middle + RATE // 10]


@pytest.mark.parametrize("rate", [16000, 8000])
@pytest.mark.parametrize("name", ["adam", "hope"])
def test_segments_cover_the_utterance_to_the_sample(rate, name):
    spoken = speak("zero one two three four five six seven eight nine nine", VOICES[name], 5, rate)
    ends = [s.end for s in spoken.phones]
    assert [s.start for s in spoken.phones] == [0.0, *ends[:-1]]
    assert all(s.start < s.end for s in spoken.phones)
    np.testing.assert_allclose(np.multiply(ends, rate), np.round(np.multiply(ends, rate)), rtol=0, atol=1e-6)
    assert spoken.audio.rate == rate
    assert round(ends[-1] * rate) == len(spoken.audio.samples)


def test_words_are_their_phones():
    spoken = speak(WORDS, VOICES["eve"], 1)
    assert spoken.words == WORDS == tuple(s.label for s in spoken.word_segments)
    for word in spoken.word_segments:
        inside = tuple(p.label for p in spoken.phones if word.start <= p.start < word.end)
        assert inside in [p.phones for p in digits().pronunciations(word.label)]
    between = sum(p.label == "SIL" for p in spoken.phones)
    apart = sum(a.end < b.start for a, b in pairwise(spoken.word_segments))
    assert between == apart + 2
    assert spoken.phones[0].label == spoken.phones[-1].label == "SIL"


def test_like_phones_are_kept_apart():
    """Without pauses elsewhere: a boundary between two N cannot be heard."""
    labels = [p.label for p in speak("nine nine one two", VOICES["adam"], 0, pauses=0.0).phones]
    assert labels == "SIL N AY N SIL N AY N W AH N T UW SIL".split()


def test_every_pronunciation_is_heard():
    lexicon = Lexicon({"zero": ["Z IH R OW".split(), "Z IY R OW".split()]})
    said = {speak(["zero"], VOICES["adam"], seed, lexicon=lexicon).phones[2].label for seed in range(12)}
    assert said == {"IH", "IY"}


def test_a_seed_decides_everything():
    first, same, other = (speak("three one", VOICES["ben"], seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.audio.samples, same.audio.samples)
    assert first.phones == same.phones != other.phones
    assert make_voice(3) == make_voice(3) != make_voice(4)


def formants(samples, order=20):
    """Resonances in Hz by linear prediction (autocorrelation method) with a bandwidth below 400 Hz."""
    x = scipy.signal.lfilter([1, -0.97], 1, samples) * np.hamming(len(samples))
    r = np.correlate(x, x, "full")[len(x) - 1 :][: order + 1]
    roots = np.roots(np.r_[1, -np.linalg.solve(r[np.abs(np.subtract.outer(range(order), range(order)))], r[1:])])
    roots = roots[(roots.imag > 0) & (-np.log(np.abs(roots)) * RATE / np.pi < 400)]
    return np.sort(np.angle(roots)) * RATE / (2 * np.pi)


@pytest.mark.parametrize("tract", [1.0, 0.85])
@pytest.mark.parametrize("name", ["AA", "AH", "IY", "EH", "UW", "ER"])
def test_formants_are_those_of_the_table_and_the_tract(name, tract):
    """Half way through a vowel they are half way between its ends.

    Linear prediction leans to harmonics, hence 7 percent; and of two broad resonances side by side it sees one.
    """
    phone = PHONES[name]
    found = formants(steady(name, replace(PLAIN, tract=tract, pitch=70)))
    for a, b, bandwidth in zip(phone.start, phone.end or phone.start, phone.bandwidths, strict=True):
        expected = (a + b) / 2 / tract
        assert bandwidth >= 400 or np.abs(found - expected).min() < 0.07 * expected


def pitch_of(samples):
    """The first highest peak of the autocorrelation between 60 and 400 Hz."""
    r = scipy.signal.correlate(samples, samples)[len(samples) - 1 :] / np.arange(len(samples), 0, -1)
    lags = np.arange(RATE // 400, RATE // 60)
    near_best = np.flatnonzero(r[lags] > 0.97 * r[lags].max())
    first = near_best[: np.argmax(np.diff(near_best, append=len(lags) + 9) > 1) + 1]
    return RATE / lags[first[np.argmax(r[lags[first]])]]


@pytest.mark.parametrize("name", VOICES)
def test_pitch_is_the_voices(name):
    voice = replace(VOICES[name], intonation=0, jitter=0)
    assert pitch_of(steady("AA", voice)) == pytest.approx(voice.pitch, rel=0.02)


def test_pitch_falls():
    samples = speak_phones([("AA", 1.0)], replace(PLAIN, pitch=150, intonation=0.3), 0).audio.samples.astype(float)
    first, last = pitch_of(samples[1000:2600]), pitch_of(samples[-2600:-1000])
    assert first / last == pytest.approx(np.exp(0.3 * 0.85), rel=0.03)


def centroid(samples):
    power = np.abs(np.fft.rfft(samples)) ** 2
    return (power * np.fft.rfftfreq(len(samples), 1 / RATE)).sum() / power.sum()


def test_kinds_of_sounds():
    at = {name: centroid(steady(name)) for name in ("AA", "IY", "N", "S", "SH", "F", "TH", "HH")}
    assert max(at["AA"], at["IY"], at["N"]) < 1000 < at["SH"] < at["S"]
    assert min(at["F"], at["TH"], at["S"]) > 3500
    assert at["HH"] > at["AA"]
    flatness = {n: np.ptp(np.log(scipy.signal.welch(steady(n), RATE, nperseg=512)[1])) for n in ("AA", "F", "S", "N")}
    assert flatness["F"] < flatness["S"] < flatness["AA"]


def test_duration_follows_the_rate():
    slow, fast = (speak("one five nine", replace(VOICES["adam"], rate=r, spread=0.1), 3) for r in (0.8, 1.6))
    for a, b in zip(slow.phones, fast.phones, strict=True):
        assert b.end - b.start == pytest.approx((a.end - a.start) / (1 if a.label == "SIL" else 2), abs=2 / RATE)


@pytest.mark.parametrize("name", VOICES)
def test_nothing_clips(name):
    samples = speak(WORDS, VOICES[name], 0).audio.samples
    assert samples.dtype == np.float32
    assert 0.4 < np.abs(samples).max() < 0.6


def test_silence_is_the_room():
    samples = speak_phones([("SIL", 1.0)], replace(PLAIN, noise=-60), 0).audio.samples
    assert 20 * np.log10(samples.std()) == pytest.approx(-60, abs=0.5)


def log_spectra(samples, seconds=0.008, step=16):
    """Of windows every millisecond, centred: (N / 16, 16 bands) in dB."""
    size = int(seconds * RATE)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(samples, size // 2), size)[::step] * np.hanning(size)
    power = np.abs(np.fft.rfft(windows, 128)[:, :64]) ** 2
    return 10 * np.log10(power.reshape(len(windows), 16, 4).sum(2) + 1e-7)


@pytest.mark.parametrize("name", ["adam", "fay"])
@pytest.mark.parametrize(
    "pair", ["S EH", "AY V", "V AH", "AH N", "N AY", "TH R", "R IY", "R OW", "W AH", "IH K", "EY T", "F AO", "AO R", "Z IH",
             "SIL S", "IY SIL", "N SIL", "SIL W"],
)  # fmt: skip
def test_sounds_change_at_the_boundary(pair, name):
    """On the line from the one sound to the other, the spectrum is half way within 12 ms of the boundary."""
    left, right = pair.split()
    voice = replace(VOICES[name], articulation=0, intonation=0, jitter=0)
    spectra = log_spectra(speak_phones([(left, 0.15), (right, 0.15)], voice, 0).audio.samples)
    spectra = scipy.ndimage.uniform_filter1d(spectra, 12, axis=0)  # a period or more
    a = spectra[100:120].mean(0)
    b = spectra[170:200].mean(0)
    share = (spectra - a) @ (b - a) / ((b - a) ** 2).sum()
    crossing = 100 + np.argmax(share[100:] > 0.5)
    assert abs(crossing - 150) <= 12


def test_a_stop_begins_with_its_closure():
    samples = speak_phones([("EH", 0.15), ("T", 0.115), ("AH", 0.15)], PLAIN, 0).audio.samples
    level = log_spectra(samples).max(1)
    closure, burst = level[162:205], level[211:222]  # milliseconds; the release is at 265 - 55 = 210
    assert closure.max() < min(level[50:140].min(), burst.max()) - 20


def test_a_stop_after_silence_is_heard_at_once():
    spoken = speak(["two"], replace(VOICES["adam"], spread=0), 0)
    silence, stop = spoken.phones[:2]
    assert (silence.label, stop.label) == ("SIL", "T")
    level = log_spectra(spoken.audio.samples).max(1)
    start = round(silence.end * 1000)
    assert level[start + 8 : start + 20].max() > level[: start - 5].max() + 20


def test_the_filter_is_klatts_cascade():
    """With a filter that stays, spectra of overlapping pieces do what the difference equations do."""
    count = n_moments(4000)
    frequencies, bandwidths = np.array([500.0, 1500, 2500]), np.array([80.0, 90, 150])
    shapes = Shapes(
        np.tile(frequencies, (count, 1)), np.tile(bandwidths, (count, 1)), *np.full((3, count), [[270], [5000], [1000]])
    )
    expected = source = np.random.default_rng(0).standard_normal(4000)
    upper = [(3300, 250), (3750, 200), (4900, 1000), (5900, 1000), (6900, 1000)]
    for f, width in [*zip(frequencies, bandwidths, strict=True), *upper]:
        c = -np.exp(-2 * np.pi * width / RATE)
        b = 2 * np.exp(-np.pi * width / RATE) * np.cos(2 * np.pi * f / RATE)
        expected = scipy.signal.lfilter([1 - b - c], [1, -b, -c], expected)
    found = filtered([(source, voice_responses(shapes, 1.0))])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("size", [1, HOP - 1, HOP, 10 * HOP + 3])
def test_no_filter_changes_nothing(size):
    source = np.random.default_rng(1).standard_normal(size)
    np.testing.assert_allclose(filtered([(source, np.ones((n_moments(size), 1)))]), source, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: speak("three eleven", PLAIN, 0), "word 'eleven' is not in the lexicon"),
        (lambda: speak([], PLAIN, 0), "no words"),
        (lambda: speak("one", PLAIN, 0, rate=44100), "rate must be 16000 or 8000 Hz, got 44100"),
        (lambda: speak("one", PLAIN, 0, pauses=2), "pauses is a probability"),
        (lambda: speak("a", PLAIN, 0, lexicon=Lexicon({"a": [["QQ"]]})), "phone 'QQ' is unknown"),
        (lambda: speak_phones([("XX", 0.1)], PLAIN, 0), "phone 'XX' is unknown"),
        (lambda: speak_phones([("AA", 0.0)], PLAIN, 0), "phone AA must last"),
        (lambda: speak_phones([("AA", np.nan)], PLAIN, 0), "phone AA must last"),
        (lambda: speak_phones([], PLAIN, 0), "no phones"),
        (lambda: Voice(rate=0), "a voice's rate must be in 0.25 to 3; got 0"),
        (lambda: Voice(pitch=np.nan), "a voice's pitch must be"),
    ],
    ids=["word", "empty", "rate", "pauses", "lexicon phone", "phone", "short", "nan", "none", "slow", "pitch"],
)
def test_what_is_refused(call, message):
    with pytest.raises(ArgumentError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_short_and_odd_utterances():
    """The shortest phones, each of the table, alone and with any rate of speaking."""
    for name in PHONES:
        for rate in (0.25, 3):
            samples = speak_phones([(name, 0.02)], replace(PLAIN, rate=rate), 0).audio.samples
            assert len(samples) == 320
            assert np.isfinite(samples).all()
