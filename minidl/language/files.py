"""Models on disk: whatever kind a file holds, :func:`load` gives a language model.

ARPA text and memory-mapped tables for n-grams, safetensors for networks, and JSON for mixtures, which name their parts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, MinidlError
from ..train import files
from .arpa import read_arpa
from .binary import read_binary
from .cache import CacheModel
from .mixture import LinearMixture
from .model import LanguageModel
from .neural.model import NeuralModel
from .neural.network import make_network
from .vocabulary import SPECIAL, Vocabulary

_NEURAL, _MIXTURE = "minidl neural language model", "minidl mixture of language models"
MODEL = "model.safetensors"  # in the directory of a run


def load(path: str | os.PathLike[str]) -> LanguageModel:
    """Read a model.

    Parameters
    ----------
    path : path
        A file, or the directory of a training run.

    Raises
    ------
    DataError, CheckpointError
        Unreadable, damaged, or no language model.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / MODEL).is_file():
            raise DataError(f"{path} holds no {MODEL}: its training is not over, or it is no run of a language model")
        path = path / MODEL
    try:
        with path.open("rb") as f:
            start = f.read(9)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if start[:1] == b"{":
        return _load_mixture(path)
    if start[8:9] != b"{":
        return read_arpa(path)
    return _load_neural(path) if _is_neural(path) else read_binary(path)


# -- networks --------------------------------------------------------------------------------------------


def save_neural(
    model: NeuralModel,
    path: str | os.PathLike[str],
    counts: np.ndarray,
    about: dict[str, Any],
    tail: str | os.PathLike[str] | None = None,
) -> None:
    """Write a network that :func:`.make_network` made, with its vocabulary.

    Parameters
    ----------
    model : NeuralModel
    path : path
    counts : (V,) int array
        Of the words in training, by which some output layers are built.
    about : dict
        What else a reader should know: how the text was split into words, how long training took.
    tail : path, optional
        The file of a short list's n-gram model; kept relative to `path`.
    """
    text = "\n".join(model.vocabulary.words[len(SPECIAL) :]).encode()
    arrays = {f"network/{name}": value for name, value in model.network.state_dict().items()}
    arrays |= {"vocabulary": np.frombuffer(text, np.uint8), "counts": np.asarray(counts, np.int64)}
    metadata = {"kind": _NEURAL, "recipe": model.network.recipe, "about": about}
    files.save(path, arrays, metadata if tail is None else {**metadata, "tail": _relative(tail, path)})


def about(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What was said of a network when it was saved; nothing for other models."""
    path = Path(path) / MODEL if Path(path).is_dir() else Path(path)
    return files.read(path)[1].get("about", {}) if _is_neural(path) else {}


def _is_neural(path: Path) -> bool:
    """Whether a safetensors file's header says so: the arrays are not read."""
    with path.open("rb") as f:
        length = int.from_bytes(f.read(8), "little")
        return 2 <= length <= files.MAX_HEADER and _NEURAL.encode() in f.read(length)


def _load_neural(path: Path) -> NeuralModel:
    arrays, metadata = files.read(path)
    recipe = metadata.get("recipe")
    if metadata.get("kind") != _NEURAL or not isinstance(recipe, dict) or not {"vocabulary", "counts"} <= arrays.keys():
        raise DataError(f"{path}: no neural language model of minidl")
    state = {name.removeprefix("network/"): a for name, a in arrays.items() if name.startswith("network/")}
    try:
        words = arrays["vocabulary"].tobytes().decode()
        vocabulary = Vocabulary(words.split("\n") if words else [])
        if "tail" in metadata:
            recipe["output_options"]["tail"] = load(path.parent / metadata["tail"])
        network = make_network(**{"counts": arrays["counts"], "rng": 0, **recipe})
    except (TypeError, KeyError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: its description of the network is not sound ({error}); it was altered") from error
    network.load_state_dict(state)
    return NeuralModel(network, vocabulary)


# -- mixtures --------------------------------------------------------------------------------------------


def save_mixture(
    path: str | os.PathLike[str], parts: Sequence[str | os.PathLike[str] | CacheModel], weights: Sequence[float]
) -> None:
    """Write which models are mixed, and how.

    Parameters
    ----------
    path : path
    parts : sequence of paths, or a cache
        Files of models; kept relative to `path`, so that a folder can be moved.
    weights : sequence of float
    """
    named: list[Any] = [
        {"cache": p.size, "decay": p.decay} if isinstance(p, CacheModel) else _relative(p, path) for p in parts
    ]
    text = json.dumps({"kind": _MIXTURE, "parts": named, "weights": [float(w) for w in weights]}, indent=2)
    with files.replacing(path) as f:
        f.write((text + "\n").encode())


def _relative(part: str | os.PathLike[str], path: str | os.PathLike[str]) -> str:
    """The path of a part as seen from the folder of the file that names it, so that both can be moved together."""
    return os.path.relpath(Path(part).resolve(), Path(path).resolve().parent)


def _load_mixture(path: Path) -> LinearMixture:
    try:
        told = json.loads(path.read_bytes())
        named, weights = told["parts"], [float(w) for w in told["weights"]]
        sound = told["kind"] == _MIXTURE and len(named) == len(weights) > 0 and isinstance(named[0], str)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        sound = False
    if not sound:
        raise DataError(f"{path}: no mixture of minidl's")
    parts: list[LanguageModel] = []
    for part in named:
        try:
            parts.append(load(path.parent / part) if isinstance(part, str) else _cache(part, parts[0].vocabulary))
        except (MinidlError, KeyError, TypeError, RecursionError) as error:
            raise DataError(f"{path}: its part {part!r}: {error}") from error
    return LinearMixture(parts, weights)


def _cache(told: dict[str, Any], vocabulary: Vocabulary) -> CacheModel:
    return CacheModel(vocabulary, size=int(told["cache"]), decay=float(told["decay"]))
