"""How far a word error rate can be trusted, by drawing the test set anew from itself (Bisani and Ney, ICASSP 2004).

An utterance's errors depend on each other, and so do a speaker's; so utterances or speakers are drawn, not words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError, DataError
from .counts import WordErrors, total

_AT_ONCE = 1 << 22  # numbers drawn together


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`; of such intervals a share `level` holds the true value."""

    low: float
    high: float
    level: float


@dataclass(frozen=True)
class Comparison:
    """A second recogniser against a first, on the same utterances.

    Attributes
    ----------
    improvement : float
        By which part of the first's errors the second has fewer: 0.25 is a quarter less, below 0 is worse.
    interval : Interval
        Of the improvement.
    probability : float
        That the second is better: the share of drawn test sets on which it makes fewer errors.
    """

    improvement: float
    interval: Interval
    probability: float


def bootstrap_interval(
    per_utterance: Mapping[str, WordErrors],
    n: int = 10_000,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
    speakers: Mapping[str, str] | None = None,
) -> Interval:
    """The interval of the word error rate (a rate, not a percentage).

    Parameters
    ----------
    per_utterance : mapping of name to WordErrors
        :attr:`Score.per_utterance`.
    n : int
        Test sets to draw; those without any reference word do not count.
    level : float
        In (0, 1). As much is left out below as above.
    rng : Generator, optional
        Seed 0 if not given, so that a report can be made again.
    speakers : mapping of utterance to speaker, optional
        Draws speakers with all that they said: wider, and right for a claim about new speakers.

    Raises
    ------
    ArgumentError
        `n` below 1 or too small, a `level` outside (0, 1).
    DataError
        No reference words; an utterance without speaker.
    """
    counts = _table(per_utterance, per_utterance, speakers)
    drawn = np.concatenate([sums[sums[:, 0] > 0] for sums in _draws(counts, n, level, rng)])
    if not len(drawn):
        raise ArgumentError(f"bootstrap: none of the {n} test sets that were drawn has a reference word; draw more")
    return _interval(drawn[:, 1] / drawn[:, 0], level)


def compare(
    first: Mapping[str, WordErrors],
    second: Mapping[str, WordErrors],
    n: int = 10_000,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
    speakers: Mapping[str, str] | None = None,
) -> Comparison:
    """By how much the second recogniser is better, from the same draws for both.

    What is hard for both then cancels: the interval is narrower than those of the two rates.

    Parameters
    ----------
    first, second : mapping of name to WordErrors
        Of the same utterances.
    n, level, rng, speakers
        As in :func:`bootstrap_interval`.

    Raises
    ------
    ArgumentError
        As there.
    DataError
        As there; utterances that are not the same, or have different numbers of reference words.
    """
    for name in {**first, **second}:
        if name not in first or name not in second or first[name].words != second[name].words:
            raise DataError(f"compare: utterance {name!r} is not in both with as many reference words; score the same set")
    counts = _table(first, second, speakers)
    drawn = np.concatenate(list(_draws(counts, n, level, rng)))
    _, old, new = drawn.T
    whole = counts.sum(0)
    interval = _interval(_improvement(old, new), level)
    return Comparison(float(_improvement(whole[1], whole[2])), interval, float(np.mean(new < old)))


def _table(
    first: Mapping[str, WordErrors], second: Mapping[str, WordErrors], speakers: Mapping[str, str] | None
) -> np.ndarray:
    """Reference words, errors of the first and of the second, (units, 3): units are utterances, or speakers."""
    groups = dict[str, list[str]]()
    for name in first:
        if speakers is not None and name not in speakers:
            raise DataError(f"bootstrap: no speaker is given for utterance {name!r}")
        groups.setdefault(name if speakers is None else speakers[name], []).append(name)
    sums = [(total(first[name] for name in names), total(second[name] for name in names)) for names in groups.values()]
    table = np.array([(a.words, a.errors, b.errors) for a, b in sums], np.int64).reshape(-1, 3)
    if not table[:, 0].any():
        raise DataError("bootstrap: there is no error rate without reference words")
    return table


def _draws(counts: np.ndarray, n: int, level: float, rng: np.random.Generator | None) -> Iterator[np.ndarray]:
    """Sums over as many units as there are, drawn with replacement: (n, 3) in portions."""
    if n < 1 or not 0 < level < 1:
        raise ArgumentError(f"bootstrap: n must be at least 1 and level in (0, 1), got {n} and {level}")
    rng = rng or np.random.default_rng(0)
    units = len(counts)
    portion = max(_AT_ONCE // units, 1)
    for done in range(0, n, portion):
        chosen = rng.integers(units, size=(min(portion, n - done), units))
        yield np.stack([column[chosen].sum(1) for column in counts.T], 1)


def _improvement(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Relative; nothing wrong before and something now is minus infinity."""
    none = np.where(new > 0, -np.inf, 0.0)
    return np.where(old > 0, (old - new) / np.maximum(old, 1), none)


def _interval(values: np.ndarray, level: float) -> Interval:
    """The middle part. Of values that occur, since one may be infinite."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return Interval(float(low), float(high), level)
