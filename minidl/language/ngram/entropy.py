"""Entropy pruning: leaves out the n-grams without which a model hardly changes (Stolcke 1998).

Deep Learning, section 12.4.1, says why: the tables of n-gram models are large, and most of what is in them matters little.
"""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError
from ..vocabulary import END_ID, START_ID
from .backoff import BackoffModel
from .interpolate import cut
from .normalise import left_over, normalised, rounded, shorter


def entropy_prune(model: BackoffModel, threshold: float) -> BackoffModel:
    """The model without the n-grams whose loss would raise its perplexity by less than a threshold.

    Each is judged for itself, by the perplexity of text that the model itself would produce; n-grams that begin a longer
    one that stays, stay too. Back-off weights are computed anew; other probabilities do not change.

    Parameters
    ----------
    model : BackoffModel
        After Kneser and Ney's smoothing, whose shorter contexts' probabilities are no marginals, pruning costs more than
        after others (Chelba and others 2010).
    threshold : float
        Of the relative rise in perplexity, for each n-gram: 1e-8 is small, 1e-6 is much. With 0, all stay.

    Raises
    ------
    ArgumentError
        A threshold below 0, or none.
    """
    if not 0 <= threshold < np.inf:
        raise ArgumentError(f"entropy_prune: the threshold must be a number of at least 0, got {threshold}")
    exact = normalised(model.vocabulary, model.tables, [np.exp(a.astype(np.float64)) for a in model.log_probs])
    kept = [np.ones(len(table), bool) for table in model.tables]
    for k in range(model.order, 1, -1):
        kept[k - 1] = np.expm1(losses(exact, k)) >= threshold
        if k < model.order:
            kept[k - 1][model.tables[k].context[kept[k]]] = True
    new_rows = [np.cumsum(each) - 1 for each in kept]
    tables = model.tables[:1]
    for table, own, new_row in zip(model.tables[1:], kept[1:], new_rows[:-1], strict=True):
        tables.append(cut(tables, table, own, new_row, len(model.vocabulary)))
    probs = [np.exp(log_probs[each]) for log_probs, each in zip(exact.log_probs, kept, strict=True)]
    return rounded(normalised(model.vocabulary, tables, probs))


def losses(model: BackoffModel, k: int) -> np.ndarray:
    """The relative entropy between the model and itself without an n-gram, for each one of order k, (n,) in nats.

    Stolcke's equation 4: with h the context and h' the shorter one,
    p(h) (p(w|h) (log p(w|h) - log p(w|h') - log a') + (1 - sum of p(.|h)) (log a - log a')),
    where a' is the back-off weight that h would then have instead of a. Sums are over the words seen after h.

    Parameters
    ----------
    model : BackoffModel
        Exactly normalised, in float64.
    k : int
    """
    table, log_p = model.tables[k - 1], model.log_probs[k - 1]
    log_below = shorter(model, table, k)
    p, p_below = np.exp(log_p), np.exp(log_below)
    left, left_below = (np.maximum(a, 0)[table.context] for a in left_over(table, p, p_below, len(model.tables[k - 2])))
    weight = model.backoffs[k - 2][table.context]
    with np.errstate(divide="ignore", invalid="ignore"):
        new_weight = np.log((left + p) / (left_below + p_below))
        shared = np.where(left > 0, left * (weight - new_weight), 0.0)
    return np.maximum(np.exp(_contexts(model, k - 1)[table.context]) * (p * (log_p - log_below - new_weight) + shared), 0.0)


def _contexts(model: BackoffModel, k: int) -> np.ndarray:
    """Log probabilities of whole n-grams of order k, by which contexts are weighed.

    A sentence starts as often as one ends.
    """
    log_probs = model.log_probs[0].copy()
    log_probs[START_ID] = log_probs[END_ID]
    for table, own in zip(model.tables[1:k], model.log_probs[1:k], strict=True):
        log_probs = log_probs[table.context] + own
    return log_probs
