"""Rows of the op table for the fused ops: softmax, losses, norms, dropout, attention, recurrent nets."""

import functools

import numpy as np
from cases import Case

from minidl import ops
from minidl.ops.norm_batch import batch_norm
from minidl.ops.recurrent import rnn
from minidl.ops.recurrent_gru import gru
from minidl.ops.recurrent_lstm import lstm

LABELS = np.array([2, 0, -100, 1])


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def cross_entropy(x):
    kept = LABELS >= 0
    return -np.log(softmax(x))[kept, LABELS[kept]].mean()


def normalised(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def group_norm(x, w, b, groups):
    parts = x.reshape(x.shape[0], -1, groups, x.shape[-1] // groups)
    return normalised(parts, (1, 3), 1e-5).reshape(x.shape) * w + b


def attention(q, k, v):
    return softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])) @ v


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def rnn_states(x, w_ih, w_hh, b):
    h, ys = np.zeros((x.shape[1], w_hh.shape[0]), x.dtype), []
    for z in x:
        h = np.tanh(z @ w_ih + h @ w_hh + b)
        ys.append(h)
    return np.stack(ys)


def lstm_states(x, w_ih, w_hh, b):
    h, ys = np.zeros((x.shape[1], w_hh.shape[0]), x.dtype), []
    c = h
    for z in x:
        i, f, u, o = np.split(z @ w_ih + h @ w_hh + b, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(u)
        h = sigmoid(o) * np.tanh(c)
        ys.append(h)
    return np.stack(ys)


def gru_states(x, w_ih, w_hh, b_ih, b_hh):
    h, ys = np.zeros((x.shape[1], w_hh.shape[0]), x.dtype), []
    for z in x:
        r, u, n = np.split(z @ w_ih + b_ih, 3, axis=1)
        hr, hu, hn = np.split(h @ w_hh + b_hh, 3, axis=1)
        u = sigmoid(u + hu)
        h = (1 - u) * np.tanh(n + sigmoid(r + hr) * hn) + u * h
        ys.append(h)
    return np.stack(ys)


def first(op):
    """An op by its first output only, under its own name."""
    return functools.wraps(op)(lambda *a, **k: op(*a, **k)[0])


CASES = [
    Case("softmax", ops.softmax, softmax, shapes=[(3, 5)]),
    Case("softmax", ops.softmax, softmax, shapes=[(3, 5, 2)], kwargs={"axis": 1}),
    Case("log_softmax", ops.log_softmax, lambda x: np.log(softmax(x)), shapes=[(3, 5)]),
    Case("cross_entropy", lambda x: ops.cross_entropy(x, LABELS), cross_entropy, shapes=[(4, 5)]),
    Case("dropout", lambda x: ops.dropout(x, 0.0), lambda x: x, shapes=[(3, 4)]),
    Case("layer_norm", ops.layer_norm, lambda x, w, b: normalised(x, -1, 1e-5) * w + b, shapes=[(3, 6), (6,), (6,)]),
    Case(
        "rms_norm",
        ops.rms_norm,
        lambda x, w: x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * w,
        shapes=[(3, 6), (6,)],
    ),
    Case("group_norm", ops.group_norm, group_norm, shapes=[(2, 5, 6), (6,), (6,)], kwargs={"groups": 3}),
    Case(
        "batch_norm",
        first(batch_norm),
        lambda x, w, b: normalised(x, (0, 1), 1e-5) * w + b,
        shapes=[(4, 3, 6), (6,), (6,)],
    ),
    Case(
        "scaled_dot_product_attention",
        ops.scaled_dot_product_attention,
        attention,
        shapes=[(2, 3, 4), (2, 5, 4), (2, 5, 6)],
    ),
    Case("rnn", first(rnn), rnn_states, shapes=[(3, 2, 4), (4, 5), (5, 5), (5,)]),
    Case("lstm", first(lstm), lstm_states, shapes=[(3, 2, 4), (4, 12), (3, 12), (12,)]),
    Case("gru", first(gru), gru_states, shapes=[(3, 2, 4), (4, 9), (3, 9), (9,), (9,)]),
]
