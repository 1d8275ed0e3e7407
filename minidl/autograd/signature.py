"""Writes an op's ``__call__`` with the parameters of its forward, so that Python itself sorts a call's arguments.

Names, defaults and what is missing or unexpected are then Python's affair, at the speed of an ordinary function; doing it
by hand cost more than the arithmetic of a small op.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence

INJECTED = ("xp", "recording")  # what a forward asks for beside its own arguments


def is_array(parameter: inspect.Parameter) -> bool:
    """Whether a forward's parameter is annotated ``Array``, so that it may carry a graph."""
    return re.search(r"\bArray\b", str(parameter.annotation)) is not None


def caller(forward: Callable, arrays: Sequence[str]) -> Callable:
    """For ``forward(x: Array, axis=0, *, xp)`` the method ``f(self, x, axis=0): return self.run((x,), {"axis": axis})``."""
    parameters = [p for p in inspect.signature(forward).parameters.values() if p.name not in INJECTED]
    defaults = {f"default_{p.name}": p.default for p in parameters if p.default is not p.empty}
    static = [p.name for p in parameters if p.name not in arrays]
    variadic = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
    sorted_arrays = variadic[0] if variadic else f"({''.join(name + ', ' for name in arrays)})"
    sorted_static = ", ".join(f"{name!r}: {name}" for name in static)
    text = (
        f"def {forward.__name__}({', '.join(['self', *_declared(parameters)])}):\n"
        f"    return self.run({sorted_arrays}, {{{sorted_static}}})\n"
    )
    made: dict = {}
    exec(text, defaults | {"__name__": __name__}, made)
    return made[forward.__name__]


def _declared(parameters: Sequence[inspect.Parameter]) -> list[str]:
    """The parameters as they stand between the brackets of a ``def``."""
    declared, starred = [], False
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and not starred:
            declared.append("*")
        starred = starred or p.kind in (p.VAR_POSITIONAL, p.KEYWORD_ONLY)
        star = "*" if p.kind is p.VAR_POSITIONAL else ""
        default = "" if p.default is p.empty else f"=default_{p.name}"
        declared.append(star + p.name + default)
    return declared
