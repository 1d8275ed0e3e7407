"""Modules made of modules: one after the other, or simply a list."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, overload

from ..errors import ArgumentError
from .module import Module


class _Several(Module):
    """What Sequential and ModuleList share: numbered (or named) members."""

    _layers: dict[str, Any]

    def named_members(self) -> Iterable[tuple[str, Any]]:
        return self._layers.items()

    def __len__(self) -> int:
        return len(self._layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._layers.values())

    @overload
    def __getitem__(self, index: int | str) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | str | slice) -> Any:
        if isinstance(index, str):
            return self._layers[index]
        if isinstance(index, slice):
            part = object.__new__(type(self))  # shares the layers
            part._layers = {str(i): m for i, m in enumerate(list(self)[index])}
            return part
        return list(self._layers.values())[index]

    def __setitem__(self, index: int | str, layer: Any) -> None:
        name = index if isinstance(index, str) else list(self._layers)[index]
        self._layers[name] = self._accepted(layer)

    def append(self, layer: Any) -> Self:
        """Add `layer` at the end."""
        self._layers[str(len(self._layers))] = self._accepted(layer)
        return self

    def _accepted(self, layer: Any) -> Any:
        if not isinstance(layer, Module):
            raise ArgumentError(f"{type(self).__name__}: holds modules, not {type(layer).__name__}")
        return layer


class Sequential(_Several):
    """Layers applied one after the other.

    Parameters
    ----------
    *layers : modules or functions, or one mapping of names to them
        Names in paths are ``"0"``, ``"1"`` ... or the mapping's keys. A slice of a Sequential is a Sequential
        that shares the layers.
    """

    def __init__(self, *layers: Callable[..., Any] | Mapping[str, Callable[..., Any]]) -> None:
        if len(layers) == 1 and isinstance(layers[0], Mapping):
            named: Iterable[tuple[str, Any]] = layers[0].items()
        else:
            named = ((str(i), layer) for i, layer in enumerate(layers))
        self._layers = {name: self._accepted(layer) for name, layer in named}

    def _accepted(self, layer: Any) -> Any:
        if not callable(layer) or isinstance(layer, type):
            hint = f"; write {layer.__name__}()" if isinstance(layer, type) else ""
            raise ArgumentError(f"Sequential: {layer!r} is not a layer or function{hint}")
        return layer

    def forward(self, x: Any) -> Any:
        """Send `x` through all layers."""
        for layer in self._layers.values():
            x = layer(x)
        return x


class ModuleList(_Several):
    """A list of modules with ``append``; a plain Python list as an attribute works as well."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        if not isinstance(modules, Iterable):
            raise ArgumentError(f"ModuleList: takes a list of modules, not {modules!r}")
        self._layers = {str(i): self._accepted(m) for i, m in enumerate(modules)}
