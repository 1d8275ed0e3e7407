"""The networks of the benchmark in PyTorch, as its users write them (eager mode, channels first)."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

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
        nn.Flatten(), nn.Linear(64 * 7 * 7, 512), nn.ReLU(), nn.Linear(512, 10),
    )  # fmt: skip


def conv_bn(channels: tuple[tuple[int, ...], ...]) -> nn.Module:
    layers: list[nn.Module] = []
    n_in = 3
    for stage in channels:
        for n_out in stage:
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
            n_in = n_out
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers[:-1], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n_in, 10))


class nplm(nn.Module):
    def __init__(self, width: int, hidden: int, context: int, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.hidden, self.out = nn.Linear(context * width, hidden), nn.Linear(hidden, vocabulary)

    def forward(self, words: Any) -> Any:
        return self.out(torch.tanh(self.hidden(self.embedding(words).flatten(1))))


class lstm(nn.Module):
    def __init__(self, hidden: int, vocabulary: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.lstm = nn.LSTM(hidden, hidden, num_layers=2)
        self.out = nn.Linear(hidden, vocabulary)

    def forward(self, words: Any) -> Any:
        return self.out(self.lstm(self.embedding(words))[0])


class ctc_lstm(nn.Module):
    def __init__(self, features: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(features, hidden, bidirectional=True)
        self.out = nn.Linear(2 * hidden, classes)

    def forward(self, x: Any) -> Any:
        return self.out(self.lstm(x)[0])


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.in_proj, self.out_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.heads = heads

    def forward(self, x: Any) -> Any:
        n, t, d = x.shape
        parts = self.in_proj(self.norm1(x)).split(d, -1)
        q, k, v = [p.view(n, t, self.heads, d // self.heads).transpose(1, 2) for p in parts]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out_proj(y.transpose(1, 2).reshape(n, t, d))
        return x + self.narrow(F.gelu(self.widen(self.norm2(x))))


class gpt(nn.Module):
    def __init__(self, width: int, layers: int, heads: int, length: int, vocabulary: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, vocabulary)

    def forward(self, words: Any) -> Any:
        return self.out(self.norm(self.blocks(self.words(words) + self.places.weight)))


def make(row: Row) -> tuple[Callable[[], float], nn.Module]:
    """A function that does one training step and returns the loss, and the model."""
    torch.manual_seed(0)
    inputs, labels = row.data()
    if inputs.ndim == 4:
        inputs = inputs.transpose(0, 3, 1, 2).copy()
    x, target = torch.from_numpy(inputs), torch.from_numpy(labels if row.spoken else labels.reshape(-1))
    n_frames, n_labels = map(torch.from_numpy, row.lengths())
    model = globals()[row.model](**row.sizes)
    parameters = model.parameters()
    optimizer: torch.optim.Optimizer = (
        torch.optim.Adam(parameters, lr=1e-3)
        if row.optimizer == "adam"
        else torch.optim.SGD(parameters, lr=1e-3, momentum=0.9)
    )

    def step() -> float:
        optimizer.zero_grad()
        y = model(x)
        if row.spoken:
            loss = F.ctc_loss(y.log_softmax(2), target, n_frames, n_labels)
        else:
            loss = F.cross_entropy(y.view(-1, y.shape[-1]), target)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, model
