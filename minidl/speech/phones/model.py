"""An acoustic model: phones, which of their states share a density, and what scores the frames in it.

What scores is a Gaussian mixture or a neural network, everything else equal: the chapter's swap (Deep Learning, 12.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import ArgumentError
from ..hmm import Emission, Mixtures
from .phone_set import PhoneSet
from .tying import Tying


@dataclass(frozen=True)
class AcousticModel:
    """The three parts.

    Attributes
    ----------
    phones : PhoneSet
    tying : Tying
    emission : Emission
        Its states are the tying's pdfs.

    Raises
    ------
    ArgumentError
        Parts that do not fit together; a silence that depends on its neighbours.
    """

    phones: PhoneSet
    tying: Tying
    emission: Emission

    def __post_init__(self) -> None:
        if self.emission.n_states != self.tying.n_pdfs:
            raise ArgumentError(
                f"acoustic model: the tying has {self.tying.n_pdfs} pdfs, the emission {self.emission.n_states} states"
            )
        states = [len(t) for t in self.tying.tables]
        if states != [t.n_states for t in self.phones.topologies]:
            raise ArgumentError("acoustic model: the tying is not one of these phones")
        silence = self.tying.tables[self.phones.silence]
        if (silence != silence[:, :1, :1]).any():
            raise ArgumentError("acoustic model: silence must have the same pdfs between all neighbours")

    def scores(self, features: np.ndarray, pdfs: np.ndarray) -> np.ndarray:
        """Log-likelihood of each frame, (frames, all pdfs), of which only `pdfs` count: others may be minus infinity.

        An utterance's words have few of a large model's pdfs, and mixtures can score those alone.
        """
        if not isinstance(self.emission, Mixtures):
            return self.emission.log_likelihood(features)
        used = np.unique(pdfs)
        scores = np.full((len(features), self.tying.n_pdfs), -np.inf)
        scores[:, used] = self.emission.model.log_likelihood(features, used)
        return scores
