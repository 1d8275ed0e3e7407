"""Acoustic models on disk: one safetensors file with mixtures, transitions, tying, lexicon and the settings of features."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ArgumentError, DataError, MinidlError
from ..train import files
from .extraction import FeatureSettings
from .gmm import GMM
from .hmm import Mixtures, Topology
from .lexicon import Lexicon, Pronunciation
from .phones import AcousticModel, PhoneSet, Tying

_KIND = "minidl acoustic model"
_TOPOLOGY = ("start", "transitions", "final")


@dataclass(frozen=True)
class Saved:
    """What a file holds.

    Attributes
    ----------
    model : AcousticModel
        With mixtures.
    lexicon : Lexicon
    settings : FeatureSettings
    about : dict
        What else was said when it was written.
    """

    model: AcousticModel
    lexicon: Lexicon
    settings: FeatureSettings
    about: dict[str, Any]


def save_acoustic(
    path: str | os.PathLike[str], model: AcousticModel, lexicon: Lexicon, settings: FeatureSettings,
    about: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write a model of Gaussian mixtures; whole or not at all.

    Raises
    ------
    ArgumentError
        Something else than mixtures scores the frames; the lexicon has phones that the model lacks, or another silence.
    CheckpointError
        The file cannot be written.
    """
    emission, phones = model.emission, model.phones
    if not isinstance(emission, Mixtures):
        raise ArgumentError(f"save_acoustic: writes Mixtures, not {type(emission).__name__}; a network has its own file")
    if phones.indices(lexicon.phones)[0] != phones.silence:
        raise ArgumentError(f"save_acoustic: the lexicon's silence {lexicon.silence!r} is not the model's")
    arrays = {f"gmm/{name}": getattr(emission.model, name) for name in ("weights", "means", "covariances", "sizes")}
    for i, (topology, table) in enumerate(zip(phones.topologies, model.tying.tables, strict=True)):
        arrays |= {f"phone/{i}/{name}": getattr(topology, name) for name in _TOPOLOGY}
        arrays[f"phone/{i}/pdfs"] = table
    metadata = {
        "kind": _KIND, "phones": phones.names, "features": settings.as_dict(),
        "limits": {"variance_floor": np.asarray(emission.variance_floor).tolist(), "min_occupancy": emission.min_occupancy},
        "silence": lexicon.silence, "silence_prob": lexicon.silence_prob, "about": dict(about or {}),
        "lexicon": {word: [(p.phones, p.log_prob) for p in lexicon.pronunciations(word)] for word in lexicon.words},
    }  # fmt: skip
    files.save(path, arrays, metadata)


def load_acoustic(path: str | os.PathLike[str]) -> Saved:
    """Read what :func:`save_acoustic` wrote.

    Raises
    ------
    CheckpointError
        No such file, or a damaged one.
    DataError
        Something else, or a model that was altered.
    """
    arrays, told = files.read(path)
    if told.get("kind") != _KIND:
        raise DataError(f"{path}: no acoustic model of minidl")
    try:
        with np.errstate(divide="raise", over="raise", invalid="raise"):
            lexicon = _lexicon(told)
            model = _model(arrays, told)
        model.phones.indices(lexicon.phones)
        return Saved(model, lexicon, FeatureSettings(**told["features"]), dict(told["about"]))
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, MinidlError) as error:
        raise DataError(f"{path}: its description of the model is not sound ({error}); it was altered") from error


def _lexicon(told: Mapping[str, Any]) -> Lexicon:
    entries = {word: [Pronunciation(tuple(p), log_prob) for p, log_prob in ways] for word, ways in told["lexicon"].items()}
    return Lexicon(entries, told["silence"], told["silence_prob"])


def _model(arrays: Mapping[str, np.ndarray], told: Mapping[str, Any]) -> AcousticModel:
    sizes, limits = arrays["gmm/sizes"], told.get("limits", {})
    if sizes.dtype.kind != "i" or not 0 < sizes.max(initial=0) <= len(arrays["gmm/weights"]):
        raise DataError("sizes of mixtures beyond the number of Gaussians")  # a small file could ask for any memory
    topologies, tables = [], []
    for i, name in enumerate(told["phones"]):
        topologies.append(Topology(*(arrays[f"phone/{i}/{part}"] for part in _TOPOLOGY)))
        tables.append(arrays[f"phone/{i}/pdfs"])
        if not isinstance(name, str) or tables[-1].dtype.kind != "i":
            raise DataError(f"phone {i} has no name or no whole numbers of densities")
    least = limits.get("min_occupancy", 0.0)
    if not (least >= 0 and np.isfinite(least)):
        raise DataError(f"min_occupancy must be at least 0, got {least}")
    gmm = GMM(arrays["gmm/weights"], arrays["gmm/means"], arrays["gmm/covariances"], sizes.tolist())
    phones = PhoneSet(told["phones"], topologies, told["silence"])
    return AcousticModel(phones, Tying(tables), Mixtures(gmm, **limits))
