"""Lists, tuples and dicts of arrays, nested at will: their leaves in order, and the same structure with others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def leaves_of(x: Any, is_leaf: Callable[[Any], bool]) -> Iterator[Any]:
    """The leaves in `x`, depth first; what is neither a leaf nor a container is passed over."""
    if is_leaf(x):
        yield x
    elif isinstance(x, dict | list | tuple):
        for part in x.values() if isinstance(x, dict) else x:
            yield from leaves_of(part, is_leaf)


def rebuilt(x: Any, is_leaf: Callable[[Any], bool], supply: Iterator[Any]) -> Any:
    """`x` with the leaves replaced by the next ones of `supply`; named tuples stay what they are."""
    if is_leaf(x):
        return next(supply)
    if isinstance(x, dict):
        return {key: rebuilt(part, is_leaf, supply) for key, part in x.items()}
    if isinstance(x, list | tuple):
        parts = [rebuilt(part, is_leaf, supply) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x
