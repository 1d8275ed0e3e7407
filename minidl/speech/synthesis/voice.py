"""The speakers: what makes one voice sound unlike another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError


@dataclass(frozen=True)
class Voice:
    """One speaker.

    Parameters
    ----------
    pitch : float
        Mean fundamental frequency in Hz.
    tract : float
        Length of the vocal tract against a man's of 17.5 cm: formants are divided by it. Women about 0.87, children 0.75
        (Fant 1960; Peterson and Barney 1952).
    rate : float
        Of speaking: durations are divided by it.
    breath : float
        Noise through the open glottis against the voicing.
    noise : float
        Of the room: its root mean square in dB against full scale; the loudest moment of speech is at -6 dB.
    open_quotient : float
        The share of each period with an open glottis: low is pressed, high is soft.
    intonation : float
        The natural logarithm of the pitch falls by this, from half above the mean to half below it.
    jitter : float
        Standard deviation of the pitch from one moment to the next, a share.
    spread : float
        Standard deviation of the logarithm of durations.
    articulation : float
        Standard deviation of the logarithm of each phone's formants: no one hits a sound twice.

    Raises
    ------
    ArgumentError
        A value out of range.
    """

    pitch: float = 110.0
    tract: float = 1.0
    rate: float = 1.0
    breath: float = 0.1
    noise: float = -62.0
    open_quotient: float = 0.6
    intonation: float = 0.2
    jitter: float = 0.01
    spread: float = 0.2
    articulation: float = 0.03

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ArgumentError(f"synthesis: a voice's {name} must be in {low:g} to {high:g}; got {value!r}")


_RANGES = {
    "pitch": (50, 600), "tract": (0.6, 1.3), "rate": (0.25, 3), "breath": (0, 1), "noise": (-120, 0),
    "open_quotient": (0.3, 1), "intonation": (0, 1), "jitter": (0, 0.2), "spread": (0, 1), "articulation": (0, 0.2),
}  # fmt: skip

VOICES = {
    "adam": Voice(pitch=105, tract=1.0, rate=1.0),
    "ben": Voice(pitch=125, tract=0.97, rate=1.15, breath=0.05, open_quotient=0.5),
    "carl": Voice(pitch=88, tract=1.06, rate=0.9, breath=0.15, intonation=0.15),
    "dan": Voice(pitch=140, tract=0.94, rate=1.05, noise=-55),
    "eve": Voice(pitch=205, tract=0.87, rate=1.0, breath=0.2, open_quotient=0.7),
    "fay": Voice(pitch=230, tract=0.84, rate=1.1, breath=0.15, open_quotient=0.65, intonation=0.3),
    "gwen": Voice(pitch=180, tract=0.90, rate=0.9, breath=0.3, open_quotient=0.75),
    "hope": Voice(pitch=250, tract=0.82, rate=1.15, noise=-55, open_quotient=0.65),
    "kit": Voice(pitch=290, tract=0.75, rate=0.95, breath=0.2, open_quotient=0.7, intonation=0.3),  # a child
}


def make_voice(rng: int | np.random.Generator) -> Voice:
    """A voice at random: a man, a woman, or, one in ten, a child."""
    rng = np.random.default_rng(rng)
    pitch, tract = [(115, 1.0), (210, 0.87), (280, 0.76)][rng.choice(3, p=[0.45, 0.45, 0.1])]
    return Voice(
        pitch=pitch * np.exp(0.12 * rng.uniform(-1, 1)),
        tract=tract * np.exp(0.06 * rng.uniform(-1, 1)),
        rate=np.exp(0.2 * rng.uniform(-1, 1)),
        breath=rng.uniform(0.03, 0.3),
        noise=rng.uniform(-68, -54),
        open_quotient=rng.uniform(0.5, 0.75),
        intonation=rng.uniform(0.1, 0.3),
    )
