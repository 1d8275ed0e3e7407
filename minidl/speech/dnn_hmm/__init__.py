"""Neural networks as acoustic scores of hidden Markov models: inputs, networks, pre-training, training, and the swap.

Deep Learning, section 12.3.1.
"""

from .emission import NetworkEmission
from .files import load, save
from .halving import Halving
from .inputs import ChunkDataset, FrameDataset, Frames, windows
from .networks import KINDS, AcousticNetwork, ConvNetwork, DenseNetwork, RecurrentNetwork, make_network
from .pretraining import initialise, pretrain, pretrain_network, train_rbm
from .rbm import RBM
from .training import NetworkTraining, train_network
from .types import Posterior, ScaledLikelihood, decoder_scores, state_priors

__all__ = [
    "KINDS", "RBM", "AcousticNetwork", "ChunkDataset", "ConvNetwork", "DenseNetwork", "FrameDataset", "Frames", "Halving",
    "NetworkEmission", "NetworkTraining", "Posterior", "RecurrentNetwork", "ScaledLikelihood", "decoder_scores",
    "initialise", "load", "make_network", "pretrain", "pretrain_network", "save", "state_priors", "train_network",
    "train_rbm", "windows",
]  # fmt: skip
