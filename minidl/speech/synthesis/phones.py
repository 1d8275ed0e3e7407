"""The sounds: for each ARPAbet phone the formants, sources and duration with which it is spoken.

Formants and bandwidths follow Klatt (1980), "Software for a cascade/parallel formant synthesizer", tables II and III
(a man's voice); the peaks of the fricatives are about those of Jongman, Wayland and Wong (2000); durations are the inherent
ones of Allen, Hunnicutt and Klatt (1987), table 9.1, except that what is shorter than 70 ms was made longer (digits are
spoken clearly), the long vowels shorter, and stops so long that their closure is heard. Levels were set by ear and eye.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ..lexicon import SILENCE

NONE = (np.nan, np.nan, np.nan)  # no formants of its own: those of the neighbours


@dataclass(frozen=True)
class Phone:
    """One sound.

    Parameters
    ----------
    start : 3 floats
        F1, F2, F3 in Hz, of a man with a tract of usual length.
    end : 3 floats, optional
        Where the formants go within the phone, if they do (diphthongs).
    bandwidths : 3 floats
        Of the three formants, in Hz.
    duration : float
        Mean, in seconds.
    voicing, aspiration, frication : float
        Levels of the three sources: glottal pulses (1 is a vowel's), noise at the glottis, noise at a constriction.
    noise : 2 floats
        The resonance in front of the constriction: Hz, bandwidth in Hz.
    nasal_zero : float
        Frequency of the nasal anti-resonance in Hz; at 270 it cancels the nasal resonance (Klatt 1980, page 975).
    burst, release : float
        Of stops, in seconds: how long the noise of the opening takes, and how long before the phone's end it begins; what
        goes before is the closure. A release of 0 is no stop.
    """

    start: tuple[float, float, float]
    end: tuple[float, float, float] | None = None
    bandwidths: tuple[float, float, float] = NONE
    duration: float = 0.1
    voicing: float = 0.0
    aspiration: float = 0.0
    frication: float = 0.0
    noise: tuple[float, float] = (np.nan, np.nan)
    nasal_zero: float = 270.0
    burst: float = 0.0
    release: float = 0.0


def _vowel(
    duration: float,
    bandwidths: tuple[float, float, float],
    start: tuple[float, float, float],
    end: tuple[float, float, float] | None = None,
) -> Phone:
    return Phone(start, end, bandwidths, duration, voicing=1.0)


def _sonorant(
    duration: float,
    voicing: float,
    start: tuple[float, float, float],
    bandwidths: tuple[float, float, float],
    nasal_zero: float = 270.0,
) -> Phone:
    return Phone(start, None, bandwidths, duration, voicing, nasal_zero=nasal_zero)


def _fricative(
    duration: float,
    frication: float,
    noise: tuple[float, float],
    start: tuple[float, float, float],
    bandwidths: tuple[float, float, float],
    voicing: float = 0.0,
) -> Phone:
    return Phone(start, None, bandwidths, duration, voicing, frication=frication, noise=noise)


def _stop(
    frication: float,
    noise: tuple[float, float],
    start: tuple[float, float, float],
    bandwidths: tuple[float, float, float],
    *,
    voiced: bool = False,
    burst: float = 0.015,
    release: float = 0.055,
) -> Phone:
    """Voiceless: closure, burst, aspiration. Voiced: a murmur behind the closure, and a short burst."""
    aspiration, voicing = (0.0, 0.12) if voiced else (0.6, 0.0)
    return Phone(
        start, None, bandwidths, 0.06 + release, voicing, aspiration, frication, noise, burst=burst, release=release
    )


PHONES = {
    SILENCE: Phone(NONE, None, (300, 300, 300), 0.2),  # an open glottis damps what still rings
    "IY": _vowel(0.150, (45, 200, 400), (310, 2020, 2960), (290, 2070, 2960)),
    "IH": _vowel(0.120, (50, 100, 140), (400, 1800, 2570), (470, 1600, 2600)),
    "EY": _vowel(0.180, (70, 100, 200), (480, 1720, 2520), (330, 2020, 2600)),
    "EH": _vowel(0.140, (60, 90, 200), (530, 1680, 2500), (620, 1530, 2530)),
    "AE": _vowel(0.180, (70, 150, 320), (620, 1660, 2430), (650, 1490, 2470)),
    "AA": _vowel(0.180, (130, 70, 160), (700, 1220, 2600)),
    "AO": _vowel(0.180, (90, 100, 80), (600, 990, 2570), (630, 1040, 2600)),
    "AH": _vowel(0.130, (80, 50, 140), (620, 1220, 2550)),
    "OW": _vowel(0.180, (80, 70, 70), (540, 1100, 2300), (450, 900, 2300)),
    "UH": _vowel(0.140, (80, 100, 80), (450, 1100, 2350), (500, 1180, 2390)),
    "UW": _vowel(0.170, (65, 110, 140), (350, 1250, 2200), (320, 900, 2200)),
    "ER": _vowel(0.170, (100, 60, 110), (470, 1270, 1540), (420, 1310, 1540)),
    "AY": _vowel(0.220, (100, 70, 200), (660, 1200, 2550), (400, 1880, 2500)),
    "AW": _vowel(0.220, (80, 70, 140), (640, 1230, 2550), (420, 940, 2350)),
    "OY": _vowel(0.240, (80, 50, 130), (550, 960, 2400), (360, 1820, 2450)),
    "W": _sonorant(0.085, 0.5, (290, 610, 2150), (50, 80, 60)),
    "Y": _sonorant(0.080, 0.5, (260, 2070, 3020), (40, 250, 500)),
    "R": _sonorant(0.090, 0.5, (310, 1060, 1380), (70, 100, 120)),
    "L": _sonorant(0.080, 0.5, (310, 1050, 2880), (50, 100, 280)),
    "M": _sonorant(0.080, 0.4, (480, 1270, 2130), (40, 200, 200), 450),
    "N": _sonorant(0.080, 0.4, (480, 1340, 2470), (40, 300, 300), 450),
    "NG": _sonorant(0.095, 0.4, (480, 2000, 2900), (40, 300, 300), 450),
    "HH": Phone(NONE, duration=0.08, aspiration=0.6),
    "F": _fricative(0.105, 0.016, (7700, 9000), (340, 1100, 2080), (200, 120, 150)),
    "V": _fricative(0.080, 0.010, (7700, 9000), (220, 1100, 2080), (60, 90, 120), 0.15),
    "TH": _fricative(0.100, 0.011, (6500, 4000), (320, 1290, 2540), (200, 90, 200)),
    "DH": _fricative(0.070, 0.007, (6500, 4000), (270, 1290, 2540), (60, 80, 170), 0.15),
    "S": _fricative(0.115, 0.050, (6300, 1800), (320, 1390, 2530), (200, 80, 200)),
    "Z": _fricative(0.085, 0.032, (6300, 1800), (240, 1390, 2530), (70, 60, 180), 0.18),
    "SH": _fricative(0.115, 0.055, (3600, 1200), (300, 1840, 2750), (200, 100, 300)),
    "ZH": _fricative(0.080, 0.035, (3600, 1200), (270, 1840, 2750), (70, 60, 280), 0.18),
    "P": _stop(0.040, (1200, 3000), (400, 1100, 2150), (300, 150, 220), burst=0.008, release=0.045),
    "T": _stop(0.060, (4500, 2500), (400, 1600, 2600), (300, 120, 250), burst=0.018),
    "K": _stop(0.060, (2000, 900), (300, 1990, 2850), (250, 160, 330), burst=0.022),
    "B": _stop(0.040, (1200, 3000), (200, 1100, 2150), (60, 110, 130), voiced=True, burst=0.006, release=0.012),
    "D": _stop(0.045, (4500, 2500), (200, 1600, 2600), (60, 100, 170), voiced=True, burst=0.010, release=0.016),
    "G": _stop(0.045, (2000, 900), (200, 1990, 2850), (60, 150, 280), voiced=True, burst=0.014, release=0.022),
    "CH": _stop(0.060, (3600, 1400), (350, 1800, 2820), (200, 90, 300), burst=0.070, release=0.075),
    "JH": _stop(0.045, (3600, 1400), (260, 1800, 2820), (60, 80, 270), voiced=True, burst=0.045, release=0.050),
}


def get_phone(name: str) -> Phone:
    """The phone of that name; ArgumentError for an unknown one."""
    if name not in PHONES:
        raise ArgumentError(f"synthesis: phone {name!r} is unknown; choose from {' '.join(PHONES)}")
    return PHONES[name]
