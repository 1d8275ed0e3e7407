"""Which state may come first, which may follow which, and where an utterance may end."""

from __future__ import annotations

import numpy as np

from ...errors import ArgumentError


class Topology:
    """States and the probabilities of going from one to another.

    Parameters
    ----------
    start : (S,) array
        Sums to 1.
    transitions : (S, S) array
        From the row's state to the column's.
    final : (S,) array, optional
        Of ending after each state: with it, a state's row and end sum to 1. Otherwise an utterance may end anywhere, and
        that it does has no probability: the rows alone sum to 1.

    Raises
    ------
    ArgumentError
        Shapes that do not fit, no probabilities, sums that are not 1, no state that ends.
    """

    def __init__(self, start: np.ndarray, transitions: np.ndarray, final: np.ndarray | None = None) -> None:
        self.start, self.transitions = np.array(start, np.float64), np.array(transitions, np.float64)
        self.has_final = final is not None
        self.final = np.ones(self.n_states) if final is None else np.array(final, np.float64)
        self._check()
        with np.errstate(divide="ignore"):  # what is not possible is -inf
            self.log_start, self.log_transitions, self.log_final = (
                np.log(a) for a in (self.start, self.transitions, self.final)
            )

    @property
    def n_states(self) -> int:
        return len(self.start)

    @property
    def n_parameters(self) -> int:
        """Free ones: arcs less sums."""
        arcs = np.count_nonzero(self.start) + np.count_nonzero(self.transitions)
        return int(arcs + (np.count_nonzero(self.final) if self.has_final else 0) - 1 - self.n_states)

    def reestimated(self, start: np.ndarray, transitions: np.ndarray, final: np.ndarray, floor: float = 0.0) -> Topology:
        """The most likely topology for counts, whose arcs are those of this one; Rabiner (1989), equations 40.

        A state without counts stays as it was.

        Parameters
        ----------
        start, transitions, final : arrays
            How often each was taken; shapes as in the class.
        floor : float
            No arc becomes less probable. Without it, one that is not taken here is impossible from then on.

        Raises
        ------
        ArgumentError
            A floor below 0, or too high for a state with so many arcs.
        """
        first = _most_likely(start[None], self.start[None], floor)[0]
        if not self.has_final:
            return Topology(first, _most_likely(transitions, self.transitions, floor))
        counts, old = np.c_[transitions, final], np.c_[self.transitions, self.final]
        rows = _most_likely(counts, old, floor)
        return Topology(first, rows[:, :-1], rows[:, -1])

    def _check(self) -> None:
        s = self.start.size
        if not s or self.start.shape != (s,) or self.transitions.shape != (s, s) or self.final.shape != (s,):
            raise ArgumentError(
                "topology: start, transitions and final must be (S,), (S, S) and (S,), "
                f"got {self.start.shape}, {self.transitions.shape}, {self.final.shape}"
            )
        for name, array in (("start", self.start), ("transitions", self.transitions), ("final", self.final)):
            if not ((array >= 0) & (array <= 1 + 1e-6)).all():
                raise ArgumentError(f"topology: {name} must be probabilities, in [0, 1]")
        if abs(self.start.sum() - 1) > 1e-6:
            raise ArgumentError(f"topology: start must sum to 1, not to {self.start.sum():.6g}")
        sums = self.transitions.sum(1) + (self.final if self.has_final else 0)
        wrong = np.flatnonzero(abs(sums - 1) > 1e-6)
        if wrong.size:
            raise ArgumentError(f"topology: what follows state {wrong[0]} must sum to 1, not to {sums[wrong[0]]:.6g}")
        if not self.final.any():
            raise ArgumentError("topology: no state may end an utterance; give one a final probability")


def left_to_right(n_states: int, stay: float = 0.75) -> Topology:
    """States one after the other, each for one frame or more; 0.75 is Kaldi's, utils/gen_topo.pl."""
    return skip(n_states, stay, 0.0)


def skip(n_states: int, stay: float = 0.6, jump: float = 0.1) -> Topology:
    """States one after the other, of which one at a time may be left out but the first (Bakis 1976).

    The last but one may end the utterance.
    """
    if n_states < 1 or not 0 <= stay < 1 or not 0 <= jump < 1 - stay:
        raise ArgumentError(
            f"topology: n_states must be at least 1, stay in [0, 1), jump in [0, 1 - stay); got {n_states}, {stay}, {jump}"
        )
    rows = np.zeros((n_states, n_states + 2))
    for state, row in enumerate(rows):
        row[state : state + 3] = stay, 1 - stay - jump, jump
    rows[:, n_states] += rows[:, n_states + 1]  # both lead out
    return Topology(np.eye(n_states)[0], rows[:, :n_states], rows[:, n_states])


def silence(n_states: int = 5) -> Topology:
    """Kaldi's for pauses: a first and a last state, and between them states that follow one another in any order.

    After utils/gen_topo.pl: the first goes to all but the last, those between to all but the first, with equal probability;
    the last ends with probability 0.25.
    """
    if n_states < 3:
        raise ArgumentError(f"topology: silence has at least 3 states, got {n_states}")
    transitions = np.zeros((n_states, n_states))
    transitions[0, :-1] = transitions[1:-1, 1:] = 1 / (n_states - 1)
    transitions[-1, -1] = 0.75
    return Topology(np.eye(n_states)[0], transitions, np.eye(n_states)[-1] * 0.25)


def ergodic(n_states: int) -> Topology:
    """Any state may come first, last, and after any other, with equal probability."""
    if n_states < 1:
        raise ArgumentError(f"topology: n_states must be at least 1, got {n_states}")
    return Topology(np.full(n_states, 1 / n_states), np.full((n_states, n_states), 1 / n_states))


def _most_likely(counts: np.ndarray, old: np.ndarray, floor: float) -> np.ndarray:
    """Rows p that make the sum of counts * log p largest, at least `floor` on the arcs of `old`.

    What the floor gives to rare arcs is taken from the others in proportion, which may bring the next one down to it.
    """
    arcs = old > 0
    if not 0 <= floor < 1 / arcs.sum(1).max(initial=1):
        raise ArgumentError(f"topology: the floor must be in [0, {1 / arcs.sum(1).max():.3g}), got {floor}")
    counts = np.where(arcs, counts, 0.0)
    totals = counts.sum(1, keepdims=True)
    counts = np.where(totals > 0, counts, old)
    low = np.zeros_like(arcs)
    while True:
        free = 1 - floor * low.sum(1, keepdims=True)
        rest = np.where(low, 0.0, counts)
        rows = np.where(low, floor, rest * free / rest.sum(1, keepdims=True))
        new = arcs & ~low & (rows < floor)
        if not new.any():
            return rows
        low |= new
