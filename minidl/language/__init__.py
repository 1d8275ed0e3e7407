"""Language: n-gram models, neural models, and both together, behind one interface (Deep Learning, section 12.4).

Neural models are in :mod:`minidl.language.neural`, their output layers in :mod:`minidl.language.output`.
"""

from .arpa import read_arpa, write_arpa
from .binary import read_binary, write_binary
from .cache import CacheModel
from .mixture import LinearMixture, LogLinearMixture, ensemble
from .model import LanguageModel
from .ngram.backoff import BackoffModel
from .ngram.brown import brown_clusters
from .ngram.classes import ClassModel, class_model
from .ngram.counts import Counts, count
from .ngram.entropy import entropy_prune
from .ngram.katz import katz
from .ngram.kneser_ney import kneser_ney
from .ngram.simpler import absolute, additive, witten_bell
from .perplexity import Perplexity, perplexity
from .text import read_sentences
from .vocabulary import Vocabulary

__all__ = [
    "BackoffModel", "CacheModel", "ClassModel", "Counts", "LanguageModel", "LinearMixture", "LogLinearMixture", "Perplexity",
    "Vocabulary", "absolute", "additive", "brown_clusters", "class_model", "count", "ensemble", "entropy_prune", "katz",
    "kneser_ney", "perplexity", "read_arpa", "read_binary", "read_sentences", "witten_bell", "write_arpa", "write_binary",
]  # fmt: skip
