"""Takes a nested state apart into named arrays and JSON, and puts it together again: what a checkpoint holds.

``{"model": {"w": array}, "step": 3}`` becomes ``{"model/w": array}`` and ``{"model": {"w": {"$array": "model/w"}},
"step": 3}``. Nothing but plain containers, numbers, strings and arrays may occur, so reading runs no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import CheckpointError

_MARK = "$array"


def flatten(state: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Split `state` into arrays by path and a JSON-able skeleton.

    Raises
    ------
    CheckpointError
        A value that is neither a container, a number, a string nor an array; names its path.
    """
    arrays: dict[str, np.ndarray] = {}
    return arrays, _take_apart(state, "", arrays)


def _take_apart(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _take_apart(v, f"{path}/{k}" if path else str(k), arrays) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_take_apart(v, f"{path}/{i}", arrays) for i, v in enumerate(value)]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {_MARK: path}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise CheckpointError(f"checkpoint: {path} is a {type(value).__name__}, which is neither a number nor an array")


def unflatten(arrays: Mapping[str, np.ndarray], skeleton: Any) -> Any:
    """Undo :func:`flatten` (tuples come back as lists).

    Raises
    ------
    CheckpointError
        An array that the skeleton speaks of is not there.
    """
    if isinstance(skeleton, dict):
        if set(skeleton) == {_MARK}:
            if skeleton[_MARK] not in arrays:
                raise CheckpointError(f"checkpoint: the array {skeleton[_MARK]!r} is missing")
            return arrays[skeleton[_MARK]]
        return {k: unflatten(arrays, v) for k, v in skeleton.items()}
    if isinstance(skeleton, list):
        return [unflatten(arrays, v) for v in skeleton]
    return skeleton
