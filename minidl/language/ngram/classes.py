"""A class-based n-gram model: which class comes next, given those before; then which word of it (Brown and others 1992).

Words of a class share what was learned of any of them, so that far fewer n-grams are needed. Deep Learning, 12.4.2.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...errors import ArgumentError
from ..model import LanguageModel, checked_contexts
from ..vocabulary import SPECIAL, START_ID, Vocabulary
from .counts import checked_text


class ClassModel(LanguageModel):
    """p(w | h) = p(class of w | classes of h) p(w | class of w).

    Parameters
    ----------
    vocabulary : Vocabulary
    classes : (V,) int array
        Of each word; 0, 1 and 2 for the three special words, and for no others, as :func:`.brown.brown_clusters` gives them.
    class_model : LanguageModel
        Its words are the classes.
    word_counts : (V,) array
        How often each word occurs in the text; 0 counts as once, so that every word is possible.

    Raises
    ------
    ArgumentError
        These do not fit together.
    """

    def __init__(
        self, vocabulary: Vocabulary, classes: np.ndarray, class_model: LanguageModel, word_counts: np.ndarray
    ) -> None:
        n_classes = len(class_model.vocabulary)
        _check(classes, len(vocabulary), n_classes)
        if np.shape(word_counts) != (len(vocabulary),):
            raise ArgumentError(f"classes: word_counts must be ({len(vocabulary)},), got {np.shape(word_counts)}")
        self.vocabulary, self.class_model = vocabulary, class_model
        self.classes = np.asarray(classes, np.int64)
        counts = np.maximum(word_counts, 1).astype(np.float64)
        self.within = np.log(counts / np.bincount(self.classes, counts, n_classes)[self.classes])

    @property
    def memory(self) -> int:
        return self.class_model.memory

    @property
    def n_parameters(self) -> int:
        return self.class_model.n_parameters + len(self.vocabulary)

    def log_prob(self, contexts: np.ndarray) -> np.ndarray:
        log_probs = self.class_model.log_prob(self.classes[checked_contexts(contexts, len(self.vocabulary))])
        return log_probs[:, self.classes] + self.within.astype(np.float32)

    def score_tokens(self, ids: np.ndarray) -> np.ndarray:
        ids = np.asarray(ids, np.int64)
        return self.class_model.score_tokens(self.classes[ids]) + np.where(ids == START_ID, 0.0, self.within[ids])


def class_model(
    ids: np.ndarray,
    vocabulary: Vocabulary,
    classes: np.ndarray,
    estimate: Callable[[np.ndarray, Vocabulary], LanguageModel],
) -> ClassModel:
    """Train a class-based model.

    Parameters
    ----------
    ids : (n,) int array
        Sentences as :meth:`.Vocabulary.encode_sentences` gives them.
    vocabulary, classes : see :class:`ClassModel`
    estimate : function
        ``estimate(ids, vocabulary)``: a model of a text of classes, for instance
        ``lambda ids, classes: witten_bell(count(ids, len(classes), 4), classes)``. The rare counts that Kneser and Ney's
        discounts are estimated from may be missing among few classes.

    Raises
    ------
    ArgumentError
        Classes that are not as :class:`ClassModel` wants them; ids that are no text of this vocabulary.
    DataError
        An empty text.
    """
    ids, classes = checked_text(ids, len(vocabulary)), np.asarray(classes)
    n_classes = int(classes.max(initial=0)) + 1
    _check(classes, len(vocabulary), n_classes)
    names = Vocabulary([f"class-{i}" for i in range(len(SPECIAL), n_classes)])
    return ClassModel(vocabulary, classes, estimate(classes[ids], names), np.bincount(ids, minlength=len(vocabulary)))


def _check(classes: np.ndarray, n_words: int, n_classes: int) -> None:
    classes, n_special = np.asarray(classes), len(SPECIAL)
    if classes.shape != (n_words,) or classes.dtype.kind not in "iu":
        raise ArgumentError(f"classes: they must be ({n_words},) integers, got {classes.shape} of {classes.dtype}")
    words = classes[n_special:]
    special = np.array_equal(classes[:n_special], np.arange(n_special))
    if not special or (words < n_special).any() or (words >= n_classes).any():
        last = f"{n_special - 1} are those of the special words alone"
        raise ArgumentError(f"classes: 0 to {last}, and other words have {n_special} to {n_classes - 1}")
