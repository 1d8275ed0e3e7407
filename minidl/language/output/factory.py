"""Output layers by name, for whoever lets a user choose."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...errors import ArgumentError
from ...nn import init as initial
from ...params import Parameter
from .base import OutputLayer
from .classes import ClassSoftmax
from .full import FullSoftmax
from .importance import ImportanceSampling
from .joint import JointSoftmax
from .nce import NCE
from .ranking import RankingHinge
from .sampled import SampledSoftmax
from .short_list import ShortList
from .tree import HierarchicalSoftmax

OUTPUTS: dict[str, tuple[Callable[..., OutputLayer], dict[str, Any]]] = {
    "full": (FullSoftmax, {}),
    "class": (ClassSoftmax, {}),
    "joint": (JointSoftmax, {}),
    "huffman": (HierarchicalSoftmax, {"tree": "huffman"}),
    "balanced": (HierarchicalSoftmax, {"tree": "balanced"}),
    "sampled": (SampledSoftmax, {}),
    "importance": (ImportanceSampling, {}),
    "nce": (NCE, {}),
    "ranking": (RankingHinge, {}),
    "short-list": (ShortList, {}),
}
_TIED = ("full", "sampled", "importance", "nce", "ranking")


def make_output(
    name: str, hidden_size: int, counts: Any, weight: Parameter | None = None, rng: initial.Rng = None, **options: Any
) -> OutputLayer:
    """An output layer by its name.

    Parameters
    ----------
    name : str
        One of `OUTPUTS`.
    hidden_size : int
    counts : (V,) ints
        How often each word of the vocabulary occurs in the training text.
    weight : Parameter (V, H), optional
        That of an Embedding, to be the output's as well; for those layers that have a vector for each word.
    rng : Generator or seed, optional
    **options
        Of the layer: `n_samples`, `power`, `ln_z`, `n_classes`, `order`, `n_features`, `n_short`, `tail`.

    Raises
    ------
    ArgumentError
        An unknown name or option, or a weight for a layer that cannot share it.
    """
    if name not in OUTPUTS:
        raise ArgumentError(f"output layer: {name!r} is none of {', '.join(OUTPUTS)}")
    if weight is not None and name not in _TIED:
        raise ArgumentError(f"output layer: {name!r} has no vector for each word to share with an embedding; "
                            f"{', '.join(_TIED)} have")  # fmt: skip
    kind, fixed = OUTPUTS[name]
    if kind is FullSoftmax:
        fixed = {"size": len(counts)}
    given = {"counts": counts, "rng": rng, **fixed, **({} if weight is None else {"weight": weight})}
    try:
        inspect.signature(kind).bind(hidden_size, **given, **options)
    except TypeError as error:
        raise ArgumentError(f"output layer {name!r}: {error}") from error
    return kind(hidden_size, **given, **options)
