"""The front end: from samples to log-mel features and mel-frequency cepstral coefficients (Davis and Mermelstein 1980).

Its conventions are a :class:`.Profile`; the order of steps is Kaldi's (`feature-window.cc`) and HTK's (HTK Book, chapter 5).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.fft

from ...errors import ArgumentError, DataError
from .framing import extended, n_frames, preemphasised, samples_after, samples_before
from .mel import cepstral_transform, mel_filters
from .profiles import Profile, get_profile
from .samples import checked_samples
from .windows import window

KINDS = ("fbank", "mfcc", "log_energy")
_BLOCK = 256  # frames at a time: their spectra stay in the cache
_GROUP = 16  # filters at a time: neighbours need a narrow band of the spectrum

Clips = np.ndarray | Sequence[np.ndarray]


class Frontend:
    """Computes features as one profile says.

    Each kind takes one clip (N,), several of the same length (B, N), or a list of clips of any length, and gives frames
    (T, D), (B, T, D), or a list of such; several at once are faster than one by one. float64 samples give float64, all
    others float32.

    Parameters
    ----------
    profile : str or Profile
    rng : int or numpy.random.Generator, optional
        The noise of a profile with dither.

    Raises
    ------
    ArgumentError
        Dither without `rng`; of the methods also: wrong rate, dtype or scale of samples (:func:`.checked_samples`).
    DataError
        Of the methods: samples that are not finite; a clip shorter than a frame.
    """

    def __init__(self, profile: str | Profile = "kaldi", rng: int | np.random.Generator | None = None) -> None:
        self.profile = get_profile(profile)
        if self.profile.dither and rng is None:
            raise ArgumentError(
                f"features: dither {self.profile.dither:g} of profile {self.profile.name} needs rng=, a seed"
            )
        self._rng = np.random.default_rng(rng)
        self._window = window(self.profile.window, self.profile.frame_samples)
        self._scale = 1 / self.profile.fft_size if self.profile.spectrum == "power / size" else 1.0
        filters = mel_filters(self.profile) * self._scale
        self._bands = [_band(filters, first) for first in range(0, self.profile.n_filters, _GROUP)]
        self._cepstral = cepstral_transform(self.profile)

    def fbank(self, samples: Clips, rate: int) -> Clips:
        """Logarithms of the mel filters, (T, n_filters) a clip."""
        return self._of_clips("fbank", samples, rate)

    def mfcc(self, samples: Clips, rate: int) -> Clips:
        """Mel-frequency cepstral coefficients, (T, n_ceps) a clip."""
        return self._of_clips("mfcc", samples, rate)

    def log_energy(self, samples: Clips, rate: int) -> Clips:
        """Natural logarithm of each frame's energy, (T, 1) a clip."""
        return self._of_clips("log_energy", samples, rate)

    def _of_clips(self, kind: str, samples: Clips, rate: int) -> Clips:
        several = isinstance(samples, list | tuple)
        array = None if several else np.asarray(samples)
        if array is not None and array.ndim not in (1, 2):
            raise ArgumentError(f"features: a clip is (N,), several are (B, N) or a list; got shape {array.shape}")
        clips = list(samples if array is None else np.atleast_2d(array))
        names = ["the clip"] if len(clips) == 1 else [f"clip {i}" for i in range(len(clips))]
        signals = [self._whole(self.condition(c, rate, n), n) for c, n in zip(clips, names, strict=True)]
        found = self.features(kind, signals) if signals else []
        if several:
            return found
        assert array is not None
        return found[0] if array.ndim == 1 else np.stack(found)

    def condition(self, clip: np.ndarray, rate: int, which: str, previous: float | None = None) -> np.ndarray:
        """What is done to the samples (N,) before they are cut: checks, scale, and pre-emphasis if it is of the signal."""
        p = self.profile
        clip = checked_samples(clip, rate, p, which)
        if clip.ndim != 1:
            raise ArgumentError(f"features: one channel is (N,); {which} has shape {clip.shape}")
        return preemphasised(clip, p.preemphasis, previous) if p.preemphasis_over == "signal" and p.preemphasis else clip

    def _whole(self, clip: np.ndarray, which: str) -> np.ndarray:
        """A conditioned clip with its ends."""
        p = self.profile
        if n_frames(clip.size, p) == 0:
            raise too_short(which, clip.size, p)
        return extended(clip, samples_before(p), samples_after(clip.size, p), p)

    def features(self, kind: str, signals: list[np.ndarray]) -> list[np.ndarray]:
        """Of signals (N_i,) that are conditioned and have their ends: all whole frames, (T_i, D) each."""
        p = self.profile
        counts = [1 + (s.size - p.frame_samples) // p.shift_samples for s in signals]
        offsets = np.cumsum([0, *(s.size for s in signals[:-1])])
        starts = np.concatenate([o + p.shift_samples * np.arange(n) for o, n in zip(offsets, counts, strict=True)])
        joined = signals[0] if len(signals) == 1 else np.concatenate(signals)
        energy_only = kind == "log_energy"
        log_mel, energy = self._frames(joined, starts, energy_only or (kind == "mfcc" and p.use_energy), not energy_only)
        bounds = np.cumsum(counts)[:-1]
        if energy_only:
            return np.split(energy[:, None], bounds)
        if p.range_db is not None:
            for part in np.split(log_mel, bounds):
                np.maximum(part, part.max() - self._range(p.range_db), out=part)
        if kind == "fbank":
            return np.split(log_mel, bounds)
        ceps = log_mel @ self._cepstral.astype(log_mel.dtype)
        if p.use_energy:
            ceps[:, -1 if p.zeroth_last else 0] = energy
        return np.split(ceps, bounds)

    def _frames(
        self, signal: np.ndarray, starts: np.ndarray, with_energy: bool, with_filters: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Log-mel features (T, n_filters) and log energies (T,) of the frames that begin at `starts`, block by block."""
        p, dtype = self.profile, signal.dtype
        pieces = np.lib.stride_tricks.sliding_window_view(signal, p.frame_samples)
        padded = np.zeros((min(_BLOCK, len(starts)), p.fft_size), dtype)
        log_mel, energy = np.empty((len(starts), p.n_filters), dtype), np.empty(len(starts), dtype)
        spectral = with_energy and p.energy_of == "spectrum"
        bands = [(rows, columns, weights.astype(dtype)) for rows, columns, weights in self._bands]
        for begin in range(0, len(starts), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            size = len(starts[block])
            frames = padded[:size, : p.frame_samples]
            frames[...] = _pick(pieces, starts[block], p.shift_samples)
            self._move(frames)
            if with_energy and p.energy_of == "samples":
                energy[block] = np.einsum("ij,ij->i", frames, frames)
            if not with_filters and not spectral:
                continue
            spectrum = self._spectrum(frames, padded[:size])
            if spectral:
                energy[block] = spectrum.sum(1) * self._scale
            for rows, columns, weights in bands:
                log_mel[block, columns] = spectrum[:, rows] @ weights
        if with_energy:
            energy = np.log(self._floored(energy))
        return self._log(log_mel) if with_filters else log_mel, energy

    def _move(self, frames: np.ndarray) -> None:
        """Dither, and the mean taken out, in place."""
        if self.profile.dither:
            frames += self.profile.dither * self._rng.standard_normal(frames.shape).astype(frames.dtype)
        if self.profile.remove_mean:
            frames -= frames.mean(1, keepdims=True)

    def _spectrum(self, frames: np.ndarray, padded: np.ndarray) -> np.ndarray:
        """The spectrum of frames (n, frame_samples), a view of the first columns of `padded`; both are written over."""
        p = self.profile
        if p.preemphasis and p.preemphasis_over == "frame":
            share = frames.dtype.type(p.preemphasis)
            frames[:, 1:] -= share * frames[:, :-1]
            frames[:, 0] *= 1 - share
        if p.window != "rectangular":
            frames *= self._window.astype(frames.dtype)
        transformed = scipy.fft.rfft(padded)
        power = np.square(transformed.real)
        power += np.square(transformed.imag)
        if p.spectrum == "magnitude":
            np.sqrt(power, out=power)
        return power

    def _floored(self, energy: np.ndarray) -> np.ndarray:
        """Not below the profile's floor, in place."""
        if self.profile.floor_zeros_only:
            energy[energy == 0] = self.profile.log_floor
            return energy
        return np.maximum(energy, energy.dtype.type(self.profile.log_floor), out=energy)

    def _log(self, energy: np.ndarray) -> np.ndarray:
        logs = np.log(self._floored(energy), out=energy)
        if self.profile.log == "decibel":
            logs *= logs.dtype.type(10 / np.log(10))
        return logs

    def _range(self, decibel: float) -> float:
        return decibel if self.profile.log == "decibel" else decibel * np.log(10) / 10


def _pick(pieces: np.ndarray, starts: np.ndarray, shift: int) -> np.ndarray:
    """The pieces at `starts`; where all are of one clip, a view, for a gather takes longer than the filters."""
    first, last = starts[0], starts[-1]
    return pieces[first : last + 1 : shift] if last - first == shift * (len(starts) - 1) else pieces[starts]


def too_short(which: str, n_samples: int, profile: Profile) -> DataError:
    """The error of a clip without a single frame."""
    return DataError(
        f"features: {which} has {n_samples} samples, too few for one frame of {profile.frame_samples} "
        f"(profile {profile.name}); leave it out or append silence"
    )


def _band(filters: np.ndarray, first: int) -> tuple[slice, slice, np.ndarray]:
    """Of a group of filters: the bins that any of them weighs, the filters, the weights there."""
    columns = slice(first, first + _GROUP)
    used = np.flatnonzero(filters[:, columns].any(axis=1))
    rows = slice(used[0], used[-1] + 1) if used.size else slice(0, 1)
    return rows, columns, filters[rows, columns]
