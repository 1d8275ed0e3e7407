"""What all optimizers share: groups of hyperparameters, flat state, and a step that runs block by block.

Each block of parameters, gradient and state fits the cache and is read from memory once per step; running
blocked or whole gives the same bits, because the rules work element by element.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from ..backend import backend_of, namespace_of
from ..backend.threads import parallel_blocks
from ..errors import ArgumentError, CheckpointError
from ..params import Parameter, ParameterSpace, Segment

_SHARE = 1 << 20  # elements that one of several threads takes at a time


class Optimizer:
    """Base of the optimizers: a subclass names its rule, its state arrays and its hyperparameters.

    Parameters
    ----------
    parameters : iterable of Parameter, of groups, or a ParameterSpace
        A group is ``{"params": [...], "lr": ...}``: hyperparameters given there win over the defaults.
    **defaults
        Hyperparameters of every group.

    Attributes
    ----------
    groups : list of dict
        Hyperparameters per group; change them at will between steps (``param_groups`` is the same list).
    space : ParameterSpace
    t : int
        Steps made.
    """

    rule: ClassVar[Callable[..., None]]
    state_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, parameters: Any, **defaults: Any) -> None:
        self.space = parameters if isinstance(parameters, ParameterSpace) else _space_for(parameters)
        self.groups = [defaults | group for group in self.space.groups]
        for group in self.groups:
            unknown = group.keys() - defaults.keys() - {"params"}
            if unknown:
                raise ArgumentError(f"{type(self).__name__}: a group has no hyperparameter {', '.join(sorted(unknown))}; "
                                    f"it has {', '.join(defaults)}")  # fmt: skip
            self.check(group)
        self.t = 0
        self._state: dict[int, tuple[Any, ...]] = {}
        self._work: dict[Any, Any] = {}

    # -- stepping --------------------------------------------------------------------------------------

    def step(self, within: Sequence[slice] | None = None) -> None:
        """Change every parameter that has a gradient, in place.

        Parameters
        ----------
        within : sequence of slices, optional
            Of each segment, the part to change (a server's shard); of row-sparse ones, all rows with a gradient.
        """
        self.t += 1
        for number, segment in enumerate(self.space.segments):
            if segment.trainable:
                hyper, state = self.groups[segment.group], self.state_of(number)
                if segment.sparse:
                    self._step_rows(segment, state, hyper)
                else:
                    self._step_blocks(segment, state, hyper, within[number] if within else slice(0, segment.data.size))
        self.space.changed_in_place()

    def state_names_of(self, hyper: dict[str, Any]) -> tuple[str, ...]:
        """State arrays that the rule takes for a group with these hyperparameters."""
        return self.state_names

    def rule_of(self, hyper: dict[str, Any]) -> Callable[..., None]:
        """The update rule for a group with these hyperparameters."""
        return type(self).rule

    def check(self, hyper: dict[str, Any]) -> None:
        """Raise ArgumentError for hyperparameters outside their range."""
        for name, value in hyper.items():
            if name not in ("lr", "weight_decay", "momentum", "eps"):
                continue
            if not isinstance(value, int | float | np.number) or not value >= 0:
                raise ArgumentError(f"{type(self).__name__}: {name} must be a number and not negative, got {value!r}")

    def state_of(self, number: int) -> tuple[Any, ...]:
        """State arrays of a segment, flat like its data; zeros at first.

        Those that the rule takes now: hyperparameters may have changed since the last step.
        """
        segment, state = self.space.segments[number], self._state.get(number, ())
        missing = len(self._names(number)) - len(state)
        if missing > 0 or number not in self._state:
            backend = backend_of(segment.data)
            state += tuple(backend.flat(segment.data.size, segment.data.dtype) for _ in range(missing))
            self._state[number] = state
        return state[:missing] if missing < 0 else state

    def bind_state(self, number: int, arrays: Iterable[Any]) -> None:
        """Keep a segment's state in `arrays` from now on; their values are taken as they are."""
        self._state[number] = tuple(arrays)

    def _step_blocks(self, segment: Segment, state: tuple[Any, ...], hyper: dict[str, Any], within: slice) -> None:
        flat, rule = (segment.data, segment.grad, *state), self.rule_of(hyper)

        def update(start: int, stop: int) -> None:
            for block in segment.blocks_between(start, stop):
                p, g, *s = [a[block] for a in flat]
                rule(p, g, *s, self._scratch(p), t=self.t, **hyper)

        for start, stop in segment.touched_ranges():
            start, stop = max(start, within.start), min(stop, within.stop)
            if stop - start <= _SHARE:
                update(start, stop)
            else:
                parallel_blocks(lambda a, b, first=start: update(first + a, first + b), stop - start, _SHARE)  # type: ignore[misc]

    def _step_rows(self, segment: Segment, state: tuple[Any, ...], hyper: dict[str, Any]) -> None:
        """Only rows that were looked up change, with their state; Adam is then the 'lazy' variant."""
        rule = self.rule_of(hyper)
        for parameter, offset in zip(segment.parameters, segment.offsets, strict=True):
            if not parameter.touched:
                continue
            g = parameter.grad.coalesce()
            part = slice(offset, offset + parameter.size)
            tables = [a[part].reshape(parameter.shape) for a in (segment.data, *state)]
            rows = [table[g.rows] for table in tables]
            rule(rows[0], g.values, *rows[1:], namespace_of(rows[0]).empty_like(rows[0]), t=self.t, **hyper)
            for table, changed in zip(tables, rows, strict=True):
                table[g.rows] = changed

    def _scratch(self, like: Any) -> Any:
        """A scratch array of this thread, as long as `like`, reused from step to step."""
        key = threading.get_ident(), like.dtype
        kept = self._work.get(key)
        if kept is None or kept.size < like.size or type(kept) is not type(like):
            kept = self._work[key] = namespace_of(like).empty(like.size, like.dtype)
        return kept[: like.size]

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self.space.zero_grad()

    # -- hyperparameters -------------------------------------------------------------------------------

    @property
    def lr(self) -> float:
        """Learning rate of the first group; assigning sets every group's."""
        return self.groups[0]["lr"]

    @lr.setter
    def lr(self, value: float) -> None:
        for group in self.groups:
            group["lr"] = value

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The name PyTorch users know for :attr:`groups`."""
        return self.groups

    # -- state -----------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Steps, hyperparameters, and state arrays by state and parameter name (copies, on the host)."""
        state: dict[str, dict[str, np.ndarray]] = {}
        for number in self._state:
            segment = self.space.segments[number]
            for name, flat in zip(self._names(number), self.state_of(number), strict=True):
                for p, offset in zip(segment.parameters, segment.offsets, strict=True):
                    view = flat[offset : offset + p.size].reshape(p.shape)
                    state.setdefault(name, {})[p.name] = backend_of(view).to_host(view).copy()
        return {"step": self.t, "groups": [_plain(g) for g in self.groups], "state": state}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` returned.

        Raises
        ------
        CheckpointError
            The state belongs to other parameters or another kind of optimizer; nothing is changed then.
        """
        self._check_state(saved)
        self.t = int(saved["step"])
        for group, values in zip(self.groups, saved["groups"], strict=True):
            group.update({k: tuple(v) if isinstance(group.get(k), tuple) else v for k, v in values.items()})
        for number, segment in enumerate(self.space.segments):
            for name, flat in zip(self._names(number), self.state_of(number), strict=True):
                for p, offset in zip(segment.parameters, segment.offsets, strict=True):
                    values = saved["state"].get(name, {}).get(p.name)
                    if values is not None:
                        view = flat[offset : offset + p.size].reshape(p.shape)
                        view[...] = backend_of(flat).from_host(np.asarray(values))

    def _check_state(self, saved: dict[str, Any]) -> None:
        who = f"optimizer state for {type(self).__name__}"
        if not {"step", "groups", "state"} <= saved.keys():
            raise CheckpointError(f"{who}: needs step, groups and state, found {', '.join(saved) or 'nothing'}")
        if len(saved["groups"]) != len(self.groups):
            raise CheckpointError(f"{who}: {len(saved['groups'])} groups saved, {len(self.groups)} here")
        shapes = {p.name: p.shape for p in self.space.parameters}
        expected = {name for number in range(len(self.space.segments)) for name in self._names(number)}
        for name, arrays in saved["state"].items():
            if name not in expected:
                raise CheckpointError(f"{who}: unexpected state {name!r}; it was saved by another optimizer")
            for parameter, array in arrays.items():
                if shapes.get(parameter) != np.shape(array):
                    raise CheckpointError(
                        f"{who}: {name} of {parameter} has shape {np.shape(array)}, the model's is "
                        f"{shapes.get(parameter, 'missing')}"
                    )
        for group, values in zip(self.groups, saved["groups"], strict=True):
            if values.keys() != _plain(group).keys():
                raise CheckpointError(f"{who}: hyperparameters {', '.join(values)} saved, {', '.join(_plain(group))} here")

    def _names(self, number: int) -> tuple[str, ...]:
        return self.state_names_of(self.groups[self.space.segments[number].group])

    def __repr__(self) -> str:
        groups = "; ".join(", ".join(f"{k}={v}" for k, v in _plain(g).items()) for g in self.groups)
        return f"{type(self).__name__}({groups})"


def _plain(group: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in group.items() if k != "params"}


def _space_for(parameters: Iterable[Any]) -> ParameterSpace:
    """The space that already holds exactly these parameters in one group without hyperparameters, or a new one."""
    if hasattr(parameters, "parameters"):
        raise ArgumentError("an optimizer takes parameters, not a model: pass model.parameters()")
    parameters = [parameters] if isinstance(parameters, Parameter) else list(parameters)
    if parameters and all(isinstance(p, Parameter) for p in parameters):
        segment = parameters[0]._segment
        if segment is not None and [g.keys() for g in segment.space.groups] == [{"params"}]:
            held = segment.space.parameters
            same_layout = all(p._segment is not None and p._segment.trainable == p.requires_grad for p in held)
            if same_layout and {id(p) for p in held} == {id(p) for p in parameters}:
                return segment.space
    return ParameterSpace(parameters)
