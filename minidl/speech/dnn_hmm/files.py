"""A network with its priors on disk: one safetensors file, from which the same emission can be made again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import ArgumentError, CheckpointError, DataError
from ...train import files
from .emission import NetworkEmission
from .networks import AcousticNetwork, make_network

_KIND = "minidl acoustic network"
_MOST_DELAY = 1000  # frames, ten seconds


def save(path: str | os.PathLike[str], emission: NetworkEmission, about: Mapping[str, Any] | None = None) -> None:
    """Write an emission whose network :func:`.make_network` made.

    Parameters
    ----------
    path : path
    emission : NetworkEmission
    about : mapping, optional
        What else a reader should know, JSON-able; :func:`files.read <minidl.train.files.read>` shows it.

    Raises
    ------
    ArgumentError
        A network that was put together by hand.
    CheckpointError
        The file cannot be written.
    """
    network = emission.network
    if not network.recipe:
        raise ArgumentError("save: a network has a recipe for the file if make_network made it, and this one has none")
    arrays = {f"network/{name}": value for name, value in network.state_dict().items()}
    metadata = {"kind": _KIND, "recipe": network.recipe, "prior_scale": emission.prior_scale, "about": dict(about or {})}
    files.save(path, {**arrays, "priors": emission.priors}, metadata)


def load(path: str | os.PathLike[str]) -> NetworkEmission:
    """Read what :func:`save` wrote.

    Raises
    ------
    CheckpointError
        Unreadable or damaged.
    DataError
        A sound file of something else, or one that was altered.
    """
    arrays, metadata = files.read(path)
    recipe, prior_scale = metadata.get("recipe"), metadata.get("prior_scale")
    if metadata.get("kind") != _KIND or not isinstance(recipe, dict) or "priors" not in arrays:
        raise DataError(f"{path}: no acoustic network of minidl")
    state = {name.removeprefix("network/"): a for name, a in arrays.items() if name.startswith("network/")}
    try:
        if not isinstance(prior_scale, int | float):
            raise ArgumentError(f"prior_scale must be a number, not {prior_scale!r}")
        network = _made(recipe, state)
        network.load_state_dict(state)
        return NetworkEmission(network, arrays["priors"], prior_scale)
    except (ArgumentError, CheckpointError, TypeError) as error:
        raise DataError(f"{path}: its description of the network is not sound ({error}); it was altered") from error


def _made(recipe: dict[str, Any], state: Mapping[str, np.ndarray]) -> AcousticNetwork:
    """By the recipe, unless that asks for more than the file's arrays could fill: memory is bounded before it is taken."""
    longest = max((n for a in state.values() for n in a.shape), default=0)
    for name, value in recipe.items():
        most = {"layers": len(state), "delay": _MOST_DELAY}.get(name, longest)
        if isinstance(value, int | float) and not value <= most:
            raise ArgumentError(f"{name} = {value} does not go with its arrays")
    return make_network(**recipe, rng=0)
