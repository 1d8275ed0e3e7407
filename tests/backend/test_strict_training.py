"""Layers, losses and optimizers on the strict backend: what would break on a GPU breaks here."""

import numpy as np
import pytest
from strict_backend import StrictArray, StrictBackend

import minidl as dl
from minidl import nn, optim

BACKEND = StrictBackend()
RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.standard_normal((4, 6, 6, 3)).astype(np.float32), np.array([0, 1, 2, 1])
SEQUENCES = RNG.standard_normal((5, 2, 4)).astype(np.float32)
OPTIMIZERS = {
    "SGD": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    "Adam": {},
    "AdamW": {},
    "Adagrad": {},
    "RMSprop": {},
}


def losses(optimizer, device):
    """A small convnet's losses over three steps."""
    dl.seed(0)
    rng = np.random.default_rng(0)
    layers = [nn.Conv2d(3, 4, 3, padding=1, rng=rng), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    model = nn.Sequential(*layers, nn.Dropout(0.2), nn.Linear(36, 3, rng=rng))
    model.to(device)
    x, y = (dl.tensor(a).to(device) for a in (IMAGES, LABELS))
    step = getattr(optim, optimizer)(model.parameters(), lr=0.1, **OPTIMIZERS[optimizer])
    found = []
    for _ in range(3):
        loss = nn.CrossEntropyLoss()(model(x), y)
        found.append(loss.item())
        step.zero_grad()
        loss.backward()
        optim.clip_grad_norm(model.parameters(), 1.0)
        step.step()
    return found


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_as_on_the_cpu(optimizer):
    np.testing.assert_allclose(losses(optimizer, "strict"), losses(optimizer, "cpu"), rtol=1e-4)


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.LSTM(4, 6, num_layers=2, bidirectional=True), SEQUENCES),
        (nn.GRU(4, 6), SEQUENCES),
        (nn.RNN(4, 6), SEQUENCES),
        (nn.MultiHeadAttention(4, 2), SEQUENCES),
        (nn.TransformerEncoderLayer(4, 2, 8), SEQUENCES),
        (nn.Embedding(10, 4), np.array([[1, 2], [2, 2]])),
        (nn.GroupNorm(3, 3), IMAGES),
        (nn.ConvTranspose2d(3, 2, 3, stride=2), IMAGES),
    ],
    ids=lambda p: type(p).__name__,
)
def test_layers(layer, x):
    layer.to("strict")
    y = layer(dl.tensor(x).to("strict"))
    while isinstance(y, tuple):
        y = y[0]
    y.sum().backward()
    assert type(y.data) is StrictArray
    assert all(p.grad is not None for p in layer.parameters())
