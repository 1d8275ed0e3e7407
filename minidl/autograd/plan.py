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

Source = tuple[str, Any]  # ("array", i) | ("output", None) | ("residual", i) | ("static", name) | ("shape", i)


class RuleCall:
    """One rule with the places of its arguments in a node's saved values."""

    __slots__ = ("position", "rule", "slots", "takes_out")

    def __init__(self, position: int, rule: Callable, slots: tuple[int, ...], takes_out: bool) -> None:
        self.position, self.rule, self.slots, self.takes_out = position, rule, slots, takes_out


class Plan:
    """What to keep and which rules to run for one combination of wanted arguments of one op."""

    def __init__(self, op: Op, wanted: tuple[bool, ...]) -> None:
        self.op, self.wanted = op, wanted
        self.sources: list[Source] = []
        self.calls: list[RuleCall] = []
        self.joint: RuleCall | None = None  # one rule for all arguments: fast, or of a variadic op
        if op.fast_rule is not None:
            self.joint = self._compile(-1, op.fast_rule)
        elif op.variadic:
            self.joint = self._compile(-1, self._find(0))
        if op.plain is not None:  # higher orders go through the definition, which needs every input
            self.inputs = [self._slot(("array", i)) for i in range(len(wanted))]
        elif not op.variadic:
            self.calls = [self._compile(i, self._find(i)) for i, wants in enumerate(wanted) if wants and self._has(i)]
        self.kept = [key for kind, key in self.sources if kind == "array"]

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

    def _compile(self, position: int, rule: Callable) -> RuleCall:
        names = list(inspect.signature(rule).parameters)[1:]  # the first is g
        takes_out = "out" in names
        slots = tuple(self._slot(self._source(name)) for name in names if name != "out")
        return RuleCall(position, rule, slots, takes_out)

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

    def _slot(self, source: Source) -> int:
        if source not in self.sources:
            self.sources.append(source)
        return self.sources.index(source)

    def collect(self, arrays: list, y: Any, residuals: tuple, static: dict) -> list[Any]:
        """Pick the values that the rules asked for, in the order of :attr:`sources`."""
        saved: list[Any] = []
        for kind, key in self.sources:
            if kind == "array":
                saved.append(arrays[key])
            elif kind == "output":
                saved.append(y)
            elif kind == "shape":
                saved.append(getattr(arrays[key], "shape", ()))
            elif kind == "static":
                saved.append(static[key])
            elif kind == "residual":
                saved.append(residuals[key])
            elif kind == "wanted":
                saved.append(self.wanted)
            else:  # of a variadic op: all arrays, or all their shapes
                saved.append(list(arrays) if kind == "arrays" else [getattr(a, "shape", ()) for a in arrays])
        return saved

    def versions(self, args: Sequence[Any]) -> list[tuple[Tensor, int]]:
        """Leaves whose arrays are kept, with the version at which they were used."""
        kept = range(len(args)) if self.op.variadic else self.kept
        return [
            (a, a.version) for a in (args[i] for i in kept) if isinstance(a, Tensor) and a.node is None
        ]
