"""Neural language models: a body that reads words, an output layer that gives probabilities, and their training."""

from .bodies import FeedForward, Recurrent
from .columns import Columns
from .decoder import Decoder
from .dynamic import DynamicModel
from .model import NeuralModel
from .network import Network, make_network
from .training import Carry, train, updates_per_epoch

__all__ = [
    "Carry", "Columns", "Decoder", "DynamicModel", "FeedForward", "Network", "NeuralModel", "Recurrent", "make_network",
    "train", "updates_per_epoch",
]  # fmt: skip
