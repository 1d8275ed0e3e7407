"""Acoustic models on disk: one safetensors file with mixtures, transitions, tying, lexicon and the settings of features."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError, MinidlError
from ..train import files
from .extraction import FeatureSettings
from .gmm import GMM
from .hmm import Mixtures, Topology
from .lexicon import Lexicon, Pronunciation
from .phones import AcousticModel, PhoneSet, Tying

_KIND = "minidl acoustic model"


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
    CheckpointError
        The file cannot be written.
    """
    assert isinstance(model.emission, Mixtures)
    gmm, arrays = model.emission.model, dict[str, np.ndarray]()
    for name in ("weights", "means", "covariances", "sizes"):
        arrays[f"gmm/{name}"] = getattr(gmm, name)
    for i, (topology, table) in enumerate(zip(model.phones.topologies, model.tying.tables, strict=True)):
        arrays |= {f"phone/{i}/{k}": getattr(topology, k) for k in ("start", "transitions", "final")}
        arrays[f"phone/{i}/pdfs"] = np.ascontiguousarray(table)
    metadata = {
        "kind": _KIND, "phones": list(model.phones.names), "silence_prob": lexicon.silence_prob,
        "silence": model.phones.names[model.phones.silence], "features": settings.as_dict(), "about": dict(about or {}),
        "lexicon": {w: [[list(p.phones), p.log_prob] for p in lexicon.pronunciations(w)] for w in lexicon.words},
    }  # fmt: skip
    files.save(path, arrays, metadata)


def load_acoustic(path: str | os.PathLike[str]) -> Saved:
    """Read what :func:`save_acoustic` wrote.

    Raises
    ------
    CheckpointError, DataError
        No such file, a damaged one, or something else.
    """
    arrays, told = files.read(path)
    if told.get("kind") != _KIND:
        raise DataError(f"{path}: no acoustic model of minidl")
    try:
        gmm = GMM(arrays["gmm/weights"], arrays["gmm/means"], arrays["gmm/covariances"], arrays["gmm/sizes"].tolist())
        names = told["phones"]
        topologies = [
            Topology(*(arrays[f"phone/{i}/{k}"] for k in ("start", "transitions", "final"))) for i in range(len(names))
        ]
        tying = Tying([arrays[f"phone/{i}/pdfs"] for i in range(len(names))])
        model = AcousticModel(PhoneSet(names, topologies, told["silence"]), tying, Mixtures(gmm))
        entries = {w: [Pronunciation(tuple(p), lp) for p, lp in ways] for w, ways in told["lexicon"].items()}
        lexicon = Lexicon(entries, told["silence"], told["silence_prob"])
        return Saved(model, lexicon, FeatureSettings(**told["features"]), told["about"])
    except (KeyError, TypeError, ValueError, AttributeError, MinidlError) as error:
        raise DataError(f"{path}: its description of the model is not sound ({error}); it was altered") from error
