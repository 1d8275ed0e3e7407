"""Data: datasets, the loader with its worker processes, samplers, and the image sets that the demos learn."""

from __future__ import annotations

from . import idx
from .dataset import ArrayDataset, Dataset
from .images import ImageSet, load, names
from .loader import Loader
from .samplers import Sampler, Sequential, Sharded, Shuffled

__all__ = [
    "ArrayDataset", "Dataset", "ImageSet", "Loader", "Sampler", "Sequential", "Sharded", "Shuffled",
    "idx", "load", "names",
]  # fmt: skip
