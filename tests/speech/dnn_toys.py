"""A toy to recognise: a few overlapping states that last five frames each, and small networks that learn to."""

import numpy as np

from minidl.speech.dnn_hmm import make_network, train_network

N_STATES, N_FEATURES = 6, 12


def utterances(n=12, seed=0, spread=1.5):
    """Features by name and their states: in each state a mean of its own, and noise over it."""
    rng = np.random.default_rng(seed)
    means = np.random.default_rng(99).standard_normal((N_STATES, N_FEATURES))
    features, alignments = {}, {}
    for i in range(n):
        length = int(rng.integers(30, 60))
        states = np.repeat(rng.integers(N_STATES, size=length // 5 + 1), 5)[:length]
        features[f"u{i:02d}"] = (means[states] + spread * rng.standard_normal((length, N_FEATURES)) + 3).astype(np.float32)
        alignments[f"u{i:02d}"] = states
    return features, alignments


FEATURES, ALIGNMENTS = utterances()
OPTIONS = {
    "sigmoid": {"layers": 2, "units": 32},
    "relu": {"layers": 2, "units": 32, "dropout": 0.1},
    "maxout": {"layers": 2, "units": 32, "dropout": 0.1},
    "conv": {"maps": 1, "filters": 16, "width": 8, "pool": 2, "layers": 1, "units": 32},
    "lstm": {"units": 32, "delay": 2},
}


def network(kind, context=2, seed=0):
    return make_network(kind, N_FEATURES, context, N_STATES, rng=seed, **OPTIONS[kind])


def trained(net, **options):
    options = {"epochs": 8, "lr": 0.005, "rng": 1, "batch_size": 64 if net.delay is None else 4, "progress": False} | options
    return train_network(net, FEATURES, ALIGNMENTS, **options)
