"""Choosing the weight of the grammar and the penalty of words, on utterances that are held out from training and test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from ...errors import ArgumentError
from ..wer import WordErrors, align, total
from .lattice import Lattice

LM_WEIGHTS, INSERTION_PENALTIES = tuple(range(7, 18)), (0.0, 0.5, 1.0)  # Kaldi's, score_kaldi_wer.sh


@dataclass(frozen=True)
class Tuning:
    """What was chosen, and the word errors of each (weight, penalty) that was tried."""

    lm_weight: float
    insertion_penalty: float
    errors: dict[tuple[float, float], WordErrors]


def tune(
    lattices: Sequence[Lattice],
    references: Sequence[Sequence[str]],
    lm_weights: Sequence[float] = LM_WEIGHTS,
    insertion_penalties: Sequence[float] = INSERTION_PENALTIES,
) -> Tuning:
    """The weight and penalty with the fewest word errors; of several, the smallest penalty, then the smallest weight.

    Parameters
    ----------
    lattices : sequence of Lattice
    references : sequence of sequence of str
        What was said in each.
    lm_weights, insertion_penalties : sequence of float

    Raises
    ------
    ArgumentError
        No lattices, another number of references, nothing to choose from.
    """
    if not lattices or len(lattices) != len(references):
        raise ArgumentError(
            f"tune: each lattice needs a reference, and there must be some; got {len(lattices)} and {len(references)}"
        )
    if not lm_weights or not insertion_penalties:
        raise ArgumentError("tune: there must be a weight and a penalty to choose from")
    pairs = list(zip(lattices, references, strict=True))
    errors = {
        (weight, penalty): total(align(said, lattice.best(weight, penalty).words).errors for lattice, said in pairs)
        for penalty, weight in product(sorted(insertion_penalties), sorted(lm_weights))
    }
    weight, penalty = min(errors, key=lambda choice: errors[choice].errors)  # the first of equals
    return Tuning(weight, penalty, errors)
