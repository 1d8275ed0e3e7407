"""Attention and transformer layers: against the formula, masks, causality."""

import numpy as np
import pytest

from minidl import nn
from minidl.autograd import tensor
from minidl.errors import ShapeError


def x_of(*shape, rng=0):
    return np.random.default_rng(rng).standard_normal(shape).astype(np.float32)


def by_formula(layer, query, key, value, mask):
    """Attention in plain NumPy, head by head."""
    d, h = layer.d_model, layer.n_heads
    w, b = layer.in_proj_weight.data, layer.in_proj_bias.data
    q, k, v = (x @ w[:, i * d : (i + 1) * d] + b[i * d : (i + 1) * d] for i, x in enumerate((query, key, value)))
    heads = []
    for i in range(h):
        part = slice(i * d // h, (i + 1) * d // h)
        s = q[..., part] @ k[..., part].swapaxes(-1, -2) / np.sqrt(d // h)
        p = np.exp(np.where(mask, s, -np.inf))
        heads.append(p / p.sum(-1, keepdims=True) @ v[..., part])
    return np.concatenate(heads, -1) @ layer.out_proj.weight.data + layer.out_proj.bias.data


@pytest.fixture
def layer():
    made = nn.MultiHeadAttention(8, 2, rng=0)
    made.in_proj_bias.data = x_of(24, rng=5)
    return made


@pytest.mark.parametrize("dropout", [0.0, 1e-9])
def test_self_attention(layer, dropout):
    layer.dropout = dropout  # a tiny one takes the written-out way and drops nothing
    x, causal = x_of(3, 5, 8), np.tri(5, dtype=bool)
    some = causal | (x_of(5, 5) > 0)
    keys = np.arange(5) < np.array([[5], [2], [3]])
    cases = [
        ({}, np.ones((5, 5), bool)),
        ({"causal": True}, causal),
        ({"mask": some}, some),
        ({"mask": np.where(some, 0, -np.inf).astype(np.float32)}, some),
        ({"mask": some, "causal": True}, some & causal),
        ({"key_mask": keys}, keys[:, None, :]),
        ({"mask": np.broadcast_to(some, (3, 5, 5)), "key_mask": keys, "causal": True}, some & causal & keys[:, None]),
        ({"mask": np.broadcast_to(np.where(some, 0, -np.inf), (3, 1, 5, 5)).astype(np.float32), "key_mask": keys,
          "causal": True}, some & causal & keys[:, None]),
    ]  # fmt: skip
    for kwargs, allowed in cases:
        got, expected = layer(tensor(x), **kwargs).data, by_formula(layer, x, x, x, allowed)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5, err_msg=str(list(kwargs)))


def test_cross_attention(layer):
    query, key, value = x_of(3, 5, 8), x_of(3, 7, 8, rng=1), x_of(3, 7, 8, rng=2)
    everything = np.ones((5, 7), bool)
    for v in (None, value):
        expected = by_formula(layer, query, key, key if v is None else v, everything)
        np.testing.assert_allclose(layer(query, key, v).data, expected, rtol=1e-4, atol=1e-5)


def test_explicit_keys_give_the_same_gradients_as_self_attention(layer):
    twin, x = layer.clone(), tensor(x_of(3, 5, 8))
    (layer(x) ** 2).sum().backward()
    (twin(x, x, x) ** 2).sum().backward()
    for p, q in zip(layer.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.grad, q.grad, rtol=1e-3, atol=1e-4)


def test_masks_of_other_shapes_are_refused(layer):
    x = x_of(3, 5, 8)
    for kwargs in ({"mask": np.ones((3, 5), bool)}, {"key_mask": np.ones((5, 3), bool)},
                   {"mask": np.ones((2, 5, 5), bool)}):  # fmt: skip
        with pytest.raises(ShapeError, match="mask"):
            layer(x, **kwargs)


@pytest.mark.parametrize("norm_first", [False, True])
def test_encoder_layer_is_its_formula(norm_first):
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=norm_first, rng=0).eval()
    x = tensor(x_of(3, 5, 8))

    def network(z):
        return layer.linear2(nn.GELU()(layer.linear1(z)))

    if norm_first:
        y = x + layer.self_attn(layer.norm1(x), causal=True)
        y = y + network(layer.norm2(y))
    else:
        y = layer.norm1(x + layer.self_attn(x, causal=True))
        y = layer.norm2(y + network(y))
    np.testing.assert_allclose(layer(x, causal=True).data, y.data, rtol=1e-5, atol=1e-6)


def test_a_causal_layer_does_not_see_the_future():
    layer = nn.TransformerDecoderLayer(8, 2, 16, rng=0).eval()
    x, memory = x_of(2, 6, 8), x_of(2, 4, 8, rng=1)
    y = layer(x, memory).data
    x[:, 4:] += 1
    changed = np.abs(layer(x, memory).data - y).max(axis=(0, 2))
    np.testing.assert_array_equal(changed > 1e-6, [False] * 4 + [True] * 2)
    hidden = np.array([[True, True, False, False]] * 2)
    y = layer(x, memory, memory_key_mask=hidden).data
    memory[:, 2:] += 1
    np.testing.assert_allclose(layer(x, memory, memory_key_mask=hidden).data, y, rtol=1e-5, atol=1e-6)


def test_parameter_names_are_pytorchs():
    block = ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"]
    rest = [f"{m}.{n}" for m in ("linear1", "linear2", "norm1", "norm2") for n in ("weight", "bias")]
    names = [n for n, _ in nn.TransformerEncoderLayer(4, 2, 8).named_parameters()]
    assert names == [f"self_attn.{n}" for n in block] + rest
    names = [n for n, _ in nn.TransformerDecoderLayer(4, 2, 8).named_parameters()]
    cross = [f"multihead_attn.{n}" for n in block]
    assert names == [f"self_attn.{n}" for n in block] + cross + [*rest, "norm3.weight", "norm3.bias"]


def test_training_with_dropout_reaches_every_parameter():
    layer = nn.TransformerDecoderLayer(8, 2, 16, dropout=0.2, rng=0)
    (layer(tensor(x_of(2, 6, 8)), tensor(x_of(2, 4, 8))) * x_of(2, 6, 8, rng=3)).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in layer.parameters())


def test_an_empty_batch_gives_an_empty_batch():
    layer = nn.MultiHeadAttention(4, 2, rng=0)
    x = tensor(np.zeros((0, 3, 4), np.float32), requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.shape == (0, 3, 4)
