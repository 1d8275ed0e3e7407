"""Checks of layer arguments, so that a wrong size is one clear line when the layer is made."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError


def check_positive(layer: str, **sizes: Any) -> None:
    """Refuse sizes that are not positive whole numbers (or pairs of them).

    Raises
    ------
    ArgumentError
        Names the layer, the argument and its value.
    """
    for name, value in sizes.items():
        for n in value if isinstance(value, tuple | list) else (value,):
            if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
                raise ArgumentError(f"{layer}: {name} must be a positive whole number, not {value!r}")


def check_probability(layer: str, p: float) -> float:
    """Refuse a drop probability outside [0, 1).

    Raises
    ------
    ArgumentError
    """
    if not isinstance(p, int | float | np.number) or not 0 <= p < 1:
        raise ArgumentError(f"{layer}: p must lie in [0, 1), not {p!r}")
    return float(p)


def check_divides(layer: str, **numbers: int) -> None:
    """Refuse a divisor (given last) that does not divide all the other numbers.

    Raises
    ------
    ArgumentError
    """
    *names, by = numbers
    for name in names:
        if numbers[name] % numbers[by]:
            raise ArgumentError(f"{layer}: {by}={numbers[by]} must divide {name}={numbers[name]}")


def pair(value: Any) -> tuple[int, int]:
    """An int as two, a pair as it is."""
    if isinstance(value, int | np.integer):
        return int(value), int(value)
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise ArgumentError(f"expected a whole number or a pair of them, not {value!r}")
    return int(value[0]), int(value[1])
