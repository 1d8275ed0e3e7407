"""The movements: formants and source levels as functions of time, each change centred on a boundary of phones.

Formants reach a phone's values about 20 ms after its start and leave them about 20 ms before its end; levels take 6 ms.
Everything in between is interpolated, so that at a boundary everything is half way. Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from .phones import Phone

FORMANT_REACH = 0.022  # on each side of a boundary
LEVEL_REACH = 0.006
_LARGEST_SHARE = 0.35  # of a short phone that one of its two transitions may take
_DEFAULT = np.array([500, 1500, 2500, 80, 100, 150, 270, 5000, 2000.0])  # where no phone says anything else


@dataclass(frozen=True)
class Shapes:
    """What the filters need at each of T moments, in Hz; formants and bandwidths are (T, 3), the others (T,)."""

    formants: np.ndarray
    bandwidths: np.ndarray
    nasal_zero: np.ndarray
    noise: np.ndarray
    noise_bandwidth: np.ndarray


def shapes(phones: Sequence[Phone], bounds: np.ndarray, times: np.ndarray, tract: float, factors: np.ndarray) -> Shapes:
    """The filters of phones that lie between `bounds` (P + 1,), at `times` (T,).

    All formants are divided by `tract`, those of a phone multiplied by its `factors` (P, 3).
    """
    inner = np.array([[_row(p, p.start), _row(p, p.end or p.start)] for p in phones])
    inner[:, :, :3] *= factors[:, None]
    inner[:, :, [0, 1, 2, 6, 7]] /= tract
    starts, ends = _edges(bounds, FORMANT_REACH)
    moments = np.c_[starts, ends].ravel()
    for track in inner.reshape(-1, inner.shape[2]).T:
        _fill(moments, track)
    lost = np.isnan(inner)
    inner[lost] = np.broadcast_to(_DEFAULT, inner.shape)[lost]
    between = (inner[:-1, 1] + inner[1:, 0]) / 2
    outer = np.concatenate([inner[:1, 0], between, inner[-1:, 1]])
    knots = np.concatenate([np.stack([outer[:-1], inner[:, 0], inner[:, 1]], 1).reshape(-1, inner.shape[2]), outer[-1:]])
    moments = np.r_[np.c_[bounds[:-1], starts, ends].ravel(), bounds[-1]]
    # Monotone between knots (Fritsch and Carlson 1980): level at the targets, steepest at the boundaries.
    found = PchipInterpolator(moments, knots)(np.clip(times, bounds[0], bounds[-1]))
    return Shapes(found[:, :3], found[:, 3:6], found[:, 6], found[:, 7], found[:, 8])


def _row(phone: Phone, formants: tuple[float, float, float]) -> tuple[float, ...]:
    return (*formants, *phone.bandwidths, phone.nasal_zero, *phone.noise)


def _edges(bounds: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Where in each phone the transition from the last one has ended, and where that to the next one begins."""
    reaches = np.minimum(reach, _LARGEST_SHARE * np.diff(bounds))
    return bounds[:-1] + reaches, bounds[1:] - reaches


def _fill(moments: np.ndarray, values: np.ndarray) -> None:
    """What no phone says comes from before and after, in place."""
    known = ~np.isnan(values)
    if known.any():
        values[~known] = np.interp(moments[~known], moments[known], values[known])


def levels(phones: Sequence[Phone], bounds: np.ndarray, times: np.ndarray, speaking_rate: float) -> np.ndarray:
    """Voicing, aspiration and frication (3, T) at `times` (T,)."""
    knots = []
    for phone, start, end, from_, to in zip(phones, bounds[:-1], bounds[1:], *_edges(bounds, LEVEL_REACH), strict=True):
        if phone.release:
            knots += _stop_levels(phone, from_, to, end - min(phone.release / speaking_rate, 0.85 * (end - start)))
        elif phone.voicing or phone.aspiration or phone.frication:
            steady = (phone.voicing, phone.aspiration, phone.frication)
            knots += [(from_, *steady), (to, *steady)]
        else:  # sounds have died away when silence begins
            knots += [(start, 0.0, 0.0, 0.0), (to, 0.0, 0.0, 0.0)]
    moments, *tracks = np.array(knots).T
    return np.stack([np.interp(times, moments, t) for t in tracks])


def _stop_levels(phone: Phone, start: float, end: float, opening: float) -> list[tuple[float, ...]]:
    """Knots (time, voicing, aspiration, frication) of a stop whose closure ends at `opening`."""
    opening = max(opening, start + 0.001)
    burst_end = min(opening + phone.burst, end - 0.001)
    closed = (phone.voicing, 0.0, 0.0)
    return [
        (start, *closed),
        (opening, *closed),
        (opening + 0.0005, phone.voicing, 0.0, phone.frication),
        (burst_end, phone.voicing, phone.aspiration, phone.frication / 2),
        (end, phone.voicing, phone.aspiration, 0.0),
    ]
