"""The networks of the benchmark in minidl."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import minidl as dl
from minidl import nn, ops, optim
from minidl.speech.ctc import ctc_loss

from .rows import Row


def mlp(widths: tuple[int, ...]) -> nn.Module:
    layers: list[nn.Module] = []
    for n_in, n_out in itertools.pairwise(widths):
        layers += [nn.Linear(n_in, n_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 5, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding="same"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(7 * 7 * 64, 512), nn.ReLU(), nn.Linear(512, 10),
    )  # fmt: skip


def conv_bn(channels: tuple[tuple[int, ...], ...]) -> nn.Module:
    layers: list[nn.Module] = []
    n_in = 3
    for stage in channels:
        for n_out in stage:
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
            n_in = n_out
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[:-1], nn.GlobalAvgPool2d(), nn.Linear(n_in, 10))


class nplm(nn.Module):
    def __init__(self, width: int, hidden: int, context: int, vocabulary: int) -> None:
        self.embedding = nn.Embedding(vocabulary, width)
        self.hidden, self.out = nn.Linear(context * width, hidden), nn.Linear(hidden, vocabulary)

    def forward(self, words: Any) -> Any:
        return self.out(ops.tanh(self.hidden(self.embedding(words).reshape((len(words), -1)))))


class lstm(nn.Module):
    def __init__(self, hidden: int, vocabulary: int) -> None:
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.lstm = nn.LSTM(hidden, hidden, num_layers=2)
        self.out = nn.Linear(hidden, vocabulary)

    def forward(self, words: Any) -> Any:
        return self.out(self.lstm(self.embedding(words))[0])


class ctc_lstm(nn.Module):
    def __init__(self, features: int, hidden: int, classes: int) -> None:
        self.lstm = nn.LSTM(features, hidden, bidirectional=True)
        self.out = nn.Linear(2 * hidden, classes)

    def forward(self, x: Any) -> Any:
        return self.out(self.lstm(x)[0])


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiHeadAttention(width, heads)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Any) -> Any:
        x = x + self.attention(self.norm1(x), causal=True)
        return x + self.narrow(ops.gelu(self.widen(self.norm2(x))))


class gpt(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, length: int, vocabulary: int) -> None:
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, words: Any) -> Any:
        return self.out(self.norm(self.blocks(self.words(words) + self.places.weight)))


def make(row: Row) -> tuple[Callable[[], float], nn.Module]:
    """A function that does one training step and returns the loss, and the model."""
    dl.seed(0)
    x, target = row.data()
    lengths = row.lengths()
    model = globals()[row.model](**row.sizes)
    parameters = model.parameters()
    optimizer = (
        optim.Adam(parameters, lr=1e-3) if row.optimizer == "adam" else optim.SGD(parameters, lr=1e-3, momentum=0.9)
    )

    def step() -> float:
        optimizer.zero_grad()
        y = model(x)
        loss = ctc_loss(y, target, *lengths) if row.spoken else nn.losses.cross_entropy(y, target)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, model
