"""What a search writes down as it goes, for the lattice: nodes where words may end, and the words that lead to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .lattice import Lattice


class Record:
    """Nodes and links, added frame by frame; node 0 is the utterance's start.

    Parameters
    ----------
    no_word : int
        The number of links that are no words.
    """

    def __init__(self, no_word: int) -> None:
        self._no_word, self._n_nodes = no_word, 0
        self._nodes = list[tuple[np.ndarray, np.ndarray]]()
        self._links = list[tuple[np.ndarray, ...]]()
        self.add_nodes(0, np.zeros(1))

    def add_nodes(self, frame: int, scores: np.ndarray) -> np.ndarray:
        """Nodes before a frame, with the best score of a path from the start; their numbers."""
        self._nodes.append((np.full(len(scores), frame), scores))
        self._n_nodes += len(scores)
        return np.arange(self._n_nodes - len(scores), self._n_nodes)

    def add_links(
        self, sources: np.ndarray, targets: np.ndarray, words: np.ndarray, scores: np.ndarray, acoustics: np.ndarray
    ) -> None:
        """Links, with the score of the best path from the start through each, and what frames have in the link's own."""
        self._links.append((sources, targets, words, scores, acoustics))

    def end(self, frame: int, sources: np.ndarray, scores: np.ndarray, acoustics: np.ndarray) -> None:
        """The last node, and links to it; if nothing was heard at all, an empty one from the start."""
        if not len(sources):
            sources, scores, acoustics = np.zeros(1, np.int64), np.zeros(1), np.zeros(1)
        number = self.add_nodes(frame, np.zeros(1))
        self.add_links(sources, np.repeat(number, len(sources)), np.full(len(sources), self._no_word), scores, acoustics)

    def lattice(
        self, words: Sequence[str], lm_weight: float, insertion_penalty: float, frame_shift: float, complete: bool
    ) -> Lattice:
        """All of it; acoustic scores in natural logarithms again."""
        frames, starts = (np.concatenate(column) for column in zip(*self._nodes, strict=True))
        sources, targets, labels, scores, acoustics = (np.concatenate(column) for column in zip(*self._links, strict=True))
        lms = scores - starts[sources] - acoustics + insertion_penalty * (labels != self._no_word)
        labels = np.where(labels == self._no_word, -1, labels)
        return Lattice(
            tuple(words), frames, sources, targets, labels, acoustics * lm_weight, lms, lm_weight, insertion_penalty,
            frame_shift, complete,
        )  # fmt: skip
