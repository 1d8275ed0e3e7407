"""Decoding: the words that were most likely said, by lexicon, grammar and scores of frames."""

from .grammar import Grammar, Loop, OneOf
from .lattice import Hypothesis, Lattice
from .model import Decoder
from .timing import Timing, time_decoding
from .tune import Tuning, tune

__all__ = [
    "Decoder", "Grammar", "Hypothesis", "Lattice", "Loop", "OneOf", "Timing", "Tuning", "time_decoding", "tune",
]  # fmt: skip
