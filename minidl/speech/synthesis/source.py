"""The source: pulses of air from the glottis, with noise while it is open."""

from __future__ import annotations

import numpy as np

from .tract import RATE
from .voice import Voice

_JITTER_STEP = 0.01  # seconds


def pitch_contour(voice: Voice, times: np.ndarray, start: float, end: float, rng: np.random.Generator) -> np.ndarray:
    """Fundamental frequency in Hz at `times` (N,): it falls from `start` to `end` of the speech, and trembles."""
    share = np.clip((times - start) / max(end - start, 1e-9), 0, 1)
    steps = np.arange(0, times[-1] + 2 * _JITTER_STEP, _JITTER_STEP)
    tremble = np.interp(times, steps, voice.jitter * rng.standard_normal(len(steps)))
    return voice.pitch * np.exp(voice.intonation * (0.5 - share) + tremble)


def glottis(pitch: np.ndarray, open_quotient: float) -> tuple[np.ndarray, np.ndarray]:
    """The change of flow from sample to sample (N,), and how open the glottis is (N,), from 0 to 1.

    A period's flow is x^2 (1 - x) while it is open (Rosenberg 1971; KLGLOTT88 of Klatt and Klatt 1990): it rises slowly
    and breaks off. Differences of the flow, instead of its derivative, keep the break from folding down in frequency;
    they are also the lips' radiation. Each pulse has the same strength, whatever the pitch.
    """
    phase = np.cumsum(pitch / RATE)
    x = np.minimum(phase % 1 / open_quotient, 1)
    flow = 6.75 * x**2 * (1 - x)
    return np.diff(flow, prepend=0.0) * (0.01 * RATE / pitch), flow
