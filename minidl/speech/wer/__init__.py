"""Word error rate: counting a recogniser's errors, showing them, and how far the count can be trusted."""

from .align import Alignment, align
from .bootstrap import Comparison, Interval, bootstrap_interval, compare
from .counts import WordErrors, total
from .score import Confusions, Score, confusion_matrix, confusions, score
from .show import alignment_text, print_alignment

__all__ = [
    "Alignment", "Comparison", "Confusions", "Interval", "Score", "WordErrors", "align", "alignment_text",
    "bootstrap_interval", "compare", "confusion_matrix", "confusions", "print_alignment", "score", "total",
]  # fmt: skip
