"""Language: n-gram models, neural models, and both together, behind one interface (Deep Learning, section 12.4)."""

from .arpa import read_arpa, write_arpa
from .model import LanguageModel
from .ngram.backoff import BackoffModel
from .ngram.counts import Counts, count
from .ngram.katz import katz
from .ngram.kneser_ney import kneser_ney
from .ngram.simpler import absolute, additive, witten_bell
from .perplexity import Perplexity, perplexity
from .text import read_sentences
from .vocabulary import Vocabulary

__all__ = [
    "BackoffModel", "Counts", "LanguageModel", "Perplexity", "Vocabulary", "absolute", "additive", "count", "katz",
    "kneser_ney", "perplexity", "read_arpa", "read_sentences", "witten_bell", "write_arpa",
]  # fmt: skip
