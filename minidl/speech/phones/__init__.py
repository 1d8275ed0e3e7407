"""Phones: words made of them, their states tied by context, and the training of all that on transcribed speech."""

from .alignment import Aligned, Alignment, align
from .material import Material
from .model import AcousticModel
from .monophones import train_monophones
from .passes import Pass, Schedule, Trained, pdfs_of
from .phone_set import PhoneSet
from .transcript import transcript_graph
from .triphones import train_triphones
from .tying import Tying, monophones

__all__ = [
    "AcousticModel", "Aligned", "Alignment", "Material", "Pass", "PhoneSet", "Schedule", "Trained", "Tying", "align",
    "monophones", "pdfs_of", "train_monophones", "train_triphones", "transcript_graph",
]  # fmt: skip
