"""Lexicons: which phones a word is made of, in how many ways, and how likely each is."""

from .digits import digits
from .model import SILENCE, Lexicon, Pronunciation
from .text import read_lexicon, write_lexicon

__all__ = ["SILENCE", "Lexicon", "Pronunciation", "digits", "read_lexicon", "write_lexicon"]
