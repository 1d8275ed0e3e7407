"""What recognisers are trained on: features with their transcripts, and a lexicon that says how the words are spoken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import DataError
from ..lexicon import Lexicon

Together = Callable[[Any], Any]  # the sum, over all who train together, of something that can be added


def alone(statistics: Any) -> Any:
    """The sum over one who trains alone."""
    return statistics


@dataclass(frozen=True)
class Material:
    """Transcribed speech.

    Attributes
    ----------
    features : mapping of name to (frames, D) array
    transcripts : mapping of name to sequence of str
        Of the same utterances.
    lexicon : Lexicon
    together : callable
        With several who train one model, each on utterances of its own: gives each the sum of what they all accumulate.

    Raises
    ------
    DataError
        Features without transcript, or the reverse.
    """

    features: Mapping[str, np.ndarray]
    transcripts: Mapping[str, Sequence[str]]
    lexicon: Lexicon
    together: Together = alone

    def __post_init__(self) -> None:
        for kind, there, here in (
            ("transcript", self.features, self.transcripts),
            ("features", self.transcripts, self.features),
        ):
            missing = sorted(set(there) - set(here))
            if missing:
                raise DataError(f"utterance {missing[0]} has no {kind} ({len(missing)} in all); leave it out")
