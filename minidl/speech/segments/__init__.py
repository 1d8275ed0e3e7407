"""Stretches of an utterance with their labels, and the texts for them: Kaldi's CTM and Praat's TextGrid.

Functions make and parse text; files are the caller's.
"""

from .ctm import ctm, parse_ctm
from .segment import Segment, boundary_errors, frames_to_segments
from .textgrid import parse_textgrid, textgrid

__all__ = ["Segment", "boundary_errors", "ctm", "frames_to_segments", "parse_ctm", "parse_textgrid", "textgrid"]
