"""Words to sound: phones with random durations, and where each of them truly begins and ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.signal

from ...errors import ArgumentError
from ..audio import Audio
from ..lexicon import SILENCE, Lexicon, digits
from ..segments import Segment
from .phones import get_phone
from .source import glottis, pitch_contour
from .tracks import levels, shapes
from .tract import HOP, RATE, filtered, n_moments, noise_responses, voice_responses
from .voice import Voice

RATES = (RATE, RATE // 2)
_PEAK = 0.5
_SHORTEST = 0.02  # seconds, of a phone
_PAUSE = (0.08, 0.3)  # seconds, at least and at most
_SILENT_CLOSURE = 0.008  # seconds: after a pause nothing is heard of a stop until it opens


@dataclass(frozen=True)
class Spoken:
    """What was said, and when.

    Parameters
    ----------
    audio : Audio
        float32 samples in -1 to 1.
    words : tuple of str
    phones : tuple of Segment
        From the first sample to the last without a hole, silence among them.
    word_segments : tuple of Segment
        One for each word, without the pauses.
    """

    audio: Audio
    words: tuple[str, ...]
    phones: tuple[Segment, ...]
    word_segments: tuple[Segment, ...]


def speak(
    words: str | Sequence[str],
    voice: Voice,
    rng: int | np.random.Generator,
    rate: int = RATE,
    lexicon: Lexicon | None = None,
    pauses: float = 0.4,
) -> Spoken:
    """Speak words with one voice, between two silences.

    The same arguments give the same samples. Of a word's pronunciations one is drawn by their probabilities.

    Parameters
    ----------
    words : str or sequence of str
        A string is split at white space.
    voice : Voice
    rng : int or numpy.random.Generator
    rate : int
        16000 or 8000 Hz.
    lexicon : Lexicon, optional
        By default the digits.
    pauses : float
        Probability of a pause between two words. Where the next word begins with the phone that the last one ended with,
        there always is one, for nobody could hear the boundary.

    Raises
    ------
    ArgumentError
        No words; a word that is not in the lexicon; a phone that the synthesiser does not know; another rate; a
        probability out of range.
    """
    rng = np.random.default_rng(rng)
    words = tuple(words.split() if isinstance(words, str) else words)
    lexicon = digits() if lexicon is None else lexicon
    _check_words(words, lexicon, pauses)
    names, owners = [SILENCE], [-1]
    for i, word in enumerate(words):
        phones = _pronunciation(word, lexicon, rng)
        if i and (phones[0] == names[-1] or rng.random() < pauses):
            names, owners = [*names, SILENCE], [*owners, -1]
        names, owners = [*names, *phones], [*owners, *[i] * len(phones)]
    names, owners = [*names, SILENCE], [*owners, -1]
    spoken = speak_phones(list(zip(names, _durations(names, voice, rng), strict=True)), voice, rng, rate)
    inside = [[s for s, owner in zip(spoken.phones, owners, strict=True) if owner == i] for i in range(len(words))]
    word_segments = tuple(Segment(w, own[0].start, own[-1].end) for w, own in zip(words, inside, strict=True))
    return Spoken(spoken.audio, words, spoken.phones, word_segments)


def _check_words(words: tuple[str, ...], lexicon: Lexicon, pauses: float) -> None:
    if not words:
        raise ArgumentError("synthesis: there are no words to speak")
    missing = lexicon.missing(words)
    if missing:
        raise ArgumentError(f"synthesis: word {missing[0]!r} is not in the lexicon; add its pronunciation")
    if not 0 <= pauses <= 1:
        raise ArgumentError(f"synthesis: pauses is a probability, in 0 to 1; got {pauses!r}")


def _pronunciation(word: str, lexicon: Lexicon, rng: np.random.Generator) -> tuple[str, ...]:
    variants = lexicon.pronunciations(word)
    weights = np.exp([v.log_prob for v in variants])
    return variants[rng.choice(len(variants), p=weights / weights.sum())].phones


def _durations(names: list[str], voice: Voice, rng: np.random.Generator) -> list[float]:
    """Log-normal around the phone's, except silence, which is uniform."""
    found = []
    for before, name in pairwise(["", *names]):
        phone = get_phone(name)
        if name == SILENCE:
            found.append(rng.uniform(*_PAUSE))
            continue
        mean = phone.release + _SILENT_CLOSURE if phone.release and before == SILENCE else phone.duration
        found.append(max(_SHORTEST, mean / voice.rate * np.exp(voice.spread * rng.standard_normal())))
    return found


def speak_phones(
    phones: Sequence[tuple[str, float]], voice: Voice, rng: int | np.random.Generator, rate: int = RATE
) -> Spoken:
    """Speak phones of given durations; the result has no words.

    Parameters
    ----------
    phones : sequence of (str, float)
        ARPAbet without stress, or "SIL"; seconds, rounded to whole samples.
    voice, rng, rate
        As of :func:`speak`.

    Raises
    ------
    ArgumentError
        No phones; an unknown one; a duration below 20 ms or above a minute; another rate.
    """
    rng = np.random.default_rng(rng)
    if rate not in RATES:
        raise ArgumentError(f"synthesis: rate must be {RATES[0]} or {RATES[1]} Hz, got {rate!r}; resample the audio")
    if not phones:
        raise ArgumentError("synthesis: there are no phones to speak")
    names = [name for name, _ in phones]
    known = [get_phone(name) for name in names]
    for name, seconds in phones:
        if not _SHORTEST <= seconds <= 60:
            raise ArgumentError(f"synthesis: phone {name} must last 0.02 to 60 seconds, got {seconds!r}")
    bounds = np.round(np.cumsum([0.0, *(seconds for _, seconds in phones)]) * rate) / rate
    n_samples = round(bounds[-1] * RATE)
    times = np.arange(n_samples) / RATE
    factors = np.exp(voice.articulation * rng.standard_normal((len(phones), 3)))
    filters = shapes(known, bounds, HOP / RATE * np.arange(n_moments(n_samples)), voice.tract, factors)
    voicing, aspiration, frication = levels(known, bounds, times, voice.rate)

    loud = [i for i, name in enumerate(names) if name != SILENCE] or [0]
    pitch = pitch_contour(voice, times, bounds[loud[0]], bounds[loud[-1] + 1], rng)
    pulses, opening = glottis(pitch, voice.open_quotient)
    breath, hiss, room = rng.standard_normal((3, n_samples))
    glottal = voicing * pulses + 0.03 * (aspiration + voice.breath * voicing * opening) * breath
    sound = filtered([
        (glottal, voice_responses(filters, voice.tract)),
        (frication * hiss, noise_responses(filters)),
    ])  # fmt: skip
    sound *= _PEAK / max(np.abs(sound).max(), 1e-3)
    sound += 10 ** (voice.noise / 20) * scipy.signal.lfilter([math.sqrt(1 - 0.7**2)], [1, -0.7], room)  # rooms rumble
    if rate != RATE:
        sound = scipy.signal.resample_poly(sound, rate, RATE)
    segments = tuple(Segment(n, float(a), float(b)) for n, (a, b) in zip(names, pairwise(bounds), strict=True))
    return Spoken(Audio(sound.astype(np.float32), rate), (), segments, ())
