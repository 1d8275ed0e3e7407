"""Layers: output shapes, parameter names and shapes, equality with what the formula says, and refusals."""

import numpy as np
import pytest

from minidl import nn, ops
from minidl.autograd import tensor
from minidl.backend.random import seed
from minidl.errors import ArgumentError, MinidlError, ShapeError


def x_of(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


# layer, input shape, output shape, parameter shapes by name
TABLE = [
    (nn.Linear(3, 4), (2, 3), (2, 4), {"weight": (3, 4), "bias": (4,)}),
    (nn.Linear(3, 4, bias=False), (5, 2, 3), (5, 2, 4), {"weight": (3, 4)}),
    (nn.Maxout(3, 4, 5), (2, 3), (2, 4), {"weight": (3, 20), "bias": (20,)}),
    (nn.Conv1d(3, 4, 5), (2, 9, 3), (2, 5, 4), {"weight": (5, 3, 4), "bias": (4,)}),
    (nn.Conv2d(3, 4, 5), (2, 9, 8, 3), (2, 5, 4, 4), {"weight": (5, 5, 3, 4), "bias": (4,)}),
    (nn.Conv2d(4, 6, (3, 1), 2, "same", groups=2, bias=False), (2, 9, 8, 4), (2, 5, 4, 6), {"weight": (3, 1, 2, 6)}),
    (nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=4), (2, 9, 8, 4), (2, 9, 8, 4),
     {"weight": (3, 3, 1, 4), "bias": (4,)}),
    (nn.ConvTranspose2d(4, 6, 3, 2, 1, 1), (2, 5, 4, 4), (2, 10, 8, 6), {"weight": (3, 3, 4, 6), "bias": (6,)}),
    (nn.MaxPool2d(2), (2, 9, 8, 3), (2, 4, 4, 3), {}),
    (nn.MaxPool2d(3, 2, 1), (2, 9, 8, 3), (2, 5, 4, 3), {}),
    (nn.AvgPool2d(2), (2, 9, 8, 3), (2, 4, 4, 3), {}),
    (nn.GlobalAvgPool2d(), (2, 9, 8, 3), (2, 3), {}),
    (nn.AdaptiveAvgPool2d((3, 2)), (2, 9, 8, 3), (2, 3, 2, 3), {}),
    (nn.BatchNorm1d(3), (5, 3), (5, 3), {"weight": (3,), "bias": (3,)}),
    (nn.BatchNorm1d(3, affine=False), (5, 2, 3), (5, 2, 3), {}),
    (nn.BatchNorm2d(3), (2, 4, 4, 3), (2, 4, 4, 3), {"weight": (3,), "bias": (3,)}),
    (nn.LayerNorm(3), (5, 2, 3), (5, 2, 3), {"weight": (3,), "bias": (3,)}),
    (nn.LayerNorm(3, bias=False), (5, 3), (5, 3), {"weight": (3,)}),
    (nn.GroupNorm(2, 6), (2, 4, 4, 6), (2, 4, 4, 6), {"weight": (6,), "bias": (6,)}),
    (nn.RMSNorm(3), (5, 3), (5, 3), {"weight": (3,)}),
    (nn.Dropout(0.5), (5, 3), (5, 3), {}),
    (nn.Flatten(), (2, 3, 4, 5), (2, 60), {}),
    (nn.Flatten(2), (2, 3, 4, 5), (2, 3, 20), {}),
    (nn.Identity(), (2, 3), (2, 3), {}),
    *[(make(), (2, 3), (2, 3), {}) for make in (
        nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Softplus, nn.Hardtanh, nn.Softmax,
        nn.LogSoftmax)],
    (nn.MultiHeadAttention(8, 2), (2, 5, 8), (2, 5, 8),
     {"in_proj_weight": (8, 24), "in_proj_bias": (24,), "out_proj.weight": (8, 8), "out_proj.bias": (8,)}),
]  # fmt: skip


@pytest.mark.parametrize(("layer", "shape", "out", "parameters"), TABLE, ids=[repr(row[0])[:50] for row in TABLE])
def test_shapes_names_and_dtype(layer, shape, out, parameters):
    layer = layer.clone()
    x = tensor(x_of(*shape), requires_grad=True)
    y = layer(x)
    assert y.shape == out
    assert y.dtype == np.float32
    assert {name: p.shape for name, p in layer.named_parameters()} == parameters
    y.sum().backward()
    assert x.grad.dtype == np.float32
    for p in layer.parameters():
        assert p.grad is not None
        assert p.dtype == p.grad.dtype == np.float32
    layer.eval()
    assert layer(x).shape == out


def test_linear_and_maxout_are_their_formulas():
    x = x_of(4, 3)
    layer = nn.Linear(3, 2, rng=0)
    layer.bias.data = np.float32([1, 2])
    np.testing.assert_allclose(layer(x).data, x @ layer.weight.data + [1, 2], rtol=1e-5, atol=1e-6)
    layer = nn.Maxout(3, 2, 3, rng=0)
    pieces = [x @ layer.weight.data[:, k::3] for k in range(3)]
    np.testing.assert_allclose(layer(x).data, np.max(pieces, axis=0), rtol=1e-5, atol=1e-6)


def test_activations_are_their_ops():
    x = x_of(4, 3)
    pairs = [
        (nn.ReLU(), np.maximum(x, 0)),
        (nn.LeakyReLU(0.2), np.where(x > 0, x, 0.2 * x)),
        (nn.ELU(2.0), np.where(x > 0, x, 2 * np.expm1(x))),
        (nn.SiLU(), x / (1 + np.exp(-x))),
        (nn.Softplus(), np.log1p(np.exp(x))),
        (nn.Hardtanh(-0.5, 0.7), np.clip(x, -0.5, 0.7)),
        (nn.Softmax(0), np.exp(x) / np.exp(x).sum(0)),
        (nn.LogSoftmax(), x - np.log(np.exp(x).sum(-1, keepdims=True))),
        (nn.GELU(), np.asarray(ops.gelu(x))),
    ]
    for layer, expected in pairs:
        np.testing.assert_allclose(layer(tensor(x)).data, expected, rtol=1e-5, atol=1e-6, err_msg=repr(layer))


def test_batch_norm_normalises_in_training_and_remembers():
    layer, x = nn.BatchNorm2d(3, momentum=0.25), 3 * x_of(4, 5, 5, 3) + 2
    y = layer(x).data
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, rtol=1e-4)
    np.testing.assert_allclose(layer.running_mean.data, 0.25 * x.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(layer.running_var.data, 0.75 + 0.25 * x.var((0, 1, 2), ddof=1), rtol=1e-5)
    assert layer.running_mean.dtype == layer.running_var.dtype == np.float32
    layer.eval()
    before = layer.state_dict()
    expected = (x - before["running_mean"]) / np.sqrt(before["running_var"] + layer.eps)
    np.testing.assert_allclose(layer(x).data, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.running_var.data, before["running_var"])


def test_dropout_drops_in_training_only_and_is_seeded():
    x = np.ones((100, 100), np.float32)
    layer = nn.Dropout(0.3)
    seed(1)
    y = layer(tensor(x)).data
    np.testing.assert_allclose((y == 0).mean(), 0.3, atol=0.03)
    np.testing.assert_allclose(y.max(), 1 / 0.7, rtol=1e-6)
    assert (layer(tensor(x)).data != y).any()
    seed(1)
    np.testing.assert_array_equal(layer(tensor(x)).data, y)
    one, two = nn.Dropout(0.3, rng=4), nn.Dropout(0.3, rng=4)
    first = one(x)
    np.testing.assert_array_equal(first, two(x))
    assert (one(x) != first).any()  # the seed starts a stream, not every call
    assert layer.eval()(x) is x


def test_embedding_looks_up_rows_and_spares_the_padding():
    i = np.array([[1, 3], [3, 0]])
    for sparse in (False, True):
        layer = nn.Embedding(5, 2, sparse=sparse, padding_idx=-5, rng=0)
        assert not layer.weight.data[0].any()
        y = layer(i)
        np.testing.assert_array_equal(y.data, layer.weight.data[i])
        y.sum().backward()
        g = layer.weight.grad.dense() if sparse else layer.weight.grad
        np.testing.assert_array_equal(g, [[0, 0], [1, 1], [0, 0], [2, 2], [0, 0]])


def test_embedding_refuses_what_is_no_row():
    with pytest.raises((ArgumentError, IndexError), match="5"):
        nn.Embedding(5, 2)(np.array([5]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Linear(0, 3), "Linear: in_features must be a positive whole number, not 0"),
        (lambda: nn.Linear(3, 2.5), "out_features"),
        (lambda: nn.Conv2d(3, 4, (3, -1)), r"kernel_size .* not \(3, -1\)"),
        (lambda: nn.Conv2d(4, 6, 3, groups=4), "groups=4 must divide out_channels=6"),
        (lambda: nn.MaxPool2d(2, 0), "stride"),
        (lambda: nn.BatchNorm2d(3, momentum=2), "momentum"),
        (lambda: nn.GroupNorm(4, 6), "num_groups=4 must divide num_channels=6"),
        (lambda: nn.Dropout(1.0), r"\[0, 1\)"),
        (lambda: nn.Embedding(5, 2, padding_idx=5), "padding_idx"),
        (lambda: nn.MultiHeadAttention(6, 4), "n_heads=4 must divide d_model=6"),
        (lambda: nn.LSTM(3, 4, num_layers=0), "num_layers"),
        (lambda: nn.RNN(3, 4, nonlinearity="sin"), "nonlinearity"),
        (lambda: nn.TransformerEncoderLayer(4, 2, activation="sin"), "activation"),
    ],
)
def test_bad_sizes_are_refused_when_the_layer_is_made(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Linear(3, 4), (2, 5), r"Linear\(.*\(2, 5\)"),
        (nn.Conv2d(3, 4, 3), (2, 8, 8, 4), r"Conv2d\(.*\(2, 8, 8, 4\)"),
        (nn.Conv2d(3, 4, 5), (2, 4, 4, 3), r"Conv2d\("),
        (nn.BatchNorm2d(3), (2, 3, 8, 8), r"BatchNorm2d\(.*C = 3, not \(2, 3, 8, 8\)"),
        (nn.BatchNorm1d(3), (1, 3), r"eval\(\)"),
        (nn.LayerNorm(3), (2, 4), r"LayerNorm\(.*\(2, 4\)"),
        (nn.GroupNorm(1, 3), (2, 4), r"GroupNorm\(.*\(2, 4\)"),
        (nn.LSTM(3, 4), (5, 2, 4), r"LSTM\(.*\(5, 2, 4\)"),
        (nn.MultiHeadAttention(4, 2), (2, 3, 5), r"MultiHeadAttention\(.*\(2, 3, 5\)"),
    ],
)
def test_wrong_inputs_name_layer_and_shape(layer, shape, message):
    with pytest.raises(ShapeError, match=message) as caught:
        layer(x_of(*shape))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), "expected a whole number or a pair of them"),
        (lambda: nn.LayerNorm((2, 3)), "LayerNorm: normalises the last axis only"),
        (lambda: nn.Dropout("half"), "Dropout: p must lie in"),
        (lambda: nn.ModuleList(nn.Linear(1, 1)), "ModuleList: takes a list of modules"),
        (lambda: nn.Flatten()(x_of(3)), "no axis 1 to flatten from"),
        (lambda: nn.LSTM(3, 2)(x_of(4, 0, 3)), "time and batch > 0"),
        (lambda: nn.Conv2d(1, 1, 3)(np.ones((1, 4, 4, 1), np.uint8)), "x is uint8, w is float32"),
        (lambda: nn.Dropout()(np.ones(3, int)), "dropout: x must be floating point, not int64"),
    ],
)
def test_more_mistakes_are_one_clear_line(make, message):
    with pytest.raises(MinidlError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_pytorchs_tuple_of_one_axis_is_taken():
    assert nn.LayerNorm((4,)).weight.shape == nn.RMSNorm([4]).weight.shape == (4,)
