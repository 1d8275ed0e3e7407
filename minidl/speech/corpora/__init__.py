"""Corpora of speech: recordings with their words, in three parts, and the lexicon that goes with them."""

from .corpus import Corpus, Utterance, describe
from .fsdd import FSDD_SPEAKERS
from .load import NAMES, load

__all__ = ["FSDD_SPEAKERS", "NAMES", "Corpus", "Utterance", "describe", "load"]
