"""Recurrent layers: layers on layers, both directions, lengths, states carried over."""

import numpy as np
import pytest

from minidl import nn, ops
from minidl.autograd import tensor
from minidl.errors import ArgumentError, ShapeError

KINDS = [nn.RNN, nn.LSTM, nn.GRU]


def x_of(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def hidden(state):
    return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.LSTM, 4), (nn.GRU, 3)])
def test_names_and_shapes(kind, gates):
    layer = kind(3, 5, num_layers=2, bidirectional=True)
    biases = ("bias_ih", "bias_hh") if kind is nn.GRU else ("bias",)
    expected = {}
    for k, features in ((0, 3), (1, 10)):
        for end in ("", "_reverse"):
            expected[f"weight_ih_l{k}{end}"] = (features, gates * 5)
            expected[f"weight_hh_l{k}{end}"] = (5, gates * 5)
            expected |= {f"{b}_l{k}{end}": (gates * 5,) for b in biases}
    assert {n: p.shape for n, p in layer.named_parameters()} == expected
    y, state = layer(x_of(7, 2, 3))
    assert y.shape == (7, 2, 10)
    assert hidden(state).shape == (4, 2, 5)
    assert len(kind(3, 5, bias=False).parameters()) == 2


def test_two_lstm_layers_in_both_directions_are_four_ops():
    layer, x = nn.LSTM(3, 4, 2, bidirectional=True, rng=0), x_of(6, 2, 3)
    parts, below = [], x
    for k in range(2):
        ys = []
        for end, reverse in (("", False), ("_reverse", True)):
            w = [getattr(layer, f"{n}_l{k}{end}") for n in ("weight_ih", "weight_hh", "bias")]
            y, h, c = ops.lstm(below, *w, reverse=reverse)
            ys.append(y.data)
            parts.append((h.data, c.data))
        below = np.concatenate(ys, -1)
    y, (h, c) = layer(x)
    np.testing.assert_array_equal(y.data, below)
    np.testing.assert_array_equal(h.data, [p[0] for p in parts])
    np.testing.assert_array_equal(c.data, [p[1] for p in parts])


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_halves(kind):
    layer, x = kind(3, 4, 2, rng=0), x_of(8, 2, 3)
    whole, end = layer(x)
    first, state = layer(x[:5])
    second, last = layer(x[5:], state)
    np.testing.assert_allclose(np.concatenate([first.data, second.data]), whole.data, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(hidden(last).data, hidden(end).data, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_equal_each_sequence_alone(kind):
    layer, x = kind(3, 4, 2, bidirectional=True, rng=0), x_of(6, 3, 3)
    y, state = layer(x, lengths=[6, 2, 4])
    for i, n in enumerate([6, 2, 4]):
        alone, end = layer(x[:n, i : i + 1])
        np.testing.assert_allclose(y.data[:n, i], alone.data[:, 0], rtol=1e-5, atol=1e-6)
        assert not y.data[n:, i].any()
        np.testing.assert_allclose(hidden(state).data[:, i], hidden(end).data[:, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind):
    layer = kind(3, 4, 2, bidirectional=True, rng=0)
    y, state = layer(tensor(x_of(5, 2, 3)))
    (y.sum() + hidden(state).sum()).backward()
    assert all(p.grad is not None and p.grad.any() for p in layer.parameters())


def test_dropout_lies_between_layers_in_training_only():
    x = x_of(5, 2, 3)
    one, two = nn.GRU(3, 4, 1, dropout=0.5, rng=0), nn.GRU(3, 4, 2, dropout=0.5, rng=0)
    np.testing.assert_array_equal(one(x)[0].data, one(x)[0].data)
    assert (two(x)[0].data != two(x)[0].data).any()
    two.eval()
    np.testing.assert_array_equal(two(x)[0].data, two(x)[0].data)


def test_initial_values():
    layer = nn.LSTM(3, 4, rng=0)
    np.testing.assert_array_equal(layer.bias_l0.data, [0] * 4 + [1] * 4 + [0] * 8)
    block = layer.weight_hh_l0.data[:, 8:12]
    np.testing.assert_allclose(block @ block.T, np.eye(4), atol=1e-5)


def test_a_state_of_another_shape_is_refused():
    x = x_of(5, 2, 3)
    with pytest.raises(ShapeError, match=r"state must have shape \(2, 'N', 4\)"):
        nn.GRU(3, 4, 2)(x, np.zeros((1, 2, 4), np.float32))
    with pytest.raises(ArgumentError, match="pair"):
        nn.LSTM(3, 4)(x, np.zeros((1, 2, 4), np.float32))
