"""The table that ``model.summary(shape)`` prints: what each layer makes, holds and costs.

One forward with zeros is run, without recording and in evaluation mode; each layer is watched during it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autograd import Tensor, no_grad, tensor
from ..errors import ArgumentError
from .module import Module
from .tree import owner_path


@dataclass(frozen=True)
class Row:
    """One call of one layer."""

    name: str
    layer: str
    output_shape: Any  # a tuple, or a tuple of tuples for several outputs
    parameters: int  # its own, at its first call only
    multiply_adds: int
    bytes: int  # of its output


@dataclass(frozen=True)
class Summary:
    """The rows of the table and their totals."""

    rows: list[Row] = field(repr=False)
    parameters: int
    trainable: int
    multiply_adds: int
    parameter_bytes: int  # buffers included
    output_bytes: int  # all layers' outputs together: what a forward with recording keeps, roughly

    def __str__(self) -> str:
        head = ("layer", "", "output shape", "parameters", "multiply-adds", "output bytes")
        body = [
            (r.name, r.layer, str(r.output_shape), f"{r.parameters:,}", f"{r.multiply_adds:,}", f"{r.bytes:,}")
            for r in self.rows
        ]
        total = ("total", "", "", f"{self.parameters:,}", f"{self.multiply_adds:,}", f"{self.output_bytes:,}")
        widths = [max(len(line[i]) for line in (head, *body, total)) for i in range(len(head))]
        line = "-" * (sum(widths) + 2 * (len(widths) - 1))

        def text(cells: tuple[str, ...]) -> str:
            aligned = [c.ljust(w) if i < 3 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
            return "  ".join(aligned).rstrip()

        frozen = self.parameters - self.trainable
        notes = f"parameters and buffers: {self.parameter_bytes:,} bytes" + (f"; {frozen:,} frozen" if frozen else "")
        return "\n".join([text(head), line, *map(text, body), line, text(total), notes])


def summarise(model: Module, input_shapes: Sequence[Any], dtype: Any = np.float32) -> Summary:
    """Run `model` on zeros of `input_shapes` (batch axis included) and count.

    Multiply-adds are those of matrix products and convolutions; element-wise work is not counted.
    """
    shapes = input_shapes[0] if len(input_shapes) == 1 and isinstance(input_shapes[0], list) else input_shapes
    if not shapes or not all(isinstance(s, tuple) for s in shapes):
        raise ArgumentError("summary: give the shape of each input as a tuple, batch included, e.g. (1, 28, 28, 1)")
    dtypes = list(dtype) if isinstance(dtype, list | tuple) else [dtype] * len(shapes)
    inputs = [tensor(np.zeros(s, d)) for s, d in zip(shapes, dtypes, strict=True)]
    inputs = [x.to(p.device) for x in inputs for p in model.parameters()[:1]] or inputs
    rows = _watched_forward(model, inputs)
    parameters = model.parameters()
    state = [*parameters, *model.buffers()]
    return Summary(
        rows,
        sum(p.size for p in parameters),
        sum(p.size for p in parameters if p.requires_grad),
        sum(r.multiply_adds for r in rows),
        sum(a.size * a.dtype.itemsize for a in state),
        sum(r.bytes for r in rows),
    )


def _watched_forward(model: Module, inputs: list[Tensor]) -> list[Row]:
    """Run the model with every module's ``forward`` shadowed by one that takes notes."""
    named = model.named_modules()
    training = [m.training for _, m in named]
    owned = _own_parameters(model)
    rows: list[Row] = []
    for path, m in named:
        if not m.children() or id(m) in owned:
            vars(m)["forward"] = _noting(m, path, owned, rows)
    try:
        model.eval()
        with no_grad():
            model(*inputs)
    finally:
        for (_, m), mode in zip(named, training, strict=True):
            vars(m).pop("forward", None)
            m.training = mode
    return rows


def _noting(m: Module, path: str, owned: dict[int, int], rows: list[Row]) -> Callable:
    forward = m.forward

    def noted(*args: Any, **kwargs: Any) -> Any:
        y = forward(*args, **kwargs)
        tensors = _tensors(y)
        shapes = tuple(t.shape for t in tensors)
        size = sum(t.size * t.dtype.itemsize for t in tensors)
        costs = m.multiply_adds(y, *args, **kwargs)
        name = path or type(m).__name__.lower()
        shape = shapes[0] if len(shapes) == 1 else shapes
        rows.append(Row(name, m._headline(), shape, owned.pop(id(m), 0), costs, size))
        return y

    return noted


def _own_parameters(model: Module) -> dict[int, int]:
    """Parameters that each module holds itself, counted at the first owner: ``{id(module): how many}``."""
    modules = dict(model.named_modules())
    counts: dict[int, int] = {}
    for path, p in model.named_parameters():
        owner = id(modules[owner_path(path, modules)])
        counts[owner] = counts.get(owner, 0) + p.size
    return counts


def _tensors(y: Any) -> list[Any]:
    if isinstance(y, list | tuple):
        return [t for part in y for t in _tensors(part)]
    return [y] if hasattr(y, "dtype") else []
