"""What every output layer answers: a loss to train by, and exact log probabilities of the next word.

With V words the softmax at the end of a network costs more than the rest of it. Deep Learning, section 12.4.3, lists
the ways out; here each is a layer, and a network never knows which it has.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import ops
from ...autograd import array_of
from ...backend import backend_of, namespace_of
from ...backend.random import generator
from ...errors import ArgumentError, DTypeError, ShapeError
from ...nn import Module
from ...nn.checks import check_positive
from ..vocabulary import SPECIAL, START_ID

_AT_ONCE = 1 << 24  # numbers that are in memory at the same time


class OutputLayer(Module):
    """From a network's last hidden layer to the probability of the next word; a sentence's start is never next.

    A subclass computes on rows: it defines ``_loss`` and ``_log_prob``, and ``_log_prob_of`` and ``_sample`` where its
    structure allows them to be cheaper.

    Parameters
    ----------
    hidden_size : int
        Numbers H in a hidden vector.
    size : int
        Words V, the three special ones counted.

    Attributes
    ----------
    surrogate : str or None
        What :meth:`loss` minimises, if that is not the negative log likelihood itself: such losses are not compared
        with those of other layers, and their exponentials are no perplexities.
    context : int
        How many of the words before :meth:`loss` looks at, beside the hidden vector.
    """

    surrogate: str | None = None
    context: int = 0

    def __init__(self, hidden_size: int, size: int) -> None:
        check_positive(type(self).__name__, hidden_size=hidden_size, size=size)
        if size < len(SPECIAL):
            raise ArgumentError(f"{type(self).__name__}: size={size} leaves out one of {', '.join(SPECIAL)}")
        self.hidden_size, self.size = hidden_size, size

    # -- what is asked -----------------------------------------------------------------------------------------

    def loss(self, hidden: Any, target: Any, contexts: Any = None) -> Any:
        """What training minimises, the mean over all tokens.

        Parameters
        ----------
        hidden : Tensor (..., H)
        target : int array (...)
            The words that came next.
        contexts : int array (..., n), optional
            The words before; only layers whose :attr:`context` says so look at them.

        Returns
        -------
        Tensor, a single number
            In nats; see :attr:`surrogate`.

        Raises
        ------
        ShapeError, DTypeError, ArgumentError
            Shapes that do not fit, nothing to average, a target that is no word or a sentence's start.
        """
        rows = self._rows(hidden)
        target = self._words(hidden, target)
        if not target.size:
            raise ShapeError(f"{type(self).__name__}: no tokens, hidden has shape {hidden.shape}; leave out empty batches")
        if bool((target == START_ID).any()):
            raise ArgumentError(f"{type(self).__name__}: a sentence's start ({START_ID}) in target is never predicted; "
                                "leave such tokens out")  # fmt: skip
        return self._loss(rows, target, self._contexts(contexts, rows))

    def forward(self, hidden: Any, target: Any) -> Any:
        """:meth:`loss`."""
        return self.loss(hidden, target)

    def log_prob(self, hidden: Any, contexts: Any = None) -> Any:
        """Log probabilities of every word, exactly normalised.

        Parameters
        ----------
        hidden : array or Tensor (..., H)
        contexts : int array (..., n), optional
            The words before, the latest last; only a short list's n-grams look at them.

        Returns
        -------
        array (..., V)
            Without a graph; of a sentence's start minus infinity.
        """
        rows = self._rows(array_of(hidden))
        out = self._log_prob(rows, self._contexts(contexts, rows))
        out[:, START_ID] = -np.inf
        return out.reshape((*hidden.shape[:-1], self.size))

    def log_prob_of(self, hidden: Any, target: Any, contexts: Any = None) -> Any:
        """Exact log probabilities of given words: ``log_prob``'s entries, without all the others where that can be.

        Parameters
        ----------
        hidden : array or Tensor (..., H)
        target : int array (...)
        contexts : int array (..., n), optional

        Returns
        -------
        array (...)
        """
        rows = self._rows(array_of(hidden))
        target = self._words(hidden, target)
        contexts = self._contexts(contexts, rows)
        out = namespace_of(rows).empty(len(target), rows.dtype)
        for part in self._blocks(len(target)):
            out[part] = self._log_prob_of(rows[part], target[part], None if contexts is None else contexts[part])
        out[target == START_ID] = -np.inf
        return out.reshape(hidden.shape[:-1])

    def sample(self, hidden: Any, rng: Any = None, contexts: Any = None) -> Any:
        """A word drawn from each hidden vector's distribution.

        Parameters
        ----------
        hidden : array or Tensor (..., H)
        rng : Generator or seed, optional
        contexts : int array (..., n), optional

        Returns
        -------
        int array (...)
        """
        rows, rng = self._rows(array_of(hidden)), generator(rng)
        contexts = self._contexts(contexts, rows)
        parts = [(part, None if contexts is None else contexts[part]) for part in self._blocks(len(rows))]
        drawn = [self._sample(rows[part], before, rng) for part, before in parts]
        words = namespace_of(rows).concatenate(drawn) if drawn else namespace_of(rows).zeros(0, int)
        return words.reshape(hidden.shape[:-1])

    # -- what a subclass computes, on rows (n, H) -----------------------------------------------------------------

    def _loss(self, rows: Any, target: Any, contexts: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no _loss method; define it")

    def _log_prob(self, rows: Any, contexts: Any) -> Any:
        """(n, V), a new array; what it says of a sentence's start is overwritten."""
        raise NotImplementedError(f"{type(self).__name__} has no _log_prob method; define it")

    def _log_prob_of(self, rows: Any, target: Any, contexts: Any) -> Any:
        return self._log_prob(rows, contexts)[namespace_of(rows).arange(len(rows)), target]

    def _sample(self, rows: Any, contexts: Any, rng: np.random.Generator) -> Any:
        return draw(self.log_prob(rows, contexts), rng)

    @property
    def _row_cost(self) -> int:
        """Numbers in memory for each row of :meth:`_log_prob_of` and :meth:`_sample`."""
        return self.size

    # -- checks ---------------------------------------------------------------------------------------------------

    def _rows(self, hidden: Any) -> Any:
        if not hasattr(hidden, "shape") or not hidden.shape or hidden.shape[-1] != self.hidden_size:
            shape = getattr(hidden, "shape", type(hidden).__name__)
            raise ShapeError(f"{type(self).__name__}: needs hidden of shape (..., {self.hidden_size}), got {shape}")
        return hidden if len(hidden.shape) == 2 else ops.reshape(hidden, (-1, self.hidden_size))

    def _words(self, hidden: Any, target: Any) -> Any:
        """Word numbers as (n,) int64 on the device of `hidden`, checked."""
        target = array_of(target)
        target = target if hasattr(target, "dtype") else np.asarray(target)
        if target.dtype.kind not in "iu":
            raise DTypeError(f"{type(self).__name__}: target must be word numbers, not {target.dtype}")
        if target.shape != tuple(hidden.shape[:-1]):
            raise ShapeError(f"{type(self).__name__}: hidden {tuple(hidden.shape)} needs target of shape "
                             f"{tuple(hidden.shape[:-1])}, not {target.shape}")  # fmt: skip
        low, high = (int(target.min()), int(target.max())) if target.size else (0, 0)
        if low < 0 or high >= self.size:
            raise ArgumentError(f"{type(self).__name__}: target has {low if low < 0 else high}; "
                                f"words are in [0, {self.size})")  # fmt: skip
        target = target.reshape(-1).astype(np.int64)
        return backend_of(array_of(hidden)).from_host(target) if isinstance(target, np.ndarray) else target

    def _contexts(self, contexts: Any, rows: Any) -> Any:
        if contexts is None:
            return None
        contexts = backend_of(contexts).to_host(contexts) if hasattr(contexts, "dtype") else np.asarray(contexts)
        if contexts.ndim < 1 or contexts[..., 0].size != len(rows):
            raise ShapeError(f"{type(self).__name__}: contexts of shape {contexts.shape} for {len(rows)} hidden vectors; "
                             "they need a row for each")  # fmt: skip
        return contexts.reshape(len(rows), -1)

    def _blocks(self, n: int) -> Iterator[slice]:
        step = max(1, _AT_ONCE // self._row_cost)
        return (slice(start, min(start + step, n)) for start in range(0, n, step))

    def extra_repr(self) -> str:
        return f"hidden_size={self.hidden_size}, size={self.size}"


def draw(log_p: Any, rng: np.random.Generator) -> Any:
    """A place drawn from each row of log probabilities, (n, V) -> (n,) int; never one of probability zero."""
    xp = namespace_of(log_p)
    heap = xp.cumsum(xp.exp(log_p), axis=1, dtype=np.float64)
    at = backend_of(log_p).from_host(rng.random((len(log_p), 1))) * heap[:, -1:]
    return (heap <= at).sum(axis=1)
