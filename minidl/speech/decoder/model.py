"""The decoder: from scores of frames to words, whatever the scores come from (Deep Learning, section 12.3)."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError, DataError
from ..hmm.packing import checked_scores
from ..lexicon import Lexicon
from ..phones import PhoneSet, Tying
from .grammar import Grammar, typical_log_probs
from .lattice import Lattice
from .memo import Memo
from .network import Network
from .search import Limits, Search


class Decoder:
    """Finds the words that a grammar allows and that sound most like an utterance.

    A path has the score ``acoustic + lm_weight * (lm - insertion_penalty * words)``, where `lm` is the log probability of
    words, pronunciations, silences and transitions. Beams are in units of score / lm_weight, so that Kaldi's carry over.

    Parameters
    ----------
    phones : PhoneSet
    tying : Tying
    lexicon : Lexicon
        Of the grammar's words, at least.
    grammar : Grammar
    beam : float
        Paths that are so much worse than the best one at a frame are given up; infinity: none.
    max_active : int
        At most so many paths go on.
    lattice_beam : float
        How much worse than the best one a sentence in the lattice may be.
    lm_weight, insertion_penalty : float
    widest_beam : float, optional
        If no sentence ends with the last frame, the beam is doubled up to this (and `max_active` with it); without it, up to
        four times `beam`.
    frame_shift : float
        Seconds from frame to frame.

    Raises
    ------
    ArgumentError
        A beam, `max_active`, `lm_weight` or `frame_shift` that is not positive; a phone that is not in the set.
    DataError
        Words that the lexicon lacks.
    """

    def __init__(
        self, phones: PhoneSet, tying: Tying, lexicon: Lexicon, grammar: Grammar, *, beam: float = 13.0,
        max_active: int = 2000, lattice_beam: float = 6.0, lm_weight: float = 10.0, insertion_penalty: float = 0.0,
        widest_beam: float | None = None, frame_shift: float = 0.01,
    ) -> None:  # fmt: skip
        positive = {"beam": beam, "max_active": max_active, "lm_weight": lm_weight, "frame_shift": frame_shift}
        for name, value in positive.items():
            if not value > 0:
                raise ArgumentError(f"decoder: {name} must be positive, got {value}")
        if not lattice_beam >= 0:
            raise ArgumentError(f"decoder: lattice_beam must be at least 0, got {lattice_beam}")
        missing = lexicon.missing(grammar.words)
        if missing:
            raise DataError(
                f"decoder: the lexicon lacks {len(missing)} of the grammar's words, such as {missing[0]!r}; add them"
            )
        self._n_pdfs, self._memo, self.words = tying.n_pdfs, Memo(grammar), grammar.words
        self._limits = Limits(beam, max_active, lattice_beam)
        self._widest = 4 * beam if widest_beam is None else widest_beam
        self._weight, self._penalty, self.frame_shift = lm_weight, insertion_penalty, frame_shift
        guesses = typical_log_probs(grammar) - insertion_penalty
        self.network = Network.build(phones, tying, lexicon, grammar.words, guesses)

    def decode(self, scores: np.ndarray) -> Lattice:
        """The lattice of an utterance.

        If no sentence ends with the last frame, also not with the widest beam, it holds the paths up to there, and says so
        by ``complete = False``; a word that was begun is left out.

        Parameters
        ----------
        scores : (frames, pdfs) array
            Natural-log likelihoods of the frames.

        Raises
        ------
        ArgumentError
            No frames, another number of pdfs.
        DataError
            NaN or positive infinity.
        """
        checked = checked_scores([scores], self._n_pdfs)[0] / self._weight
        self._memo.new_utterance()
        limits = self._limits
        while True:
            search = Search(self.network, self._memo, limits, self._penalty)
            complete = search.run(checked)
            wider = Limits(limits.beam * 2, limits.max_active * 2, limits.lattice_beam)
            if complete or limits.beam == np.inf or wider.beam > self._widest:
                break
            limits = wider
        whole = search.record.lattice(self.words, self._weight, self._penalty, self.frame_shift, complete)
        return whole.prune(limits.lattice_beam)
