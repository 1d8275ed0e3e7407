"""Recurrent layers over whole sequences: several layers deep, in both directions (Deep Learning, chapter 10).

Time-major: input (T, N, F). Each layer and direction is one fused op over all steps.
"""

from __future__ import annotations

from typing import Any

from .. import ops
from ..backend.random import generator
from ..errors import ArgumentError, ShapeError
from ..params import Parameter
from . import init as initial
from .checks import check_positive, check_probability
from .dropout import drop
from .module import Module


class _Recurrent(Module):
    """What RNN, LSTM and GRU share; they differ in the number of gates and in the op."""

    gates = 1
    n_states = 1  # arrays that make a state: h, or h and c

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        bias: bool = True,
        rng: initial.Rng = None,
    ) -> None:
        name = type(self).__name__
        check_positive(name, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bidirectional, self.dropout, self.bias = bidirectional, check_probability(name, dropout), bias
        self.rng = None  # of the dropout masks: the default stream
        rng = generator(rng)
        for layer in range(num_layers):
            features = input_size if layer == 0 else hidden_size * (1 + bidirectional)
            for suffix in self._suffixes(layer):
                for parameter, value in self._initial(features, rng).items():
                    setattr(self, parameter + suffix, Parameter(value))

    def _suffixes(self, layer: int) -> tuple[str, ...]:
        return (f"_l{layer}", f"_l{layer}_reverse") if self.bidirectional else (f"_l{layer}",)

    def _initial(self, features: int, rng: Any) -> dict[str, Any]:
        """Initial values of one layer in one direction."""
        width = self.gates * self.hidden_size
        values = {
            "weight_ih": initial.glorot_uniform((features, width), rng),
            "weight_hh": initial.orthogonal_blocks((self.hidden_size, width), rng),
        }
        return values | {name: initial.zeros((width,)) for name in self._bias_names()}

    def _bias_names(self) -> tuple[str, ...]:
        return ("bias",) if self.bias else ()

    def _run(self, x: Any, weights: list[Any], state: list[Any], lengths: Any, reverse: bool) -> tuple[Any, ...]:
        """One layer in one direction: (y, *state)."""
        raise NotImplementedError

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Any, Any]:
        """Run over whole sequences.

        Parameters
        ----------
        x : (T, N, F)
        state : (L, N, H), for LSTM a pair ``(h, c)`` of them; optional
            Where to start; zeros unless given. L counts layers times directions, as PyTorch does. Pass
            ``detach()``-ed states from one batch to the next for truncated back-propagation through time.
        lengths : integers (N,), optional
            Steps of each sequence; later outputs are zero and do not change the state.

        Returns
        -------
        y : (T, N, H), or (T, N, 2*H) with both directions
        state : as `state`, after each sequence's last step
        """
        first = self._split_state(state)
        finals: list[list[Any]] = [[] for _ in range(self.n_states)]
        for layer in range(self.num_layers):
            if layer and self.training and self.dropout:
                x = drop(x, self.dropout, self.rng)
            ys = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                weights = [getattr(self, n + suffix) for n in ("weight_ih", "weight_hh", *self._bias_names())]
                number = layer * (1 + self.bidirectional) + direction
                start = [None if s is None else s[number] for s in first]
                y, *last = self._run(x, weights, start, lengths, direction == 1)
                ys.append(y)
                for collected, s in zip(finals, last, strict=True):
                    collected.append(s)
            x = ys[0] if len(ys) == 1 else ops.concatenate(ys, axis=-1)
        stacked = tuple(s[0].reshape((1, *s[0].shape)) if len(s) == 1 else ops.stack(s) for s in finals)
        return x, stacked if self.n_states > 1 else stacked[0]

    def _split_state(self, state: Any) -> tuple[Any, ...]:
        """The given state as a tuple of arrays (L, N, H), checked."""
        if state is None:
            return (None,) * self.n_states
        if self.n_states > 1 and not (isinstance(state, tuple | list) and len(state) == self.n_states):
            raise ArgumentError(f"{type(self).__name__}: state must be a pair (h, c)")
        parts = tuple(state) if self.n_states > 1 else (state,)
        depth = self.num_layers * (1 + self.bidirectional)
        for s in parts:
            if s.ndim != 3 or s.shape[0] != depth or s.shape[2] != self.hidden_size:
                raise ShapeError(f"state must have shape {(depth, 'N', self.hidden_size)}, not {s.shape}")
        return parts

    def multiply_adds(self, y: Any, *inputs: Any, **options: Any) -> int:
        steps = inputs[0].shape[0] * inputs[0].shape[1]
        return steps * sum(p.size for p in self.parameters() if p.ndim == 2)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, plain in (("num_layers", 1), ("bidirectional", False), ("dropout", 0.0), ("bias", True)):
            value = getattr(self, name)
            text += "" if value == plain else f", {name}={value}"
        return text


class RNN(_Recurrent):
    """``h[t] = tanh(x[t] @ weight_ih + h[t-1] @ weight_hh + bias)`` (Elman, 1990).

    Parameters
    ----------
    input_size, hidden_size : int
        F and H.
    num_layers : int
        Each layer reads the outputs of the one below.
    bidirectional : bool
        A second network runs from the end; outputs are side by side.
    dropout : float
        On the outputs of every layer but the last, in training.
    bias : bool
    nonlinearity : {"tanh", "relu"}
    rng : Generator, int or None

    Attributes
    ----------
    weight_ih_l0, ... : Parameter (F, H)
        Further layers are ``_l1`` ..., the backward direction ``_l0_reverse``.
        Initialised by :func:`~minidl.nn.init.glorot_uniform`.
    weight_hh_l0, ... : Parameter (H, H)
        :func:`~minidl.nn.init.orthogonal`.
    bias_l0, ... : Parameter (H,)
        Zero. PyTorch's sum ``bias_ih + bias_hh``.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        bias: bool = True,
        nonlinearity: str = "tanh",
        rng: initial.Rng = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"RNN: nonlinearity must be 'tanh' or 'relu', not {nonlinearity!r}")
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, num_layers, bidirectional, dropout, bias, rng)

    def _run(self, x: Any, weights: list[Any], state: list[Any], lengths: Any, reverse: bool) -> tuple[Any, ...]:
        w_ih, w_hh, *b = weights
        return ops.rnn(x, w_ih, w_hh, b[0] if b else None, state[0], lengths, reverse, self.nonlinearity)


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997; Gers et al., 2000).

    Parameters as in :class:`RNN`. The state is a pair ``(h, c)``.

    Attributes
    ----------
    weight_ih_l0, ... : Parameter (F, 4*H)
        Gates in the order input, forget, cell, output. :func:`~minidl.nn.init.glorot_uniform`.
    weight_hh_l0, ... : Parameter (H, 4*H)
        :func:`~minidl.nn.init.orthogonal`, gate by gate.
    bias_l0, ... : Parameter (4*H,)
        Zero, but one for the forget gate (Jozefowicz, Zaremba and Sutskever, 2015).
    """

    gates, n_states = 4, 2

    def _initial(self, features: int, rng: Any) -> dict[str, Any]:
        values = super()._initial(features, rng)
        if self.bias:
            values["bias"][self.hidden_size : 2 * self.hidden_size] = 1
        return values

    def _run(self, x: Any, weights: list[Any], state: list[Any], lengths: Any, reverse: bool) -> tuple[Any, ...]:
        w_ih, w_hh, *b = weights
        return ops.lstm(x, w_ih, w_hh, b[0] if b else None, *state, lengths, reverse)


class GRU(_Recurrent):
    """Gated recurrent unit (Cho et al., 2014), with the reset gate after the product, as in cuDNN and PyTorch.

    Parameters as in :class:`RNN`.

    Attributes
    ----------
    weight_ih_l0, ... : Parameter (F, 3*H)
        Gates in the order reset, update, new. :func:`~minidl.nn.init.glorot_uniform`.
    weight_hh_l0, ... : Parameter (H, 3*H)
        :func:`~minidl.nn.init.orthogonal`, gate by gate.
    bias_ih_l0, bias_hh_l0, ... : Parameter (3*H,)
        Zero. Two of them, because the reset gate acts on one only.
    """

    gates = 3

    def _bias_names(self) -> tuple[str, ...]:
        return ("bias_ih", "bias_hh") if self.bias else ()

    def _run(self, x: Any, weights: list[Any], state: list[Any], lengths: Any, reverse: bool) -> tuple[Any, ...]:
        w_ih, w_hh, *b = weights
        b_ih, b_hh = b or (None, None)
        return ops.gru(x, w_ih, w_hh, b_ih, b_hh, state[0], lengths, reverse)
