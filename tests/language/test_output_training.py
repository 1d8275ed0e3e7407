"""Output layers in training: they learn a table as well as the full softmax, and a step's cost does not follow V."""

import time
import tracemalloc
from statistics import median

import numpy as np
import pytest

from minidl import nn, optim
from minidl.autograd import RowSparse
from minidl.language.output import make_output
from minidl.optim.clip import clip_grad_norm
from minidl.train.guard import check_gradients

CONTEXTS, V = 24, 50


class Network(nn.Module):
    """Words to hidden vectors to an output layer."""

    def __init__(self, table, output):
        self.table, self.output = table, output

    def forward(self, words, target):
        return self.output.loss(self.table(words), target)


# -- learning -------------------------------------------------------------------------------------------------------


def conditional_table():
    """Probabilities of the next of 50 words in 24 contexts, of very different sharpness; of word 1 zero."""
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((CONTEXTS, V)) * rng.uniform(0.5, 3, (CONTEXTS, 1)) - np.log(np.arange(1, V + 1))
    logits[:, 1] = -np.inf
    p = np.exp(logits)
    return p / p.sum(1, keepdims=True)


def trained_perplexity(name, **options):
    """The exactly normalised perplexity after 400 steps on words drawn from the table."""
    p, rng = conditional_table(), np.random.default_rng(1)
    counts = np.round(2_000 * p.mean(0)).astype(int)
    net = Network(nn.Embedding(CONTEXTS, CONTEXTS, rng=2), make_output(name, CONTEXTS, counts, rng=3, **options))
    optimizer = optim.Adam(net.parameters(), lr=0.02)
    for step in range(400):
        optimizer.lr = 0.02 * (1 - step / 400)
        words = rng.integers(CONTEXTS, size=200)
        target = (p[words].cumsum(1) > rng.random((200, 1))).argmax(1)
        optimizer.zero_grad()
        net(words, target).backward()
        optimizer.step()
    log_q = net.output.log_prob(net.table(np.arange(CONTEXTS)))
    seen = p > 0
    return float(np.exp(-(p[seen] * log_q[seen]).sum() / CONTEXTS))


@pytest.fixture(scope="module")
def full():
    return trained_perplexity("full")


def test_the_full_softmax_learns_the_table(full):
    p = conditional_table()
    best = np.exp(-(p * np.log(np.where(p > 0, p, 1))).sum() / CONTEXTS)
    assert best < full < 1.1 * best


@pytest.mark.parametrize(
    "name, options",
    [
        ("class", {}),
        ("huffman", {}),
        ("balanced", {}),
        ("sampled", {"n_samples": 25}),
        ("importance", {"n_samples": 100}),
        ("nce", {"n_samples": 25}),
        ("short-list", {"n_short": 45}),
    ],
)
def test_the_cheaper_layers_learn_it_as_well(name, options, full):
    assert trained_perplexity(name, **options) < 1.1 * full


def test_ranking_learns_an_order_but_no_probabilities(full):
    """What its docstring says: better than words without context, worse than all other layers."""
    mean = conditional_table().mean(0)
    without_context = np.exp(-(mean * np.log(np.where(mean > 0, mean, 1))).sum())
    assert 1.1 * full < trained_perplexity("ranking", n_samples=25) < without_context


# -- the cost of a step ---------------------------------------------------------------------------------------------

CHEAP = ("sampled", "importance", "nce", "ranking", "huffman")


def make_step(name, size, width, optimizer="Adam", tied=False):
    """One whole step as the Trainer makes it, on few words; a table of `size` rows at either end."""
    counts = (1e6 / np.arange(1, size + 1)).astype(int)
    table = nn.Embedding(size, width, sparse=True, rng=0)
    options = {} if name in ("huffman", "balanced", "class") else {"n_samples": 32}
    net = Network(table, make_output(name, width, counts, weight=table.weight if tied else None, rng=1, **options))
    optimizer = getattr(optim, optimizer)(net.parameters(), lr=1e-3)
    rng = np.random.default_rng(0)

    def step():
        words, target = rng.integers(2, size, (2, 32))
        optimizer.zero_grad()
        net(words, target).backward()
        check_gradients(net, optimizer, "here")
        clip_grad_norm(optimizer.space, 1e-3)
        optimizer.step()

    step()  # makes the optimizer's state
    return step


def allocated(step):
    """Bytes that a step holds at its peak."""
    tracemalloc.start()
    try:
        step()
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        step()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "name, optimizer", [*((name, "Adam") for name in CHEAP), *(("nce", optimizer) for optimizer in ("SGD", "Adagrad"))]
)
def test_a_step_never_makes_an_array_as_long_as_the_vocabulary(name, optimizer):
    size = 150_000
    assert allocated(make_step(name, size, 4, optimizer)) < size  # a byte for each word would be too much


def test_rows_are_merged_once_and_again_after_more_came():
    table = nn.Embedding(9, 2, sparse=True, rng=0).weight
    twice = RowSparse(np.array([5, 3, 5]), np.ones((3, 2), np.float32), (9, 2))
    table.accumulate(twice)
    merged = table.grad.coalesce()
    assert merged.coalesce() is merged and merged.rows.tolist() == [3, 5]
    assert not np.shares_memory(merged.values, twice.values)  # clipping scales them in place
    table.grad = merged
    table.accumulate(twice)
    assert table.grad.coalesce().values[:, 0].tolist() == [2, 4]


@pytest.mark.parametrize("name", ["sampled", "nce"])
def test_a_table_shared_by_both_ends_costs_no_more(name):
    assert allocated(make_step(name, 150_000, 4, tied=True)) < 150_000


def test_the_classes_of_the_words_alone_are_touched():
    assert allocated(make_step("class", 40_000, 4)) < 40_000 * 4 * 4  # less than the table


@pytest.mark.parametrize("name", CHEAP)
def test_a_step_takes_no_longer_with_many_words(name):
    """Sees also what runs through a table in place: 200,000 rows of 16 numbers take several steps' time."""
    steps = [make_step(name, size, 16) for size in (1_000, 200_000)]
    taken = [[], []]
    for _ in range(15):
        for step, seconds in zip(steps, taken, strict=True):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
    small, large = (median(seconds) for seconds in taken)
    assert large < 4 * small
