"""Perplexity by how often a word stood in the training text: who is good at rare words?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import ArgumentError
from .vocabulary import START_ID, UNKNOWN_ID

UP_TO = (0, 1, 5, 20, 100, 1000)  # counts that end a band


@dataclass(frozen=True)
class Band:
    """The tokens of a text whose words stood in the training text about equally often.

    Attributes
    ----------
    name : str
        How often, as "2-5".
    tokens : int
    perplexity : float
        One over the geometric mean of their probabilities.
    """

    name: str
    tokens: int
    perplexity: float


def perplexity_by_frequency(
    log_probs: np.ndarray, ids: np.ndarray, counts: np.ndarray, up_to: Sequence[int] = UP_TO
) -> list[Band]:
    """A model's perplexity over the rare and over the frequent words of a text.

    Parameters
    ----------
    log_probs : (n,) array
        What a model's ``score_tokens(ids)`` said.
    ids : (n,) int array
        The text.
    counts : (vocabulary,) int array
        How often each word stands in the training text: ``np.bincount(training_ids, minlength=len(vocabulary))``.
    up_to : sequence of int
        The largest count of each band but the last, rising.

    Returns
    -------
    list of Band
        Unknown words first, then from the rarest to the most frequent, where sentence ends are; those without tokens
        are left out, so all models of one vocabulary have the same.

    Raises
    ------
    ArgumentError
        Lengths that differ, a word without a count, or bands that do not rise.
    """
    ids, counts, edges = np.asarray(ids, np.int64), np.asarray(counts), np.asarray(up_to)
    if np.shape(log_probs) != ids.shape or (ids.size and ids.max() >= len(counts)):
        raise ArgumentError(
            f"bands: takes a log probability a token and a count a word, got {np.shape(log_probs)} for {ids.size:,} tokens, "
            f"and {len(counts):,} counts for words up to number {ids.max(initial=0):,}"
        )
    if edges.size and (edges.min() < 0 or (np.diff(edges) <= 0).any()):
        raise ArgumentError(f"bands: counts that end a band must rise from 0 or more, got {list(up_to)}")
    names = ["unknown", *_names([int(edge) for edge in edges])]
    band = 1 + np.searchsorted(edges, counts)
    band[UNKNOWN_ID] = 0
    words = ids != START_ID
    of_token = band[ids[words]]
    tokens = np.bincount(of_token, minlength=len(names))
    sums = np.bincount(of_token, np.asarray(log_probs, np.float64)[words], minlength=len(names))
    with np.errstate(over="ignore"):
        return [Band(name, int(n), float(np.exp(-s / n))) for name, n, s in zip(names, tokens, sums, strict=True) if n]


def _names(edges: list[int]) -> list[str]:
    """What the bands between these counts are called."""
    first = [0, *(edge + 1 for edge in edges)]
    names = [f"{a:,}" if a == b else f"{a:,}-{b:,}" for a, b in zip(first, edges, strict=False)]
    return [*names, f"{first[-1]:,} or more"]
