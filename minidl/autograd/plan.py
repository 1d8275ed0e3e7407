"""Which arrays an op keeps, given which of its arguments want a gradient, and how its rules are called.

Worked out once per op and combination of arguments, so that recording and backward only look up.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import GraphError
from .tensor import Tensor

if TYPE_CHECKING:
    from .op import Op

Source = tuple[str, Any]  # a kind of value (see _PLACES) and which one of them


class RuleCall:
    """One rule, the argument whose gradient it makes, and where the values that it asks for come from."""

    __slots__ = ("position", "rule", "sources", "takes_out")

    def __init__(self, position: int, rule: Callable, sources: tuple[Source, ...], takes_out: bool) -> None:
        self.position, self.rule, self.sources, self.takes_out = position, rule, sources, takes_out


class Plan:
    """What to keep and which rules to run for one combination of wanted arguments of one op.

    Attributes
    ----------
    joint : RuleCall or None
        One rule for all arguments: fast, or of a variadic op.
    calls : list of RuleCall
        One rule per wanted argument.
    inputs : tuple of Source
        All arguments, where higher orders go through the op's definition.
    keep : callable
        ``keep(arrays, y, residuals, static)`` gives a node's saved values: a tuple for each of :attr:`kept`.
    versions : callable
        ``versions(args)`` gives the leaves whose arrays are kept, with the version at which they were used.
    """

    def __init__(self, op: Op, wanted: tuple[bool, ...]) -> None:
        self.op, self.wanted = op, wanted
        self.calls: list[RuleCall] = []
        self.joint: RuleCall | None = None
        self.inputs: tuple[Source, ...] = ()
        if op.fast_rule is not None:
            self.joint = self._read(-1, op.fast_rule)
        elif op.variadic:
            self.joint = self._read(-1, self._find(0))
        if op.plain is not None:
            self.inputs = tuple(("array", i) for i in range(len(wanted)))
        elif not op.variadic:
            self.calls = [self._read(i, self._find(i)) for i, wants in enumerate(wanted) if wants and self._has(i)]
        rules = ([self.joint] if self.joint else []) + self.calls
        self.kept = [*[call.sources for call in rules], self.inputs]
        self.keep = _compiled(self.kept, wanted)
        self.versions = _versions_of(None if op.variadic else self.kept)

    def _has(self, position: int) -> bool:
        op = self.op
        if op.argument_rules.get(op.array_names[position]) is not None:
            return True
        if op.fast_rule is not None or op.plain is not None:
            return False
        raise GraphError(
            f"{op.name}: no gradient with respect to argument {op.array_names[position]!r}; "
            "pass it as .detach() or give the op a rule"
        )

    def _find(self, position: int) -> Callable:
        rule = self.op.argument_rules[self.op.array_names[position]]
        assert rule is not None
        return rule

    def _read(self, position: int, rule: Callable) -> RuleCall:
        names = list(inspect.signature(rule).parameters)[1:]  # the first is g
        sources = tuple(self._source(name) for name in names if name != "out")
        return RuleCall(position, rule, sources, "out" in names)

    def _source(self, name: str) -> Source:
        op = self.op
        if name in op.array_names:  # before "y": an op may call its own argument so
            return ("arrays", None) if op.variadic else ("array", op.array_names.index(name))
        if name == "y":
            return "output", None
        if name == "wanted":
            return "wanted", None
        if name in op.residuals:
            return "residual", op.residuals.index(name)
        if name in op.static_names:
            return "static", name
        if name.endswith("_shape") and name[:-6] in op.array_names:
            return ("shapes", None) if op.variadic else ("shape", op.array_names.index(name[:-6]))
        raise GraphError(f"op {op.name}: a rule asks for {name!r}, which the op does not have")


_PLACES: dict[str, str] = {
    "array": "arrays[{key}]",
    "shape": "shape_of(arrays[{key}])",
    "arrays": "list(arrays)",  # of a variadic op: all of them, or all their shapes
    "shapes": "[shape_of(a) for a in arrays]",
    "output": "y",
    "residual": "residuals[{key}]",
    "static": "static[{key!r}]",
    "wanted": "wanted",
}


def _compiled(kept: Sequence[Sequence[Source]], wanted: tuple[bool, ...]) -> Callable:
    """A function that picks the values of `kept` in one expression: it runs at every recorded call."""
    groups = ["(" + "".join(_PLACES[kind].format(key=key) + ", " for kind, key in sources) + ")" for sources in kept]
    text = f"lambda arrays, y, residuals, static: ({', '.join(groups)},)"
    return eval(text, {"shape_of": _shape_of, "wanted": wanted})


def _versions_of(kept: Sequence[Sequence[Source]] | None) -> Callable:
    """:attr:`Plan.versions` for the arguments that `kept` names, or for all."""
    held = sorted({key for sources in kept or () for kind, key in sources if kind == "array"})
    which = "args" if kept is None else f"({''.join(f'args[{i}], ' for i in held)})"
    text = f"lambda args: [(a, a.version) for a in {which} if isinstance(a, Tensor) and a.node is None]"
    return eval(text, {"Tensor": Tensor})


def _shape_of(a: Any) -> tuple[int, ...]:
    return getattr(a, "shape", ())
