"""Connectionist temporal classification: a recurrent network that writes labels, trained without any alignment.

After Graves, Fernandez, Gomez and Schmidhuber (2006): the successor of the hybrid with hidden Markov models.
"""

from .beam import EXACT, Width, likeliest_labels
from .files import load, save
from .greedy import best_path
from .loss import ctc_loss
from .recogniser import CtcNetwork
from .training import Trained, label_error, train_ctc
from .words import WordDecoder

__all__ = [
    "EXACT", "CtcNetwork", "Trained", "Width", "WordDecoder", "best_path", "ctc_loss", "label_error", "likeliest_labels",
    "load", "save", "train_ctc",
]  # fmt: skip
