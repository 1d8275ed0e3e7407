"""Words that a network treats alike: nearest neighbours in its table of embeddings, and a flat picture of them."""

from __future__ import annotations

import difflib

import numpy as np

from ..errors import ArgumentError, DataError
from .vocabulary import SPECIAL, Vocabulary


def neighbours(table: np.ndarray, vocabulary: Vocabulary, word: str, n: int = 10) -> list[tuple[str, float]]:
    """The words whose rows point in the most similar direction.

    Parameters
    ----------
    table : (vocabulary, dimensions) array
        A row a word.
    vocabulary : Vocabulary
    word : str
    n : int
        How many.

    Returns
    -------
    list of (str, float)
        Words and cosines, the nearest first; without the word itself and the special words. A row of zeros has a
        cosine of 0 with all others.

    Raises
    ------
    ArgumentError
        n below 1; a table of another number of rows than words.
    DataError
        The word is not in the vocabulary; names those spelled most like it.
    """
    if n < 1:
        raise ArgumentError(f"neighbours: n must be at least 1, got {n}")
    if np.ndim(table) != 2 or len(table) != len(vocabulary):
        raise ArgumentError(f"neighbours: {len(vocabulary):,} words take as many rows of a table, got {np.shape(table)}")
    if word not in vocabulary:
        raise DataError(f"neighbours: {word!r} is not in the vocabulary{_similar(vocabulary, word)}")
    row = vocabulary.number(word)
    length = np.linalg.norm(table, axis=1)
    cosine = table @ table[row] / np.maximum(length * length[row], np.finfo(np.float32).tiny)
    left_out = {row, *range(len(SPECIAL))}
    nearest = [i for i in np.argsort(-cosine, kind="stable").tolist() if i not in left_out][:n]
    return [(vocabulary.words[i], float(cosine[i])) for i in nearest]


def _similar(vocabulary: Vocabulary, word: str) -> str:
    found = difflib.get_close_matches(word, vocabulary.words[len(SPECIAL) :], n=3)
    return f"; do you mean {' or '.join(map(repr, found))}?" if found else ""


def project_2d(rows: np.ndarray) -> np.ndarray:
    """The plane in which vectors differ most: their first two principal components.

    Parameters
    ----------
    rows : (n, dimensions) array

    Returns
    -------
    (n, 2) float64
        Centred. Each component's sign is that which makes its largest loading positive, so that pictures do not flip
        from run to run; what the vectors do not span is 0.

    Raises
    ------
    ArgumentError
        Not a table, without rows, or not finite.
    """
    rows = np.asarray(rows, np.float64)
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        raise ArgumentError(f"project_2d: takes a table of finite numbers, got {rows.shape}")
    centred = rows - rows.mean(0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:2]
    largest = np.abs(components).argmax(1)
    signs = np.sign(components[np.arange(len(components)), largest])
    out = np.zeros((len(rows), 2))
    out[:, : len(components)] = centred @ (components * signs[:, None]).T
    return out
