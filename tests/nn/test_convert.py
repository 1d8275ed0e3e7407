"""PyTorch's weights give PyTorch's outputs, and go back as they came."""

import subprocess
import sys

import numpy as np
import pytest

from minidl import nn
from minidl.errors import CheckpointError
from minidl.nn.convert import from_torch_layout, to_torch_layout


def x_of(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_layouts_without_torch():
    net = nn.Sequential(nn.Conv2d(2, 3, (4, 5)), nn.ConvTranspose2d(3, 6, 2, groups=3), nn.LSTM(6, 7), nn.Linear(7, 8))
    state = {name: x_of(*a.shape) for name, a in net.state_dict().items()}
    theirs = to_torch_layout(state, net)
    assert {name: a.shape for name, a in theirs.items()} == {
        "0.weight": (3, 2, 4, 5), "0.bias": (3,), "1.weight": (3, 2, 2, 2), "1.bias": (6,), "2.weight_ih_l0": (28, 6),
        "2.weight_hh_l0": (28, 7), "2.bias_ih_l0": (28,), "2.bias_hh_l0": (28,), "3.weight": (8, 7), "3.bias": (8,),
    }  # fmt: skip
    back = from_torch_layout(theirs, net)
    assert list(back) == list(state)
    for name, a in back.items():
        np.testing.assert_array_equal(a, state[name])


def test_faults_are_clear():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    state = {"1.weight": np.zeros((2, 12))}
    with pytest.raises(CheckpointError, match="no weight called 'fc'"):
        from_torch_layout(state, net, flatten={"fc": (3, 2, 2)})
    with pytest.raises(CheckpointError, match="12 inputs"):
        from_torch_layout(state, net, flatten={"1.weight": (3, 2, 3)})
    with pytest.raises(CheckpointError, match=r"1\.weight: a Linear weight has 2 axes"):
        from_torch_layout({"1.weight": np.zeros(2)}, net)
    passed_on = from_torch_layout({**state, "other.thing": np.zeros(1)}, net)
    with pytest.raises(CheckpointError, match=r"missing: 1.bias; unexpected: other.thing"):
        net.load_state_dict(passed_on)


# -- with torch ------------------------------------------------------------------------------------------

NHWC, NLC = (0, 2, 3, 1), (0, 2, 1)


def loaded(theirs, ours, **kwargs):
    """Give `ours` the randomised weights of `theirs`; check the way back too."""
    torch = pytest.importorskip("torch")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(0.5 * torch.randn(p.shape, generator=generator))
    state = {name: a.numpy().copy() for name, a in theirs.state_dict().items()}
    ours.load_state_dict(from_torch_layout(state, ours, **kwargs))
    back = to_torch_layout(ours.state_dict(), ours, **kwargs)
    assert back.keys() == state.keys()
    if isinstance(ours, nn.RNN | nn.LSTM):  # the one bias comes back as bias_ih
        for name in [n for n in state if "bias_hh" in n]:
            state[name.replace("hh", "ih")] += state.pop(name)
            assert not back.pop(name).any()
    for name, a in state.items():
        np.testing.assert_array_equal(back[name], a)
    return ours


def close(ours, theirs):
    np.testing.assert_allclose(np.asarray(ours), theirs.detach().numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "shape", "order"),
    [
        ("Linear", (5, 4), {}, (3, 5), (0, 1)),
        ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 1, "groups": 2}, (3, 4, 9), NLC),
        ("Conv2d", (4, 6, (3, 2)), {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}, (3, 4, 9, 8), NHWC),
        ("ConvTranspose2d", (4, 6, 3, 2, 1, 1), {"groups": 2}, (3, 4, 5, 6), NHWC),
        ("MaxPool2d", (3, 2, 1), {}, (3, 4, 9, 8), NHWC),
        ("AvgPool2d", (2,), {}, (3, 4, 9, 8), NHWC),
        ("AdaptiveAvgPool2d", ((3, 5),), {}, (3, 4, 9, 8), NHWC),
        ("AdaptiveMaxPool2d", ((3, 5),), {}, (3, 4, 9, 8), NHWC),
        ("GroupNorm", (2, 4), {}, (3, 4, 5, 6), NHWC),
        ("LayerNorm", (5,), {}, (3, 5), (0, 1)),
        ("GELU", (), {}, (3, 5), (0, 1)),
    ],
)
def test_feed_forward_layers(name, args, kwargs, shape, order):
    torch = pytest.importorskip("torch")
    theirs, ours = getattr(torch.nn, name)(*args, **kwargs), getattr(nn, name)(*args, **kwargs)
    loaded(theirs, ours)
    x = x_of(*shape)
    close(ours(np.ascontiguousarray(x.transpose(order))), theirs(torch.tensor(x)).permute(order))


def test_embedding():
    torch = pytest.importorskip("torch")
    theirs, i = torch.nn.Embedding(7, 3), np.array([[1, 6], [0, 1]])
    close(loaded(theirs, nn.Embedding(7, 3))(i), theirs(torch.tensor(i)))


def test_batch_norm_in_training_and_evaluation():
    torch = pytest.importorskip("torch")
    theirs, x = torch.nn.BatchNorm2d(4), x_of(3, 4, 5, 6)
    ours = loaded(theirs, nn.BatchNorm2d(4))
    for mode in (True, True, False):
        theirs.train(mode)
        ours.train(mode)
        close(ours(x.transpose(NHWC)), theirs(torch.tensor(x)).permute(NHWC))
    close(ours.running_var, theirs.running_var)


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_recurrent(name):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn, name)(3, 5, 2, bidirectional=True)
    ours = getattr(nn, name)(3, 5, 2, bidirectional=True)
    loaded(theirs, ours)
    x = x_of(7, 2, 3)
    y, state = ours(x)
    their_y, their_state = theirs(torch.tensor(x))
    close(y, their_y)
    if name != "LSTM":
        state, their_state = (state,), (their_state,)
    for s, t in zip(state, their_state, strict=True):
        close(s, t)


def test_attention():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    ours, x, memory = loaded(theirs, nn.MultiHeadAttention(8, 2)), x_of(3, 5, 8), x_of(3, 6, 8)
    tx, tm = torch.tensor(x), torch.tensor(memory)
    close(ours(x), theirs(tx, tx, tx)[0])
    close(ours(x, memory), theirs(tx, tm, tm)[0])
    future = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)  # PyTorch: True where it may not attend
    close(ours(x, causal=True), theirs(tx, tx, tx, attn_mask=future)[0])


@pytest.mark.parametrize(("norm_first", "activation"), [(False, "relu"), (True, "gelu")])
def test_transformer_layers(norm_first, activation):
    torch = pytest.importorskip("torch")
    settings = {"dropout": 0.0, "activation": activation, "norm_first": norm_first}
    theirs = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, **settings)
    ours, x, memory = loaded(theirs, nn.TransformerEncoderLayer(8, 2, 16, **settings)), x_of(3, 5, 8), x_of(3, 6, 8)
    close(ours(x), theirs(torch.tensor(x)))
    theirs = torch.nn.TransformerDecoderLayer(8, 2, 16, batch_first=True, **settings)
    ours = loaded(theirs, nn.TransformerDecoderLayer(8, 2, 16, **settings))
    future = torch.triu(torch.full((5, 5), -torch.inf), 1)
    close(ours(x, memory), theirs(torch.tensor(x), torch.tensor(memory), tgt_mask=future))


def test_a_convnet_with_flattened_images():
    torch = pytest.importorskip("torch")
    t = torch.nn
    theirs = t.Sequential(t.Conv2d(3, 6, 3), t.BatchNorm2d(6), t.ReLU(), t.MaxPool2d(2), t.Flatten(), t.Linear(72, 5))
    ours = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(72, 5)
    )
    loaded(theirs, ours, flatten={"5.weight": (6, 3, 4)})
    x = x_of(2, 3, 8, 10)
    close(ours(x.transpose(NHWC)), theirs(torch.tensor(x)))


def test_the_conversion_is_found_where_the_guide_says():
    """``nn.convert`` without an import of its own, in a fresh interpreter."""
    subprocess.run([sys.executable, "-c", "from minidl import nn; nn.convert.from_torch_layout"], check=True, timeout=60)
