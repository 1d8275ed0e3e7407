"""A module: a part of a network that owns parameters, and the parts it is made of.

Plain Python: a module's attributes are its parameters, buffers and sub-modules, found by looking (see
:mod:`minidl.nn.tree`). There is no registration, no hook and no lazy shape. Deep Learning, section 6.4.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

import numpy as np

from ..autograd import Op, Tensor
from ..backend import backend_of
from ..backend.base import device as device_named
from ..errors import CheckpointError, DTypeError, ShapeError
from ..params import Parameter
from .tree import Buffer, first_paths, walk


class LoadReport(NamedTuple):
    """Names that :meth:`Module.load_state_dict` did not find in the state, or not in the model."""

    missing: list[str]
    unexpected: list[str]


class Module:
    """Base of all layers and models: subclass it, set attributes, and write ``forward``.

    Examples
    --------
    >>> class Net(Module):
    ...     def __init__(self):
    ...         self.hidden = Linear(784, 100)
    ...         self.out = Linear(100, 10)
    ...     def forward(self, x):
    ...         return self.out(ops.relu(self.hidden(x)))
    """

    training: bool = True  # on the class, so that a subclass need not call super().__init__()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return self.forward(*args, **kwargs)
        except (ShapeError, DTypeError) as error:
            if not hasattr(error, "layer"):  # the innermost layer says where it happened
                error.layer = self  # type: ignore[union-attr]
                error.args = (f"{self._headline()}: {error}",)
            raise

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the module's output; subclasses define it, callers call the module itself."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method; define it")

    def multiply_adds(self, y: Any, *inputs: Any, **options: Any) -> int:
        """Multiplications with an addition in one forward, sub-modules' excluded; for :meth:`summary`."""
        return 0

    # -- what it holds ---------------------------------------------------------------------------------

    def named_members(self) -> Iterable[tuple[str, Any]]:
        """(name, value) of everything that may hold parameters; containers override it."""
        return vars(self).items()

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        """(dotted path, parameter), each parameter once under its first path, in the order of definition.

        Also tells each parameter its name, for messages and optimizer state.
        """
        named, _ = first_paths(walk(self), Parameter)
        for path, p in named.items():
            if not p.name.endswith("." + path):  # seen from a larger model before: keep the longer name
                p.name = path
        return list(named.items())

    def parameters(self) -> list[Parameter]:
        """Every parameter once."""
        return [p for _, p in self.named_parameters()]

    def named_buffers(self) -> list[tuple[str, Buffer]]:
        """(dotted path, buffer), each once."""
        return list(first_paths(walk(self), Buffer)[0].items())

    def buffers(self) -> list[Buffer]:
        """Every buffer once."""
        return [b for _, b in self.named_buffers()]

    def named_modules(self) -> list[tuple[str, Module]]:
        """(dotted path, module), each once; this module itself comes first, as ``""``."""
        return list(first_paths(walk(self), Module)[0].items())

    def modules(self) -> list[Module]:
        """This module and every module below it, each once."""
        return [m for _, m in self.named_modules()]

    def children(self) -> list[Module]:
        """The modules directly below this one (also in its lists, tuples and dicts)."""
        return [m for _, m in self.named_children()]

    def named_children(self) -> list[tuple[str, Module]]:
        """(path, module) of the modules directly below this one."""
        below: dict[str, Module] = {}
        for path, m in self.named_modules()[1:]:
            parts = path.split(".")
            if not any(".".join(parts[:i]) in below for i in range(1, len(parts))):
                below[path] = m
        return list(below.items())

    def aliases(self) -> dict[str, str]:
        """Further paths of tied parameters and shared buffers: ``{alias: first path}``."""
        return first_paths(walk(self), (Parameter, Buffer))[1]

    # -- modes -----------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Switch dropout and batch statistics on (or off) in this module and all below."""
        for m in self.modules():
            m.training = mode
        return self

    def eval(self) -> Self:
        """Switch to evaluation: no dropout, running statistics."""
        return self.train(False)

    def freeze(self) -> Self:
        """Ask for no gradients: the parameters keep their values in training.

        Freeze before the optimizer is made, so that it leaves them out of its state. Running statistics are
        not parameters; ``eval()`` stops them.
        """
        for p in self.parameters():
            p.requires_grad = False
        return self

    def unfreeze(self) -> Self:
        """Train the parameters again (with an optimizer made afterwards)."""
        for p in self.parameters():
            p.requires_grad = True
        return self

    def to(self, device: str) -> Self:
        """Move parameters and buffers to ``"cpu"`` or ``"cuda"``, in place; gradients are forgotten."""
        backend = device_named(device)
        for _, member in self._state():
            member.move_to(backend)
        return self

    # -- state -----------------------------------------------------------------------------------------

    def _state(self) -> list[tuple[str, Parameter | Buffer]]:
        self.named_parameters()  # gives the parameters their names
        return list(first_paths(walk(self), (Parameter, Buffer))[0].items())

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers as NumPy arrays, by dotted path; tied ones once."""
        return {path: np.array(member.numpy()) for path, member in self._state()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> LoadReport:
        """Take over the values of `state`; either all of them or, on an error, none.

        Parameters
        ----------
        state : mapping of dotted path to array
            As :meth:`state_dict` returns; a tied parameter may also come under its other paths.
        strict : bool
            Refuse missing and unexpected names; otherwise they are skipped and returned.

        Raises
        ------
        CheckpointError
            Names that are missing, unexpected or have another shape or kind of dtype, all in one message.
        """
        members = dict(self._state())
        aliases = self.aliases()
        given: dict[str, np.ndarray] = {}
        unexpected, wrong = [], []
        for name, value in state.items():
            first = aliases.get(name, name)
            if first not in members:
                unexpected.append(name)
                continue
            array = value.numpy() if isinstance(value, Tensor) else np.asarray(value)
            fault = _mismatch(members[first], array)
            if fault is None and first in given and not np.array_equal(given[first], array, equal_nan=True):
                fault = f"differs from {first}, with which it is tied"
            if fault is not None:
                wrong.append(f"{name} {fault}")
            given.setdefault(first, array)
        missing = [name for name in members if name not in given]
        faults = [f"wrong: {_some(wrong, '; ')}"] if wrong else []
        if strict:
            faults = [f"{w}: {_some(n)}" for w, n in (("missing", missing), ("unexpected", unexpected)) if n] + faults
        if faults:
            raise CheckpointError(f"load_state_dict: does not fit {type(self).__name__}; {'; '.join(faults)}")
        for name, array in given.items():
            _assign(members[name], array)
        return LoadReport(missing, unexpected)

    def clone(self) -> Self:
        """An independent copy: own parameters (not in any parameter space), buffers and random streams."""
        return copy.deepcopy(self)

    def __deepcopy__(self, memo: dict) -> Self:
        made = object.__new__(type(self))
        memo[id(self)] = made
        for name, value in vars(self).items():
            vars(made)[name] = value if isinstance(value, Op) else copy.deepcopy(value, memo)
        return made

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(
            f"a {type(self).__name__} is not pickled or shallowly copied (its parameters are views of shared arrays); "
            "use clone() for a copy, state_dict() to save"
        )

    def summary(self, *input_shapes: Any, dtype: Any = np.float32) -> Any:
        """Print a table of layers: output shape, parameters, multiply-adds, bytes; see :func:`summarise`.

        Parameters
        ----------
        *input_shapes : tuples of int
            Shape of each input, batch axis included, e.g. ``model.summary((1, 28, 28, 1))``.
        dtype : dtype or sequence of dtypes
            Of the inputs; ``"int64"`` for a model that begins with an Embedding.
        """
        from .summary import summarise

        table = summarise(self, input_shapes, dtype)
        print(table)
        return table

    # -- display ---------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr."""
        return ""

    def _headline(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"

    def __repr__(self) -> str:
        children = self.named_children()
        if not children:
            return self._headline()
        lines = [self.extra_repr()] if self.extra_repr() else []
        lines += [f"({name}): {m!r}" for name, m in children]
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {body}\n)"


# -- helpers of load_state_dict ----------------------------------------------------------------------------


def _mismatch(member: Parameter | Buffer, array: np.ndarray) -> str | None:
    """What keeps `array` from being taken over, or None."""
    if array.shape != member.shape:
        return f"has shape {array.shape}, the model {member.shape}"
    if array.dtype.kind != member.dtype.kind and not {array.dtype.kind, member.dtype.kind} <= set("iu"):
        return f"is {array.dtype}, the model's is {member.dtype}"
    return None


def _assign(member: Parameter | Buffer, array: np.ndarray) -> None:
    here = backend_of(member.data)
    member.data = here.from_host(np.array(array, dtype=member.dtype))


def _some(names: list[str], separator: str = ", ", limit: int = 20) -> str:
    more = f"{separator}and {len(names) - limit} more" if len(names) > limit else ""
    return separator.join(names[:limit]) + more
