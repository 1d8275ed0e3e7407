"""What paths mean, and label sequences from all paths one by one: the slow truth about CTC."""

import itertools
from collections import defaultdict

import numpy as np


def meaning(path, blank=0):
    """The labels of a path: repetitions merged, then blanks dropped."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def all_paths(log_p):
    """Every path over frames (T, C), with its probability."""
    frames = range(len(log_p))
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        yield path, np.exp(log_p[frames, path].sum())


def by_labels(log_p, blank=0):
    """The probability of every label sequence."""
    totals = defaultdict(float)
    for path, p in all_paths(log_p):
        totals[meaning(path, blank)] += p
    return dict(totals)


def normalised(logits):
    """Log probabilities of classes."""
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))
