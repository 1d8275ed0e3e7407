"""CTC networks on disk: one safetensors file with weights, normalisation, labels and sizes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ...errors import DataError, MinidlError
from ...train import files
from .recogniser import CtcNetwork

_KIND = "minidl CTC network"


def save(network: CtcNetwork, path: str | os.PathLike[str], about: Mapping[str, Any] | None = None) -> None:
    """Write a network, and what else a reader should know, such as the settings of its features.

    Raises
    ------
    CheckpointError
        The file cannot be written.
    """
    files.save(path, network.state_dict(), {"kind": _KIND, "recipe": network.recipe, "about": dict(about or {})})


def load(path: str | os.PathLike[str]) -> tuple[CtcNetwork, dict[str, Any]]:
    """Read a network, and what was said about it.

    Raises
    ------
    CheckpointError, DataError
        Unreadable, damaged, or no CTC network.
    """
    arrays, metadata = files.read(path)
    recipe, about = metadata.get("recipe"), metadata.get("about")
    if metadata.get("kind") != _KIND or not isinstance(recipe, dict) or not isinstance(about, dict):
        raise DataError(f"{path}: no CTC network of minidl")
    try:
        network = CtcNetwork(**recipe, rng=0)
        network.load_state_dict(arrays)
    except (MinidlError, TypeError) as error:
        raise DataError(f"{path}: its description of the network is not sound ({error}); it was altered") from error
    return network, about
