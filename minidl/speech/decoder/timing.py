"""How fast a decoder is: seconds of computing for each second of speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from .model import Decoder


@dataclass(frozen=True)
class Timing:
    """Seconds of computing and of speech."""

    seconds: float
    speech: float

    @property
    def real_time_factor(self) -> float:
        return self.seconds / self.speech


def time_decoding(decoder: Decoder, utterances: Sequence[np.ndarray]) -> Timing:
    """Decode utterances, (frames, pdfs) scores each, and find the best words; what made the scores is not counted."""
    start = perf_counter()
    for scores in utterances:
        decoder.decode(scores).best()
    return Timing(perf_counter() - start, sum(map(len, utterances)) * decoder.frame_shift)
