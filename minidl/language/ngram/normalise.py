"""Makes a back-off model of n-gram probabilities: the weights with which each context's probabilities sum to one.

Katz (1987), equation 13. What a context's own words leave is shared out among all others as the shorter context has it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..vocabulary import START_ID, Vocabulary
from .backoff import BackoffModel
from .counts import Table, words_of

_NOTHING = 1e-9  # of probability: what is below may have come from rounding


def normalised(vocabulary: Vocabulary, tables: list[Table], probs: Sequence[np.ndarray]) -> BackoffModel:
    """The model in which n-grams have these probabilities.

    Where a context leaves nothing to share, or no word to share it among, its own words' probabilities are scaled.

    Parameters
    ----------
    vocabulary : Vocabulary
    tables : list of Table
    probs : sequence of (n,) array
        Of the last word given the first ones, by order. Those of single words are scaled to sum to one; a sentence's
        start is not among them.

    Returns
    -------
    BackoffModel
        In float64; see :func:`rounded`.
    """
    single = probs[0].astype(np.float64)
    single[START_ID] = 0.0
    single /= single.sum()
    single[START_ID] = 1.0  # it is always there
    model = BackoffModel(vocabulary, tables[:1], [_log(single)], [])
    for k in range(2, len(tables) + 1):
        table, p = tables[k - 1], probs[k - 1].astype(np.float64)
        left, left_below = left_over(table, p, np.exp(shorter(model, table, k)), len(tables[k - 2]))
        nobody = left_below < _NOTHING
        shared = np.where(nobody, 0.0, np.maximum(left, _NOTHING))
        model.backoffs.append(np.log(np.where(nobody, 1.0, shared / np.maximum(left_below, _NOTHING))))
        model.tables.append(table)
        model.log_probs.append(_log(p * ((1 - shared[table.context]) / (1 - left[table.context]))))
    return model


def rounded(model: BackoffModel) -> BackoffModel:
    """The same model in float32, as all others are."""
    log_probs, backoffs = ([a.astype(np.float32) for a in arrays] for arrays in (model.log_probs, model.backoffs))
    return BackoffModel(model.vocabulary, model.tables, log_probs, backoffs)


def left_over(table: Table, p: np.ndarray, p_below: np.ndarray, n_contexts: int) -> tuple[np.ndarray, np.ndarray]:
    """What each context's words leave of its probability, and what they leave of the shorter context's; (contexts,) both."""
    own, below = (1 - np.bincount(table.context, weights, n_contexts) for weights in (p, p_below))
    return own, below


def shorter(model: BackoffModel, table: Table, k: int) -> np.ndarray:
    """Log probabilities of the last words of a table's n-grams given one word less, (n,).

    Parameters
    ----------
    model : BackoffModel
        At least of the orders below k.
    table : Table
        Of order k, over the tables of the model.
    k : int
    """
    log_probs = model.log_probs[k - 2][table.suffix].astype(np.float64)
    missing = np.flatnonzero(table.suffix < 0)
    if missing.size:
        words = words_of([*model.tables[: k - 1], table], missing)
        log_probs[missing] = model.last_log_prob(words[:, 1:])
    return log_probs


def _log(p: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(p)
