"""Finds what a module holds: parameters, buffers and modules among its plain Python attributes.

Lists, tuples and dicts are looked into, so no special containers are needed; names are dotted paths. What is
reachable by several paths (tied weights, a shared layer) belongs to the first; the others are its aliases.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any

from ..autograd import Tensor, array_of
from ..backend import Backend, backend_of, current_backend
from ..errors import ArgumentError
from ..params import Parameter


class Buffer(Tensor):
    """An array that belongs to a module's state but is not trained, such as batch-norm statistics.

    It is saved, moved and cloned with the module. Assigning ``buffer.data`` replaces the array.
    """

    __slots__ = ()

    def __init__(self, data: Any) -> None:
        data = array_of(data)
        super().__init__(data if hasattr(data, "dtype") else current_backend().xp.asarray(data))

    def move_to(self, backend: Backend) -> None:
        """Move to another device."""
        here = backend_of(self.data)
        if backend is not here:
            self.data = backend.from_host(here.to_host(self.data))

    def __deepcopy__(self, memo: dict) -> Buffer:
        made = type(self)(self.data.copy())
        memo[id(self)] = made
        return made


def walk(value: Any, path: str = "", above: frozenset[int] = frozenset()) -> Iterator[tuple[str, Any]]:
    """Yield (path, object) for every Parameter, Buffer and Module below `value`, by every path.

    A module comes before what it holds; attributes come in the order in which they were set.
    """
    if isinstance(value, Parameter | Buffer):
        yield path, value
        return
    members = _members(value)
    if members is None or id(value) in above:  # a module that can reach itself is not entered twice
        return
    if not isinstance(value, list | tuple | dict):
        yield path, value
    above = above | {id(value)}
    for name, member in members:
        name = str(name)
        if isinstance(member, _HOLDERS) or hasattr(member, "named_members"):
            if "." in name:
                raise ArgumentError(f"the name {name!r} has a dot, which separates the parts of a path; rename it")
            yield from walk(member, f"{path}.{name}" if path else name, above)


_HOLDERS = (Parameter, Buffer, list, tuple, dict)


def _members(value: Any) -> Any:
    """(name, member) pairs of a module or container; None for anything else."""
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list | tuple):
        return enumerate(value)
    named_members = getattr(value, "named_members", None)
    return None if named_members is None or isinstance(value, type) else named_members()


def owner_path(path: str, modules: Container[str]) -> str:
    """The longest part of `path`, from its start, that is the path of a module; ``""`` is the whole model's."""
    parts = path.split(".")
    return next(p for i in range(len(parts) - 1, -1, -1) if (p := ".".join(parts[:i])) in modules)


def first_paths(
    pairs: Iterator[tuple[str, Any]], kind: type | tuple[type, ...]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Objects of `kind` by their first path, and the other paths: ``{name: object}, {alias: name}``."""
    named: dict[str, Any] = {}
    aliases: dict[str, str] = {}
    first: dict[int, str] = {}
    for path, member in pairs:
        if not isinstance(member, kind):
            continue
        if id(member) in first:
            aliases[path] = first[id(member)]
        elif path in named:
            raise ArgumentError(f"two different members are called {path!r}; rename one")
        else:
            named[path] = member
            first[id(member)] = path
    return named, aliases
