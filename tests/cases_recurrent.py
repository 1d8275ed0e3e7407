"""Rows of the op table for recurrent nets, against one loop over sequences and steps."""

import functools

import numpy as np
from cases import Case

from minidl import ops

LENGTHS = np.array([3, 1])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn_step(x, state, w_ih, w_hh, b=None, activation="tanh"):
    z = x @ w_ih + state[0] @ w_hh + (0 if b is None else b)
    return (np.tanh(z) if activation == "tanh" else np.maximum(z, 0),)


def lstm_step(x, state, w_ih, w_hh, b=None):
    i, f, u, o = np.split(x @ w_ih + state[0] @ w_hh + (0 if b is None else b), 4)
    c = sigmoid(f) * state[1] + sigmoid(i) * np.tanh(u)
    return sigmoid(o) * np.tanh(c), c


def gru_step(x, state, w_ih, w_hh, b_ih=None, b_hh=None):
    r, u, n = np.split(x @ w_ih + (0 if b_ih is None else b_ih), 3)
    hr, hu, hn = np.split(state[0] @ w_hh + (0 if b_hh is None else b_hh), 3)
    u = sigmoid(u + hu)
    return ((1 - u) * np.tanh(n + sigmoid(r + hr) * hn) + u * state[0],)


def over_time(step, n_biases, n_states, x, w_ih, w_hh, *rest, lengths=None, reverse=False, **kwargs):
    """Outputs (T, N, H) and final states, each sequence on its own and only as long as it is."""
    biases, first = rest[:n_biases], rest[n_biases:]
    zeros = np.zeros((x.shape[1], w_hh.shape[0]), x.dtype)
    states = [*first, *[zeros] * n_states][:n_states]
    y, finals = np.zeros((*x.shape[:2], w_hh.shape[0]), x.dtype), [s.copy() for s in states]
    for n in range(x.shape[1]):
        times = range(len(x) if lengths is None else lengths[n])
        state = tuple(s[n] for s in states)
        for t in reversed(times) if reverse else times:
            state = step(x[t, n], state, w_ih, w_hh, *biases, **kwargs)
            y[t, n] = state[0]
        for final, s in zip(finals, state, strict=True):
            final[n] = s
    return y, *finals


def rows(name, step, n_gates, n_biases, n_states, n_hidden=3):
    """With and without biases, first states, lengths, backwards."""
    op, reference = getattr(ops, name), functools.partial(over_time, step, n_biases, n_states)
    weights = [(3, 2, 4), (4, n_gates * n_hidden), (n_hidden, n_gates * n_hidden)]
    full = weights + [(n_gates * n_hidden,)] * n_biases + [(2, n_hidden)] * n_states
    settings = [{}, {"reverse": True}, {"lengths": LENGTHS}, {"lengths": LENGTHS, "reverse": True}]
    return [Case(name, op, reference, shapes, kwargs=s) for shapes in (weights, full) for s in settings]


CASES = [
    *rows("rnn", rnn_step, 1, 1, 1),
    Case(
        "rnn",
        ops.rnn,
        functools.partial(over_time, rnn_step, 1, 1),
        [(3, 2, 4), (4, 3), (3, 3)],
        kwargs={"activation": "relu"},
    ),
    *rows("lstm", lstm_step, 4, 1, 2),
    *rows("gru", gru_step, 3, 2, 1),
]
