"""Output layers of neural language models: the full softmax, and what is cheaper with many words."""

from .base import OutputLayer
from .classes import ClassSoftmax
from .factory import OUTPUTS, make_output
from .full import FullSoftmax
from .importance import ImportanceSampling
from .joint import JointSoftmax
from .nce import NCE
from .noise import Noise
from .ranking import RankingHinge
from .sampled import SampledSoftmax
from .short_list import ShortList
from .tree import HierarchicalSoftmax

__all__ = [
    "NCE",
    "OUTPUTS",
    "ClassSoftmax",
    "FullSoftmax",
    "HierarchicalSoftmax",
    "ImportanceSampling",
    "JointSoftmax",
    "Noise",
    "OutputLayer",
    "RankingHinge",
    "SampledSoftmax",
    "ShortList",
    "make_output",
]
