"""Hidden Markov models: which state a recogniser is in at each frame (Deep Learning, section 12.3).

A :class:`Topology` says which state may follow which, an emission how likely a frame is in each state; Gaussian mixture,
neural network or any other scores serve alike.
"""

from .emission import Discrete, Emission, GivenScores, Mixtures
from .forward_backward import Expectations, TransitionCounts, forward_backward
from .model import HMM, Statistics
from .topology import Topology, ergodic, left_to_right, silence, skip
from .train import Training, train
from .viterbi import Paths, viterbi

__all__ = [
    "HMM", "Discrete", "Emission", "Expectations", "GivenScores", "Mixtures", "Paths", "Statistics", "Topology", "Training",
    "TransitionCounts", "ergodic", "forward_backward", "left_to_right", "silence", "skip", "train", "viterbi",
]  # fmt: skip
