"""Streaming: features of a clip that arrives chunk by chunk, the same frames as of the whole."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError
from .framing import extended, n_frames, samples_after, samples_before
from .frontend import KINDS, Frontend, too_short


class Stream:
    """Takes chunks of samples and gives each frame as soon as its last sample is there.

    Parameters
    ----------
    frontend : Frontend
    kind : {"fbank", "mfcc", "log_energy"}
    rate : int
        Of the samples, in Hz.

    Raises
    ------
    ArgumentError
        An unknown kind; a profile with `range_db`, for which the loudest frame of the whole clip must be known.
    """

    def __init__(self, frontend: Frontend, kind: str, rate: int) -> None:
        if kind not in KINDS:
            raise ArgumentError(f"stream: {kind!r} is unknown; choose one of {', '.join(KINDS)}")
        if frontend.profile.range_db is not None and kind != "log_energy":
            raise ArgumentError(
                f"stream: profile {frontend.profile.name} looks for the loudest frame of the whole clip; "
                "use replace(profile, range_db=None)"
            )
        self._frontend, self._kind, self._rate = frontend, kind, rate
        self._n_samples, self._finished = 0, False
        self._last: float | None = None  # sample, before pre-emphasis
        self._waiting: np.ndarray | None = None  # samples from the beginning of the next frame on
        self._recent = np.zeros(0, np.float32)  # the last frame's worth, to be mirrored at the end
        self._begun = False

    def push(self, chunk: np.ndarray) -> np.ndarray:
        """The frames (t, D) that the samples (n,) complete; t may be 0. Errors as of the :class:`.Frontend`."""
        self._refuse_finished()
        chunk = np.asarray(chunk)
        new = self._frontend.condition(chunk, self._rate, "the chunk", self._last)
        if new.size:
            self._last = float(chunk[-1]) * self._frontend.profile.full_scale / (32768 if chunk.dtype == np.int16 else 1)
        self._n_samples += new.size
        self._recent = np.concatenate([self._recent, new])[-self._frontend.profile.frame_samples :]
        self._waiting = new if self._waiting is None else np.concatenate([self._waiting, new])
        return self._complete(final=False)

    def finish(self) -> np.ndarray:
        """The frames (t, D) that reach beyond the end. DataError if there is not one frame in all."""
        self._refuse_finished()
        self._finished = True
        if n_frames(self._n_samples, self._frontend.profile) == 0:
            raise too_short("the clip", self._n_samples, self._frontend.profile)
        return self._complete(final=True)

    def _refuse_finished(self) -> None:
        if self._finished:
            raise ArgumentError("stream: it is finished; make a new Stream for another clip")

    def _complete(self, final: bool) -> np.ndarray:
        """Of all frames that are whole now, the features."""
        p, waiting = self._frontend.profile, self._waiting
        assert waiting is not None
        before = samples_before(p)
        if not self._begun and (final or self._n_samples >= max(before, 1)):
            waiting, self._begun = extended(waiting, before, 0, p), True
        if final and (after := samples_after(self._n_samples, p)):
            waiting = np.concatenate([waiting, extended(self._recent, 0, after, p)[self._recent.size :]])
        count = 1 + (waiting.size - p.frame_samples) // p.shift_samples if self._begun else 0
        self._waiting = waiting[max(count, 0) * p.shift_samples :]
        if count < 1:
            width = {"fbank": p.n_filters, "mfcc": p.n_ceps, "log_energy": 1}[self._kind]
            return np.zeros((0, width), waiting.dtype)
        return self._frontend.features(self._kind, [waiting])[0]
